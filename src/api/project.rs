//! The project of a key: its name, its mode, its settings.

use super::auth::{Administers, Reads};
use super::geofence_body::check_thresholds;
use super::json::{Json, shape_of};
use super::problem::Problem;
use super::server::Api;
use crate::base::id::ProjectId;
use crate::engine::catalogue::{Mode, ProjectSettings};
use crate::store::ProjectRow;
use actix_web::{get, patch, web};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// A project.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProjectView {
    pub id: ProjectId,
    pub name: String,
    pub mode: Mode,
    pub settings: ProjectSettings,
    pub created_at: DateTime<Utc>,
}

fn view(row: ProjectRow) -> ProjectView {
    ProjectView {
        id: row.id,
        name: row.name,
        mode: row.mode,
        settings: row.settings,
        created_at: row.created_at,
    }
}

async fn own(api: &Api, id: ProjectId) -> Result<ProjectRow, Problem> {
    api.pipeline
        .store()
        .project(id)
        .await?
        .ok_or_else(|| Problem::not_found("project"))
}

/// The project
#[utoipa::path(tag = "server", security(("secret_key" = [])), responses((status = 200, description = "the project", body = ProjectView)))]
#[get("/v1/project")]
pub async fn show(api: web::Data<Api>, Reads(key): Reads) -> Result<web::Json<ProjectView>, Problem> {
    own(&api, key.project_id).await.map(|row| web::Json(view(row)))
}

/// Change settings
///
/// What is left out stays. `paused` stops everything that would be sent, at once.
#[utoipa::path(tag = "server", security(("secret_key" = [])), request_body = ProjectSettings,
    responses((status = 200, description = "changed", body = ProjectView)))]
#[patch("/v1/project")]
pub async fn edit(
    api: web::Data<Api>,
    Administers(key): Administers,
    Json(body): Json<Map<String, Value>>,
) -> Result<web::Json<ProjectView>, Problem> {
    let mut row = own(&api, key.project_id).await?;
    let mut merged = match serde_json::to_value(&row.settings) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    };
    merged.extend(body);
    let settings: ProjectSettings = shape_of(Value::Object(merged))?;
    check_thresholds("/thresholds", &settings.thresholds)?;
    api.pipeline.update_settings(key.project_id, &settings).await?;
    row.settings = settings;
    Ok(web::Json(view(row)))
}
