//! What every request gets: a caller, an id, one line in the log without anything private, and headers that keep browsers careful.

use super::auth::{self, brings_records};
use super::idempotency;
use super::server::Api;
use crate::telemetry::measure;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderMap, HeaderName, HeaderValue, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use actix_web::middleware::Next;
use actix_web::{Error, web};
use std::borrow::Cow;
use uuid::Uuid;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACK: &str = "/v1/track";
/// A caller's own id is taken over when it is short and harmless.
const REQUEST_ID_CHARS_MAX: usize = 64;

/// Middleware: goes with a request from the first byte to the answer. One for all that is done for every request: each layer costs
/// a phone's single fix more than looking it up among a million geofences does.
pub async fn accompany(
    api: web::Data<Api>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, Error> {
    let begun_at = api.pipeline.now();
    let id = request_id(&request, &api);
    let (method, is_api) = (request.method().clone(), request.path().starts_with("/v1/"));
    let brings_records = brings_records(request.path());
    auth::resolve(&api, &request).await;
    let mut answer = idempotency::once(&api, request, next).await?;
    let route = route_of(&answer);
    let status = answer.status();
    let took = api.pipeline.now() - begun_at;
    if let Ok(value) = HeaderValue::from_str(&id) {
        answer.headers_mut().insert(REQUEST_ID, value);
    }
    guard(is_api, answer.headers_mut());
    let (took_ms, code) = (took.num_milliseconds(), status.as_u16());
    // Phones report all day: what went well is counted, and stands in the log of whoever looks closer.
    if brings_records && status.is_success() {
        tracing::debug!(request_id = %id, %method, %route, status = code, took_ms, "request answered");
    } else {
        tracing::info!(request_id = %id, %method, %route, status = code, took_ms, "request answered");
    }
    // The wall clock may step back meanwhile: that request took no time.
    measure::request(method.as_str(), &route, code, took.to_std().unwrap_or_default());
    Ok(answer)
}

/// The pattern, not the path: paths hold names of users, and each would be a series of its own. What phones ask all day is its own
/// pattern, and is not looked for among all others.
fn route_of(answer: &ServiceResponse<impl MessageBody>) -> Cow<'static, str> {
    if answer.request().path() == TRACK {
        return Cow::Borrowed(TRACK);
    }
    answer
        .request()
        .match_pattern()
        .map_or(Cow::Borrowed("none"), Cow::Owned)
}

fn request_id(request: &ServiceRequest, api: &Api) -> String {
    let given = request.headers().get(REQUEST_ID).and_then(|value| value.to_str().ok());
    let harmless = |id: &&str| {
        (1..=REQUEST_ID_CHARS_MAX).contains(&id.len())
            && id
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
    };
    given
        .filter(harmless)
        .map_or_else(|| api.pipeline.new_id::<Uuid>().to_string(), str::to_owned)
}

/// Headers every answer has; what a handler said for itself stands.
fn guard(is_api: bool, headers: &mut HeaderMap) {
    let mut set = |name: HeaderName, value: &'static str| {
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    };
    set(X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(X_FRAME_OPTIONS, "DENY");
    set(REFERRER_POLICY, "no-referrer");
    set(CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'");
    if is_api {
        set(CACHE_CONTROL, "no-store");
    }
}
