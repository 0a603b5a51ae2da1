//! Deliveries: one message to one device by one channel, and every try of it.

use super::auth::{Reads, Writes};
use super::paging::{List, ask};
use super::problem::{ErrorCode, Problem};
use super::server::Api;
use super::users::filtered_user;
use crate::base::id::{DeliveryId, DeviceId, EndpointId, MessageId, UserId};
use crate::engine::delivery::{ChannelKind, DeliveryState};
use crate::store::{AttemptRow, DeliveryFilter, DeliveryRow, Replay};
use actix_web::{HttpResponse, get, post, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which deliveries.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct DeliveryQuery {
    #[param(min_length = 1, max_length = 128)]
    user_ref: Option<String>,
    state: Option<DeliveryState>,
    message: Option<MessageId>,
    /// With a webhook: to this endpoint.
    endpoint: Option<EndpointId>,
    /// `next_cursor` of the page before.
    #[param(max_length = 512)]
    cursor: Option<String>,
    /// Rows of the page.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u64>,
}

/// One message to one device.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeliveryView {
    pub id: DeliveryId,
    pub message_id: MessageId,
    pub user_id: UserId,
    /// None for a message to the business.
    pub device_id: Option<DeviceId>,
    pub channel: ChannelKind,
    /// With a webhook: which of the business's endpoints.
    pub endpoint_id: Option<EndpointId>,
    /// The dead delivery this one repeats.
    pub replay_of: Option<DeliveryId>,
    pub state: DeliveryState,
    /// Why it stands where it stands, when there is something to say.
    pub why: Option<String>,
    /// The provider's own name for it.
    pub provider_id: Option<String>,
    pub tries: u32,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
    /// Every try, oldest first; lists leave them out.
    pub attempts: Vec<AttemptView>,
}

/// One try.
#[derive(Debug, Serialize, ToSchema)]
pub struct AttemptView {
    pub number: u32,
    pub at: DateTime<Utc>,
    pub outcome: String,
    pub detail: Option<String>,
    pub provider_id: Option<String>,
    pub duration_ms: i64,
}

impl DeliveryView {
    pub fn of(row: DeliveryRow, attempts: Vec<AttemptRow>) -> Self {
        let attempt = |row: AttemptRow| AttemptView {
            number: row.number,
            at: row.at,
            outcome: row.outcome,
            detail: row.detail,
            provider_id: row.provider_id,
            duration_ms: row.duration_ms,
        };
        Self {
            id: row.id,
            message_id: row.message_id,
            user_id: row.user_id,
            device_id: row.device_id,
            channel: row.channel,
            endpoint_id: row.endpoint_id,
            replay_of: row.replay_of,
            state: row.state,
            why: row.why,
            provider_id: row.provider_id,
            tries: row.attempts,
            created_at: row.created_at,
            updated_at: row.updated_at,
            attempts: attempts.into_iter().map(attempt).collect(),
        }
    }
}

/// Deliveries, newest first
#[utoipa::path(tag = "look", security(("secret_key" = [])), params(DeliveryQuery),
    responses((status = 200, description = "a page", body = List<DeliveryView>)))]
#[get("/v1/deliveries")]
pub async fn list(
    api: web::Data<Api>,
    Reads(key): Reads,
    query: web::Query<DeliveryQuery>,
) -> Result<web::Json<List<DeliveryView>>, Problem> {
    let page = ask(query.cursor.as_deref(), query.limit)?;
    let mut filter = DeliveryFilter {
        state: query.state,
        message_id: query.message,
        endpoint_id: query.endpoint,
        ..DeliveryFilter::default()
    };
    match filtered_user(&api, key.project_id, query.user_ref.as_deref()).await? {
        Some(None) => return Ok(web::Json(List::whole(Vec::new()))),
        wanted => filter.user_id = wanted.flatten(),
    }
    let rows = api.pipeline.store().deliveries(key.project_id, &filter, &page).await?;
    Ok(web::Json(List::of(rows, |row| DeliveryView::of(row, Vec::new()))))
}

/// A delivery with every try
#[utoipa::path(tag = "look", security(("secret_key" = [])), params(("id" = DeliveryId, Path, description = "the delivery")),
    responses((status = 200, description = "the delivery", body = DeliveryView)))]
#[get("/v1/deliveries/{id}")]
pub async fn show(
    api: web::Data<Api>,
    Reads(key): Reads,
    id: web::Path<DeliveryId>,
) -> Result<web::Json<DeliveryView>, Problem> {
    let found = api.pipeline.store().delivery(key.project_id, *id).await?;
    found
        .map(|(row, tried)| web::Json(DeliveryView::of(row, tried)))
        .ok_or_else(|| Problem::not_found("delivery"))
}

/// Replay a dead delivery
///
/// A delivery that failed or expired is never opened again: its message is queued once more, as a new delivery to the same
/// address, if its life is not over. Whether it may still be said is asked again before it goes. A repeat answers the same
/// delivery.
#[utoipa::path(tag = "operate", security(("secret_key" = [])), params(("id" = DeliveryId, Path, description = "the dead delivery")),
    responses((status = 201, description = "queued once more", body = DeliveryView),
        (status = 200, description = "it was replayed before, by this one", body = DeliveryView)))]
#[post("/v1/deliveries/{id}/replay")]
pub async fn replay(
    api: web::Data<Api>,
    Writes(key): Writes,
    id: web::Path<DeliveryId>,
) -> Result<HttpResponse, Problem> {
    let conflict = |detail: String, hint: &str| Err(Problem::new(ErrorCode::Conflict, detail).hint(hint));
    match api.pipeline.replay(key.project_id, *id).await? {
        Replay::Queued(row) => Ok(HttpResponse::Created().json(DeliveryView::of(row, Vec::new()))),
        Replay::Before(row) => Ok(HttpResponse::Ok().json(DeliveryView::of(row, Vec::new()))),
        Replay::Unknown => Err(Problem::not_found("delivery")),
        Replay::NotDead(state) => {
            let detail = format!(
                "the delivery is {}: only one that failed or expired is replayed",
                state.as_str()
            );
            conflict(detail, "GET /v1/deliveries?state=failed lists those that can be")
        }
        Replay::Over => conflict(
            "the life of the message is over, and nothing is sent beyond it".into(),
            "give its content a longer `ttl` for the next time",
        ),
        Replay::Elsewhere(other) => conflict(
            format!("the message is under way or got out as {other}: its reader would see it twice"),
            "look at that delivery",
        ),
    }
}
