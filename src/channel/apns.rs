//! Apple Push Notification service, without Firebase: token authentication over HTTP/2, and what each answer means.

use super::answer::Answer;
use super::es256::{Es256, text_of};
use super::exchange::{builder, configuration, exchange, is_private};
use super::payload::{PAYLOAD_BYTES_MAX, SEALED, bounded, entries, readable, sealed};
use super::{Channel, Push};
use crate::base::clock::{Clock as _, SystemClock};
use crate::base::limits;
use crate::base::secret::Secret;
use crate::base::time::Timestamp;
use crate::engine::delivery::{ChannelKind, Outcome};
use crate::engine::message::Urgency;
use chrono::TimeDelta;
use futures_util::future::{BoxFuture, FutureExt};
use reqwest::Url;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use uuid::Uuid;

const PRODUCTION: &str = "https://api.push.apple.com";
const SANDBOX: &str = "https://api.sandbox.push.apple.com";
/// Well-formed, and nobody's.
const PROBE_TOKEN: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// `[channels.apns]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The `.p8` file of an authentication key, as Apple's developer site gives it. Without it the channel is off.
    pub key_file: Option<PathBuf>,
    /// The same as text, for those who keep secrets in the environment.
    pub key: Option<Secret>,
    /// The ten characters that name the key.
    pub key_id: Option<String>,
    /// The ten characters that name the team.
    pub team_id: Option<String>,
    /// The bundle id of the app.
    pub topic: Option<String>,
    /// Where messages go; `sandbox` for apps that are installed from Xcode.
    pub endpoint: String,
    /// Seconds one exchange may take.
    pub timeout_s: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            key_file: None,
            key: None,
            key_id: None,
            team_id: None,
            topic: None,
            endpoint: PRODUCTION.into(),
            timeout_s: 10,
        }
    }
}

/// The channel, or none when no key is set.
pub(super) fn open(settings: &Settings) -> Result<Option<Apns>, String> {
    let (key, file) = (settings.key.as_ref().map(Secret::expose), settings.key_file.as_deref());
    let Some((setting, key)) = text_of("channels.apns.key", key, file)? else {
        return Ok(None);
    };
    let key = Es256::of(&key).ok_or_else(|| {
        format!(
            "{setting}: is not the .p8 key that the Apple developer site gives (Keys, Apple Push Notifications service)"
        )
    })?;
    let named = |name: &str, value: &Option<String>| match value {
        Some(text) if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic()) => Ok(text.clone()),
        Some(_) | None => Err(format!(
            "channels.apns.{name}: must be set beside the key, as the Apple developer site shows it"
        )),
    };
    let endpoint = match settings.endpoint.as_str() {
        "sandbox" => SANDBOX,
        "production" => PRODUCTION,
        other => other,
    };
    let endpoint = Url::parse(endpoint)
        .ok()
        .filter(is_private)
        .ok_or("channels.apns.endpoint: must be `sandbox`, `production` or an address that begins with https://")?;
    let http = client(settings).map_err(|error| format!("channels.apns: {error}"))?;
    Ok(Some(Apns {
        http,
        endpoint,
        topic: named("topic", &settings.topic)?,
        provider: ProviderToken {
            key,
            key_id: named("key_id", &settings.key_id)?,
            team_id: named("team_id", &settings.team_id)?,
            current: Mutex::default(),
        },
    }))
}

/// Apple speaks HTTP/2 only, and wants its connections kept open: a ping tells one that died meanwhile.
fn client(settings: &Settings) -> Result<reqwest::Client, reqwest::Error> {
    builder(settings.timeout_s)
        .http2_prior_knowledge()
        .pool_idle_timeout(Duration::from_hours(1))
        .http2_keep_alive_interval(Duration::from_mins(1))
        .http2_keep_alive_timeout(Duration::from_secs(10))
        .http2_keep_alive_while_idle(true)
        .build()
}

/// The open channel: one pool of connections, one provider token.
pub struct Apns {
    http: reqwest::Client,
    endpoint: Url,
    topic: String,
    provider: ProviderToken,
}

impl Channel for Apns {
    fn kind(&self) -> ChannelKind {
        ChannelKind::Apns
    }

    fn send<'a>(&'a self, push: Push<'a>) -> BoxFuture<'a, Outcome> {
        async move {
            if !is_token(push.address) {
                return Outcome::Unregistered {
                    why: "BadDeviceToken".to_owned(),
                    as_of: None,
                };
            }
            let Some(payload) = payload(&push) else {
                return Outcome::Rejected {
                    why: "PayloadTooLarge".to_owned(),
                };
            };
            let notification = Notification {
                token: push.address,
                headers: headers(&push),
                payload,
            };
            match self.post(&notification, push.now).await {
                Ok(answer) => outcome_of(&answer, push.now),
                Err(lost) => lost,
            }
        }
        .boxed()
    }

    /// Apple has no dry run: a push to nobody's token is refused for its token when everything else is right.
    fn probe(&self) -> BoxFuture<'_, Result<(), String>> {
        async move {
            let now = SystemClock.now();
            let notification = Notification {
                token: PROBE_TOKEN,
                headers: vec![
                    ("apns-push-type", "background".to_owned()),
                    ("apns-priority", "5".to_owned()),
                ],
                payload: json!({ "aps": { "content-available": 1 } }).to_string(),
            };
            match self.post(&notification, now).await {
                Ok(answer) if matches!(answer.status.as_u16(), 200 | 410) || reason(&answer) == "BadDeviceToken" => {
                    Ok(())
                }
                Ok(answer) => Err(format!("Apple answered {} {}", answer.status.as_u16(), reason(&answer))),
                Err(Outcome::Retry { why, .. }) => Err(format!("Apple does not answer: {why}")),
                Err(other) => Err(format!("{other:?}")),
            }
        }
        .boxed()
    }
}

/// One request to Apple.
struct Notification<'a> {
    token: &'a str,
    headers: Vec<(&'static str, String)>,
    payload: String,
}

impl Apns {
    /// Sends, and once more at once when the provider token turns out to have ended.
    async fn post(&self, notification: &Notification<'_>, now: Timestamp) -> Result<Answer, Outcome> {
        let token = self.provider.current(now);
        let answer = self.attempt(notification, &token).await?;
        if answer.status.as_u16() == 403
            && reason(&answer) == "ExpiredProviderToken"
            && let Some(token) = self.provider.renewed(&token, now)
        {
            return self.attempt(notification, &token).await;
        }
        Ok(answer)
    }

    async fn attempt(&self, notification: &Notification<'_>, token: &str) -> Result<Answer, Outcome> {
        let mut url = self.endpoint.clone();
        url.set_path(&format!("/3/device/{}", notification.token));
        let mut request = self.http.post(url).bearer_auth(token).header("apns-topic", &self.topic);
        for (name, value) in &notification.headers {
            request = request.header(*name, value);
        }
        exchange(request.body(notification.payload.clone())).await
    }
}

/// What Apple takes into a path; nothing in it may lead elsewhere.
fn is_token(address: &str) -> bool {
    (1..=limits::APNS_TOKEN_CHARS_MAX).contains(&address.len()) && address.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn headers(push: &Push<'_>) -> Vec<(&'static str, String)> {
    let (message, shown) = (push.message, &push.message.shown);
    // Background pushes must have priority 5.
    let (kind, priority) = match (message.silent, shown.urgency) {
        (true, _) => ("background", "5"),
        (false, Urgency::Low) => ("alert", "5"),
        (false, Urgency::Normal | Urgency::High) => ("alert", "10"),
    };
    // The same on every attempt, and another one for another device.
    let id = Uuid::new_v5(&message.id.uuid(), push.address.as_bytes());
    let mut headers = vec![
        ("apns-id", id.to_string()),
        ("apns-push-type", kind.to_owned()),
        ("apns-priority", priority.to_owned()),
        ("apns-expiration", message.expires_at.timestamp().to_string()),
    ];
    if !message.silent {
        headers.push(("apns-collapse-id", bounded(&shown.tag)));
    }
    headers
}

/// The `aps` dictionary, and beside it what the app gets by every channel. A sensitive text is in it sealed or not at all.
/// None when it is larger than Apple takes.
fn payload(push: &Push<'_>) -> Option<String> {
    let shown = &push.message.shown;
    let mut payload: Map<String, Value> = entries(push)
        .into_iter()
        .map(|(name, value)| (name.to_owned(), Value::String(value)))
        .collect();
    if push.message.silent {
        payload.insert("aps".to_owned(), json!({ "content-available": 1 }));
    } else {
        let (title, body) = readable(shown);
        let level = match shown.urgency {
            Urgency::High => "time-sensitive",
            Urgency::Normal => "active",
            Urgency::Low => "passive",
        };
        let mut aps = json!({ "alert": { "title": title, "body": body }, "interruption-level": level });
        if let Some(image) = &shown.image {
            payload.insert("image".to_owned(), json!(image));
        }
        if shown.sensitive || shown.image.is_some() {
            // The app's service extension puts in the text that it opens or fetches, and the image.
            aps["mutable-content"] = json!(1);
        }
        payload.insert("aps".to_owned(), aps);
    }
    let text = Value::Object(payload.clone()).to_string();
    let with_sealed = sealed(push).map(|sealed| {
        payload.insert(SEALED.to_owned(), Value::String(sealed));
        Value::Object(payload).to_string()
    });
    let fits = |text: &String| text.len() <= PAYLOAD_BYTES_MAX;
    with_sealed.filter(fits).or(Some(text).filter(fits))
}

/// Apple's word for what was wrong.
fn reason(answer: &Answer) -> String {
    let json = answer.json();
    let word = json["reason"].as_str().unwrap_or_default();
    let is_word = !word.is_empty() && word.len() <= 64 && word.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if is_word {
        word.to_owned()
    } else {
        format!("status {}", answer.status.as_u16())
    }
}

/// By the table in "Handling notification responses from APNs".
fn outcome_of(answer: &Answer, now: Timestamp) -> Outcome {
    let why = reason(answer);
    match (answer.status.as_u16(), why.as_str()) {
        (200, _) => Outcome::Accepted {
            provider_id: answer.header("apns-id").unwrap_or("apns").to_owned(),
        },
        (400, "BadDeviceToken" | "DeviceTokenNotForTopic") => Outcome::Unregistered { why, as_of: None },
        (410, _) => {
            let died_at = answer.json()["timestamp"]
                .as_i64()
                .and_then(Timestamp::from_timestamp_millis);
            Outcome::Unregistered { why, as_of: died_at }
        }
        // A renewed one ended as well: a clock is wrong, and a new one may be made in a while.
        (403, "ExpiredProviderToken") => Outcome::Retry {
            after: Some(TOO_MANY_RETRY),
            why,
        },
        (400, "BadTopic" | "MissingTopic" | "TopicDisallowed") | (401 | 403, _) => configuration("channels.apns", why),
        (400, "IdleTimeout") => Outcome::Retry { after: None, why },
        (429, _) => Outcome::Retry {
            after: Some(answer.retry_after(now).unwrap_or(TOO_MANY_RETRY)),
            why,
        },
        (500..=599, _) => Outcome::Retry {
            after: answer.retry_after(now),
            why,
        },
        _ => Outcome::Rejected { why },
    }
}

/// Too many to one device, or too many new tokens: Apple names no time.
const TOO_MANY_RETRY: TimeDelta = TimeDelta::minutes(1);
/// Apple refuses a provider token after an hour.
const RENEWED_AFTER: TimeDelta = TimeDelta::minutes(40);
/// Apple refuses a provider who renews its token more often.
const RENEWED_AT_MOST_EVERY: TimeDelta = TimeDelta::minutes(20);
/// Sends under way at once bring times that differ a little; a clock that was set back brings more.
const CLOCK_SLACK: TimeDelta = TimeDelta::minutes(1);

/// The signed statement that we are the team; one for all sends.
struct ProviderToken {
    key: Es256,
    key_id: String,
    team_id: String,
    current: Mutex<Current>,
}

#[derive(Default)]
struct Current {
    token: Option<(Arc<str>, Timestamp)>,
    /// When it was last renewed because Apple called it ended.
    refused_at: Option<Timestamp>,
}

impl ProviderToken {
    fn current(&self, now: Timestamp) -> Arc<str> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        match &current.token {
            Some((token, at)) if now < *at + RENEWED_AFTER && now >= *at - CLOCK_SLACK => Arc::clone(token),
            Some(_) | None => self.mint(&mut current, now),
        }
    }

    /// Another one in place of a token that Apple calls ended. None when that has just been done and did not help: then the
    /// clock of this machine is wrong, and Apple would refuse us for renewing too often.
    fn renewed(&self, refused: &Arc<str>, now: Timestamp) -> Option<Arc<str>> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((token, _)) = &current.token
            && !Arc::ptr_eq(token, refused)
        {
            // Another send was faster.
            return Some(Arc::clone(token));
        }
        let just_done = |at: Timestamp| (now - at).abs() < RENEWED_AT_MOST_EVERY;
        if current.refused_at.is_some_and(just_done) {
            return None;
        }
        current.refused_at = Some(now);
        Some(self.mint(&mut current, now))
    }

    fn mint(&self, current: &mut Current, now: Timestamp) -> Arc<str> {
        let header = json!({ "alg": "ES256", "kid": self.key_id });
        let claims = json!({ "iss": self.team_id, "iat": now.timestamp() });
        let token: Arc<str> = self.key.statement(&header, &claims).into();
        current.token = Some((Arc::clone(&token), now));
        token
    }
}
