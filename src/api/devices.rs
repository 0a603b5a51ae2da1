//! Registering a device: what an app does once, at its first start.

use super::auth::PublishableKey;
use super::fields;
use super::json::Json;
use super::problem::Problem;
use super::push::{PushAddress, SealingKeyGiven};
use super::server::Api;
use crate::base::id::{DeviceId, UserId};
use crate::base::secret::{new_token, token_hash};
use crate::base::time::Timestamp;
use crate::engine::delivery::ChannelKind;
use crate::engine::fix::Permission;
use crate::engine::subject::{Consent, Purpose};
use crate::store::{DeviceRow, Registration};
use actix_web::{HttpResponse, post, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What an app says about itself at its first start.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewDevice {
    /// Made by the app at its first start; registering again with it gives the same device a new token.
    #[schema(min_length = 8, max_length = 128)]
    pub installation_id: String,
    /// `ios`, `android`, `web`, …
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
    #[serde(default)]
    pub notifications: Permission,
    pub push: Option<PushAddress>,
    /// What sensitive texts are sealed to on their way; see `PUT /v1/devices/me/sealing-key`.
    pub sealing_key: Option<SealingKeyGiven>,
    #[serde(default)]
    pub consents: ConsentsGiven,
}

/// What the person said about each purpose; what is left out was not asked.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConsentsGiven {
    pub location: Option<bool>,
    pub service: Option<bool>,
    pub promo: Option<bool>,
    pub analytics: Option<bool>,
    /// Text messages, whatever they say.
    pub sms: Option<bool>,
    /// Mails, whatever they say.
    pub email: Option<bool>,
}

/// A registered device.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeviceRegistered {
    pub device_id: DeviceId,
    pub user_id: UserId,
    /// The device's credential. It is shown here and never again.
    pub token: String,
    /// What a web app gives as `applicationServerKey` to `PushManager.subscribe()`; none where web push is not set up. A
    /// browser that subscribed with another one must do so anew.
    pub webpush_key: Option<String>,
}

impl ConsentsGiven {
    /// As the engine takes them, said at `at`.
    pub fn words(&self, at: Timestamp) -> Vec<(Purpose, Consent)> {
        let given = [
            (Purpose::Location, self.location),
            (Purpose::Service, self.service),
            (Purpose::Promo, self.promo),
            (Purpose::Analytics, self.analytics),
            (Purpose::Sms, self.sms),
            (Purpose::Email, self.email),
        ];
        given
            .into_iter()
            .filter_map(|(purpose, said)| said.map(|granted| (purpose, Consent { granted, at })))
            .collect()
    }
}

/// Register a device
///
/// The publishable key in the app may do this and nothing else. Registering the same installation again gives the same device
/// with a new token; the old one ends.
#[utoipa::path(tag = "device", security(("publishable_key" = [])), request_body = NewDevice,
    responses((status = 201, description = "registered", body = DeviceRegistered)))]
#[post("/v1/devices")]
pub async fn register(
    api: web::Data<Api>,
    PublishableKey(key): PublishableKey,
    Json(body): Json<NewDevice>,
) -> Result<HttpResponse, Problem> {
    let now = api.pipeline.now();
    let token = new_token("dt", api.pipeline.entropy());
    let consents = body.consents.words(now);
    let device = row_of(&api, body, key.project_id, token_hash(token.expose()).to_vec(), now)?;
    let registration = Registration {
        device,
        consents,
        source: "device".to_owned(),
    };
    let registered = api.pipeline.register(registration).await?.device;
    let webpush_key = api.pipeline.public_key(key.project_id, ChannelKind::Webpush).await?;
    Ok(HttpResponse::Created().json(DeviceRegistered {
        device_id: registered.id,
        user_id: registered.user_id,
        token: token.expose().to_owned(),
        webpush_key,
    }))
}

fn row_of(
    api: &Api,
    body: NewDevice,
    project_id: crate::base::id::ProjectId,
    token_hash: Vec<u8>,
    now: Timestamp,
) -> Result<DeviceRow, Problem> {
    fields::name("/installation_id", &body.installation_id)?;
    if body.installation_id.chars().count() < 8 {
        // Whoever names the installation of another gets its device: it must not be guessable.
        return Err(Problem::field(
            "/installation_id",
            "must have at least 8 characters; use a random UUID",
        ));
    }
    fields::optional_short(&[("/platform", &body.platform), ("/app_version", &body.app_version)])?;
    fields::locale("/locale", body.locale.as_deref())?;
    fields::time_zone("/time_zone", body.time_zone.as_deref())?;
    Ok(DeviceRow {
        id: api.pipeline.new_id(),
        project_id,
        user_id: api.pipeline.new_id(),
        installation_id: body.installation_id,
        token_hash,
        platform: body.platform,
        app_version: body.app_version,
        locale: body.locale,
        time_zone: body.time_zone,
        notifications: body.notifications,
        push_set_at: body.push.is_some().then_some(now),
        push: body.push.map(|push| push.checked("/push")).transpose()?,
        sealing_key: body.sealing_key.map(|key| key.checked("/sealing_key")).transpose()?,
        created_at: now,
        last_seen_at: Some(now),
    })
}
