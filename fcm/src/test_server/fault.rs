//! What can be made to go wrong.

use std::any::Any;
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use actix_web::dev::Extensions;
use actix_web::{HttpRequest, HttpResponse};

/// The longest that an answer is held back, so that a forgotten fault cannot hang a test run.
pub(super) const HANG_MAX: Duration = Duration::from_mins(1);

/// One thing that goes wrong with one request.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The message is refused with an error body as FCM writes it.
    Status {
        /// The HTTP status.
        code: u16,
        /// The code in the `FcmError` detail; without one there is no such detail.
        fcm_code: Option<FcmCode>,
        /// The `Retry-After` header as it is to be sent: seconds or an HTTP date.
        retry_after: Option<String>,
    },
    /// The message is refused with a `BadRequest` detail about one field.
    BadRequest {
        /// The path of the field, for example `message.android.ttl`.
        field: String,
        /// What FCM says about it.
        description: String,
    },
    /// The message is accepted and the connection cut without an answer.
    DropConnectionAfterRead,
    /// The message is accepted and the answer held back for this long, at most a minute.
    Hang(Duration),
    /// The message is accepted and the answer is not JSON.
    InvalidJsonAnswer,
    /// All access tokens end before this request, which is refused for it.
    ExpireAccessToken,
}

impl Fault {
    /// A refusal without `Retry-After`.
    pub fn status(code: u16, fcm_code: impl Into<Option<FcmCode>>) -> Self {
        Self::Status {
            code,
            fcm_code: fcm_code.into(),
            retry_after: None,
        }
    }

    /// The same with a `Retry-After` header: seconds or an HTTP date. Other faults stay as they are.
    #[must_use]
    pub fn retry_after(mut self, header: impl Into<String>) -> Self {
        if let Self::Status { retry_after, .. } = &mut self {
            *retry_after = Some(header.into());
        }
        self
    }

    /// 404: the app instance is gone.
    pub fn unregistered() -> Self {
        Self::status(404, FcmCode::Unregistered)
    }

    /// 429: too many messages.
    pub fn quota_exceeded() -> Self {
        Self::status(429, FcmCode::QuotaExceeded)
    }

    /// 503: the service is overloaded.
    pub fn unavailable() -> Self {
        Self::status(503, FcmCode::Unavailable)
    }

    /// 500: the service failed.
    pub fn internal() -> Self {
        Self::status(500, FcmCode::Internal)
    }

    /// 400: the token is not one.
    pub fn invalid_token() -> Self {
        Self::status(400, FcmCode::InvalidArgument)
    }
}

/// The `errorCode` of `google.firebase.fcm.v1.FcmError`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FcmCode {
    /// `UNSPECIFIED_ERROR`
    UnspecifiedError,
    /// `INVALID_ARGUMENT`
    InvalidArgument,
    /// `UNREGISTERED`
    Unregistered,
    /// `SENDER_ID_MISMATCH`
    SenderIdMismatch,
    /// `QUOTA_EXCEEDED`
    QuotaExceeded,
    /// `UNAVAILABLE`
    Unavailable,
    /// `INTERNAL`
    Internal,
    /// `THIRD_PARTY_AUTH_ERROR`
    ThirdPartyAuthError,
}

impl FcmCode {
    /// As FCM writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UnspecifiedError => "UNSPECIFIED_ERROR",
            Self::InvalidArgument => "INVALID_ARGUMENT",
            Self::Unregistered => "UNREGISTERED",
            Self::SenderIdMismatch => "SENDER_ID_MISMATCH",
            Self::QuotaExceeded => "QUOTA_EXCEEDED",
            Self::Unavailable => "UNAVAILABLE",
            Self::Internal => "INTERNAL",
            Self::ThirdPartyAuthError => "THIRD_PARTY_AUTH_ERROR",
        }
    }

    /// What FCM says with it.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::UnspecifiedError => "Unspecified error.",
            Self::InvalidArgument => "The registration token is not a valid FCM registration token",
            Self::Unregistered => "Requested entity was not found.",
            Self::SenderIdMismatch => "SenderId mismatch",
            Self::QuotaExceeded => "Quota exceeded for quota metric 'Messages' and limit 'Messages per minute'.",
            Self::Unavailable => "The service is currently unavailable.",
            Self::Internal => "Internal error encountered.",
            Self::ThirdPartyAuthError => {
                "Request is missing required authentication credential. Auth error from APNS or Web Push Service"
            }
        }
    }
}

/// A second handle on a connection's socket: the only way to cut it without a single byte of an answer.
struct Wire(TcpStream);

/// Keeps a second handle on each new connection for [`cut`].
pub(super) fn keep_wire(connection: &dyn Any, extensions: &mut Extensions) {
    if let Some(wire) = connection
        .downcast_ref::<actix_web::rt::net::TcpStream>()
        .and_then(second_handle)
    {
        extensions.insert(Wire(wire));
    }
}

#[cfg(unix)]
fn second_handle(stream: &actix_web::rt::net::TcpStream) -> Option<TcpStream> {
    use std::os::fd::AsFd;
    stream.as_fd().try_clone_to_owned().ok().map(TcpStream::from)
}

#[cfg(windows)]
fn second_handle(stream: &actix_web::rt::net::TcpStream) -> Option<TcpStream> {
    use std::os::windows::io::AsSocket;
    stream.as_socket().try_clone_to_owned().ok().map(TcpStream::from)
}

/// The answer of a server that has stopped: none.
pub(super) fn mute(request: &HttpRequest) -> HttpResponse {
    cut(request);
    HttpResponse::ServiceUnavailable().finish()
}

/// Cuts the connection of a request. What the handler answers afterwards goes nowhere.
pub(super) fn cut(request: &HttpRequest) {
    if let Some(Wire(wire)) = request.conn_data::<Wire>() {
        // An error means that the other side was faster.
        let _ = wire.shutdown(Shutdown::Both);
    }
}
