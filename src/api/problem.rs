//! Every error of the API in one shape (RFC 9457) with a closed list of codes.

use crate::pipeline::PipelineError;
use crate::store::StoreError;
use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, RETRY_AFTER};
use actix_web::{HttpResponse, ResponseError};
use serde::{Deserialize, Serialize};
use std::fmt;
use utoipa::ToSchema;

/// The media type of a problem.
pub const CONTENT_TYPE: &str = "application/problem+json";
/// How long a caller should wait when we do not know better, in seconds.
const RETRY_AFTER_S: u64 = 2;

/// Everything that can be wrong with a request: a closed list, stable in the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    JsonInvalid,
    QueryInvalid,
    HeaderInvalid,
    CursorInvalid,
    ReportInvalid,
    Unauthorized,
    Forbidden,
    ScopeMissing,
    SignatureInvalid,
    NotFound,
    MethodNotAllowed,
    Conflict,
    NothingToPublish,
    IdempotencyInProgress,
    AnswerWithheld,
    UserErased,
    BodyTooLarge,
    TooManyRecords,
    MediaTypeUnsupported,
    EncodingUnsupported,
    BodyInvalid,
    FieldInvalid,
    GeometryInvalid,
    ImportInvalid,
    TriggerInvalid,
    TriggerBlocked,
    JourneyInvalid,
    ChannelRefused,
    ContentInvalid,
    FactInvalid,
    FactTypeInvalid,
    WalkInvalid,
    IdempotencyKeyReused,
    TooOften,
    Overloaded,
    Internal,
    StepBroken,
    Unavailable,
    Stopping,
    StorageFull,
}

impl ErrorCode {
    /// Every code, for the generated list of errors.
    pub const ALL: [Self; 40] = [
        Self::JsonInvalid,
        Self::QueryInvalid,
        Self::HeaderInvalid,
        Self::CursorInvalid,
        Self::ReportInvalid,
        Self::Unauthorized,
        Self::Forbidden,
        Self::ScopeMissing,
        Self::SignatureInvalid,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::Conflict,
        Self::NothingToPublish,
        Self::IdempotencyInProgress,
        Self::AnswerWithheld,
        Self::UserErased,
        Self::BodyTooLarge,
        Self::TooManyRecords,
        Self::MediaTypeUnsupported,
        Self::EncodingUnsupported,
        Self::BodyInvalid,
        Self::FieldInvalid,
        Self::GeometryInvalid,
        Self::ImportInvalid,
        Self::TriggerInvalid,
        Self::TriggerBlocked,
        Self::JourneyInvalid,
        Self::ChannelRefused,
        Self::ContentInvalid,
        Self::FactInvalid,
        Self::FactTypeInvalid,
        Self::WalkInvalid,
        Self::IdempotencyKeyReused,
        Self::TooOften,
        Self::Overloaded,
        Self::Internal,
        Self::StepBroken,
        Self::Unavailable,
        Self::Stopping,
        Self::StorageFull,
    ];

    /// The HTTP status, the code as it stands in answers, and the title.
    const fn row(self) -> (u16, &'static str, &'static str) {
        match self {
            Self::JsonInvalid => (400, "json_invalid", "The body is not JSON that can be taken"),
            Self::QueryInvalid => (400, "query_invalid", "The query cannot be read"),
            Self::HeaderInvalid => (400, "header_invalid", "A header cannot be read"),
            Self::CursorInvalid => (400, "cursor_invalid", "The cursor is not one of ours"),
            Self::ReportInvalid => (400, "report_invalid", "The report of this client cannot be read"),
            Self::Unauthorized => (401, "unauthorized", "A valid credential is needed"),
            Self::Forbidden => (403, "forbidden", "This kind of credential may not do this"),
            Self::ScopeMissing => (403, "scope_missing", "The key lacks the scope for this"),
            Self::SignatureInvalid => (403, "signature_invalid", "The signature does not fit what was sent"),
            Self::NotFound => (404, "not_found", "There is no such thing here"),
            Self::MethodNotAllowed => (405, "method_not_allowed", "The path exists, but not with this method"),
            Self::Conflict => (409, "conflict", "It contradicts what is stored"),
            Self::NothingToPublish => (409, "nothing_to_publish", "There is no such draft to publish"),
            Self::IdempotencyInProgress => (409, "idempotency_in_progress", "The first request is still under way"),
            Self::AnswerWithheld => (409, "answer_withheld", "It was done, and its answer is shown only once"),
            Self::UserErased => (410, "user_erased", "This user was erased"),
            Self::BodyTooLarge => (413, "body_too_large", "The body is too large"),
            Self::TooManyRecords => (413, "too_many_records", "The batch holds too many records"),
            Self::MediaTypeUnsupported => (415, "media_type_unsupported", "The media type is not taken here"),
            Self::EncodingUnsupported => (415, "encoding_unsupported", "The content encoding is not taken here"),
            Self::BodyInvalid => (422, "body_invalid", "The body does not have the expected shape"),
            Self::FieldInvalid => (422, "field_invalid", "A value is out of bounds"),
            Self::GeometryInvalid => (422, "geometry_invalid", "The geometry cannot be a geofence"),
            Self::ImportInvalid => (422, "import_invalid", "The file cannot be imported"),
            Self::TriggerInvalid => (422, "trigger_invalid", "The trigger has errors"),
            Self::TriggerBlocked => (422, "trigger_blocked", "The trigger should not go live like this"),
            Self::JourneyInvalid => (422, "journey_invalid", "The journey has errors"),
            Self::ChannelRefused => (422, "channel_refused", "The provider refuses the credentials"),
            Self::ContentInvalid => (422, "content_invalid", "The content has errors"),
            Self::FactInvalid => (422, "fact_invalid", "The fact contradicts its type"),
            Self::FactTypeInvalid => (422, "fact_type_invalid", "The type of facts has errors"),
            Self::WalkInvalid => (422, "walk_invalid", "The walk does not fit together"),
            Self::IdempotencyKeyReused => (422, "idempotency_key_reused", "The key was used for another request"),
            Self::TooOften => (429, "too_often", "More requests than this caller may send"),
            Self::Overloaded => (429, "overloaded", "Too much is waiting"),
            Self::Internal => (500, "internal", "Something is wrong on our side"),
            Self::StepBroken => (500, "step_broken", "The input met a fault on our side"),
            Self::Unavailable => (503, "unavailable", "The database does not answer"),
            Self::Stopping => (503, "stopping", "The server is going down"),
            Self::StorageFull => (507, "storage_full", "The disk of the database is full"),
        }
    }

    /// The stable name of the code.
    pub const fn as_str(self) -> &'static str {
        self.row().1
    }

    /// One line for a person.
    pub const fn title(self) -> &'static str {
        self.row().2
    }

    /// The HTTP status that goes with it.
    pub fn status(self) -> StatusCode {
        StatusCode::from_u16(self.row().0).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

/// One of several things wrong with a body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// Stable, `snake_case`.
    pub code: String,
    /// JSON pointer into the body.
    pub pointer: String,
    pub detail: String,
    /// With an error inside a condition: the character it stands at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// What went wrong, where, and what to do instead (RFC 9457).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody {
    /// Names the code as a URN.
    #[serde(rename = "type")]
    pub kind: String,
    pub title: String,
    pub status: u16,
    pub code: ErrorCode,
    pub detail: String,
    /// JSON pointer into the body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub errors: Vec<FieldError>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    #[serde(skip)]
    retry_after_s: Option<u64>,
    #[serde(skip)]
    allow: Option<String>,
}

/// A problem on its way out; boxed, since the good way should not carry its size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem(Box<ProblemBody>);

impl Problem {
    pub fn new(code: ErrorCode, detail: impl Into<String>) -> Self {
        let status = code.status();
        // A caller who is told "not now" is told when.
        let waits = matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE)
            || code == ErrorCode::IdempotencyInProgress;
        Self(Box::new(ProblemBody {
            kind: format!("urn:usher:problem:{}", code.as_str()),
            title: code.title().to_owned(),
            status: status.as_u16(),
            code,
            detail: detail.into(),
            pointer: None,
            errors: Vec::new(),
            hint: None,
            retry_after_s: waits.then_some(RETRY_AFTER_S),
            allow: None,
        }))
    }

    /// A value out of bounds: where, and what is right.
    pub fn field(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(ErrorCode::FieldInvalid, detail).at(pointer)
    }

    /// Nothing here; the same words for what is absent and for what is somebody else's.
    pub fn not_found(what: &str) -> Self {
        Self::new(ErrorCode::NotFound, format!("there is no such {what} in this project"))
    }

    #[must_use]
    pub fn at(mut self, pointer: impl Into<String>) -> Self {
        self.0.pointer = Some(pointer.into());
        self
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    #[must_use]
    pub fn errors(mut self, errors: Vec<FieldError>) -> Self {
        self.0.errors = errors;
        self
    }

    #[must_use]
    pub fn allow(mut self, methods: String) -> Self {
        self.0.allow = Some(methods);
        self
    }

    #[must_use]
    pub fn retry_after_s(mut self, seconds: u64) -> Self {
        self.0.retry_after_s = Some(seconds);
        self
    }

    pub fn body(&self) -> &ProblemBody {
        &self.0
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.code.as_str(), self.0.detail)
    }
}

impl std::error::Error for Problem {}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.0.code.status()
    }

    fn error_response(&self) -> HttpResponse {
        let mut answer = HttpResponse::build(self.status_code());
        answer.content_type(CONTENT_TYPE);
        if let Some(seconds) = self.0.retry_after_s {
            answer.insert_header((RETRY_AFTER, seconds.to_string()));
        }
        if let Some(methods) = &self.0.allow {
            answer.insert_header((ALLOW, methods.clone()));
        }
        if self.0.code == ErrorCode::Unauthorized {
            answer.insert_header(("www-authenticate", "Bearer realm=\"usher\""));
        }
        answer.body(serde_json::to_vec(&*self.0).unwrap_or_default())
    }
}

/// Somebody has to act first.
const STORAGE_RETRY_S: u64 = 10;

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict(why) => Self::new(ErrorCode::Conflict, why),
            StoreError::Full => {
                tracing::error!("the disk of the database is full: free some space, and Usher goes on by itself");
                let detail = "nothing was taken: send the same again once the operator has freed space";
                Self::new(ErrorCode::StorageFull, detail).retry_after_s(STORAGE_RETRY_S)
            }
            StoreError::Unavailable(why) => {
                tracing::error!(%why, "the database is not available");
                Self::new(ErrorCode::Unavailable, "the database does not answer; try again")
            }
            StoreError::Corrupt(why) => {
                tracing::error!(%why, "a stored row cannot be read");
                Self::new(
                    ErrorCode::Internal,
                    "a stored row cannot be read; the operator finds the reason in the log",
                )
            }
        }
    }
}

impl From<PipelineError> for Problem {
    fn from(error: PipelineError) -> Self {
        match error {
            PipelineError::Store(error) => error.into(),
            PipelineError::Overloaded { retry_after_s } => {
                Self::new(ErrorCode::Overloaded, "too much is waiting; send the same again later")
                    .retry_after_s(retry_after_s)
            }
            PipelineError::Stopping => Self::new(ErrorCode::Stopping, "send the same again to the server that follows"),
            PipelineError::StepBroken => Self::new(
                ErrorCode::StepBroken,
                "nothing was taken of it, and sending the same again will not help; the operator finds its ids in the log",
            ),
            PipelineError::FactInvalid(errors) => super::fields::fact_errors(errors),
            PipelineError::Erased => Self::new(ErrorCode::UserErased, "nothing more is taken for this user"),
        }
    }
}
