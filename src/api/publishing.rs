//! Going live: a draft is published, an earlier revision comes back, a trigger rests and speaks again.

use super::auth::Writes;
use super::fields;
use super::json::Json;
use super::problem::{ErrorCode, Problem};
use super::server::Api;
use super::triggers::{RevisionView, TriggerView, errors_of, known, revision_view, view};
use crate::base::id::ProjectId;
use crate::engine::lint::{Accepted, Finding, FindingCode};
use crate::engine::trigger::Trigger;
use crate::store::{RevisionRow, RevisionState, TriggerState};
use actix_web::{post, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A trigger that has just gone live.
#[derive(Debug, Serialize, ToSchema)]
pub struct Published {
    #[serde(flatten)]
    pub trigger: TriggerView,
    /// The findings it went live with; none when there were none.
    pub accepted: Option<Accepted>,
}

/// Which draft; the newest one when it is left out.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Publish {
    #[schema(minimum = 1)]
    pub revision: Option<i64>,
    /// Codes of the findings that may not keep it from going live.
    #[serde(default)]
    #[schema(max_items = 12)]
    pub accept: Vec<FindingCode>,
    /// Why; it is kept with the revision.
    #[schema(max_length = 128)]
    pub reason: Option<String>,
}

/// Which revision to go back to.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rollback {
    #[schema(minimum = 1)]
    pub revision: i64,
    /// Codes of the findings that may not keep it from going live.
    #[serde(default)]
    #[schema(max_items = 12)]
    pub accept: Vec<FindingCode>,
    /// Why; it is kept with the revision.
    #[schema(max_length = 128)]
    pub reason: Option<String>,
}

/// What the revision goes live with, unless a finding keeps it back that is not accepted by name.
async fn accepted(
    api: &Api,
    project: ProjectId,
    definition: &Trigger,
    accept: &[FindingCode],
    reason: Option<String>,
) -> Result<Option<Accepted>, Problem> {
    fields::optional_short(&[("/reason", &reason)])?;
    // A content it names may be gone since it was saved.
    let errors = errors_of(api, project, definition).await?;
    if !errors.is_empty() {
        return Err(fields::trigger_errors(errors));
    }
    let findings = api.pipeline.lint(project, definition).await?;
    pass_unless_blocked(&findings, accept)?;
    Ok((!findings.is_empty()).then_some(Accepted { findings, reason }))
}

/// Objects when a finding keeps it from going live that is not accepted by name.
pub(super) fn pass_unless_blocked(findings: &[Finding], accept: &[FindingCode]) -> Result<(), Problem> {
    let is_blocking = |finding: &&Finding| finding.blocks() && !accept.contains(&finding.code);
    let blocking: Vec<Finding> = findings.iter().filter(is_blocking).cloned().collect();
    if blocking.is_empty() {
        Ok(())
    } else {
        Err(fields::trigger_blocked(blocking))
    }
}

pub(super) fn no_draft() -> Problem {
    Problem::new(
        ErrorCode::NothingToPublish,
        "save a draft first, or name one that is there",
    )
}

pub(super) fn never_published(what: &str, number: i64) -> Problem {
    Problem::new(
        ErrorCode::NothingToPublish,
        format!("{what} {number} was never published"),
    )
}

/// Publish a draft
///
/// It speaks from now on; open waits stay with the revision that opened them. What the lint finds keeps it back
/// (`trigger_blocked`), unless it is named in `accept`.
#[utoipa::path(tag = "server", security(("secret_key" = [])), params(("name" = String, Path, max_length = 128)),
    request_body = Publish, responses((status = 200, description = "published", body = Published)))]
#[post("/v1/triggers/{name}/publish")]
pub async fn publish(
    api: web::Data<Api>,
    Writes(key): Writes,
    name: web::Path<String>,
    Json(body): Json<Publish>,
) -> Result<web::Json<Published>, Problem> {
    let row = known(&api, key.project_id, &name).await?;
    let revisions = api.pipeline.store().revisions(key.project_id, row.id).await?;
    let is_wanted = |draft: &&RevisionRow| {
        draft.state == RevisionState::Draft && body.revision.is_none_or(|wanted| wanted == draft.revision)
    };
    let draft = revisions.iter().find(is_wanted).ok_or_else(no_draft)?;
    let accepted = accepted(&api, key.project_id, &draft.definition, &body.accept, body.reason).await?;
    let published = api
        .pipeline
        .publish(key.project_id, row.id, draft.revision, accepted.as_ref())
        .await?;
    let trigger = view(published.ok_or_else(no_draft)?);
    Ok(web::Json(Published { trigger, accepted }))
}

/// Go back to an earlier revision
///
/// Its words are published again, as a new revision.
#[utoipa::path(tag = "server", security(("secret_key" = [])), params(("name" = String, Path, max_length = 128)),
    request_body = Rollback, responses((status = 200, description = "published", body = RevisionView)))]
#[post("/v1/triggers/{name}/rollback")]
pub async fn rollback(
    api: web::Data<Api>,
    Writes(key): Writes,
    name: web::Path<String>,
    Json(body): Json<Rollback>,
) -> Result<web::Json<RevisionView>, Problem> {
    let row = known(&api, key.project_id, &name).await?;
    let nothing = || never_published("revision", body.revision);
    let older = api
        .pipeline
        .store()
        .revision(key.project_id, row.id, body.revision)
        .await?;
    let older = older.filter(|older| older.published_at.is_some()).ok_or_else(nothing)?;
    let accepted = accepted(&api, key.project_id, &older.definition, &body.accept, body.reason).await?;
    let done = api
        .pipeline
        .rollback(key.project_id, row.id, body.revision, accepted.as_ref())
        .await?;
    done.map(|row| web::Json(revision_view(row))).ok_or_else(nothing)
}

/// Pause a trigger
///
/// It goes on judging, answers `paused` and sends nothing.
#[utoipa::path(tag = "server", security(("secret_key" = [])), params(("name" = String, Path, max_length = 128)),
    responses((status = 200, description = "paused", body = TriggerView)))]
#[post("/v1/triggers/{name}/pause")]
pub async fn pause(
    api: web::Data<Api>,
    Writes(key): Writes,
    name: web::Path<String>,
) -> Result<web::Json<TriggerView>, Problem> {
    set_paused(&api, key.project_id, &name, true).await
}

/// Let a paused trigger speak again
#[utoipa::path(tag = "server", security(("secret_key" = [])), params(("name" = String, Path, max_length = 128)),
    responses((status = 200, description = "live", body = TriggerView)))]
#[post("/v1/triggers/{name}/resume")]
pub async fn resume(
    api: web::Data<Api>,
    Writes(key): Writes,
    name: web::Path<String>,
) -> Result<web::Json<TriggerView>, Problem> {
    set_paused(&api, key.project_id, &name, false).await
}

async fn set_paused(
    api: &Api,
    project: ProjectId,
    name: &str,
    paused: bool,
) -> Result<web::Json<TriggerView>, Problem> {
    let row = known(api, project, name).await?;
    check_published(row.state)?;
    // Pausing what is paused already is done, not an error.
    api.pipeline.pause(project, row.id, paused).await?;
    known(api, project, name).await.map(|row| web::Json(view(row)))
}

/// Only what was published can be paused.
pub(super) fn check_published(state: TriggerState) -> Result<(), Problem> {
    if state == TriggerState::Draft {
        let detail = "it was never published, so there is nothing to pause";
        return Err(Problem::new(ErrorCode::Conflict, detail));
    }
    Ok(())
}
