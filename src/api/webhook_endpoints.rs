//! Webhook endpoints: where messages to the business are posted to, signed as Standard Webhooks asks.

use super::auth::{Administers, Reads, Writes};
use super::fields;
use super::json::Json;
use super::paging::List;
use super::problem::{ErrorCode, Problem};
use super::server::Api;
use crate::base::id::EndpointId;
use crate::base::limits;
use crate::base::secret::Secret;
use crate::channel::outside::checked_url;
use crate::store::{EndpointEdit, EndpointRow};
use actix_web::{HttpResponse, delete, get, post, put, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Where to post to.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EndpointBody {
    /// On the public internet, unless the operator allows its network.
    #[schema(min_length = 1, max_length = 2000, example = "https://pms.example.com/usher")]
    pub url: String,
    /// What it is for.
    #[serde(default)]
    #[schema(max_length = 128)]
    pub description: String,
    /// Nothing is posted while it is set; what would have been can be replayed.
    #[serde(default)]
    pub disabled: bool,
}

/// An endpoint without its secret.
#[derive(Debug, Serialize, ToSchema)]
pub struct EndpointView {
    pub id: EndpointId,
    pub url: String,
    pub description: String,
    pub disabled: bool,
    /// Why nothing is posted: by whom or by what it was switched off.
    pub disabled_why: Option<String>,
    pub disabled_at: Option<DateTime<Utc>>,
    /// Since when it has answered nothing but failures.
    pub failing_since: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// An endpoint with its new secret.
#[derive(Debug, Serialize, ToSchema)]
pub struct EndpointMade {
    #[serde(flatten)]
    pub endpoint: EndpointView,
    /// What requests are signed with. It is shown here and never again.
    #[schema(example = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    pub secret: String,
}

/// From when on.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EndpointReplay {
    /// Dead letters that were made before are left alone.
    pub since: DateTime<Utc>,
}

/// What became of the dead letters.
#[derive(Debug, Serialize, ToSchema)]
pub struct EndpointReplayed {
    /// Queued anew.
    pub replayed: u64,
    /// Left alone, since the life of their message is over.
    pub over: u64,
    /// There are more: ask again with the same time.
    pub has_more: bool,
}

fn view(row: EndpointRow) -> EndpointView {
    EndpointView {
        id: row.id,
        url: row.url,
        description: row.description,
        disabled: row.disabled.is_some(),
        disabled_at: row.disabled.as_ref().map(|disabled| disabled.at),
        disabled_why: row.disabled.map(|disabled| disabled.why),
        failing_since: row.health.failing_since,
        created_at: row.created_at,
        updated_at: row.updated_at,
    }
}

fn made((row, secret): (EndpointRow, Secret)) -> EndpointMade {
    EndpointMade {
        endpoint: view(row),
        secret: secret.expose().to_owned(),
    }
}

/// The address in its one spelling.
fn checked(api: &Api, body: &EndpointBody) -> Result<String, Problem> {
    if body.url.chars().count() > limits::WEBHOOK_URL_CHARS_MAX {
        let most = limits::WEBHOOK_URL_CHARS_MAX;
        return Err(Problem::field("/url", format!("must have at most {most} characters")));
    }
    fields::short("/description", &body.description)?;
    let checked = match api.pipeline.channels().outside() {
        Some(outside) => outside.check(&body.url).map_err(|error| error.to_string()),
        None => checked_url(&body.url).map_err(str::to_owned),
    };
    checked.map(String::from).map_err(|why| Problem::field("/url", why))
}

/// Add a webhook endpoint
///
/// From now on, messages to the business (`then.to: business`) are posted to it.
#[utoipa::path(tag = "operate", security(("secret_key" = [])), request_body = EndpointBody,
    responses((status = 201, description = "made", body = EndpointMade)))]
#[post("/v1/webhook-endpoints")]
pub async fn create(
    api: web::Data<Api>,
    Administers(key): Administers,
    Json(body): Json<EndpointBody>,
) -> Result<HttpResponse, Problem> {
    let url = checked(&api, &body)?;
    if body.disabled {
        return Err(Problem::field("/disabled", "add it first, then switch it off"));
    }
    let added = api.pipeline.add_endpoint(key.project_id, url, body.description).await?;
    let added = added.ok_or_else(|| {
        let most = limits::WEBHOOK_ENDPOINTS_MAX;
        Problem::new(ErrorCode::Conflict, format!("the project has {most} endpoints already")).hint("delete one first")
    })?;
    Ok(HttpResponse::Created().json(made(added)))
}

/// Webhook endpoints, oldest first
#[utoipa::path(tag = "operate", security(("secret_key" = [])),
    responses((status = 200, description = "all of them", body = List<EndpointView>)))]
#[get("/v1/webhook-endpoints")]
pub async fn list(api: web::Data<Api>, Reads(key): Reads) -> Result<web::Json<List<EndpointView>>, Problem> {
    let rows = api.pipeline.store().endpoints(key.project_id).await?;
    Ok(web::Json(List::whole(rows.into_iter().map(view).collect())))
}

/// A webhook endpoint
#[utoipa::path(tag = "operate", security(("secret_key" = [])), params(("id" = EndpointId, Path, description = "the endpoint")),
    responses((status = 200, description = "the endpoint", body = EndpointView)))]
#[get("/v1/webhook-endpoints/{id}")]
pub async fn show(
    api: web::Data<Api>,
    Reads(key): Reads,
    id: web::Path<EndpointId>,
) -> Result<web::Json<EndpointView>, Problem> {
    let row = api.pipeline.store().endpoint(key.project_id, *id).await?;
    row.map(|row| web::Json(view(row))).ok_or_else(absent)
}

/// Change a webhook endpoint
///
/// Switching one on again forgets its failures; replay what it missed with `POST /v1/webhook-endpoints/{id}/replay`.
#[utoipa::path(tag = "operate", security(("secret_key" = [])), params(("id" = EndpointId, Path, description = "the endpoint")),
    request_body = EndpointBody, responses((status = 200, description = "the endpoint", body = EndpointView)))]
#[put("/v1/webhook-endpoints/{id}")]
pub async fn put(
    api: web::Data<Api>,
    Administers(key): Administers,
    id: web::Path<EndpointId>,
    Json(body): Json<EndpointBody>,
) -> Result<web::Json<EndpointView>, Problem> {
    let url = checked(&api, &body)?;
    let edit = EndpointEdit {
        url,
        description: body.description,
        disabled_why: body.disabled.then(|| "through the API".to_owned()),
    };
    let row = api.pipeline.edit_endpoint(key.project_id, *id, edit).await?;
    row.map(|row| web::Json(view(row))).ok_or_else(absent)
}

/// Delete a webhook endpoint
///
/// What is still queued for it fails. Without any endpoint, messages to the business go to the tray.
#[utoipa::path(tag = "operate", security(("secret_key" = [])), params(("id" = EndpointId, Path, description = "the endpoint")),
    responses((status = 204, description = "deleted")))]
#[delete("/v1/webhook-endpoints/{id}")]
pub async fn delete(
    api: web::Data<Api>,
    Administers(key): Administers,
    id: web::Path<EndpointId>,
) -> Result<HttpResponse, Problem> {
    if api.pipeline.delete_endpoint(key.project_id, *id).await? {
        Ok(HttpResponse::NoContent().finish())
    } else {
        Err(absent())
    }
}

/// Take a new signing secret
///
/// For 24 hours requests carry both signatures, so that the receiver can follow without missing one.
#[utoipa::path(tag = "operate", security(("secret_key" = [])), params(("id" = EndpointId, Path, description = "the endpoint")),
    responses((status = 200, description = "the endpoint with its new secret", body = EndpointMade)))]
#[post("/v1/webhook-endpoints/{id}/rotate-secret")]
pub async fn rotate(
    api: web::Data<Api>,
    Administers(key): Administers,
    id: web::Path<EndpointId>,
) -> Result<web::Json<EndpointMade>, Problem> {
    let rotated = api.pipeline.rotate_endpoint(key.project_id, *id).await?;
    rotated.map(|rotated| web::Json(made(rotated))).ok_or_else(absent)
}

/// Replay the dead letters of a webhook endpoint
///
/// Each message that failed or expired here since a time, and whose life is not over, is queued once more; 1,000 at most in one
/// call.
#[utoipa::path(tag = "operate", security(("secret_key" = [])), params(("id" = EndpointId, Path, description = "the endpoint")),
    request_body = EndpointReplay, responses((status = 200, description = "what became of them", body = EndpointReplayed)))]
#[post("/v1/webhook-endpoints/{id}/replay")]
pub async fn replay(
    api: web::Data<Api>,
    Writes(key): Writes,
    id: web::Path<EndpointId>,
    Json(body): Json<EndpointReplay>,
) -> Result<web::Json<EndpointReplayed>, Problem> {
    let since = fields::instant("/since", Some(body.since))?.unwrap_or(body.since);
    let row = api.pipeline.store().endpoint(key.project_id, *id).await?;
    let row = row.ok_or_else(absent)?;
    if row.disabled.is_some() {
        let detail = "the endpoint is switched off: what is replayed would fail again";
        let hint = "switch it on first, with PUT /v1/webhook-endpoints/{id}";
        return Err(Problem::new(ErrorCode::Conflict, detail).hint(hint));
    }
    let replays = api.pipeline.replay_endpoint(key.project_id, row.id, since).await?;
    Ok(web::Json(EndpointReplayed {
        replayed: replays.queued,
        over: replays.over,
        has_more: replays.has_more,
    }))
}

fn absent() -> Problem {
    Problem::not_found("webhook endpoint")
}

#[cfg(test)]
#[path = "webhook_endpoints_tests.rs"]
mod tests;
