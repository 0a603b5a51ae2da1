//! One exchange over HTTP: bounded in time and size, never redirected, and what its failure means.

use super::outside::{OutsideError, understood};
use crate::base::time::Timestamp;
use crate::engine::delivery::Outcome;
use chrono::{DateTime, TimeDelta};
use reqwest::header::{HeaderMap, RETRY_AFTER};
use serde_json::Value;
use std::net::IpAddr;
use std::time::Duration;

/// Answers of push providers are short; more is not read.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// The longest wait that is believed; a longer one is a mistake of some machine in between.
const RETRY_AFTER_MAX: TimeDelta = TimeDelta::hours(24);
/// Characters of a provider's words that are kept.
const WORDS_CHARS_MAX: usize = 200;

/// What came back, its body read up to the bound.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

/// Makes the exchange. That no answer came is an outcome too: it may have arrived, so it is tried again under the same tag.
pub(super) async fn exchange(request: reqwest::RequestBuilder) -> Result<Answer, Outcome> {
    let mut response = request.send().await.map_err(lost)?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let mut body = Vec::new();
    while body.len() < ANSWER_BYTES_MAX {
        // The status is what counts: words that do not come are done without.
        let Ok(Some(chunk)) = response.chunk().await else { break };
        let room = ANSWER_BYTES_MAX - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
    }
    Ok(Answer { status, headers, body })
}

fn lost(error: reqwest::Error) -> Outcome {
    let again = |why: &str| Outcome::Retry {
        after: None,
        why: why.to_owned(),
    };
    match understood(error) {
        OutsideError::Refused(refused) => Outcome::Rejected {
            why: refused.to_string(),
        },
        OutsideError::Timeout => again("timeout"),
        OutsideError::Address(_) | OutsideError::NameUnknown | OutsideError::Connect(_) | OutsideError::Transport => {
            again("transport")
        }
    }
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let text = self.headers.get(name)?.to_str().ok()?;
        Some(text).filter(|text| !text.is_empty() && text.len() <= WORDS_CHARS_MAX)
    }

    /// Seconds or a date (RFC 9110, section 10.2.3); a date that is past means no wait.
    pub(super) fn retry_after(&self, now: Timestamp) -> Option<TimeDelta> {
        let text = self.headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
        let wait = if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            text.parse().ok().and_then(TimeDelta::try_seconds)
        } else {
            let date = DateTime::parse_from_rfc2822(text).ok()?;
            Some((date.to_utc() - now).max(TimeDelta::zero()))
        };
        Some(wait.unwrap_or(RETRY_AFTER_MAX).min(RETRY_AFTER_MAX))
    }
}

/// The provider refuses who we are or what we are set up with, and will refuse it again.
pub(super) fn configuration(setting: &str, why: String) -> Outcome {
    Outcome::Misconfigured {
        why,
        detail: format!("check {setting}"),
    }
}

/// What every client of a provider has in common: both time-outs, and no redirects, which would carry message and credentials
/// to an address that nobody configured.
pub(super) fn builder(timeout_s: u64) -> reqwest::ClientBuilder {
    // An error means that a provider of TLS is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let timeout = Duration::from_secs(timeout_s.clamp(1, 60));
    reqwest::Client::builder()
        .timeout(timeout)
        .connect_timeout(timeout)
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("usher/", env!("CARGO_PKG_VERSION")))
}

/// `https`, or `http` to this machine, where it cannot be overheard.
pub(super) fn is_private(url: &reqwest::Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let is_here = host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback());
    url.scheme() == "https" || (url.scheme() == "http" && is_here)
}
