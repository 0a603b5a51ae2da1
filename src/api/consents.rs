//! Consents: said by the device or passed on by the business; a list that only grows, of which the last word counts.

use super::auth::{Reads, Writes};
use super::devices::ConsentsGiven;
use super::json::Json;
use super::paging::List;
use super::problem::Problem;
use super::server::Api;
use super::users::known_user;
use crate::base::id::{ProjectId, UserId};
use crate::engine::subject::{Consent, Purpose};
use crate::store::ConsentRow;
use actix_web::{get, post, web};
use chrono::{DateTime, Utc};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// The last word on each purpose.
#[derive(Debug, Serialize, ToSchema)]
pub struct ConsentState {
    pub consents: BTreeMap<Purpose, Consent>,
}

/// One word on one purpose.
#[derive(Debug, Serialize, ToSchema)]
pub struct ConsentView {
    pub purpose: Purpose,
    pub granted: bool,
    pub at: DateTime<Utc>,
    /// Who passed it on: `device`, `server`, `identify`.
    pub source: String,
}

/// Takes what was said and answers with what counts now.
pub async fn said(
    api: &Api,
    project: ProjectId,
    user: UserId,
    given: &ConsentsGiven,
    source: &str,
) -> Result<ConsentState, Problem> {
    let words = given.words(api.pipeline.now());
    if words.is_empty() {
        let detail =
            "name at least one of `location`, `service`, `promo`, `analytics`, `sms`, `email` with true or false";
        return Err(Problem::field("", detail));
    }
    api.pipeline.consent(project, user, words, source).await?;
    let history = api.pipeline.store().consents_of(project, user).await?;
    Ok(ConsentState {
        consents: last_words(history),
    })
}

fn last_words(history: Vec<ConsentRow>) -> BTreeMap<Purpose, Consent> {
    history
        .into_iter()
        .map(|row| {
            (
                row.purpose,
                Consent {
                    granted: row.granted,
                    at: row.at,
                },
            )
        })
        .collect()
}

/// Pass on what a person allows
#[utoipa::path(tag = "server", security(("secret_key" = [])), params(("user_ref" = String, Path, max_length = 128)),
    request_body = ConsentsGiven, responses((status = 200, description = "the last word on each purpose", body = ConsentState)))]
#[post("/v1/users/{user_ref}/consents")]
pub async fn give(
    api: web::Data<Api>,
    Writes(key): Writes,
    user_ref: web::Path<String>,
    Json(body): Json<ConsentsGiven>,
) -> Result<web::Json<ConsentState>, Problem> {
    let user = known_user(&api, key.project_id, &user_ref).await?;
    said(&api, key.project_id, user.id, &body, "server")
        .await
        .map(web::Json)
}

/// Everything a person ever said about consent
#[utoipa::path(tag = "server", security(("secret_key" = [])), params(("user_ref" = String, Path, max_length = 128)),
    responses((status = 200, description = "oldest first", body = List<ConsentView>)))]
#[get("/v1/users/{user_ref}/consents")]
pub async fn list(
    api: web::Data<Api>,
    Reads(key): Reads,
    user_ref: web::Path<String>,
) -> Result<web::Json<List<ConsentView>>, Problem> {
    let user = known_user(&api, key.project_id, &user_ref).await?;
    let rows = api.pipeline.store().consents_of(key.project_id, user.id).await?;
    let view = |row: ConsentRow| ConsentView {
        purpose: row.purpose,
        granted: row.granted,
        at: row.at,
        source: row.source,
    };
    Ok(web::Json(List::whole(rows.into_iter().map(view).collect())))
}
