//! Triggers: drafts, checks, and the way of a revision to the people.

use super::auth::{Reads, Writes};
use super::fields;
use super::json::{Json, shape_of};
use super::paging::{List, PageQuery};
use super::problem::{ErrorCode, Problem};
use super::server::Api;
use crate::base::id::{ProjectId, TriggerId};
use crate::engine::lint::{Accepted, Finding};
use crate::engine::trigger::{Trigger, TriggerError};
use crate::store::{RevisionRow, RevisionState, TriggerRow, TriggerState};
use actix_web::{get, post, put, web};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// A trigger through all its revisions.
#[derive(Debug, Serialize, ToSchema)]
pub struct TriggerView {
    pub id: TriggerId,
    pub name: String,
    pub state: TriggerState,
    /// The published revision; none while it is a draft.
    pub live_revision: Option<i64>,
    pub created_at: DateTime<Utc>,
}

/// One edit of a trigger.
#[derive(Debug, Serialize, ToSchema)]
pub struct RevisionView {
    pub revision: i64,
    pub state: RevisionState,
    pub definition: Trigger,
    pub created_at: DateTime<Utc>,
    pub published_at: Option<DateTime<Utc>>,
    pub retired_at: Option<DateTime<Utc>>,
    /// The findings of the lint it went live with; none when there were none.
    pub accepted: Option<Accepted>,
}

/// A trigger with its newest revision.
#[derive(Debug, Serialize, ToSchema)]
pub struct TriggerFull {
    #[serde(flatten)]
    pub trigger: TriggerView,
    pub newest: RevisionView,
    /// What the newest revision should not go live with.
    pub findings: Vec<Finding>,
}

/// Is it fit to be published?
#[derive(Debug, Serialize, ToSchema)]
pub struct Validation {
    pub valid: bool,
    pub errors: Vec<TriggerError>,
    /// What it should not go live with; looked for once there are no errors.
    pub findings: Vec<Finding>,
}

pub(super) fn view(row: TriggerRow) -> TriggerView {
    TriggerView {
        id: row.id,
        name: row.name,
        state: row.state,
        live_revision: row.live_revision,
        created_at: row.created_at,
    }
}

pub(super) fn revision_view(row: RevisionRow) -> RevisionView {
    RevisionView {
        revision: row.revision,
        state: row.state,
        definition: row.definition,
        created_at: row.created_at,
        published_at: row.published_at,
        retired_at: row.retired_at,
        accepted: row.accepted,
    }
}

async fn full(api: &Api, row: TriggerRow, newest: RevisionRow) -> Result<TriggerFull, Problem> {
    Ok(TriggerFull {
        findings: api.pipeline.lint(row.project_id, &newest.definition).await?,
        trigger: view(row),
        newest: revision_view(newest),
    })
}

pub(super) async fn known(api: &Api, project: ProjectId, name: &str) -> Result<TriggerRow, Problem> {
    fields::path_name("trigger", name)?;
    let row = api.pipeline.store().trigger_by_name(project, name).await?;
    row.ok_or_else(|| Problem::not_found("trigger"))
}

/// The newest draft of a trigger that is named in a body at `pointer`.
pub(super) async fn draft_of(api: &Api, project: ProjectId, name: &str, pointer: &str) -> Result<Trigger, Problem> {
    fields::name(pointer, name)?;
    let store = api.pipeline.store();
    let row = store.trigger_by_name(project, name).await?;
    let row = row.ok_or_else(|| Problem::field(pointer, format!("there is no trigger `{name}`")))?;
    let revisions = store.revisions(project, row.id).await?;
    let draft = revisions
        .into_iter()
        .find(|revision| revision.state == RevisionState::Draft);
    draft.map(|draft| draft.definition).ok_or_else(|| {
        let hint = "what is live needs no name: `use: project` plays on it; PUT /v1/triggers/{name} saves a draft";
        Problem::field(pointer, format!("`{name}` has no draft")).hint(hint)
    })
}

/// A revision of a trigger that is named in a body: the newest one unless it says which.
pub(super) async fn revision_of(
    api: &Api,
    project: ProjectId,
    name: &str,
    revision: Option<i64>,
) -> Result<RevisionRow, Problem> {
    fields::name("/trigger", name)?;
    let store = api.pipeline.store();
    let row = store.trigger_by_name(project, name).await?;
    let row = row.ok_or_else(|| Problem::field("/trigger", format!("there is no trigger `{name}`")))?;
    let revisions = store.revisions(project, row.id).await?;
    let mut wanted = revisions
        .into_iter()
        .filter(|known| revision.is_none_or(|wanted| wanted == known.revision));
    wanted
        .next()
        .ok_or_else(|| Problem::field("/revision", format!("`{name}` has no such revision")))
}

/// All errors of a sentence, those of its shape as well.
pub(super) async fn errors_of(api: &Api, project: ProjectId, trigger: &Trigger) -> Result<Vec<TriggerError>, Problem> {
    let mut errors = api.pipeline.check_trigger(project, trigger).await?;
    if fields::has_nul(&serde_json::to_value(trigger).unwrap_or_default()) {
        errors.push(shape_error("", "holds a NUL character, which cannot be stored"));
    }
    Ok(errors)
}

pub(super) fn shape_error(pointer: &str, detail: &str) -> TriggerError {
    TriggerError {
        code: ErrorCode::BodyInvalid.as_str().to_owned(),
        pointer: pointer.to_owned(),
        detail: detail.to_owned(),
        position: None,
        hint: None,
    }
}

/// Check a trigger
///
/// Says everything that keeps it from being published, each with its place; stores nothing.
#[utoipa::path(tag = "server", security(("secret_key" = [])), request_body = Trigger,
    responses((status = 200, description = "valid or not", body = Validation)))]
#[post("/v1/triggers/validate")]
pub async fn validate(
    api: web::Data<Api>,
    Reads(key): Reads,
    Json(body): Json<Value>,
) -> Result<web::Json<Validation>, Problem> {
    let (errors, findings) = match shape_of::<Trigger>(body) {
        Ok(trigger) => (
            errors_of(&api, key.project_id, &trigger).await?,
            api.pipeline.lint(key.project_id, &trigger).await?,
        ),
        Err(problem) => {
            let body = problem.body();
            let error = shape_error(body.pointer.as_deref().unwrap_or_default(), &body.detail);
            (vec![error], Vec::new())
        }
    };
    Ok(web::Json(Validation {
        valid: errors.is_empty(),
        errors,
        findings,
    }))
}

/// Save a draft
///
/// Every edit is a new revision; nothing speaks before it is published. The same words again are no edit.
#[utoipa::path(tag = "server", security(("secret_key" = [])), params(("name" = String, Path, max_length = 128)),
    request_body = Trigger, responses((status = 200, description = "saved", body = TriggerFull)))]
#[put("/v1/triggers/{name}")]
pub async fn put(
    api: web::Data<Api>,
    Writes(key): Writes,
    name: web::Path<String>,
    Json(body): Json<Trigger>,
) -> Result<web::Json<TriggerFull>, Problem> {
    fields::path_name("trigger", &name)?;
    if body.name != *name {
        return Err(Problem::field("/name", format!("must be `{name}`, as in the path")));
    }
    let errors = errors_of(&api, key.project_id, &body).await?;
    if !errors.is_empty() {
        return Err(fields::trigger_errors(errors));
    }
    let (row, revision) = api.pipeline.put_draft(key.project_id, &body).await?;
    Ok(web::Json(full(&api, row, revision).await?))
}

/// A trigger
#[utoipa::path(tag = "server", security(("secret_key" = [])), params(("name" = String, Path, max_length = 128)),
    responses((status = 200, description = "the trigger with its newest revision", body = TriggerFull)))]
#[get("/v1/triggers/{name}")]
pub async fn show(
    api: web::Data<Api>,
    Reads(key): Reads,
    name: web::Path<String>,
) -> Result<web::Json<TriggerFull>, Problem> {
    let row = known(&api, key.project_id, &name).await?;
    let revisions = api.pipeline.store().revisions(key.project_id, row.id).await?;
    let newest = revisions
        .into_iter()
        .next()
        .ok_or_else(|| Problem::not_found("trigger"))?;
    Ok(web::Json(full(&api, row, newest).await?))
}

/// Triggers
#[utoipa::path(tag = "server", security(("secret_key" = [])), params(PageQuery),
    responses((status = 200, description = "a page", body = List<TriggerView>)))]
#[get("/v1/triggers")]
pub async fn list(
    api: web::Data<Api>,
    Reads(key): Reads,
    page: web::Query<PageQuery>,
) -> Result<web::Json<List<TriggerView>>, Problem> {
    let rows = api.pipeline.store().triggers(key.project_id, &page.ask()?).await?;
    Ok(web::Json(List::of(rows, view)))
}

/// Every edit of a trigger
#[utoipa::path(tag = "server", security(("secret_key" = [])), params(("name" = String, Path, max_length = 128)),
    responses((status = 200, description = "newest first", body = List<RevisionView>)))]
#[get("/v1/triggers/{name}/revisions")]
pub async fn list_revisions(
    api: web::Data<Api>,
    Reads(key): Reads,
    name: web::Path<String>,
) -> Result<web::Json<List<RevisionView>>, Problem> {
    let row = known(&api, key.project_id, &name).await?;
    let rows = api.pipeline.store().revisions(key.project_id, row.id).await?;
    Ok(web::Json(List::whole(rows.into_iter().map(revision_view).collect())))
}
