//! The access token: got by a signed statement, kept until shortly before it ends, shared by all sends.
//!
//! `gcp_auth` signs; the exchange is here, because its own has no time-out and no bound on the answer, asks five times
//! without a pause worth the name, makes one exchange for each of many first sends, and reports "token request failed"
//! for a revoked key and for an outage alike, where the first needs a person and the second needs patience.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::account::ServiceAccount;
use crate::answer::Answer;
use crate::clock;
use crate::error::SendError;

/// A token is renewed this long before its end, so that it does not end on the way.
const RENEWAL_MARGIN: Duration = Duration::from_secs(30);
/// Google's tokens live for an hour; a longer promise is not believed, and no sum of times can overflow.
const LIFE_MAX: Duration = Duration::from_hours(24);
const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// An access token and when to stop using it.
pub(crate) struct AccessToken {
    secret: String,
    renew_at: Instant,
}

impl AccessToken {
    pub(crate) fn secret(&self) -> &str {
        &self.secret
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessToken").finish_non_exhaustive()
    }
}

/// Hands out the current access token.
#[derive(Debug)]
pub(crate) struct Access {
    pub(crate) account: ServiceAccount,
    current: RwLock<Option<Arc<AccessToken>>>,
    /// Held during an exchange: whoever comes meanwhile waits for its result instead of asking, too.
    exchanging: tokio::sync::Mutex<()>,
}

impl Access {
    pub(crate) fn new(account: ServiceAccount) -> Self {
        Self {
            account,
            current: RwLock::default(),
            exchanging: tokio::sync::Mutex::default(),
        }
    }

    /// The current token, or a new one if there is none or it ends soon.
    pub(crate) async fn token(&self, http: &reqwest::Client) -> Result<Arc<AccessToken>, SendError> {
        if let Some(token) = self.usable() {
            return Ok(token);
        }
        let _turn = self.exchanging.lock().await;
        if let Some(token) = self.usable() {
            return Ok(token);
        }
        let token = Arc::new(self.exchange(http).await?);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&token));
        Ok(token)
    }

    /// Throws a refused token away. One that has been replaced meanwhile stays, or many sends that were refused together
    /// would throw away each other's new tokens.
    pub(crate) fn refuse(&self, refused: &Arc<AccessToken>) {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        if current.as_ref().is_some_and(|token| Arc::ptr_eq(token, refused)) {
            *current = None;
        }
    }

    fn usable(&self) -> Option<Arc<AccessToken>> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        current
            .as_ref()
            .filter(|token| clock::instant() < token.renew_at)
            .cloned()
    }

    async fn exchange(&self, http: &reqwest::Client) -> Result<AccessToken, SendError> {
        let asked_at = clock::instant();
        let assertion = self
            .account
            .assertion(clock::unix_s())
            .map_err(|detail| SendError::Unauthenticated {
                detail: format!("signing: {detail}"),
            })?;
        // Nothing in this form needs escaping but the colons: an assertion is base64url and dots.
        let form = format!("grant_type={}&assertion={assertion}", GRANT_TYPE.replace(':', "%3A"));
        let request = http
            .post(&self.account.token_uri)
            .header(reqwest::header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(form);
        let answer = Answer::of(request).await?;
        if answer.status != 200 {
            return Err(refusal(&answer));
        }
        let json: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let (Some(secret), Some(life_s)) = (json["access_token"].as_str(), json["expires_in"].as_u64()) else {
            // The body may hold a token even so, and is not repeated.
            return Err(SendError::Unexpected {
                status: 200,
                body: "the token endpoint's answer holds no token".to_owned(),
            });
        };
        let life = Duration::from_secs(life_s).min(LIFE_MAX);
        Ok(AccessToken {
            secret: secret.to_owned(),
            renew_at: asked_at + life.saturating_sub(RENEWAL_MARGIN),
        })
    }
}

/// What the refusal of the token endpoint means (RFC 6749, section 5.2, for the body).
fn refusal(answer: &Answer) -> SendError {
    let retry_after = answer.retry_after;
    match answer.status {
        429 => SendError::QuotaExceeded { retry_after },
        500 => SendError::Internal { retry_after },
        501..=599 => SendError::Unavailable { retry_after },
        status => {
            let json: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
            let said = [&json["error"], &json["error_description"]].map(|part| part.as_str().unwrap_or_default());
            let words: Vec<&str> = said.into_iter().filter(|part| !part.is_empty()).collect();
            SendError::Unauthenticated {
                detail: format!("the token endpoint answered {status} {}", words.join(": ")),
            }
        }
    }
}
