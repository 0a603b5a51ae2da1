//! Contents: what is said, in every locale it can be said in.

use super::auth::{Reads, Writes};
use super::fields;
use super::json::Json;
use super::paging::{List, PageQuery};
use super::problem::{ErrorCode, FieldError, Problem};
use super::server::Api;
use crate::engine::message::{CompiledContent, Content};
use crate::store::{ContentRow, Upserted};
use actix_web::{get, put, web};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

/// A content as it is stored.
#[derive(Debug, Serialize, ToSchema)]
pub struct ContentView {
    #[serde(flatten)]
    pub content: Content,
    /// Counts the edits.
    pub version: i64,
    pub updated_at: DateTime<Utc>,
}

/// What became of a content that was put.
#[derive(Debug, Serialize, ToSchema)]
pub struct ContentPut {
    pub name: String,
    pub outcome: Upserted,
    pub version: i64,
}

fn view(row: ContentRow) -> ContentView {
    ContentView {
        content: row.content,
        version: row.version,
        updated_at: row.updated_at,
    }
}

/// Put a content
///
/// Every template is parsed and every bound checked before it is stored; it is in force when the answer comes.
#[utoipa::path(tag = "server", security(("secret_key" = [])), params(("name" = String, Path, max_length = 128)),
    request_body = Content, responses((status = 200, description = "what became of it", body = ContentPut)))]
#[put("/v1/contents/{name}")]
pub async fn put(
    api: web::Data<Api>,
    Writes(key): Writes,
    name: web::Path<String>,
    Json(content): Json<Content>,
) -> Result<web::Json<ContentPut>, Problem> {
    fields::path_name("content", &name)?;
    if content.name != *name {
        return Err(Problem::field("/name", format!("must be `{name}`, as in the path")));
    }
    let text = serde_json::to_value(&content).unwrap_or_default();
    if fields::has_nul(&text) {
        return Err(Problem::field("", "holds a NUL character, which cannot be stored"));
    }
    CompiledContent::compile(content.clone()).map_err(|error| {
        let named = FieldError {
            code: error.code.to_owned(),
            pointer: error.pointer.clone(),
            detail: error.detail.clone(),
            position: None,
            hint: None,
        };
        Problem::new(ErrorCode::ContentInvalid, error.detail)
            .at(error.pointer)
            .errors(vec![named])
    })?;
    let (outcome, version) = api.pipeline.put_content(key.project_id, &content).await?;
    Ok(web::Json(ContentPut {
        name: content.name,
        outcome,
        version,
    }))
}

/// A content
#[utoipa::path(tag = "server", security(("secret_key" = [])), params(("name" = String, Path, max_length = 128)),
    responses((status = 200, description = "the content", body = ContentView)))]
#[get("/v1/contents/{name}")]
pub async fn show(
    api: web::Data<Api>,
    Reads(key): Reads,
    name: web::Path<String>,
) -> Result<web::Json<ContentView>, Problem> {
    fields::path_name("content", &name)?;
    let row = api.pipeline.store().content(key.project_id, &name).await?;
    row.map(|row| web::Json(view(row)))
        .ok_or_else(|| Problem::not_found("content"))
}

/// Contents
#[utoipa::path(tag = "server", security(("secret_key" = [])), params(PageQuery),
    responses((status = 200, description = "a page", body = List<ContentView>)))]
#[get("/v1/contents")]
pub async fn list(
    api: web::Data<Api>,
    Reads(key): Reads,
    page: web::Query<PageQuery>,
) -> Result<web::Json<List<ContentView>>, Problem> {
    let rows = api.pipeline.store().contents(key.project_id, &page.ask()?).await?;
    Ok(web::Json(List::of(rows, view)))
}
