//! A device about itself: its details, its person, what it may show and what is known of it.

use super::auth::DeviceAuth;
use super::consents::{ConsentState, said};
use super::devices::ConsentsGiven;
use super::fields;
use super::json::Json;
use super::problem::Problem;
use super::server::Api;
use super::users::UserView;
use super::wallet;
use crate::base::id::{DeviceId, MessageId, UserId};
use crate::engine::delivery::ChannelKind;
use crate::engine::fix::Permission;
use crate::engine::message::{Message, Shown};
use crate::engine::subject::Profile;
use crate::engine::trigger::Audience;
use crate::store::DeviceRow;
use actix_web::{HttpResponse, get, patch, post, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// A device as it may see itself.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeviceView {
    pub id: DeviceId,
    pub user_id: UserId,
    pub installation_id: String,
    pub platform: Option<String>,
    pub app_version: Option<String>,
    pub locale: Option<String>,
    pub time_zone: Option<String>,
    pub notifications: Permission,
    /// The channel that reaches it; none without a push address.
    pub push_channel: Option<ChannelKind>,
    /// Has it registered a key that sensitive texts are sealed to?
    pub has_sealing_key: bool,
    /// What a web app gives as `applicationServerKey` to `PushManager.subscribe()`; none where web push is not set up. A
    /// browser that subscribed with another one must do so anew.
    pub webpush_key: Option<String>,
    pub created_at: DateTime<Utc>,
    pub last_seen_at: Option<DateTime<Utc>>,
}

/// What is new about a device; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeviceEdit {
    #[schema(min_length = 1, max_length = 128)]
    pub platform: Option<String>,
    #[schema(min_length = 1, max_length = 128)]
    pub app_version: Option<String>,
    /// BCP 47, such as `pt-BR`.
    #[schema(min_length = 2, max_length = 35)]
    pub locale: Option<String>,
    /// IANA name, such as `Europe/Vienna`.
    #[schema(max_length = 64)]
    pub time_zone: Option<String>,
    pub notifications: Option<Permission>,
}

/// Who signed in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// The name the business knows this person by.
    #[schema(min_length = 1, max_length = 128)]
    pub user_ref: String,
    #[schema(min_length = 2, max_length = 35)]
    pub locale: Option<String>,
    #[schema(max_length = 64)]
    pub time_zone: Option<String>,
    #[schema(value_type = Option<Object>)]
    pub attributes: Option<Map<String, Value>>,
}

/// Whose the device is now.
#[derive(Debug, Serialize, ToSchema)]
pub struct SignedOut {
    /// A new anonymous user, who has consented to nothing yet.
    pub user_id: UserId,
}

/// A message with everything in it.
#[derive(Debug, Serialize, ToSchema)]
pub struct MessageView {
    pub id: MessageId,
    pub content: String,
    pub created_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    /// Who reads it.
    pub to: Audience,
    #[serde(flatten)]
    pub shown: Shown,
}

impl MessageView {
    pub fn of(message: Message) -> Self {
        Self {
            id: message.id,
            content: message.content,
            created_at: message.created_at,
            expires_at: message.expires_at,
            to: message.to,
            shown: message.shown,
        }
    }
}

async fn view(api: &Api, row: DeviceRow) -> Result<DeviceView, Problem> {
    let webpush_key = api.pipeline.public_key(row.project_id, ChannelKind::Webpush).await?;
    Ok(DeviceView {
        id: row.id,
        user_id: row.user_id,
        installation_id: row.installation_id,
        platform: row.platform,
        app_version: row.app_version,
        locale: row.locale,
        time_zone: row.time_zone,
        notifications: row.notifications,
        push_channel: row.push.map(|(channel, _)| channel),
        has_sealing_key: row.sealing_key.is_some(),
        webpush_key,
        created_at: row.created_at,
        last_seen_at: row.last_seen_at,
    })
}

/// This device
#[utoipa::path(tag = "device", security(("device_token" = [])), responses((status = 200, description = "this device", body = DeviceView)))]
#[get("/v1/devices/me")]
pub async fn show(api: web::Data<Api>, DeviceAuth(device): DeviceAuth) -> Result<web::Json<DeviceView>, Problem> {
    view(&api, device).await.map(web::Json)
}

/// Change what is known of this device
#[utoipa::path(tag = "device", security(("device_token" = [])), request_body = DeviceEdit,
    responses((status = 200, description = "changed", body = DeviceView)))]
#[patch("/v1/devices/me")]
pub async fn edit(
    api: web::Data<Api>,
    DeviceAuth(mut device): DeviceAuth,
    Json(body): Json<DeviceEdit>,
) -> Result<web::Json<DeviceView>, Problem> {
    fields::optional_short(&[("/platform", &body.platform), ("/app_version", &body.app_version)])?;
    fields::locale("/locale", body.locale.as_deref())?;
    fields::time_zone("/time_zone", body.time_zone.as_deref())?;
    device.platform = body.platform.or(device.platform);
    device.app_version = body.app_version.or(device.app_version);
    device.locale = body.locale.or(device.locale);
    device.time_zone = body.time_zone.or(device.time_zone);
    device.notifications = body.notifications.unwrap_or(device.notifications);
    api.pipeline.update_device(device.clone()).await?;
    view(&api, device).await.map(web::Json)
}

/// Say what the person allows
///
/// Kept for ever as a list; the last word on each purpose counts, at once.
#[utoipa::path(tag = "device", security(("device_token" = [])), request_body = ConsentsGiven,
    responses((status = 200, description = "the last word on each purpose", body = ConsentState)))]
#[post("/v1/devices/me/consents")]
pub async fn consents(
    api: web::Data<Api>,
    DeviceAuth(device): DeviceAuth,
    Json(body): Json<ConsentsGiven>,
) -> Result<web::Json<ConsentState>, Problem> {
    said(&api, device.project_id, device.user_id, &body, "device")
        .await
        .map(web::Json)
}

/// Say who signed in
///
/// The device belongs to this user from now on.
#[utoipa::path(tag = "device", security(("device_token" = [])), request_body = Identity,
    responses((status = 200, description = "the user", body = UserView)))]
#[post("/v1/devices/me/identify")]
pub async fn identify(
    api: web::Data<Api>,
    DeviceAuth(device): DeviceAuth,
    Json(body): Json<Identity>,
) -> Result<web::Json<UserView>, Problem> {
    fields::name("/user_ref", &body.user_ref)?;
    fields::locale("/locale", body.locale.as_deref())?;
    fields::time_zone("/time_zone", body.time_zone.as_deref())?;
    if let Some(attributes) = &body.attributes {
        fields::properties("/attributes", attributes)?;
    }
    let is_silent = body.locale.is_none() && body.time_zone.is_none() && body.attributes.is_none();
    let known = api
        .pipeline
        .store()
        .user_by_ref(device.project_id, &body.user_ref)
        .await?;
    let known = known.map(|row| row.profile).unwrap_or_default();
    let profile = (!is_silent).then(|| Profile {
        user_ref: Some(body.user_ref.clone()),
        locale: body.locale.or(known.locale),
        time_zone: body.time_zone.or(known.time_zone),
        attributes: body.attributes.unwrap_or(known.attributes),
        ..Profile::default()
    });
    let user = api.pipeline.identify(&device, &body.user_ref, profile).await?;
    Ok(web::Json(UserView::for_device(user)))
}

/// Say that the person signed out
#[utoipa::path(tag = "device", security(("device_token" = [])),
    responses((status = 200, description = "the device belongs to a new anonymous user", body = SignedOut)))]
#[post("/v1/devices/me/sign-out")]
pub async fn sign_out(api: web::Data<Api>, DeviceAuth(device): DeviceAuth) -> Result<web::Json<SignedOut>, Problem> {
    let user_id = api.pipeline.sign_out(&device).await?;
    Ok(web::Json(SignedOut { user_id }))
}

/// Everything that is known of this device's person
#[utoipa::path(tag = "device", security(("device_token" = [])), responses((status = 200, description = "everything", body = Object)))]
#[get("/v1/devices/me/export")]
pub async fn export(api: web::Data<Api>, DeviceAuth(device): DeviceAuth) -> Result<web::Json<Value>, Problem> {
    let everything = api
        .pipeline
        .store()
        .export_user(device.project_id, device.user_id)
        .await?;
    everything.map(web::Json).ok_or_else(|| Problem::not_found("user"))
}

/// Forget this device's person
///
/// Removes everything but a mark that nothing more may be taken. It cannot be undone.
#[utoipa::path(tag = "device", security(("device_token" = [])), responses((status = 204, description = "erased")))]
#[post("/v1/devices/me/erase")]
pub async fn erase(api: web::Data<Api>, DeviceAuth(device): DeviceAuth) -> Result<HttpResponse, Problem> {
    api.pipeline.erase(device.project_id, device.user_id).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// A message with everything in it
///
/// Sensitive values never pass through a provider: the device fetches them here. Only the device it was for may.
#[utoipa::path(tag = "device", security(("device_token" = [])), params(("id" = MessageId, Path, description = "the message")),
    responses((status = 200, description = "the message", body = MessageView)))]
#[get("/v1/devices/me/messages/{id}")]
pub async fn read_message(
    api: web::Data<Api>,
    DeviceAuth(device): DeviceAuth,
    id: web::Path<MessageId>,
) -> Result<web::Json<MessageView>, Problem> {
    let store = api.pipeline.store();
    let found = store.message_for_device(device.project_id, *id, device.id).await?;
    let mut view = found
        .map(MessageView::of)
        .ok_or_else(|| Problem::not_found("message"))?;
    if let Some(pass) = &view.shown.pass {
        view.shown.link = wallet::page_of(&api, &device, pass).await?;
    }
    Ok(web::Json(view))
}
