//! Users: the people, by the name the business knows them by.

use super::auth::{Reads, Writes};
use super::fields;
use super::json::Json;
use super::paging::{List, PageQuery};
use super::problem::Problem;
use super::server::Api;
use crate::base::contact::{self, Contact};
use crate::base::id::{ProjectId, UserId};
use crate::engine::subject::Profile;
use crate::store::UserRow;
use actix_web::{HttpResponse, delete, get, put, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// A person.
#[derive(Debug, Serialize, ToSchema)]
pub struct UserView {
    pub id: UserId,
    /// None for an anonymous one.
    pub user_ref: Option<String>,
    pub locale: Option<String>,
    pub time_zone: Option<String>,
    #[schema(value_type = Object)]
    pub attributes: Map<String, Value>,
    /// E.164; shown to the business alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// Shown to the business alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

/// What the business knows of a person.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserPut {
    /// BCP 47, such as `pt-BR`.
    #[schema(min_length = 2, max_length = 35)]
    pub locale: Option<String>,
    /// IANA name, such as `Europe/Vienna`.
    #[schema(max_length = 64)]
    pub time_zone: Option<String>,
    /// Read by conditions and texts as `user.<name>`.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub attributes: Map<String, Value>,
    /// With the country, such as `+43 664 1234567`: for text messages, with the person's consent to `sms`.
    #[schema(max_length = 32)]
    pub phone: Option<String>,
    /// For mails, with the person's consent to `email`.
    #[schema(max_length = 254)]
    pub email: Option<String>,
}

impl UserView {
    pub fn of(row: UserRow) -> Self {
        Self {
            id: row.id,
            user_ref: row.profile.user_ref,
            locale: row.profile.locale,
            time_zone: row.profile.time_zone,
            attributes: row.profile.attributes,
            phone: row.contact.phone,
            email: row.contact.email,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }

    /// The same for who only signed in on a device: where else the person is reached is not theirs to see.
    pub fn for_device(row: UserRow) -> Self {
        Self {
            phone: None,
            email: None,
            ..Self::of(row)
        }
    }
}

/// The user of this name, or "not found".
pub async fn known_user(api: &Api, project: ProjectId, user_ref: &str) -> Result<UserRow, Problem> {
    fields::path_name("user", user_ref)?;
    let user = api.pipeline.store().user_by_ref(project, user_ref).await?;
    user.ok_or_else(|| Problem::not_found("user"))
}

/// The user a list is asked for; the outer none means "everybody", the inner one "nobody of that name".
pub async fn filtered_user(
    api: &Api,
    project: ProjectId,
    user_ref: Option<&str>,
) -> Result<Option<Option<UserId>>, Problem> {
    let Some(user_ref) = user_ref else { return Ok(None) };
    fields::query_name("user_ref", user_ref)?;
    let user = api.pipeline.store().user_by_ref(project, user_ref).await?;
    Ok(Some(user.map(|row| row.id)))
}

/// Users, newest first
#[utoipa::path(tag = "server", security(("secret_key" = [])), params(PageQuery),
    responses((status = 200, description = "a page", body = List<UserView>)))]
#[get("/v1/users")]
pub async fn list(
    api: web::Data<Api>,
    Reads(key): Reads,
    page: web::Query<PageQuery>,
) -> Result<web::Json<List<UserView>>, Problem> {
    let rows = api.pipeline.store().users(key.project_id, &page.ask()?).await?;
    Ok(web::Json(List::of(rows, UserView::of)))
}

/// Say who a person is
///
/// Replaces what was known of them; a new name makes a new user.
#[utoipa::path(tag = "server", security(("secret_key" = [])), params(("user_ref" = String, Path, max_length = 128)),
    request_body = UserPut, responses((status = 200, description = "the user", body = UserView)))]
#[put("/v1/users/{user_ref}")]
pub async fn put(
    api: web::Data<Api>,
    Writes(key): Writes,
    user_ref: web::Path<String>,
    Json(body): Json<UserPut>,
) -> Result<web::Json<UserView>, Problem> {
    fields::path_name("user", &user_ref)?;
    fields::locale("/locale", body.locale.as_deref())?;
    fields::time_zone("/time_zone", body.time_zone.as_deref())?;
    fields::properties("/attributes", &body.attributes)?;
    let profile = Profile {
        user_ref: Some(user_ref.clone()),
        locale: body.locale,
        time_zone: body.time_zone,
        attributes: body.attributes,
        ..Profile::default()
    };
    let contact = Contact {
        phone: fields::contact("/phone", body.phone.as_deref(), contact::phone)?,
        email: fields::contact("/email", body.email.as_deref(), contact::email)?,
    };
    let user = api
        .pipeline
        .put_user(key.project_id, &user_ref, (profile, contact))
        .await?;
    Ok(web::Json(UserView::of(user)))
}

/// A person
#[utoipa::path(tag = "server", security(("secret_key" = [])), params(("user_ref" = String, Path, max_length = 128)),
    responses((status = 200, description = "the user", body = UserView)))]
#[get("/v1/users/{user_ref}")]
pub async fn show(
    api: web::Data<Api>,
    Reads(key): Reads,
    user_ref: web::Path<String>,
) -> Result<web::Json<UserView>, Problem> {
    let user = known_user(&api, key.project_id, &user_ref).await?;
    Ok(web::Json(UserView::of(user)))
}

/// Forget a person
///
/// Removes everything but a mark that nothing more may be taken. It cannot be undone.
#[utoipa::path(tag = "server", security(("secret_key" = [])), params(("user_ref" = String, Path, max_length = 128)),
    responses((status = 204, description = "erased")))]
#[delete("/v1/users/{user_ref}")]
pub async fn erase(
    api: web::Data<Api>,
    Writes(key): Writes,
    user_ref: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let user = known_user(&api, key.project_id, &user_ref).await?;
    api.pipeline.erase(key.project_id, user.id).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Everything that is known of a person
#[utoipa::path(tag = "server", security(("secret_key" = [])), params(("user_ref" = String, Path, max_length = 128)),
    responses((status = 200, description = "everything", body = Object)))]
#[get("/v1/users/{user_ref}/export")]
pub async fn export(
    api: web::Data<Api>,
    Reads(key): Reads,
    user_ref: web::Path<String>,
) -> Result<web::Json<Value>, Problem> {
    let user = known_user(&api, key.project_id, &user_ref).await?;
    let everything = api.pipeline.store().export_user(key.project_id, user.id).await?;
    everything.map(web::Json).ok_or_else(|| Problem::not_found("user"))
}
