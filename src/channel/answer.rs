//! An answer over HTTP: its body read up to a bound, and when it says to come again.

use crate::base::limits;
use crate::base::time::Timestamp;
use chrono::{DateTime, TimeDelta};
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use serde_json::Value;

/// Characters of a provider's words that are kept.
const WORDS_CHARS_MAX: usize = 200;

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: StatusCode,
    headers: HeaderMap,
    /// At most [`limits::ANSWER_BYTES_MAX`]; the rest is not read.
    pub body: Vec<u8>,
}

impl Answer {
    /// Reads the body up to the bound. What broke it off comes along: by then the status has been said.
    pub(super) async fn read(mut response: reqwest::Response) -> (Self, Option<reqwest::Error>) {
        let mut answer = Self {
            status: response.status(),
            headers: response.headers().clone(),
            body: Vec::new(),
        };
        // The rest is not waited for; the connection goes with the answer.
        while answer.body.len() < limits::ANSWER_BYTES_MAX {
            match response.chunk().await {
                Ok(Some(chunk)) => {
                    let room = limits::ANSWER_BYTES_MAX - answer.body.len();
                    answer.body.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
                }
                Ok(None) => break,
                Err(error) => return (answer, Some(error)),
            }
        }
        (answer, None)
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let text = self.headers.get(name)?.to_str().ok()?;
        Some(text).filter(|text| !text.is_empty() && text.len() <= WORDS_CHARS_MAX)
    }

    /// Seconds or a date (RFC 9110, section 10.2.3); a date that is past means no wait.
    pub fn retry_after(&self, now: Timestamp) -> Option<TimeDelta> {
        let text = self.headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
        let wait = if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            text.parse().ok().and_then(TimeDelta::try_seconds)
        } else {
            let date = DateTime::parse_from_rfc2822(text).ok()?;
            Some((date.to_utc() - now).max(TimeDelta::zero()))
        };
        Some(wait.unwrap_or(limits::RETRY_AFTER_MAX).min(limits::RETRY_AFTER_MAX))
    }
}
