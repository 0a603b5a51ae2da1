//! Where pushes for a device go, and what sensitive texts are sealed to on their way there.

use super::auth::DeviceAuth;
use super::json::Json;
use super::problem::Problem;
use super::server::Api;
use crate::base::limits;
use crate::base::seal::{SealError, SealingKey};
use crate::channel::webpush::Subscription;
use crate::engine::delivery::ChannelKind;
use actix_web::{HttpResponse, delete, put, web};
use reqwest::Url;
use serde::Deserialize;
use utoipa::ToSchema;

/// Where pushes for a device go.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PushAddress {
    /// `fcm`, `apns`, `webpush` or `tray`.
    pub channel: ChannelKind,
    /// The registration token of the provider; for `webpush` the subscription stands in its place.
    #[schema(min_length = 1, max_length = 4096)]
    pub address: Option<String>,
    /// For `webpush`.
    pub subscription: Option<PushSubscription>,
}

/// What a browser gives as `PushSubscription.toJSON()`.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PushSubscription {
    /// The address at the browser's push service; it begins with `https://`.
    #[schema(max_length = 2048)]
    pub endpoint: String,
    /// When the browser will end it, in milliseconds since 1970. Push services tell when it has, so this is not kept.
    #[serde(default, rename = "expirationTime")]
    #[schema(rename = "expirationTime")]
    #[expect(dead_code, reason = "browsers send it along")]
    expiration_time: Option<f64>,
    pub keys: SealingKeyGiven,
}

/// The public key of a device or browser, and the secret it shares with us, as RFC 8291 has them.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SealingKeyGiven {
    /// An uncompressed point on P-256, 65 bytes in base64url.
    #[schema(min_length = 87, max_length = 88)]
    pub p256dh: String,
    /// 16 random bytes in base64url.
    #[schema(min_length = 22, max_length = 24)]
    pub auth: String,
}

impl SealingKeyGiven {
    pub fn checked(&self, pointer: &str) -> Result<SealingKey, Problem> {
        SealingKey::new(&self.p256dh, &self.auth).map_err(|error| {
            let field = match error {
                SealError::Auth => "auth",
                SealError::PublicKey | SealError::TooLong | SealError::Chance => "p256dh",
            };
            Problem::field(format!("{pointer}/{field}"), error.to_string())
        })
    }
}

impl PushSubscription {
    fn checked(self, pointer: &str) -> Result<Subscription, Problem> {
        let refuse = |detail: &str| Problem::field(format!("{pointer}/endpoint"), detail);
        if self.endpoint.len() > limits::PUSH_ENDPOINT_BYTES_MAX {
            let max = limits::PUSH_ENDPOINT_BYTES_MAX;
            return Err(refuse(&format!("must have at most {max} bytes")));
        }
        let url = Url::parse(&self.endpoint).map_err(|_| refuse("must be a URL, as the browser gives it"))?;
        if url.scheme() != "https" || url.host_str().is_none() {
            return Err(refuse("must begin with https://, as the browser gives it"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refuse("must not hold a user name or password"));
        }
        Ok(Subscription {
            // As the parser understood it: that is where the push goes.
            endpoint: url.into(),
            key: self.keys.checked(&format!("{pointer}/keys"))?,
        })
    }
}

impl PushAddress {
    /// Channel and address as they are stored; a subscription is stored as text.
    pub fn checked(self, pointer: &str) -> Result<(ChannelKind, String), Problem> {
        let at = |field: &str, detail: &str| Err(Problem::field(format!("{pointer}/{field}"), detail));
        match self.channel {
            ChannelKind::Webpush => match (self.subscription, self.address) {
                (Some(subscription), None) => {
                    let subscription = subscription.checked(&format!("{pointer}/subscription"))?;
                    return Ok((self.channel, subscription.to_text()));
                }
                (None, _) => {
                    return at(
                        "subscription",
                        "must be what `PushSubscription.toJSON()` gives in the browser",
                    );
                }
                (Some(_), Some(_)) => {
                    return at("address", "must be left out: a browser is reached by its subscription");
                }
            },
            ChannelKind::Sms | ChannelKind::Email | ChannelKind::Webhook => {
                return at(
                    "channel",
                    "must be `fcm`, `apns`, `webpush` or `tray`: no other one reaches a device",
                );
            }
            ChannelKind::Tray | ChannelKind::Fcm | ChannelKind::Apns => {}
        }
        if self.subscription.is_some() {
            return at("subscription", "must be left out: only `webpush` has subscriptions");
        }
        let address = self.address.unwrap_or_default();
        let printable = address.chars().all(|c| !c.is_control());
        if address.is_empty() || address.len() > limits::PUSH_ADDRESS_BYTES_MAX || !printable {
            let max = limits::PUSH_ADDRESS_BYTES_MAX;
            return at(
                "address",
                &format!("must have 1 to {max} bytes without control characters"),
            );
        }
        let is_hex =
            address.len() <= limits::APNS_TOKEN_CHARS_MAX && address.bytes().all(|byte| byte.is_ascii_hexdigit());
        if self.channel == ChannelKind::Apns && !is_hex {
            return at("address", "must be the device token in hexadecimal digits");
        }
        Ok((self.channel, address))
    }
}

/// Set where pushes go
///
/// An address belongs to one device at a time: it is taken from any other. A browser gives its subscription, a phone its token.
#[utoipa::path(tag = "device", security(("device_token" = [])), request_body = PushAddress,
    responses((status = 204, description = "set")))]
#[put("/v1/devices/me/push")]
pub async fn put_push(
    api: web::Data<Api>,
    DeviceAuth(mut device): DeviceAuth,
    Json(body): Json<PushAddress>,
) -> Result<HttpResponse, Problem> {
    device.push = Some(body.checked("")?);
    device.push_set_at = Some(api.pipeline.now());
    api.pipeline.update_device(device).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Forget where pushes go
#[utoipa::path(tag = "device", security(("device_token" = [])), responses((status = 204, description = "forgotten")))]
#[delete("/v1/devices/me/push")]
pub async fn delete_push(api: web::Data<Api>, DeviceAuth(mut device): DeviceAuth) -> Result<HttpResponse, Problem> {
    device.push = None;
    api.pipeline.update_device(device).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Set the key that sensitive texts are sealed to
///
/// From now on a push with a sensitive text carries it in the field `sealed`, beside the public text: base64url, content coding
/// `aes128gcm` (RFC 8291), JSON inside. Only this device can open it. Where it does not fit, the device fetches the message.
/// Browsers need no key here: theirs comes with the subscription.
#[utoipa::path(tag = "device", security(("device_token" = [])), request_body = SealingKeyGiven,
    responses((status = 204, description = "set")))]
#[put("/v1/devices/me/sealing-key")]
pub async fn put_sealing_key(
    api: web::Data<Api>,
    DeviceAuth(mut device): DeviceAuth,
    Json(body): Json<SealingKeyGiven>,
) -> Result<HttpResponse, Problem> {
    device.sealing_key = Some(body.checked("")?);
    api.pipeline.update_device(device).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Forget the key that sensitive texts are sealed to
#[utoipa::path(tag = "device", security(("device_token" = [])), responses((status = 204, description = "forgotten")))]
#[delete("/v1/devices/me/sealing-key")]
pub async fn delete_sealing_key(
    api: web::Data<Api>,
    DeviceAuth(mut device): DeviceAuth,
) -> Result<HttpResponse, Problem> {
    device.sealing_key = None;
    api.pipeline.update_device(device).await?;
    Ok(HttpResponse::NoContent().finish())
}

#[cfg(test)]
#[path = "push_tests.rs"]
mod tests;
