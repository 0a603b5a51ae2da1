//! Moments: what was noticed, newest first.

use super::auth::Reads;
use super::fields;
use super::paging::{List, ask};
use super::problem::Problem;
use super::server::Api;
use super::users::filtered_user;
use crate::engine::moment::Moment;
use crate::store::MomentFilter;
use actix_web::{get, web};
use serde::Deserialize;
use utoipa::IntoParams;

/// Which moments.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct MomentQuery {
    #[param(min_length = 1, max_length = 128)]
    user_ref: Option<String>,
    /// `entered`, `exited`, `dwelled`, `event` or `fact`.
    #[param(min_length = 1, max_length = 128)]
    kind: Option<String>,
    /// `next_cursor` of the page before.
    #[param(max_length = 512)]
    cursor: Option<String>,
    /// Rows of the page.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u64>,
}

/// Moments, newest first
#[utoipa::path(tag = "look", security(("secret_key" = [])), params(MomentQuery),
    responses((status = 200, description = "a page", body = List<Moment>)))]
#[get("/v1/moments")]
pub async fn list(
    api: web::Data<Api>,
    Reads(key): Reads,
    query: web::Query<MomentQuery>,
) -> Result<web::Json<List<Moment>>, Problem> {
    let query = query.into_inner();
    let page = ask(query.cursor.as_deref(), query.limit)?;
    if let Some(kind) = &query.kind {
        fields::query_name("kind", kind)?;
    }
    let user_id = match filtered_user(&api, key.project_id, query.user_ref.as_deref()).await? {
        Some(None) => return Ok(web::Json(List::whole(Vec::new()))),
        wanted => wanted.flatten(),
    };
    let filter = MomentFilter {
        user_id,
        kind: query.kind,
    };
    let rows = api.pipeline.store().moments(key.project_id, &filter, &page).await?;
    Ok(web::Json(List::of(rows, |moment| moment)))
}
