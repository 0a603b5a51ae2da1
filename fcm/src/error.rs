//! What can go wrong, and what Google says to do about it.

use std::time::Duration;

/// The shortest wait before a first retry after a failure of the service: Google asks for at least ten seconds.
pub const FIRST_RETRY_MIN: Duration = Duration::from_secs(10);
/// The wait after "too many requests" when the answer names none: Google asks for a minute.
pub const QUOTA_RETRY_DEFAULT: Duration = Duration::from_mins(1);

/// Why a [`crate::Client`] could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// The service account is not one: not JSON, a field is missing, or the key cannot be read.
    #[error("the service account cannot be used: {detail}; download a new key in the Firebase console")]
    ServiceAccount {
        /// What is wrong. It never quotes the file.
        detail: String,
    },
    /// An address is not `https` (or `http` on this machine).
    #[error("{what} cannot be used: {detail}")]
    Address {
        /// Which address.
        what: &'static str,
        /// What is wrong with it.
        detail: String,
    },
    /// The HTTP client could not be made, for example because no root certificates were found.
    #[error("the HTTP client could not be made: {0}")]
    Http(String),
}

/// Why a message was not accepted. `Display` and `Debug` hold codes and Google's own words, with the receiver and
/// everything else that the message said replaced by `[redacted]`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// The token is dead: the app was removed, or the token was replaced or not used for long (404).
    #[error("unregistered: the app instance is gone")]
    Unregistered,
    /// The token belongs to another Firebase project (403).
    #[error("sender_id_mismatch: the token belongs to another Firebase project")]
    SenderIdMismatch,
    /// The token is not one (400 with an `FcmError`).
    #[error("invalid_token: the text is not a registration token")]
    InvalidToken,
    /// FCM does not understand the message (400 with a `BadRequest`).
    #[error("invalid_payload: {detail}")]
    InvalidPayload {
        /// Google's words, field by field.
        detail: String,
    },
    /// Too many messages in a short time: for the project, the device or the topic (429).
    #[error("quota_exceeded: too many messages")]
    QuotaExceeded {
        /// How long Google asks to wait, if it said so.
        retry_after: Option<Duration>,
    },
    /// The service is overloaded or down (503, 502, 504).
    #[error("unavailable: the service is overloaded or down")]
    Unavailable {
        /// How long Google asks to wait, if it said so.
        retry_after: Option<Duration>,
    },
    /// The service failed (500).
    #[error("internal: the service failed")]
    Internal {
        /// How long Google asks to wait, if it said so.
        retry_after: Option<Duration>,
    },
    /// Apple or the browser's push service refused the credentials stored at Firebase (401 with an `FcmError`).
    #[error("third_party_auth: {detail}")]
    ThirdPartyAuth {
        /// Google's words.
        detail: String,
    },
    /// Google refused the service account or its access token, also a fresh one (401, or the token endpoint's word).
    #[error("unauthenticated: {detail}")]
    Unauthenticated {
        /// Google's words.
        detail: String,
    },
    /// The service account may not send for this project, or the API is off (403).
    #[error("permission_denied: {detail}")]
    PermissionDenied {
        /// Google's words.
        detail: String,
    },
    /// No answer in time. FCM may have accepted the message.
    #[error("timeout: no answer in time")]
    Timeout,
    /// The connection failed. If it failed late, FCM may have accepted the message.
    #[error("transport: {0}")]
    Transport(String),
    /// The payload is larger than FCM takes. Usually found before sending.
    #[error("too_large: the payload has {size_bytes} bytes, FCM takes {max_bytes}")]
    TooLarge {
        /// Size of the payload, in bytes.
        size_bytes: usize,
        /// What FCM takes, in bytes.
        max_bytes: usize,
    },
    /// An answer that this client does not know.
    #[error("unexpected: status {status}")]
    Unexpected {
        /// The HTTP status.
        status: u16,
        /// The start of the body, at most 512 characters, redacted.
        body: String,
    },
}

/// What to do after a failed send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Advice {
    /// Forget the token; sending to it again is of no use until the app reports it anew.
    DropToken,
    /// This message will never be accepted; neither wait nor ask again.
    Never,
    /// Ask again with the same tag, so that a message that did arrive is replaced and not repeated.
    Retry {
        /// The shortest wait before the next try; without one the caller's own back-off holds. Later tries should back
        /// off exponentially, with jitter, and give up after an hour.
        after: Option<Duration>,
    },
    /// Nothing is accepted until somebody repairs keys, permissions or addresses; the message itself may be fine.
    FixConfiguration,
}

impl SendError {
    /// What Google's guide says to do ("Best practices when sending FCM messages at scale", "Error codes").
    pub fn advice(&self) -> Advice {
        match self {
            Self::Unregistered | Self::SenderIdMismatch | Self::InvalidToken => Advice::DropToken,
            Self::InvalidPayload { .. } | Self::TooLarge { .. } => Advice::Never,
            Self::ThirdPartyAuth { .. } | Self::Unauthenticated { .. } | Self::PermissionDenied { .. } => {
                Advice::FixConfiguration
            }
            Self::QuotaExceeded { retry_after } => Advice::Retry {
                after: Some(retry_after.unwrap_or(QUOTA_RETRY_DEFAULT)),
            },
            Self::Unavailable { retry_after } | Self::Internal { retry_after } => Advice::Retry {
                after: Some(retry_after.unwrap_or_default().max(FIRST_RETRY_MIN)),
            },
            Self::Timeout => Advice::Retry {
                after: Some(FIRST_RETRY_MIN),
            },
            Self::Transport(_) => Advice::Retry { after: None },
            Self::Unexpected { status, .. } => match status {
                // An accepted message whose answer cannot be read is like a lost answer. 5xx is a failure of the service.
                200..=299 | 500..=599 => Advice::Retry {
                    after: Some(FIRST_RETRY_MIN),
                },
                // A redirect or "not found" without a word about the token comes from a wrong address or project.
                300..=399 | 404 | 405 => Advice::FixConfiguration,
                _ => Advice::Never,
            },
        }
    }

    /// The stable name of the error, in `snake_case`, for records and metrics.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unregistered => "unregistered",
            Self::SenderIdMismatch => "sender_id_mismatch",
            Self::InvalidToken => "invalid_token",
            Self::InvalidPayload { .. } => "invalid_payload",
            Self::QuotaExceeded { .. } => "quota_exceeded",
            Self::Unavailable { .. } => "unavailable",
            Self::Internal { .. } => "internal",
            Self::ThirdPartyAuth { .. } => "third_party_auth",
            Self::Unauthenticated { .. } => "unauthenticated",
            Self::PermissionDenied { .. } => "permission_denied",
            Self::Timeout => "timeout",
            Self::Transport(_) => "transport",
            Self::TooLarge { .. } => "too_large",
            Self::Unexpected { .. } => "unexpected",
        }
    }
}

#[cfg(test)]
#[path = "error_tests.rs"]
mod tests;
