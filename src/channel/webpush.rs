//! Web Push (RFC 8030): to a browser's subscription, signed for its push service (RFC 8292), sealed to the browser (RFC 8291).

use super::answer::Answer;
use super::es256::{Es256, text_of};
use super::exchange::{configuration, exchange};
use super::outside::Outside;
use super::payload::{hashed, seal_now, whole};
use super::{Channel, Push};
use crate::base::seal::{SealError, SealingKey};
use crate::base::secret::Secret;
use crate::base::time::Timestamp;
use crate::engine::delivery::{ChannelKind, Outcome};
use crate::engine::message::Urgency;
use chrono::TimeDelta;
use futures_util::future::{BoxFuture, FutureExt, ready};
use reqwest::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, LOCATION};
use reqwest::{Method, Url};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// `[channels.webpush]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// A file with the VAPID private key: PEM, or the bare key in base64url. Without it the channel is off.
    pub key_file: Option<PathBuf>,
    /// The same as text, for those who keep secrets in the environment.
    pub key: Option<Secret>,
    /// Whom a push service may turn to: `mailto:…` or `https://…`.
    pub subject: Option<String>,
    /// Seconds one exchange may take.
    pub timeout_s: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            key_file: None,
            key: None,
            subject: None,
            timeout_s: 10,
        }
    }
}

/// Where a browser is reached, and what is sealed to it; stored as the push address of its device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    pub endpoint: String,
    pub key: SealingKey,
}

/// The text of a subscription: the members of `PushSubscription.toJSON()` that do not change.
#[derive(Serialize, Deserialize)]
struct Text {
    endpoint: String,
    keys: Keys,
}

#[derive(Serialize, Deserialize)]
struct Keys {
    auth: String,
    p256dh: String,
}

impl Subscription {
    /// One subscription is always one text, so that it can belong to one device at a time.
    pub fn to_text(&self) -> String {
        let text = Text {
            endpoint: self.endpoint.clone(),
            keys: Keys {
                auth: self.key.auth(),
                p256dh: self.key.p256dh(),
            },
        };
        serde_json::to_string(&text).unwrap_or_default()
    }

    fn from_text(text: &str) -> Option<Self> {
        let Text { endpoint, keys } = serde_json::from_str(text).ok()?;
        let key = SealingKey::new(&keys.p256dh, &keys.auth).ok()?;
        Some(Self { endpoint, key })
    }
}

/// The channel, or none when no key is set.
pub(super) fn open(settings: &Settings, outside: &Outside) -> Result<Option<Webpush>, String> {
    let key = settings.key.as_ref().map(Secret::expose);
    let file = settings.key_file.as_deref();
    let Some((setting, key)) = text_of("channels.webpush.key", key, file)? else {
        return Ok(None);
    };
    let key = Es256::of(&key).ok_or_else(|| {
        format!("{setting}: is neither a P-256 key in PEM nor 32 bytes in base64url, as `npx web-push generate-vapid-keys` prints it")
    })?;
    let is_contact = |text: &&String| text.starts_with("mailto:") || text.starts_with("https://");
    let Some(subject) = settings.subject.as_ref().filter(is_contact) else {
        return Err(
            "channels.webpush.subject: must be set beside the key: mailto:you@example.org or https://example.org"
                .to_owned(),
        );
    };
    Ok(Some(Webpush {
        outside: outside.clone(),
        timeout: Duration::from_secs(settings.timeout_s.clamp(1, 60)),
        voucher: Voucher {
            key,
            subject: subject.clone(),
            kept: Mutex::default(),
        },
    }))
}

/// The open channel.
pub struct Webpush {
    /// Whoever registers a device chooses the addresses.
    outside: Outside,
    timeout: Duration,
    voucher: Voucher,
}

impl Channel for Webpush {
    fn kind(&self) -> ChannelKind {
        ChannelKind::Webpush
    }

    fn public_key(&self) -> Option<&str> {
        Some(&self.voucher.key.public_key)
    }

    fn send<'a>(&'a self, push: Push<'a>) -> BoxFuture<'a, Outcome> {
        async move {
            match self.request(&push) {
                Ok(request) => match exchange(request).await {
                    Ok(answer) => outcome_of(&answer, &push),
                    Err(lost) => lost,
                },
                Err(outcome) => outcome,
            }
        }
        .boxed()
    }

    /// Push services have no dry run, and each browser has its own: that the key can be read was seen when the channel opened.
    fn probe(&self) -> BoxFuture<'_, Result<(), String>> {
        ready(Ok(())).boxed()
    }
}

impl Webpush {
    /// The message sealed, whole and sensitive or not: nobody but the browser can open it.
    fn request(&self, push: &Push<'_>) -> Result<reqwest::RequestBuilder, Outcome> {
        let (message, shown) = (push.message, &push.message.shown);
        let rejected = |why: &str| Outcome::Rejected { why: why.to_owned() };
        if message.silent {
            // Browsers take no push that shows nothing.
            return Err(rejected("a browser cannot be asked"));
        }
        let gone = || Outcome::Unregistered {
            why: "the subscription cannot be read".to_owned(),
            as_of: None,
        };
        let subscription = Subscription::from_text(push.address).ok_or_else(gone)?;
        let url = Url::parse(&subscription.endpoint).map_err(|_| gone())?;
        let sealed = seal_now(push, &whole(push), &subscription.key).map_err(|error| match error {
            SealError::TooLong => rejected("too_large"),
            SealError::PublicKey | SealError::Auth | SealError::Chance => rejected("cannot be sealed"),
        })?;
        let urgency = match shown.urgency {
            Urgency::Low => "low",
            Urgency::Normal => "normal",
            Urgency::High => "high",
        };
        let life = (message.expires_at - push.now).num_seconds().max(0);
        let voucher = self.voucher.for_service(&url, push.now);
        let request = self.outside.request(Method::POST, url);
        Ok(request
            .map_err(|inside| rejected(&inside.to_string()))?
            .timeout(self.timeout)
            .header(AUTHORIZATION, voucher.as_ref())
            .header(CONTENT_ENCODING, "aes128gcm")
            .header(CONTENT_TYPE, "application/octet-stream")
            .header("TTL", life)
            .header("Urgency", urgency)
            .header("Topic", hashed(&shown.tag))
            .body(sealed))
    }
}

/// By RFC 8030, section 5, and what the services of the browsers answer.
fn outcome_of(answer: &Answer, push: &Push<'_>) -> Outcome {
    let why = format!("status {}", answer.status.as_u16());
    match answer.status.as_u16() {
        200..=202 => {
            let own = || format!("webpush/{}", push.message.id);
            let provider_id = answer.header(LOCATION.as_str()).map_or_else(own, str::to_owned);
            Outcome::Accepted { provider_id }
        }
        404 | 410 => Outcome::Unregistered { why, as_of: None },
        413 => Outcome::Rejected {
            why: "too_large".to_owned(),
        },
        400 | 401 | 403 => configuration("channels.webpush", why),
        429 => Outcome::Retry {
            after: Some(answer.retry_after(push.now).unwrap_or(TOO_MANY_RETRY)),
            why,
        },
        500..=599 => Outcome::Retry {
            after: answer.retry_after(push.now),
            why,
        },
        _ => Outcome::Rejected { why },
    }
}

/// A push service that has enough and names no time.
const TOO_MANY_RETRY: TimeDelta = TimeDelta::minutes(1);
/// Push services take a statement for 24 h at most.
const VALID_FOR: TimeDelta = TimeDelta::hours(12);
/// Half of its life is left when it is renewed.
const RENEWED_AFTER: TimeDelta = TimeDelta::hours(6);
/// Push services remembered at once. Browsers have a handful; whoever registers a device can make up more.
const SERVICES_MAX: usize = 64;

/// Who we are, said to one push service at a time (VAPID).
struct Voucher {
    key: Es256,
    subject: String,
    /// By origin; one signature serves many messages.
    kept: Mutex<BTreeMap<String, (Arc<str>, Timestamp)>>,
}

impl Voucher {
    /// The `Authorization` for the service of this address.
    fn for_service(&self, url: &Url, now: Timestamp) -> Arc<str> {
        let origin = url.origin().ascii_serialization();
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((said, at)) = kept.get(&origin)
            && (now - *at).abs() < RENEWED_AFTER
        {
            return Arc::clone(said);
        }
        if kept.len() >= SERVICES_MAX {
            kept.clear();
        }
        let header = json!({ "typ": "JWT", "alg": "ES256" });
        let claims = json!({ "aud": origin, "exp": (now + VALID_FOR).timestamp(), "sub": self.subject });
        let statement = self.key.statement(&header, &claims);
        let said: Arc<str> = format!("vapid t={statement}, k={}", self.key.public_key).into();
        kept.insert(origin, (Arc::clone(&said), now));
        said
    }
}
