//! Keys: made, listed, revoked. A key is shown once; afterwards only its hash is known.

use super::auth::{Administers, SCOPES};
use super::fields;
use super::json::Json;
use super::paging::List;
use super::problem::Problem;
use super::server::Api;
use crate::base::id::KeyId;
use crate::base::secret::{new_token, token_hash};
use crate::engine::catalogue::Mode;
use crate::store::{KeyKind, KeyRow};
use actix_web::{HttpResponse, delete, get, post, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a key is to be for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewKey {
    pub kind: KeyKind,
    /// With a secret key: `read`, `write`, `admin` or `all`. A publishable key has none.
    #[serde(default)]
    #[schema(max_items = 4)]
    pub scopes: Vec<String>,
    /// What it is called in lists.
    #[schema(min_length = 1, max_length = 128)]
    pub label: String,
    pub expires_at: Option<DateTime<Utc>>,
}

/// A key without its secret.
#[derive(Debug, Serialize, ToSchema)]
pub struct KeyView {
    pub id: KeyId,
    pub kind: KeyKind,
    pub scopes: Vec<String>,
    pub label: String,
    /// The end of the key, so that a person can tell keys apart.
    pub last4: String,
    pub created_at: DateTime<Utc>,
    pub expires_at: Option<DateTime<Utc>>,
    pub revoked_at: Option<DateTime<Utc>>,
}

/// A key on its first day.
#[derive(Debug, Serialize, ToSchema)]
pub struct KeyMade {
    #[serde(flatten)]
    pub key: KeyView,
    /// It is shown here and never again.
    pub token: String,
}

fn view(row: KeyRow) -> KeyView {
    KeyView {
        id: row.id,
        kind: row.kind,
        scopes: row.scopes,
        label: row.label,
        last4: row.last4,
        created_at: row.created_at,
        expires_at: row.expires_at,
        revoked_at: row.revoked_at,
    }
}

/// Make a key
#[utoipa::path(tag = "operate", security(("secret_key" = [])), request_body = NewKey,
    responses((status = 201, description = "made", body = KeyMade)))]
#[post("/v1/keys")]
pub async fn create(
    api: web::Data<Api>,
    Administers(own): Administers,
    Json(body): Json<NewKey>,
) -> Result<HttpResponse, Problem> {
    fields::name("/label", &body.label)?;
    check_scopes(&body)?;
    let now = api.pipeline.now();
    let expires_at = fields::instant("/expires_at", body.expires_at)?;
    if expires_at.is_some_and(|at| at <= now) {
        return Err(Problem::field("/expires_at", "must be in the future"));
    }
    let project = api
        .pipeline
        .store()
        .project(own.project_id)
        .await?
        .ok_or_else(|| Problem::not_found("project"))?;
    let prefix = match (body.kind, project.mode) {
        (KeyKind::Publishable, Mode::Test) => "pk_test",
        (KeyKind::Publishable, Mode::Live) => "pk_live",
        (KeyKind::Secret, Mode::Test) => "sk_test",
        (KeyKind::Secret, Mode::Live) => "sk_live",
    };
    let token = new_token(prefix, api.pipeline.entropy());
    let token = token.expose();
    let row = KeyRow {
        id: api.pipeline.new_id(),
        project_id: own.project_id,
        kind: body.kind,
        scopes: body.scopes,
        token_hash: token_hash(token).to_vec(),
        label: body.label,
        last4: token
            .get(token.len().saturating_sub(4)..)
            .unwrap_or_default()
            .to_owned(),
        created_at: now,
        expires_at,
        revoked_at: None,
    };
    api.pipeline.store().create_key(&row).await?;
    Ok(HttpResponse::Created().json(KeyMade {
        key: view(row),
        token: token.to_owned(),
    }))
}

fn check_scopes(body: &NewKey) -> Result<(), Problem> {
    let pointer = |index: usize| format!("/scopes/{index}");
    for (index, scope) in body.scopes.iter().enumerate() {
        if !SCOPES.contains(&scope.as_str()) {
            return Err(Problem::field(pointer(index), format!("must be one of {SCOPES:?}")));
        }
        if body.scopes.iter().take(index).any(|earlier| earlier == scope) {
            return Err(Problem::field(pointer(index), "stands twice"));
        }
    }
    match (body.kind, body.scopes.is_empty()) {
        (KeyKind::Secret, true) => Err(Problem::field("/scopes", "a secret key needs at least one scope")),
        (KeyKind::Publishable, false) => Err(Problem::field("/scopes", "a publishable key has no scopes")),
        (KeyKind::Secret, false) | (KeyKind::Publishable, true) => Ok(()),
    }
}

/// Keys of the project, revoked ones included
#[utoipa::path(tag = "operate", security(("secret_key" = [])), responses((status = 200, description = "all of them", body = List<KeyView>)))]
#[get("/v1/keys")]
pub async fn list(api: web::Data<Api>, Administers(own): Administers) -> Result<web::Json<List<KeyView>>, Problem> {
    let rows = api.pipeline.store().keys(own.project_id).await?;
    Ok(web::Json(List::whole(rows.into_iter().map(view).collect())))
}

/// Revoke a key
///
/// It is refused from now on; on other nodes within five seconds.
#[utoipa::path(tag = "operate", security(("secret_key" = [])), params(("id" = KeyId, Path, description = "the key")),
    responses((status = 204, description = "revoked")))]
#[delete("/v1/keys/{id}")]
pub async fn revoke(
    api: web::Data<Api>,
    Administers(own): Administers,
    id: web::Path<KeyId>,
) -> Result<HttpResponse, Problem> {
    let revoked = api
        .pipeline
        .store()
        .revoke_key(own.project_id, *id, api.pipeline.now())
        .await?;
    api.keys.clear();
    if revoked {
        Ok(HttpResponse::NoContent().finish())
    } else {
        Err(Problem::not_found("valid key"))
    }
}
