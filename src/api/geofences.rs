//! Geofences: put one by one, listed, deleted.

use super::auth::{Reads, Writes};
use super::fields;
use super::geofence_body::{GeofenceBody, GeofencePut, GeofenceView};
use super::json::Json;
use super::paging::{List, ask};
use super::problem::{ErrorCode, Problem};
use super::server::Api;
use crate::base::id::FenceId;
use crate::store::Upserted;
use actix_web::{HttpResponse, delete, get, post, web};
use serde::Deserialize;
use utoipa::IntoParams;

/// Which geofences.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct GeofenceQuery {
    #[param(min_length = 1, max_length = 128)]
    tag: Option<String>,
    /// `next_cursor` of the page before.
    #[param(max_length = 512)]
    cursor: Option<String>,
    /// Rows of the page.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u64>,
}

/// Put a geofence
///
/// Tag and external id name it: putting the same names again changes it. People who are inside of a fence that is moved have
/// crossed nothing.
#[utoipa::path(tag = "server", security(("secret_key" = [])), request_body = GeofenceBody, responses(
    (status = 201, description = "added", body = GeofencePut),
    (status = 200, description = "updated, or the same as before", body = GeofencePut)))]
#[post("/v1/geofences")]
pub async fn put(
    api: web::Data<Api>,
    Writes(key): Writes,
    Json(body): Json<GeofenceBody>,
) -> Result<HttpResponse, Problem> {
    let (id, now, project) = (api.pipeline.new_id(), api.pipeline.now(), key.project_id);
    // Checking many vertices takes milliseconds: not on the thread that answers others.
    let row = web::block(move || body.row(project, id, now))
        .await
        .map_err(|_| busy())??;
    let put = api.pipeline.put_geofences(project, &[row], false).await?;
    let put = put.first().ok_or_else(|| Problem::not_found("geofence"))?;
    let mut answer = if put.outcome == Upserted::Added {
        HttpResponse::Created()
    } else {
        HttpResponse::Ok()
    };
    Ok(answer.json(GeofencePut {
        id: put.id,
        outcome: put.outcome,
        version: put.version,
    }))
}

/// The pool for heavy work is going down, or the work was cut off.
pub fn busy() -> Problem {
    Problem::new(ErrorCode::Stopping, "the work was cut off; send it again")
}

/// Geofences, newest first
#[utoipa::path(tag = "server", security(("secret_key" = [])), params(GeofenceQuery),
    responses((status = 200, description = "a page", body = List<GeofenceView>)))]
#[get("/v1/geofences")]
pub async fn list(
    api: web::Data<Api>,
    Reads(key): Reads,
    query: web::Query<GeofenceQuery>,
) -> Result<web::Json<List<GeofenceView>>, Problem> {
    if let Some(tag) = &query.tag {
        fields::query_name("tag", tag)?;
    }
    let page = ask(query.cursor.as_deref(), query.limit)?;
    let rows = api
        .pipeline
        .store()
        .geofences(key.project_id, query.tag.as_deref(), &page)
        .await?;
    Ok(web::Json(List::of(rows, GeofenceView::of)))
}

/// A geofence
#[utoipa::path(tag = "server", security(("secret_key" = [])), params(("id" = FenceId, Path, description = "the geofence")),
    responses((status = 200, description = "the geofence", body = GeofenceView)))]
#[get("/v1/geofences/{id}")]
pub async fn show(
    api: web::Data<Api>,
    Reads(key): Reads,
    id: web::Path<FenceId>,
) -> Result<web::Json<GeofenceView>, Problem> {
    let row = api.pipeline.store().geofence(key.project_id, *id).await?;
    row.map(|row| web::Json(GeofenceView::of(row)))
        .ok_or_else(|| Problem::not_found("geofence"))
}

/// Delete a geofence
///
/// What happened there stays readable; nobody leaves by it.
#[utoipa::path(tag = "server", security(("secret_key" = [])), params(("id" = FenceId, Path, description = "the geofence")),
    responses((status = 204, description = "deleted")))]
#[delete("/v1/geofences/{id}")]
pub async fn delete(api: web::Data<Api>, Writes(key): Writes, id: web::Path<FenceId>) -> Result<HttpResponse, Problem> {
    if api.pipeline.delete_geofence(key.project_id, *id).await? {
        return Ok(HttpResponse::NoContent().finish());
    }
    Err(Problem::not_found("geofence"))
}
