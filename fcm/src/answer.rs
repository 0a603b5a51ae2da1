//! Reads an answer: bounded, and turned into a typed result.

use std::error::Error as _;
use std::time::Duration;

use serde_json::Value;

use crate::client::Sent;
use crate::clock;
use crate::error::SendError;
use crate::message::Message;
use crate::redact::Redactor;
use crate::retry_after;

/// Answers of FCM are below 2 KiB; more than this is not FCM, and is not read.
const BODY_MAX_BYTES: usize = 64 * 1_024;
/// As much of an unknown body as is worth a look.
const EXCERPT_MAX_CHARS: usize = 512;
/// Google's own words are a sentence or two; this bounds what ends up in a record.
const DETAIL_MAX_CHARS: usize = 1_024;

const FCM_ERROR: &str = "google.firebase.fcm.v1.FcmError";
const BAD_REQUEST: &str = "google.rpc.BadRequest";

/// An answer whose body has been read.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// Sends the request and reads what comes back, up to the bound.
    pub(crate) async fn of(request: reqwest::RequestBuilder) -> Result<Self, SendError> {
        let mut response = request.send().await.map_err(lost)?;
        let status = response.status().as_u16();
        let retry_after = response
            .headers()
            .get(reqwest::header::RETRY_AFTER)
            .and_then(|value| value.to_str().ok())
            .and_then(|text| retry_after::parse(text, clock::time_of_day()));
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(lost)? {
            let room = BODY_MAX_BYTES - body.len();
            body.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if chunk.len() > room {
                break;
            }
        }
        Ok(Self {
            status,
            retry_after,
            body,
        })
    }

    /// What FCM says about this message.
    pub(crate) fn read(self, message: &Message) -> Result<Sent, SendError> {
        let json: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        if let (200, Some(name)) = (self.status, json["name"].as_str()) {
            return Ok(Sent { name: name.to_owned() });
        }
        let redactor = Redactor::of(&serde_json::to_value(message).unwrap_or_default());
        let complaint = Complaint::of(&json["error"]);
        Err(complaint
            .meaning(self.status, self.retry_after, message, &redactor)
            .unwrap_or_else(|| {
                let body = redactor.redact(&String::from_utf8_lossy(&self.body));
                SendError::Unexpected {
                    status: self.status,
                    body: excerpt(&body, EXCERPT_MAX_CHARS),
                }
            }))
    }
}

/// A `google.rpc.Status` as FCM fills it in.
struct Complaint<'a> {
    message: &'a str,
    fcm_code: Option<&'a str>,
    violations: Vec<(&'a str, &'a str)>,
}

impl<'a> Complaint<'a> {
    fn of(error: &'a Value) -> Self {
        let details = error["details"].as_array().map(Vec::as_slice).unwrap_or_default();
        let detail = |kind: &str| {
            details
                .iter()
                .find(|detail| detail["@type"].as_str().is_some_and(|at| at.ends_with(kind)))
        };
        let text = |value: &'a Value| value.as_str().unwrap_or_default();
        let violations = detail(BAD_REQUEST).and_then(|detail| detail["fieldViolations"].as_array());
        Self {
            message: text(&error["message"]),
            fcm_code: detail(FCM_ERROR).and_then(|detail| detail["errorCode"].as_str()),
            violations: violations
                .map(|all| {
                    all.iter()
                        .map(|one| (text(&one["field"]), text(&one["description"])))
                        .collect()
                })
                .unwrap_or_default(),
        }
    }

    /// The code of FCM decides; where there is none, the status does. `None` if neither is known.
    fn meaning(
        &self,
        status: u16,
        retry_after: Option<Duration>,
        about: &Message,
        redactor: &Redactor,
    ) -> Option<SendError> {
        let detail = || excerpt(&redactor.redact(self.message), DETAIL_MAX_CHARS);
        Some(match (status, self.fcm_code) {
            (_, Some("UNREGISTERED")) => SendError::Unregistered,
            (_, Some("SENDER_ID_MISMATCH")) => SendError::SenderIdMismatch,
            (_, Some("THIRD_PARTY_AUTH_ERROR" | "APNS_AUTH_ERROR")) => SendError::ThirdPartyAuth { detail: detail() },
            (429, _) | (_, Some("QUOTA_EXCEEDED")) => SendError::QuotaExceeded { retry_after },
            (_, Some("UNAVAILABLE")) | (502..=504, _) => SendError::Unavailable { retry_after },
            (500, _) | (_, Some("INTERNAL")) => SendError::Internal { retry_after },
            (400, code) => self.refused(code, about, redactor)?,
            (401, _) => SendError::Unauthenticated { detail: detail() },
            (403, _) => SendError::PermissionDenied { detail: detail() },
            _ => return None,
        })
    }

    /// `INVALID_ARGUMENT` means a bad token only if nothing else is wrong: a complaint about another field, or about the
    /// size, must not cost somebody their token.
    fn refused(&self, code: Option<&str>, about: &Message, redactor: &Redactor) -> Option<SendError> {
        let said = std::iter::once(self.message).chain(self.violations.iter().map(|(_, description)| *description));
        if said
            .into_iter()
            .any(|words| words.to_ascii_lowercase().contains("too big"))
        {
            // FCM does not tell its own measure, so this is ours.
            let (size_bytes, max_bytes) = (about.size_bytes(), about.size_max_bytes());
            return Some(SendError::TooLarge { size_bytes, max_bytes });
        }
        if about.target.is_one_device() && self.is_about_receiver(code) {
            return Some(SendError::InvalidToken);
        }
        let fields = self
            .violations
            .iter()
            .map(|(field, description)| format!("{field}: {description}"));
        let words = match fields.collect::<Vec<_>>().join("; ") {
            none if none.is_empty() => self.message.to_owned(),
            fields => fields,
        };
        let detail = excerpt(&redactor.redact(&words), DETAIL_MAX_CHARS);
        // Not even a word: this was not FCM.
        (code.is_some() || !detail.is_empty()).then_some(SendError::InvalidPayload { detail })
    }

    /// Whether the receiver, and nothing but the receiver, is complained about. Without a named field FCM's own code is
    /// needed and a sentence that fits: some wrong payloads get the same code, with a sentence of their own.
    fn is_about_receiver(&self, code: Option<&str>) -> bool {
        if !self.violations.is_empty() {
            let receivers = ["message.token", "message.fid", "token", "fid"];
            return self.violations.iter().all(|(field, _)| receivers.contains(field));
        }
        let words = self.message.to_ascii_lowercase();
        let fits = ["registration token", "an invalid argument"]
            .iter()
            .any(|fitting| words.contains(fitting));
        code == Some("INVALID_ARGUMENT") && (fits || words.is_empty())
    }
}

/// No answer, or not all of it. The address is left out: it says nothing that the settings do not.
fn lost(error: reqwest::Error) -> SendError {
    if error.is_timeout() {
        return SendError::Timeout;
    }
    let error = error.without_url();
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        words = format!("{words}: {inner}");
        cause = inner.source();
    }
    SendError::Transport(excerpt(&words, DETAIL_MAX_CHARS))
}

fn excerpt(text: &str, max_chars: usize) -> String {
    text.chars().take(max_chars).collect()
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
