//! Fact types: what every stay, flight or order of a project must look like, what of it is sensitive, and what ends it.

use super::auth::{Reads, Writes};
use super::fields;
use super::json::Json;
use super::paging::List;
use super::problem::{ErrorCode, FieldError, Problem};
use super::server::Api;
use crate::base::limits;
use crate::engine::fact::{FactSchema, FactType, Lifecycle, builtin};
use crate::pipeline::TypePut;
use crate::store::Upserted;
use actix_web::{HttpResponse, delete, get, put, web};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A type of facts as it is in force.
#[derive(Debug, Serialize, ToSchema)]
pub struct FactTypeView {
    #[serde(rename = "type")]
    pub kind: String,
    /// JSON Schema (draft 2020-12) of the properties; anything goes without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub schema: Option<Value>,
    /// Properties that are sensitive in every fact of this type.
    pub sensitive: Vec<String>,
    /// Value of `status` -> what it means for the life of the fact.
    pub statuses: BTreeMap<String, Lifecycle>,
    /// It comes with Usher; a definition of the project takes its place.
    pub builtin: bool,
    /// When the project defined it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<DateTime<Utc>>,
}

impl FactTypeView {
    /// A built-in type has no time at which the project defined it.
    fn of(fact_type: FactType, updated_at: Option<DateTime<Utc>>) -> Self {
        Self {
            kind: fact_type.kind,
            schema: fact_type.schema,
            sensitive: fact_type.sensitive,
            statuses: fact_type.statuses,
            builtin: updated_at.is_none(),
            updated_at,
        }
    }
}

/// What became of a type that was put.
#[derive(Debug, Serialize, ToSchema)]
pub struct FactTypePut {
    #[serde(rename = "type")]
    pub kind: String,
    pub outcome: Upserted,
}

/// Define a type of facts
///
/// Facts are checked against it from the answer on; those that are stored stay as they are. A definition that a published
/// trigger does not fit is refused with `conflict`, naming the triggers.
#[utoipa::path(tag = "server", security(("secret_key" = [])), params(("type" = String, Path, max_length = 128)),
    request_body = FactType, responses((status = 200, description = "what became of it", body = FactTypePut)))]
#[put("/v1/fact-types/{type}")]
pub async fn put(
    api: web::Data<Api>,
    Writes(key): Writes,
    kind: web::Path<String>,
    Json(body): Json<FactType>,
) -> Result<web::Json<FactTypePut>, Problem> {
    fields::path_name("fact type", &kind)?;
    if body.kind != *kind {
        return Err(Problem::field("/type", format!("must be `{kind}`, as in the path")));
    }
    check(&body)?;
    match api.pipeline.put_fact_type(key.project_id, &body).await? {
        TypePut::Done(outcome) => Ok(web::Json(FactTypePut {
            kind: body.kind,
            outcome,
        })),
        refused @ (TypePut::Breaks(_) | TypePut::TooMany | TypePut::NotFound) => Err(refusal(refused)),
    }
}

fn check(body: &FactType) -> Result<(), Problem> {
    if fields::has_nul(&serde_json::to_value(body).unwrap_or_default()) {
        return Err(Problem::field("", "holds a NUL character, which cannot be stored"));
    }
    let most = limits::ENTRIES_PER_MAP_MAX;
    if body.sensitive.len() > most {
        return Err(Problem::field("/sensitive", format!("must have at most {most} names")));
    }
    for (index, name) in body.sensitive.iter().enumerate() {
        fields::name(&format!("/sensitive/{index}"), name)?;
    }
    if body.statuses.len() > most {
        return Err(Problem::field("/statuses", format!("must have at most {most} entries")));
    }
    for status in body.statuses.keys() {
        fields::name("/statuses", status)?;
    }
    let Some(schema) = &body.schema else { return Ok(()) };
    FactSchema::compile(schema).map(|_| ()).map_err(|error| {
        let pointer = format!("/schema{}", error.pointer);
        Problem::new(ErrorCode::FactTypeInvalid, error.detail).at(pointer)
    })
}

fn refusal(refused: TypePut) -> Problem {
    match refused {
        TypePut::Breaks(triggers) => {
            let names: Vec<&str> = triggers.iter().map(|(name, _)| name.as_str()).collect();
            let detail = format!("published triggers do not fit it: {}", names.join(", "));
            let errors = triggers.iter().flat_map(|(name, errors)| {
                errors.iter().map(move |error| FieldError {
                    code: error.code.clone(),
                    pointer: error.pointer.clone(),
                    detail: format!("trigger `{name}`: {}", error.detail),
                    position: error.position,
                    hint: error.hint.clone(),
                })
            });
            Problem::new(ErrorCode::Conflict, detail)
                .errors(errors.collect())
                .hint("publish triggers that fit it first, or leave the type as it is")
        }
        TypePut::TooMany => {
            let most = limits::FACT_TYPES_MAX;
            Problem::new(ErrorCode::Conflict, format!("the project has {most} types already"))
                .hint("delete one that is not used")
        }
        TypePut::NotFound | TypePut::Done(_) => Problem::not_found("fact type"),
    }
}

/// Take back a definition
///
/// The built-in type of that name, if there is one, is in force again.
#[utoipa::path(tag = "server", security(("secret_key" = [])), params(("type" = String, Path, max_length = 128)),
    responses((status = 204, description = "taken back")))]
#[delete("/v1/fact-types/{type}")]
pub async fn remove(
    api: web::Data<Api>,
    Writes(key): Writes,
    kind: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    fields::path_name("fact type", &kind)?;
    match api.pipeline.delete_fact_type(key.project_id, &kind).await? {
        TypePut::Done(_) => Ok(HttpResponse::NoContent().finish()),
        refused @ (TypePut::Breaks(_) | TypePut::TooMany | TypePut::NotFound) => Err(refusal(refused)),
    }
}

/// A type of facts
#[utoipa::path(tag = "server", security(("secret_key" = [])), params(("type" = String, Path, max_length = 128)),
    responses((status = 200, description = "the type", body = FactTypeView)))]
#[get("/v1/fact-types/{type}")]
pub async fn show(
    api: web::Data<Api>,
    Reads(key): Reads,
    kind: web::Path<String>,
) -> Result<web::Json<FactTypeView>, Problem> {
    fields::path_name("fact type", &kind)?;
    let mut all = in_force(&api, key.project_id).await?;
    all.retain(|view| view.kind == *kind);
    all.pop().map(web::Json).ok_or_else(|| Problem::not_found("fact type"))
}

/// Types of facts
///
/// Those the project has defined, and the built-in ones it has not replaced; by name.
#[utoipa::path(tag = "server", security(("secret_key" = [])),
    responses((status = 200, description = "all of them", body = List<FactTypeView>)))]
#[get("/v1/fact-types")]
pub async fn list(api: web::Data<Api>, Reads(key): Reads) -> Result<web::Json<List<FactTypeView>>, Problem> {
    Ok(web::Json(List::whole(in_force(&api, key.project_id).await?)))
}

async fn in_force(api: &Api, project_id: crate::base::id::ProjectId) -> Result<Vec<FactTypeView>, Problem> {
    let own = api.pipeline.store().fact_types(project_id).await?;
    let mut all: Vec<FactTypeView> = builtin()
        .iter()
        .filter(|(known, _)| own.iter().all(|row| row.fact_type.kind != known.kind))
        .map(|(known, _)| FactTypeView::of(FactType::clone(known), None))
        .collect();
    let own = own.into_iter();
    all.extend(own.map(|row| FactTypeView::of(row.fact_type, Some(row.updated_at))));
    all.sort_by(|a, b| a.kind.cmp(&b.kind));
    Ok(all)
}
