//! Firebase Cloud Messaging: what a message becomes on Android, iOS and in browsers, and what each answer means.

use super::{Channel, Push};
use crate::base::secret::Secret;
use crate::engine::delivery::{ChannelKind, Outcome};
use crate::engine::message::{Shown, Urgency};
use ::fcm::{
    Advice, AndroidConfig, AndroidNotification, ApnsConfig, Client, Message, MessagePriority, SendError, SetupError,
    Visibility, WebpushConfig,
};
use chrono::TimeDelta;
use futures_util::future::{BoxFuture, FutureExt};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use std::path::PathBuf;
use std::time::Duration;

/// `[channels.fcm]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The service account's JSON file, as the Firebase console gives it. Without it the channel is off.
    pub service_account_file: Option<PathBuf>,
    /// The same as text, for those who keep secrets in the environment.
    pub service_account: Option<Secret>,
    /// Where messages go: another address for tests only.
    pub endpoint: String,
    /// Seconds one exchange may take; Google asks for at least ten.
    pub timeout_s: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            service_account_file: None,
            service_account: None,
            endpoint: ::fcm::DEFAULT_ENDPOINT.into(),
            timeout_s: 10,
        }
    }
}

/// The channel, or none when no service account is set.
pub(super) fn open(settings: &Settings) -> Result<Option<Fcm>, String> {
    let (setting, json) = match (&settings.service_account, &settings.service_account_file) {
        (Some(text), _) => ("channels.fcm.service_account", text.expose().to_owned()),
        (None, Some(path)) => {
            let setting = "channels.fcm.service_account_file";
            let json = std::fs::read_to_string(path).map_err(|error| {
                let path = path.display();
                format!("{setting}: cannot read {path}: {error}; name the key file downloaded in the Firebase console")
            })?;
            (setting, json)
        }
        (None, None) => return Ok(None),
    };
    let timeout = Duration::from_secs(settings.timeout_s.clamp(1, 60));
    let client = ::fcm::Settings::new(json).endpoint(&settings.endpoint).timeout(timeout);
    let client = Client::new(client).map_err(|error| {
        let about_account = matches!(error, SetupError::ServiceAccount { .. });
        let setting = if about_account { setting } else { "channels.fcm" };
        format!("{setting}: {error}")
    })?;
    Ok(Some(Fcm { client }))
}

/// The open channel; one client, one pool of connections, one access token.
pub struct Fcm {
    client: Client,
}

impl Channel for Fcm {
    fn kind(&self) -> ChannelKind {
        ChannelKind::Fcm
    }

    fn send<'a>(&'a self, push: Push<'a>) -> BoxFuture<'a, Outcome> {
        async move {
            match self.client.send(&message_for(&push)).await {
                Ok(sent) => Outcome::Accepted { provider_id: sent.name },
                Err(error) => outcome_of(&error),
            }
        }
        .boxed()
    }

    fn probe(&self) -> BoxFuture<'_, Result<(), String>> {
        async move { self.client.probe().await.map_err(|error| error.to_string()) }.boxed()
    }

    fn blames_set_up(&self, why: &str) -> bool {
        ["third_party_auth", "unauthenticated", "permission_denied"].contains(&why)
    }
}

/// Waits for somebody to mend the set-up: the message may be fine, and asking often does not help.
const CONFIGURATION_RETRY: TimeDelta = TimeDelta::minutes(1);

fn outcome_of(error: &SendError) -> Outcome {
    let why = error.code().to_owned();
    match error.advice() {
        Advice::DropToken => Outcome::Unregistered { why },
        Advice::Never => Outcome::Rejected { why },
        Advice::Retry { after } => Outcome::Retry {
            after: after.and_then(|after| TimeDelta::from_std(after).ok()),
            why,
        },
        Advice::FixConfiguration => {
            tracing::error!(code = error.code(), %error, "Firebase refuses our credentials or settings: check the service account");
            Outcome::Retry {
                after: Some(CONFIGURATION_RETRY),
                why,
            }
        }
    }
}

/// Builds the request. A sensitive text stays out of it: the phone gets the public text and an id to fetch the rest with.
fn message_for(push: &Push<'_>) -> Message {
    let shown = &push.message.shown;
    let tag = bounded(&shown.tag);
    let life = (push.message.expires_at - push.now).to_std().unwrap_or_default();
    if push.message.silent {
        return silent(push, life);
    }
    let mut message = Message::to_token(push.address)
        .entry("message_id", push.message.id.to_string())
        .entry("tag", &tag)
        .android(android(shown, &tag, life))
        .apns(apns(push, &tag))
        .webpush(webpush(shown, &tag, life));
    if let Some(link) = &shown.link {
        message = message.entry("link", link);
    }
    if !shown.actions.is_empty() {
        message = message.entry("actions", json!(shown.actions).to_string());
    }
    if shown.sensitive {
        message = message
            .entry("sensitive", "true")
            .entry("public_title", public_title(shown));
        if let Some(body) = &shown.public_body {
            message = message.entry("public_body", body);
        }
    }
    message
}

/// Shows nothing: the app wakes and reports where it is. Background pushes of APNs must have priority 5; a data message wakes a
/// dozing Android phone only with high priority. Browsers cannot be asked.
fn silent(push: &Push<'_>, life: Duration) -> Message {
    let mut payload = Map::new();
    payload.insert("aps".into(), json!({ "content-available": 1 }));
    let apns = ApnsConfig::default()
        .header("apns-expiration", push.message.expires_at.timestamp().to_string())
        .header("apns-priority", "5")
        .header("apns-push-type", "background")
        .payload(payload);
    let android = AndroidConfig::default().ttl(life).priority(MessagePriority::High);
    Message::to_token(push.address)
        .entry("usher", "fix")
        .entry("message_id", push.message.id.to_string())
        .android(android)
        .apns(apns)
}

fn public_title(shown: &Shown) -> &str {
    shown.public_title.as_deref().unwrap_or_default()
}

/// What a provider may read: the text itself, or its public stand-in.
fn readable(shown: &Shown) -> (&str, &str) {
    if shown.sensitive {
        (public_title(shown), shown.public_body.as_deref().unwrap_or_default())
    } else {
        (&shown.title, &shown.body)
    }
}

fn android(shown: &Shown, tag: &str, life: Duration) -> AndroidConfig {
    let priority = match shown.urgency {
        Urgency::High => MessagePriority::High,
        Urgency::Low | Urgency::Normal => MessagePriority::Normal,
    };
    // No collapse_key: FCM keeps only four of them per device. The tag replaces a shown message just as well.
    let config = AndroidConfig::default().ttl(life);
    if shown.sensitive {
        // Data only: the app wakes, fetches the text and shows it; high, since Android defers normal data messages.
        return config.priority(MessagePriority::High);
    }
    let mut notification = AndroidNotification::default()
        .title(&shown.title)
        .body(&shown.body)
        .tag(tag)
        .visibility(Visibility::Private);
    if let Some(image) = &shown.image {
        notification = notification.image(image);
    }
    config.priority(priority).notification(notification)
}

fn apns(push: &Push<'_>, tag: &str) -> ApnsConfig {
    let shown = &push.message.shown;
    let (title, body) = readable(shown);
    let mut alert = Map::new();
    alert.insert("title".into(), Value::String(title.to_owned()));
    alert.insert("body".into(), Value::String(body.to_owned()));
    let level = match shown.urgency {
        Urgency::High => "time-sensitive",
        Urgency::Normal => "active",
        Urgency::Low => "passive",
    };
    let mut aps = json!({ "alert": alert, "interruption-level": level });
    if shown.sensitive
        && let Some(aps) = aps.as_object_mut()
    {
        // The service extension replaces the public text by what it fetches.
        aps.insert("mutable-content".into(), json!(1));
    }
    let mut payload = Map::new();
    payload.insert("aps".into(), aps);
    let priority = if shown.urgency == Urgency::Low { "5" } else { "10" };
    ApnsConfig::default()
        .collapse_id(tag)
        .header("apns-expiration", push.message.expires_at.timestamp().to_string())
        .header("apns-priority", priority)
        .header("apns-push-type", "alert")
        .payload(payload)
}

fn webpush(shown: &Shown, tag: &str, life: Duration) -> WebpushConfig {
    let urgency = match shown.urgency {
        Urgency::Low => "low",
        Urgency::Normal => "normal",
        Urgency::High => "high",
    };
    let (title, body) = readable(shown);
    let mut notification = Map::new();
    notification.insert("title".into(), Value::String(title.to_owned()));
    notification.insert("body".into(), Value::String(body.to_owned()));
    notification.insert("tag".into(), Value::String(tag.to_owned()));
    WebpushConfig::default()
        .header("TTL", life.as_secs().to_string())
        .header("Urgency", urgency)
        .topic(hashed(tag))
        .notification(notification)
}

/// Apple takes at most this many bytes, in a header.
const COLLAPSE_ID_BYTES_MAX: usize = 64;

/// One tag for every platform: itself where a header takes it, else its hash. Equal tags stay equal.
fn bounded(tag: &str) -> String {
    if tag.len() <= COLLAPSE_ID_BYTES_MAX && tag.bytes().all(|byte| byte.is_ascii_graphic()) {
        tag.to_owned()
    } else {
        hashed(tag)
    }
}

/// 32 characters of the base64url alphabet, as RFC 8030 asks of a topic.
fn hashed(tag: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(&Sha256::digest(tag.as_bytes())[..24])
}
