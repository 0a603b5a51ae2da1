//! Webhooks: a message to the business, posted to an endpoint of its own and signed as Standard Webhooks asks.

use super::answer::Answer;
use super::outside::{Outside, OutsideError};
use super::{Channel, Push};
use crate::base::limits;
use crate::base::secret::Secret;
use crate::base::time::Timestamp;
use crate::engine::delivery::{ChannelKind, Outcome};
use crate::engine::message::{Message, Shown};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::{BoxFuture, FutureExt, ready};
use hmac::{Hmac, KeyInit, Mac};
use reqwest::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::Sha256;
use std::time::Duration;

/// `[channels.webhook]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Without it, messages to the business wait for nobody: they fail.
    pub enabled: bool,
    /// Seconds one exchange may take.
    pub timeout_s: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            enabled: true,
            timeout_s: 15,
        }
    }
}

/// Where an endpoint is and what its requests are signed with: the address of a push to it, as JSON.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Address {
    pub url: String,
    /// Newest first; each makes a signature of its own.
    pub secrets: Vec<Secret>,
}

impl Address {
    /// The text a [`Push`] carries.
    pub fn to_text(&self) -> String {
        json!(self).to_string()
    }
}

pub(super) fn open(settings: &Settings, outside: &Outside) -> Option<Webhook> {
    let timeout = Duration::from_secs(settings.timeout_s.clamp(1, 60));
    let outside = outside.clone();
    settings.enabled.then_some(Webhook { outside, timeout })
}

/// The open channel.
pub struct Webhook {
    outside: Outside,
    timeout: Duration,
}

impl Channel for Webhook {
    fn kind(&self) -> ChannelKind {
        ChannelKind::Webhook
    }

    fn send<'a>(&'a self, push: Push<'a>) -> BoxFuture<'a, Outcome> {
        async move {
            let Ok(address) = serde_json::from_str::<Address>(push.address) else {
                let why = "the endpoint has no address".into();
                return Outcome::Rejected { why };
            };
            match self.post(&push, &address).await {
                Ok(answer) => outcome_of(&answer, push.message, push.now),
                Err(error) => Outcome::Retry {
                    after: None,
                    why: error.to_string(),
                },
            }
        }
        .boxed()
    }

    /// Each endpoint has credentials of its own: there is nothing to ask here.
    fn probe(&self) -> BoxFuture<'_, Result<(), String>> {
        ready(Ok(())).boxed()
    }
}

impl Webhook {
    async fn post(&self, push: &Push<'_>, address: &Address) -> Result<Answer, OutsideError> {
        let id = push.message.id.to_string();
        let timestamp = push.now.timestamp();
        let is_private = address.url.starts_with("https:");
        let body = body_of(push.message, is_private).to_string();
        let signatures: Vec<String> = address
            .secrets
            .iter()
            .filter_map(|secret| signature(secret, &id, timestamp, &body))
            .collect();
        let shape = |request: reqwest::RequestBuilder| {
            request
                .header("content-type", "application/json")
                .header("webhook-id", id)
                .header("webhook-timestamp", timestamp)
                .header("webhook-signature", signatures.join(" "))
                .body(body)
        };
        self.outside.send(Method::POST, &address.url, self.timeout, shape).await
    }
}

/// Any 2xx is a yes. Everything else is tried again, a redirect too: it is never followed. `after` says how long the endpoint
/// wants to be left alone.
fn outcome_of(answer: &Answer, message: &Message, now: Timestamp) -> Outcome {
    let status = answer.status;
    let slow_down = [
        StatusCode::TOO_MANY_REQUESTS,
        StatusCode::BAD_GATEWAY,
        StatusCode::GATEWAY_TIMEOUT,
    ];
    if status.is_success() {
        let provider_id = format!("webhook/{}", message.id);
        return Outcome::Accepted { provider_id };
    }
    if status == StatusCode::GONE {
        return Outcome::Unregistered {
            why: "status_410".into(),
            as_of: None,
        };
    }
    let rests = slow_down.contains(&status).then_some(limits::ENDPOINT_REST);
    Outcome::Retry {
        after: answer.retry_after(now).or(rests),
        why: format!("status_{}", status.as_u16()),
    }
}

/// What the business reads. The whole text goes to it, since it is its own; but a sensitive one only where nobody reads along.
fn body_of(message: &Message, is_private: bool) -> Value {
    let shown = &message.shown;
    let is_whole = is_private || !shown.sensitive;
    let mut data = json!({
        "message_id": message.id, "user_id": message.user_id, "trigger_id": message.trigger_id,
        "content": message.content, "created_at": message.created_at, "expires_at": message.expires_at,
        "locale": shown.locale, "sensitive": shown.sensitive, "tag": shown.tag, "urgency": shown.urgency,
        "corrects": message.corrects,
    });
    let text = if is_whole { whole(message) } else { public(shown) };
    if let (Some(data), Value::Object(text)) = (data.as_object_mut(), text) {
        data.extend(text);
    }
    json!({ "type": "message", "timestamp": message.created_at, "data": data })
}

fn whole(message: &Message) -> Value {
    let shown = &message.shown;
    json!({
        "title": shown.title, "body": shown.body, "link": shown.link, "image": shown.image, "actions": shown.actions,
        "facts": message.facts,
    })
}

fn public(shown: &Shown) -> Value {
    json!({ "title": shown.public_title, "body": shown.public_body })
}

/// `v1,` and the HMAC-SHA256 of id, seconds and body; none when the secret is not one of ours.
fn signature(secret: &Secret, id: &str, timestamp: i64, body: &str) -> Option<String> {
    let key = secret.expose().strip_prefix("whsec_")?;
    let key = STANDARD.decode(key).ok()?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).ok()?;
    mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
    Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
}

#[cfg(test)]
#[path = "webhook_tests.rs"]
mod tests;
