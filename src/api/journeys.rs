//! Journeys: drafts, checks, the way of a version to the people, and where people are in it.

use super::auth::{Reads, Writes};
use super::fields;
use super::json::{Json, shape_of};
use super::paging::{List, PageQuery};
use super::problem::Problem;
use super::publishing::{check_published, never_published, no_draft, pass_unless_blocked};
use super::server::Api;
use super::triggers::{Validation, shape_error};
use crate::base::id::{JourneyId, ProjectId};
use crate::engine::journey::Journey;
use crate::engine::lint::{Finding, FindingCode};
use crate::engine::trigger::TriggerError;
use crate::store::{JourneyRow, RevisionState, StateCounts, TriggerState, VersionRow};
use actix_web::{get, post, put, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A journey through all its versions.
#[derive(Debug, Serialize, ToSchema)]
pub struct JourneyView {
    pub id: JourneyId,
    pub name: String,
    pub state: TriggerState,
    /// The published version; none while it is a draft.
    pub live_version: Option<i64>,
    pub created_at: DateTime<Utc>,
}

/// One edit of a journey.
#[derive(Debug, Serialize, ToSchema)]
pub struct VersionView {
    pub version: i64,
    pub state: RevisionState,
    pub definition: Journey,
    pub created_at: DateTime<Utc>,
    pub published_at: Option<DateTime<Utc>>,
    pub retired_at: Option<DateTime<Utc>>,
}

/// A journey with its newest version.
#[derive(Debug, Serialize, ToSchema)]
pub struct JourneySaved {
    #[serde(flatten)]
    pub journey: JourneyView,
    pub newest: VersionView,
    /// What its triggers should not go live with.
    pub findings: Vec<Finding>,
}

/// A journey with its newest version, and how people fare in each state.
#[derive(Debug, Serialize, ToSchema)]
pub struct JourneyFull {
    #[serde(flatten)]
    pub journey: JourneyView,
    pub newest: VersionView,
    /// In the order of their names; those of former versions, too, when somebody was in them.
    pub states: Vec<StateView>,
}

/// One state in numbers, over all versions.
#[derive(Debug, Serialize, ToSchema)]
pub struct StateView {
    pub state: String,
    /// Instances that are in it now.
    pub in_state: u64,
    /// Instances that came into it, each time they did.
    pub entered: u64,
    /// The median of the stays that are over, in seconds; none before the first.
    pub median_s: Option<i64>,
    /// Reason -> how many left the journey from this state for it.
    pub exits: BTreeMap<String, u64>,
}

/// Which draft; the newest one when it is left out.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PublishVersion {
    #[schema(minimum = 1)]
    pub version: Option<i64>,
    /// Codes of the findings that may not keep it from going live.
    #[serde(default)]
    #[schema(max_items = 12)]
    pub accept: Vec<FindingCode>,
}

/// Which version to go back to.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RollbackVersion {
    #[schema(minimum = 1)]
    pub version: i64,
    /// Codes of the findings that may not keep it from going live.
    #[serde(default)]
    #[schema(max_items = 12)]
    pub accept: Vec<FindingCode>,
}

fn view(row: JourneyRow) -> JourneyView {
    JourneyView {
        id: row.id,
        name: row.name,
        state: row.state,
        live_version: row.live_version,
        created_at: row.created_at,
    }
}

fn version_view(row: VersionRow) -> VersionView {
    VersionView {
        version: row.version,
        state: row.state,
        definition: row.definition,
        created_at: row.created_at,
        published_at: row.published_at,
        retired_at: row.retired_at,
    }
}

/// The states of the definition and those that somebody was in.
fn state_views(definition: &Journey, mut counts: BTreeMap<String, StateCounts>) -> Vec<StateView> {
    for state in definition.states.keys() {
        counts.entry(state.clone()).or_default();
    }
    let view = |(state, counts): (String, StateCounts)| StateView {
        state,
        in_state: counts.open,
        entered: counts.open + counts.left,
        median_s: counts.median_s,
        exits: counts.exits,
    };
    counts.into_iter().map(view).collect()
}

pub(super) async fn known(api: &Api, project: ProjectId, name: &str) -> Result<JourneyRow, Problem> {
    fields::path_name("journey", name)?;
    let row = api.pipeline.store().journey_by_name(project, name).await?;
    row.ok_or_else(|| Problem::not_found("journey"))
}

/// All errors of a journey, those of its shape as well.
async fn errors_of(api: &Api, project: ProjectId, journey: &Journey) -> Result<Vec<TriggerError>, Problem> {
    let mut errors = api.pipeline.check_journey(project, journey).await?;
    if fields::has_nul(&serde_json::to_value(journey).unwrap_or_default()) {
        errors.push(shape_error("", "holds a NUL character, which cannot be stored"));
    }
    Ok(errors)
}

/// Objects to what may not go live: a content it names may be gone since it was saved, a type of facts may have changed, and the
/// lint may find what is not accepted by name.
async fn pass_if_ready(
    api: &Api,
    project: ProjectId,
    definition: &Journey,
    accept: &[FindingCode],
) -> Result<(), Problem> {
    let errors = errors_of(api, project, definition).await?;
    if !errors.is_empty() {
        return Err(fields::journey_errors(errors));
    }
    let findings = api.pipeline.lint_journey(project, definition).await?;
    pass_unless_blocked(&findings, accept)
}

/// Check a journey
///
/// Says everything that keeps it from being published, each with its place; stores nothing.
#[utoipa::path(tag = "server", security(("secret_key" = [])), request_body = Journey,
    responses((status = 200, description = "valid or not", body = Validation)))]
#[post("/v1/journeys/validate")]
pub async fn validate(
    api: web::Data<Api>,
    Reads(key): Reads,
    Json(body): Json<Value>,
) -> Result<web::Json<Validation>, Problem> {
    let (errors, findings) = match shape_of::<Journey>(body) {
        Ok(journey) => (
            errors_of(&api, key.project_id, &journey).await?,
            api.pipeline.lint_journey(key.project_id, &journey).await?,
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

/// Save a draft of a journey
///
/// Every edit is a new version; nobody follows it before it is published. The same words again are no edit.
#[utoipa::path(tag = "server", security(("secret_key" = [])), params(("name" = String, Path, max_length = 128)),
    request_body = Journey, responses((status = 200, description = "saved", body = JourneySaved)))]
#[put("/v1/journeys/{name}")]
pub async fn put(
    api: web::Data<Api>,
    Writes(key): Writes,
    name: web::Path<String>,
    Json(body): Json<Journey>,
) -> Result<web::Json<JourneySaved>, Problem> {
    fields::path_name("journey", &name)?;
    if body.name != *name {
        return Err(Problem::field("/name", format!("must be `{name}`, as in the path")));
    }
    let errors = errors_of(&api, key.project_id, &body).await?;
    if !errors.is_empty() {
        return Err(fields::journey_errors(errors));
    }
    let (row, version) = api.pipeline.put_journey(key.project_id, &body).await?;
    Ok(web::Json(JourneySaved {
        findings: api.pipeline.lint_journey(key.project_id, &body).await?,
        journey: view(row),
        newest: version_view(version),
    }))
}

/// A journey
///
/// With its newest version, and for each state how many are in it, came into it, how long they stayed, and why they left.
#[utoipa::path(tag = "server", security(("secret_key" = [])), params(("name" = String, Path, max_length = 128)),
    responses((status = 200, description = "the journey and its states in numbers", body = JourneyFull)))]
#[get("/v1/journeys/{name}")]
pub async fn show(
    api: web::Data<Api>,
    Reads(key): Reads,
    name: web::Path<String>,
) -> Result<web::Json<JourneyFull>, Problem> {
    let store = api.pipeline.store();
    let row = known(&api, key.project_id, &name).await?;
    let versions = store.journey_versions(key.project_id, row.id).await?;
    let newest = versions.into_iter().next();
    let newest = newest.ok_or_else(|| Problem::not_found("journey"))?;
    let counts = store.state_counts(key.project_id, row.id).await?;
    Ok(web::Json(JourneyFull {
        journey: view(row),
        states: state_views(&newest.definition, counts),
        newest: version_view(newest),
    }))
}

/// Journeys
#[utoipa::path(tag = "server", security(("secret_key" = [])), params(PageQuery),
    responses((status = 200, description = "a page", body = List<JourneyView>)))]
#[get("/v1/journeys")]
pub async fn list(
    api: web::Data<Api>,
    Reads(key): Reads,
    page: web::Query<PageQuery>,
) -> Result<web::Json<List<JourneyView>>, Problem> {
    let rows = api.pipeline.store().journeys(key.project_id, &page.ask()?).await?;
    Ok(web::Json(List::of(rows, view)))
}

/// Every edit of a journey
#[utoipa::path(tag = "server", security(("secret_key" = [])), params(("name" = String, Path, max_length = 128)),
    responses((status = 200, description = "newest first", body = List<VersionView>)))]
#[get("/v1/journeys/{name}/versions")]
pub async fn list_versions(
    api: web::Data<Api>,
    Reads(key): Reads,
    name: web::Path<String>,
) -> Result<web::Json<List<VersionView>>, Problem> {
    let row = known(&api, key.project_id, &name).await?;
    let rows = api.pipeline.store().journey_versions(key.project_id, row.id).await?;
    Ok(web::Json(List::whole(rows.into_iter().map(version_view).collect())))
}

/// Publish a draft of a journey
///
/// People begin it in this version from now on. Who is under way finishes on their version, or goes on in this one, as
/// its `versions` says.
#[utoipa::path(tag = "server", security(("secret_key" = [])), params(("name" = String, Path, max_length = 128)),
    request_body = PublishVersion, responses((status = 200, description = "published", body = JourneyView)))]
#[post("/v1/journeys/{name}/publish")]
pub async fn publish(
    api: web::Data<Api>,
    Writes(key): Writes,
    name: web::Path<String>,
    Json(body): Json<PublishVersion>,
) -> Result<web::Json<JourneyView>, Problem> {
    let row = known(&api, key.project_id, &name).await?;
    let versions = api.pipeline.store().journey_versions(key.project_id, row.id).await?;
    let is_wanted = |draft: &&VersionRow| {
        draft.state == RevisionState::Draft && body.version.is_none_or(|wanted| wanted == draft.version)
    };
    let draft = versions.iter().find(is_wanted).ok_or_else(no_draft)?;
    pass_if_ready(&api, key.project_id, &draft.definition, &body.accept).await?;
    let published = api
        .pipeline
        .publish_journey(key.project_id, row.id, draft.version)
        .await?;
    published.map(|row| web::Json(view(row))).ok_or_else(no_draft)
}

/// Go back to an earlier version of a journey
///
/// Its words are published again, as a new version.
#[utoipa::path(tag = "server", security(("secret_key" = [])), params(("name" = String, Path, max_length = 128)),
    request_body = RollbackVersion, responses((status = 200, description = "published", body = VersionView)))]
#[post("/v1/journeys/{name}/rollback")]
pub async fn rollback(
    api: web::Data<Api>,
    Writes(key): Writes,
    name: web::Path<String>,
    Json(body): Json<RollbackVersion>,
) -> Result<web::Json<VersionView>, Problem> {
    let row = known(&api, key.project_id, &name).await?;
    let nothing = || never_published("version", body.version);
    let versions = api.pipeline.store().journey_versions(key.project_id, row.id).await?;
    let is_wanted = |former: &&VersionRow| former.version == body.version && former.published_at.is_some();
    let former = versions.iter().find(is_wanted).ok_or_else(nothing)?;
    pass_if_ready(&api, key.project_id, &former.definition, &body.accept).await?;
    let done = api
        .pipeline
        .rollback_journey(key.project_id, row.id, body.version)
        .await?;
    done.map(|row| web::Json(version_view(row))).ok_or_else(nothing)
}

/// Pause a journey
///
/// Its triggers answer `paused` and send nothing; people begin it, go on and leave it as before.
#[utoipa::path(tag = "server", security(("secret_key" = [])), params(("name" = String, Path, max_length = 128)),
    responses((status = 200, description = "paused", body = JourneyView)))]
#[post("/v1/journeys/{name}/pause")]
pub async fn pause(
    api: web::Data<Api>,
    Writes(key): Writes,
    name: web::Path<String>,
) -> Result<web::Json<JourneyView>, Problem> {
    set_paused(&api, key.project_id, &name, true).await
}

/// Let a paused journey speak again
#[utoipa::path(tag = "server", security(("secret_key" = [])), params(("name" = String, Path, max_length = 128)),
    responses((status = 200, description = "live", body = JourneyView)))]
#[post("/v1/journeys/{name}/resume")]
pub async fn resume(
    api: web::Data<Api>,
    Writes(key): Writes,
    name: web::Path<String>,
) -> Result<web::Json<JourneyView>, Problem> {
    set_paused(&api, key.project_id, &name, false).await
}

async fn set_paused(
    api: &Api,
    project: ProjectId,
    name: &str,
    paused: bool,
) -> Result<web::Json<JourneyView>, Problem> {
    let row = known(api, project, name).await?;
    check_published(row.state)?;
    // Pausing what is paused already is done, not an error.
    api.pipeline.pause_journey(project, row.id, paused).await?;
    known(api, project, name).await.map(|row| web::Json(view(row)))
}
