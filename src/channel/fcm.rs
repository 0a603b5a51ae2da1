//! Firebase Cloud Messaging: what a message becomes on Android, iOS and in browsers, and what each answer means.

use super::payload::{PAYLOAD_BYTES_MAX, SEALED, bounded, entries, hashed, public_title, readable, sealed};
use super::{Channel, Push};
use crate::base::secret::Secret;
use crate::engine::delivery::{ChannelKind, Outcome};
use crate::engine::flow::Limit;
use crate::engine::message::{Shown, Urgency};
use ::fcm::{
    Advice, AndroidConfig, AndroidNotification, ApnsConfig, Client, Message, MessagePriority, SendError, SetupError,
    Visibility, WebpushConfig,
};
use chrono::TimeDelta;
use futures_util::future::{BoxFuture, FutureExt};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::path::PathBuf;
use std::time::Duration;

/// Google asks to wait at least this long for an answer.
const TIMEOUT_S_MIN: u64 = 10;
const TIMEOUT_S_MAX: u64 = 60;
/// Google asks to take at least this long from nothing to the full rate.
const RAMP_S: f64 = 60.0;

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
    /// Seconds one exchange may take: at least ten, as Google asks, unless the endpoint is on this machine.
    pub timeout_s: u64,
    /// Messages a minute at most: the quota of the Firebase project. The rate rises to it over a minute.
    pub messages_per_min: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            service_account_file: None,
            service_account: None,
            endpoint: ::fcm::DEFAULT_ENDPOINT.into(),
            timeout_s: 10,
            messages_per_min: 600_000,
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
    // Only tests have Firebase on this machine, and they have less patience.
    let at_least = if is_this_machine(&settings.endpoint) {
        1
    } else {
        TIMEOUT_S_MIN
    };
    let timeout = Duration::from_secs(settings.timeout_s.clamp(at_least, TIMEOUT_S_MAX));
    let client = ::fcm::Settings::new(json).endpoint(&settings.endpoint).timeout(timeout);
    let client = Client::new(client).map_err(|error| {
        let about_account = matches!(error, SetupError::ServiceAccount { .. });
        let setting = if about_account { setting } else { "channels.fcm" };
        format!("{setting}: {error}")
    })?;
    let pace = Limit {
        per_s: f64::from(settings.messages_per_min.max(1)) / 60.0,
        ramp_s: RAMP_S,
    };
    Ok(Some(Fcm { client, pace }))
}

fn is_this_machine(endpoint: &str) -> bool {
    let host = endpoint.split_once("://").map_or(endpoint, |(_, rest)| rest);
    ["127.0.0.1", "localhost", "[::1]"].iter().any(|name| {
        let rest = host.strip_prefix(name);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/']))
    })
}

/// The open channel; one client, one pool of connections, one access token.
pub struct Fcm {
    client: Client,
    pace: Limit,
}

impl Channel for Fcm {
    fn kind(&self) -> ChannelKind {
        ChannelKind::Fcm
    }

    fn pace(&self) -> Option<Limit> {
        Some(self.pace)
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
}

/// A refusal of credentials, permissions or senders is never asked again, as Google's guide says of 401 and 403: the message
/// fails, and the operator hears why. A token that belongs to another sender is kept, for it is not dead: with the right service
/// account it lives.
fn outcome_of(error: &SendError) -> Outcome {
    let why = error.code().to_owned();
    let detail = || error.to_string();
    if matches!(error, SendError::SenderIdMismatch) {
        return Outcome::Misconfigured { why, detail: detail() };
    }
    match error.advice() {
        Advice::DropToken => Outcome::Unregistered { why, as_of: None },
        Advice::Never => Outcome::Rejected { why },
        Advice::FixConfiguration => Outcome::Misconfigured { why, detail: detail() },
        Advice::Retry { after } => Outcome::Retry {
            after: after.and_then(|after| TimeDelta::from_std(after).ok()),
            why,
        },
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
        .android(android(shown, &tag, life))
        .apns(apns(push, &tag))
        .webpush(webpush(shown, &tag, life));
    for (name, value) in entries(push) {
        message = message.entry(name, value);
    }
    if shown.sensitive {
        message = message.entry("public_title", public_title(shown));
        if let Some(body) = &shown.public_body {
            message = message.entry("public_body", body);
        }
    }
    let Some(sealed) = sealed(push) else {
        return message;
    };
    let with_sealed = message.clone().entry(SEALED, sealed);
    if with_sealed.size_bytes() + SPARE_BYTES <= PAYLOAD_BYTES_MAX {
        with_sealed
    } else {
        message
    }
}

/// Room for what Firebase itself adds to a payload on the way to Apple: with a sealed text that just fits, the whole message
/// would be refused.
const SPARE_BYTES: usize = 256;

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
    let message = Message::to_token(push.address).android(android).apns(apns);
    let entry = |message: Message, (name, value)| message.entry(name, value);
    entries(push).into_iter().fold(message, entry)
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
