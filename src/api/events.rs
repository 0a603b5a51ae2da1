//! Events: what a business system says happened to one of its users.

use super::auth::Writes;
use super::fields;
use super::idempotency::named_id;
use super::json::Json;
use super::problem::Problem;
use super::server::Api;
use crate::engine::moment::Moment;
use crate::pipeline::ServerEvent;
use actix_web::{HttpRequest, HttpResponse, post, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

/// Something that happened.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewEvent {
    /// Unique in the project: a repeat is no second event. Made up when it is left out.
    #[schema(min_length = 1, max_length = 128)]
    pub id: Option<String>,
    /// The business's name of the user; an unknown one is made.
    #[schema(min_length = 1, max_length = 128)]
    pub user_ref: String,
    #[schema(min_length = 1, max_length = 128)]
    pub name: String,
    #[serde(default)]
    #[schema(value_type = Object)]
    pub properties: Map<String, Value>,
    /// Now, when it is left out.
    pub occurred_at: Option<DateTime<Utc>>,
}

/// An event that was taken.
#[derive(Debug, Serialize, ToSchema)]
pub struct EventTaken {
    pub id: String,
    /// The moments it made; none for a repeat.
    pub moments: Vec<Moment>,
}

/// Say that something happened
#[utoipa::path(tag = "server", security(("secret_key" = [])), request_body = NewEvent,
    responses((status = 201, description = "taken", body = EventTaken)))]
#[post("/v1/events")]
pub async fn create(
    api: web::Data<Api>,
    Writes(key): Writes,
    request: HttpRequest,
    Json(body): Json<NewEvent>,
) -> Result<HttpResponse, Problem> {
    fields::optional_short(&[("/id", &body.id)])?;
    fields::name("/user_ref", &body.user_ref)?;
    fields::name("/name", &body.name)?;
    fields::properties("/properties", &body.properties)?;
    let now = api.pipeline.now();
    let occurred_at = fields::instant("/occurred_at", body.occurred_at)?.unwrap_or(now);
    let id = body
        .id
        .or_else(|| named_id(&request))
        .unwrap_or_else(|| api.pipeline.new_id::<Uuid>().to_string());
    let store = api.pipeline.store();
    let (user, _) = store
        .user_or_new(key.project_id, &body.user_ref, api.pipeline.new_id(), now)
        .await?;
    let event = ServerEvent {
        id: id.clone(),
        name: body.name,
        properties: body.properties,
        occurred_at,
    };
    let moments = api.pipeline.event(key.project_id, user.id, event).await?;
    Ok(HttpResponse::Created().json(EventTaken { id, moments }))
}
