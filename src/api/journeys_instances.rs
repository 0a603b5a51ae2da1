//! Instances of a journey: who is where, who is stuck, and how a person helps them on.

use super::auth::{Reads, Writes};
use super::fields;
use super::journeys::known;
use super::json::Json;
use super::paging::{List, ask};
use super::problem::{ErrorCode, Problem};
use super::server::Api;
use super::users::filtered_user;
use crate::base::id::{InstanceId, JourneyId, ProjectId, UserId};
use crate::base::limits;
use crate::engine::step::InstanceOrder;
use crate::store::{InstanceFilter, InstanceRow, Stuck, VersionRow};
use actix_web::{get, post, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which instances.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct InstanceQuery {
    /// Only in this state; for one that has ended, the state it left the journey from.
    #[param(min_length = 1, max_length = 64)]
    state: Option<String>,
    /// Only open ones that are in their state for longer than its `stuck_after`, or past its limit.
    #[serde(default)]
    stuck: bool,
    #[param(min_length = 1, max_length = 128)]
    user_ref: Option<String>,
    /// Only open ones, or only those that have ended.
    open: Option<bool>,
    /// `next_cursor` of the page before.
    #[param(max_length = 512)]
    cursor: Option<String>,
    /// Rows of the page.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u64>,
}

/// One way of one person through a journey.
#[derive(Debug, Serialize, ToSchema)]
pub struct InstanceView {
    pub id: InstanceId,
    /// The version it follows.
    pub version: i64,
    pub user_id: UserId,
    pub key: String,
    pub state: String,
    pub started_at: DateTime<Utc>,
    /// When its state began.
    pub since: DateTime<Utc>,
    /// When the limit of its state comes.
    pub ends_at: DateTime<Utc>,
    pub ended_at: Option<DateTime<Utc>>,
    /// Why it ended: a reason of the journey, or `fact_ended`, `moved_away`, `cancelled`, `circling`, `too_many`.
    pub exit: Option<String>,
    pub stuck: bool,
}

/// Where to.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MoveInstance {
    #[schema(min_length = 1, max_length = 64)]
    pub state: String,
}

fn view(row: InstanceRow, stuck: &Stuck) -> InstanceView {
    InstanceView {
        stuck: stuck.is(&row),
        id: row.id,
        version: row.version,
        user_id: row.user_id,
        key: row.key,
        state: row.state,
        started_at: row.started_at,
        since: row.since,
        ends_at: row.ends_at,
        ended_at: row.ended_at,
        exit: row.exit,
    }
}

/// What the versions that people follow call stuck.
async fn stuck(api: &Api, project: ProjectId, journey: JourneyId) -> Result<Stuck, Problem> {
    let store = api.pipeline.store();
    let mut followed = store.versions_followed(project, journey).await?;
    followed.sort_unstable_by(|a, b| b.cmp(a));
    followed.truncate(limits::VERSIONS_WATCHED_MAX);
    let versions = store.journey_versions(project, journey).await?;
    let watched = versions.into_iter().filter(|row| followed.contains(&row.version));
    let spans = |row: VersionRow| {
        let states = row.definition.states.into_iter();
        states.filter_map(move |(name, state)| Some(((row.version, name), state.stuck_after?)))
    };
    Ok(Stuck {
        now: api.pipeline.now(),
        after: watched.flat_map(spans).collect(),
    })
}

/// Instances of a journey, newest first
#[utoipa::path(tag = "server", security(("secret_key" = [])),
    params(("name" = String, Path, max_length = 128), InstanceQuery),
    responses((status = 200, description = "a page", body = List<InstanceView>)))]
#[get("/v1/journeys/{name}/instances")]
pub async fn list(
    api: web::Data<Api>,
    Reads(key): Reads,
    name: web::Path<String>,
    query: web::Query<InstanceQuery>,
) -> Result<web::Json<List<InstanceView>>, Problem> {
    let page = ask(query.cursor.as_deref(), query.limit)?;
    let row = known(&api, key.project_id, &name).await?;
    if let Some(state) = &query.state {
        fields::query_name("state", state)?;
    }
    let user_id = match filtered_user(&api, key.project_id, query.user_ref.as_deref()).await? {
        Some(None) => return Ok(web::Json(List::whole(Vec::new()))),
        wanted => wanted.flatten(),
    };
    let stuck = stuck(&api, key.project_id, row.id).await?;
    let filter = InstanceFilter {
        state: query.state.clone(),
        user_id,
        open: query.open,
        stuck: query.stuck.then(|| stuck.clone()),
    };
    let store = api.pipeline.store();
    let rows = store.instances(key.project_id, row.id, &filter, &page).await?;
    Ok(web::Json(List::of(rows, |row| view(row, &stuck))))
}

/// Move an instance to another state
///
/// Also backwards. It comes into the state as by any move: what it waited for is cancelled, and the state's limit begins.
#[utoipa::path(tag = "server", security(("secret_key" = [])),
    params(("name" = String, Path, max_length = 128), ("id" = InstanceId, Path, description = "the instance")),
    request_body = MoveInstance, responses((status = 200, description = "the instance as it is now", body = InstanceView)))]
#[post("/v1/journeys/{name}/instances/{id}/move")]
pub async fn move_to(
    api: web::Data<Api>,
    Writes(key): Writes,
    path: web::Path<(String, InstanceId)>,
    Json(body): Json<MoveInstance>,
) -> Result<web::Json<InstanceView>, Problem> {
    let (name, id) = path.into_inner();
    let (journey, row) = open_instance(&api, key.project_id, &name, id).await?;
    // It is stepped with the version that takes it over, if one does.
    let catalogue = api.pipeline.catalogue(key.project_id).await?;
    let live = catalogue.live_journey(journey).filter(|live| live.takes_over());
    let followed = live.or_else(|| catalogue.journey(journey, row.version));
    let known: Vec<&str> = followed
        .iter()
        .flat_map(|journey| journey.states.keys().map(String::as_str))
        .collect();
    if !known.contains(&body.state.as_str()) {
        let detail = format!("no state of this journey; it has {}", known.join(", "));
        return Err(Problem::field("/state", detail));
    }
    ordered(
        &api,
        key.project_id,
        journey,
        &row,
        InstanceOrder::Move { state: body.state },
    )
    .await
}

/// End an instance
///
/// It exits as `cancelled`; what it waited for is cancelled with it.
#[utoipa::path(tag = "server", security(("secret_key" = [])),
    params(("name" = String, Path, max_length = 128), ("id" = InstanceId, Path, description = "the instance")),
    responses((status = 200, description = "the instance as it ended", body = InstanceView)))]
#[post("/v1/journeys/{name}/instances/{id}/cancel")]
pub async fn cancel(
    api: web::Data<Api>,
    Writes(key): Writes,
    path: web::Path<(String, InstanceId)>,
) -> Result<web::Json<InstanceView>, Problem> {
    let (name, id) = path.into_inner();
    let (journey, row) = open_instance(&api, key.project_id, &name, id).await?;
    ordered(&api, key.project_id, journey, &row, InstanceOrder::Cancel).await
}

async fn open_instance(
    api: &Api,
    project: ProjectId,
    name: &str,
    id: InstanceId,
) -> Result<(JourneyId, InstanceRow), Problem> {
    let journey = known(api, project, name).await?.id;
    let row = api.pipeline.store().instance(project, journey, id).await?;
    let row = row.ok_or_else(|| Problem::not_found("instance"))?;
    match &row.exit {
        None => Ok((journey, row)),
        Some(exit) => Err(Problem::new(
            ErrorCode::Conflict,
            format!("the instance ended already, as `{exit}`"),
        )),
    }
}

async fn ordered(
    api: &Api,
    project: ProjectId,
    journey: JourneyId,
    row: &InstanceRow,
    order: InstanceOrder,
) -> Result<web::Json<InstanceView>, Problem> {
    api.pipeline.order_instance(project, row.user_id, row.id, order).await?;
    let stuck = stuck(api, project, journey).await?;
    let row = api.pipeline.store().instance(project, journey, row.id).await?;
    let row = row.ok_or_else(|| Problem::not_found("instance"))?;
    Ok(web::Json(view(row, &stuck)))
}
