//! Facts: what the business knows about its users (a stay, a flight, an order).

use super::auth::{Reads, Writes};
use super::fields;
use super::json::Json;
use super::paging::{List, PageQuery};
use super::problem::{ErrorCode, Problem};
use super::server::Api;
use super::users::known_user;
use crate::base::limits;
use crate::base::time::Timestamp;
use crate::engine::fact::{Fact, FactRef, Lifecycle};
use crate::store::{FactOutcome, FactPut};
use actix_web::{get, put, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

/// One version of a fact.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FactBody {
    /// Counts the versions: a lower one than the stored is ignored, the same one is a repeat.
    #[schema(minimum = 0)]
    pub seq: i64,
    /// The business's names of the users it is about; unknown ones are made.
    #[schema(min_items = 1, max_items = 50)]
    pub subjects: Vec<String>,
    #[serde(default)]
    pub lifecycle: Lifecycle,
    pub valid_from: Option<DateTime<Utc>>,
    pub valid_to: Option<DateTime<Utc>>,
    /// Property names that must not be read by a provider or a passer-by.
    #[serde(default)]
    #[schema(max_items = 100)]
    pub sensitive: Vec<String>,
    #[schema(value_type = Object)]
    pub properties: Map<String, Value>,
}

/// What became of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct FactStored {
    pub outcome: FactWord,
    /// With `outdated`: the version that is stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stored_seq: Option<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FactWord {
    Stored,
    /// The same version is stored already: nothing changes.
    Repeated,
    /// A later version is stored: ignored.
    Outdated,
}

/// Put a version of a fact
///
/// Answers when it is stored and everything that depends on it was judged again.
#[utoipa::path(tag = "server", security(("secret_key" = [])),
    params(("type" = String, Path, max_length = 128), ("key" = String, Path, max_length = 128)),
    request_body = FactBody, responses((status = 200, description = "what became of it", body = FactStored)))]
#[put("/v1/facts/{type}/{key}")]
pub async fn put(
    api: web::Data<Api>,
    Writes(key): Writes,
    path: web::Path<(String, String)>,
    Json(body): Json<FactBody>,
) -> Result<web::Json<FactStored>, Problem> {
    let id = fact_ref(path.into_inner())?;
    let (fact, subject_refs) = fact_of(id, body, api.pipeline.now())?;
    let outcome = api
        .pipeline
        .put_fact(FactPut {
            project_id: key.project_id,
            fact,
            subject_refs,
        })
        .await?;
    Ok(web::Json(match outcome {
        FactOutcome::Stored => FactStored {
            outcome: FactWord::Stored,
            stored_seq: None,
        },
        FactOutcome::Repeated => FactStored {
            outcome: FactWord::Repeated,
            stored_seq: None,
        },
        FactOutcome::Outdated { stored_seq } => FactStored {
            outcome: FactWord::Outdated,
            stored_seq: Some(stored_seq),
        },
    }))
}

fn fact_ref((kind, key): (String, String)) -> Result<FactRef, Problem> {
    fields::path_name("fact", &kind)?;
    fields::path_name("fact", &key)?;
    Ok(FactRef { kind, key })
}

fn fact_of(id: FactRef, body: FactBody, now: Timestamp) -> Result<(Fact, Vec<String>), Problem> {
    if body.seq < 0 {
        return Err(Problem::field(
            "/seq",
            "must not be negative; count up from 0 or use a time in milliseconds",
        ));
    }
    let count = body.subjects.len();
    if count == 0 || count > limits::SUBJECTS_PER_FACT_MAX {
        let detail = format!("must name 1 to {} users", limits::SUBJECTS_PER_FACT_MAX);
        return Err(Problem::field("/subjects", detail));
    }
    for (index, subject) in body.subjects.iter().enumerate() {
        fields::name(&format!("/subjects/{index}"), subject)?;
    }
    if body.sensitive.len() > limits::ENTRIES_PER_MAP_MAX {
        let detail = format!("must have at most {} names", limits::ENTRIES_PER_MAP_MAX);
        return Err(Problem::field("/sensitive", detail));
    }
    for (index, property) in body.sensitive.iter().enumerate() {
        fields::name(&format!("/sensitive/{index}"), property)?;
    }
    fields::properties("/properties", &body.properties)?;
    let valid_from = fields::instant("/valid_from", body.valid_from)?;
    let valid_to = fields::instant("/valid_to", body.valid_to)?;
    if valid_from.zip(valid_to).is_some_and(|(from, to)| to < from) {
        return Err(Problem::field("/valid_to", "must not be before `valid_from`"));
    }
    let fact = Fact {
        id,
        seq: body.seq,
        subjects: Vec::new(),
        lifecycle: body.lifecycle,
        valid_from,
        valid_to,
        sensitive: body.sensitive,
        properties: body.properties,
        changed_at: now,
    };
    Ok((fact, body.subjects))
}

/// Of which instant.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct AsOf {
    /// What was known at this instant (RFC 3339); what is known now without it.
    pub as_of: Option<DateTime<Utc>>,
}

/// A fact as it is stored, or as it was known at an instant
#[utoipa::path(tag = "server", security(("secret_key" = [])),
    params(("type" = String, Path, max_length = 128), ("key" = String, Path, max_length = 128), AsOf),
    responses((status = 200, description = "the fact", body = Fact)))]
#[get("/v1/facts/{type}/{key}")]
pub async fn show(
    api: web::Data<Api>,
    Reads(key): Reads,
    path: web::Path<(String, String)>,
    query: web::Query<AsOf>,
) -> Result<web::Json<Fact>, Problem> {
    let id = fact_ref(path.into_inner())?;
    let store = api.pipeline.store();
    let fact = match query.instant()? {
        Some(at) => store.fact_as_of(key.project_id, &id, at).await?,
        None => store.fact(key.project_id, &id).await?,
    };
    fact.map(web::Json).ok_or_else(|| Problem::not_found("fact"))
}

/// Every version of a fact, newest first
#[utoipa::path(tag = "server", security(("secret_key" = [])),
    params(("type" = String, Path, max_length = 128), ("key" = String, Path, max_length = 128), PageQuery),
    responses((status = 200, description = "a page", body = List<Fact>)))]
#[get("/v1/facts/{type}/{key}/versions")]
pub async fn versions(
    api: web::Data<Api>,
    Reads(key): Reads,
    path: web::Path<(String, String)>,
    page: web::Query<PageQuery>,
) -> Result<web::Json<List<Fact>>, Problem> {
    let id = fact_ref(path.into_inner())?;
    let store = api.pipeline.store();
    let rows = store.fact_versions(key.project_id, &id, &page.ask()?).await?;
    if rows.rows.is_empty() && store.fact(key.project_id, &id).await?.is_none() {
        return Err(Problem::not_found("fact"));
    }
    Ok(web::Json(List::of(rows, |fact| fact)))
}

impl AsOf {
    fn instant(&self) -> Result<Option<Timestamp>, Problem> {
        fields::instant("", self.as_of).map_err(|_| {
            let detail = "`as_of` must lie between the years 1970 and 9999";
            Problem::new(ErrorCode::QueryInvalid, detail)
        })
    }
}

/// The facts about a person, as they are stored or as they were known at an instant
#[utoipa::path(tag = "server", security(("secret_key" = [])), params(("user_ref" = String, Path, max_length = 128), AsOf),
    responses((status = 200, description = "all of them", body = List<Fact>)))]
#[get("/v1/users/{user_ref}/facts")]
pub async fn of_user(
    api: web::Data<Api>,
    Reads(key): Reads,
    user_ref: web::Path<String>,
    query: web::Query<AsOf>,
) -> Result<web::Json<List<Fact>>, Problem> {
    let user = known_user(&api, key.project_id, &user_ref).await?;
    let store = api.pipeline.store();
    let facts = match query.instant()? {
        Some(at) => store.facts_of_as_of(key.project_id, user.id, at).await?,
        None => store.facts_of(key.project_id, user.id).await?,
    };
    Ok(web::Json(List::whole(facts)))
}
