//! Error bodies as Google writes them: `google.rpc.Status` with details.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::RETRY_AFTER;
use serde_json::{Value, json};

use super::fault::FcmCode;

/// One complaint about one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Violation {
    /// The path of the field.
    pub(super) field: String,
    /// What is wrong with it.
    pub(super) description: String,
    /// Whether it was found by FCM itself, which then adds its own code, or already by the parser of the JSON.
    pub(super) by_fcm: bool,
}

/// A refusal with details.
fn refuse(code: u16, message: &str, details: &[Value]) -> HttpResponse {
    let status = match code {
        400 => "INVALID_ARGUMENT",
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        429 => "RESOURCE_EXHAUSTED",
        503 => "UNAVAILABLE",
        500 => "INTERNAL",
        _ => "UNKNOWN",
    };
    let mut error = json!({ "code": code, "message": message, "status": status });
    if !details.is_empty() {
        error["details"] = json!(details);
    }
    let status = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    HttpResponse::build(status).json(json!({ "error": error }))
}

fn fcm_error(code: FcmCode) -> Value {
    json!({ "@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": code.as_str() })
}

/// A scripted refusal.
pub(super) fn scripted(code: u16, fcm_code: Option<FcmCode>, retry_after: Option<&str>) -> HttpResponse {
    let details: Vec<Value> = fcm_code.into_iter().map(fcm_error).collect();
    let mut response = refuse(code, fcm_code.map_or("Scripted error.", FcmCode::words), &details);
    if let Some(value) = retry_after.and_then(|text| text.parse().ok()) {
        response.headers_mut().insert(RETRY_AFTER, value);
    }
    response
}

/// 400 with all complaints about the body.
pub(super) fn bad_request(violations: &[Violation]) -> HttpResponse {
    let mut details = Vec::new();
    if violations.iter().any(|violation| violation.by_fcm) {
        details.push(fcm_error(FcmCode::InvalidArgument));
    }
    let fields: Vec<Value> = violations
        .iter()
        .map(|violation| json!({ "field": violation.field, "description": violation.description }))
        .collect();
    details.push(json!({ "@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": fields }));
    let words: Vec<&str> = violations
        .iter()
        .map(|violation| violation.description.as_str())
        .collect();
    refuse(400, &words.join("\n"), &details)
}

/// 401: no access token, or not one that is in force.
pub(super) fn unauthenticated() -> HttpResponse {
    let info = json!({
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": "ACCESS_TOKEN_EXPIRED",
        "domain": "googleapis.com",
    });
    let words = "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid \
                 authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.";
    refuse(401, words, &[info])
}

/// 403: not this account's project.
pub(super) fn wrong_project(project: &str) -> HttpResponse {
    let words = format!(
        "Permission 'cloudmessaging.messages.create' denied on resource '//cloudresourcemanager.googleapis.com/projects/{project}' (or it may not exist)."
    );
    refuse(403, &words, &[])
}

/// 404: no such path or method.
pub(super) fn not_found() -> HttpResponse {
    refuse(404, "Method not found.", &[])
}

/// An error of the token endpoint (RFC 6749, section 5.2).
pub(super) fn grant_refused(code: u16, error: &str, description: &str) -> HttpResponse {
    let status = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    HttpResponse::build(status).json(json!({ "error": error, "error_description": description }))
}
