//! What every request gets: a caller, an id, one line in the log without anything private, and headers that keep browsers careful.

use super::auth::{self, brings_records};
use super::idempotency;
use super::server::Api;
use crate::base::id::stamped;
use crate::base::time::Timestamp;
use crate::telemetry::measure;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready};
use actix_web::http::Method;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderMap, HeaderName, HeaderValue, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use actix_web::{Error, HttpRequest, web};
use futures_util::future::LocalBoxFuture;
use std::borrow::Cow;
use std::future::{Ready, ready};
use std::rc::Rc;
use uuid::fmt::Hyphenated;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACK: &str = "/v1/track";
/// A caller's own id is taken over when it is short and harmless.
const REQUEST_ID_CHARS_MAX: usize = 64;

/// Middleware: goes with a request from the first byte to the answer. One for all that is done for every request: each layer costs
/// a phone's single fix more than looking it up among a million geofences does. Written out, as a function made into one would box
/// what comes after it once more and look the API up each time.
pub struct Accompany(pub web::Data<Api>);

/// The middleware at work.
pub struct Accompanied<S> {
    api: web::Data<Api>,
    next: Rc<S>,
}

impl<S, B> Transform<S, ServiceRequest> for Accompany
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<BoxBody>;
    type Error = Error;
    type Transform = Accompanied<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, next: S) -> Self::Future {
        let (api, next) = (self.0.clone(), Rc::new(next));
        ready(Ok(Accompanied { api, next }))
    }
}

impl<S, B> Service<ServiceRequest> for Accompanied<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<BoxBody>;
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self::Response, Error>>;

    forward_ready!(next);

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let (api, next) = (self.api.clone(), Rc::clone(&self.next));
        Box::pin(async move { accompany(&api, request, &*next).await })
    }
}

async fn accompany<S, B>(api: &Api, request: ServiceRequest, next: &S) -> Result<ServiceResponse<BoxBody>, Error>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody + 'static,
{
    let begun_at = api.pipeline.now();
    let id = request_id(&request, api, begun_at);
    auth::resolve(api, &request, begun_at).await;
    let mut answer = idempotency::once(api, request, next).await?;
    let took = api.pipeline.now() - begun_at;
    let (request, status) = (answer.request(), answer.status());
    let (method, route) = (request.method(), route_of(request));
    let (took_ms, code) = (took.num_milliseconds(), status.as_u16());
    let shown = id.to_str().unwrap_or_default();
    // Phones report all day: what went well is counted, and stands in the log of whoever looks closer.
    if brings_records(request.path()) && status.is_success() {
        tracing::debug!(request_id = %shown, %method, %route, status = code, took_ms, "request answered");
    } else {
        tracing::info!(request_id = %shown, %method, %route, status = code, took_ms, "request answered");
    }
    // The wall clock may step back meanwhile: that request took no time.
    measure::request(counted_as(method), &route, code, took.to_std().unwrap_or_default());
    let is_api = request.path().starts_with("/v1/");
    answer.headers_mut().insert(REQUEST_ID, id);
    // No page can come by such an answer, as it takes a body and a header that links do not have; and phones pay for every byte.
    if route != TRACK || !status.is_success() {
        guard(is_api, answer.headers_mut());
    }
    Ok(answer)
}

/// A caller may name any method, and each that is counted is a series of its own for as long as the process lives.
fn counted_as(method: &Method) -> &'static str {
    const KNOWN: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
    let known = KNOWN.into_iter().find(|known| *known == method.as_str());
    known.unwrap_or("other")
}

/// The pattern, not the path: paths hold names of users, and each would be a series of its own. What phones ask all day is its own
/// pattern, and is not looked for among all others.
fn route_of(request: &HttpRequest) -> Cow<'static, str> {
    if request.path() == TRACK {
        return Cow::Borrowed(TRACK);
    }
    request.match_pattern().map_or(Cow::Borrowed("none"), Cow::Owned)
}

/// The caller's own id, or a new one; as the header it goes back in.
fn request_id(request: &ServiceRequest, api: &Api, now: Timestamp) -> HeaderValue {
    let harmless = |id: &&HeaderValue| {
        (1..=REQUEST_ID_CHARS_MAX).contains(&id.len())
            && id
                .as_bytes()
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
    };
    let given = request.headers().get(REQUEST_ID).filter(harmless);
    given.cloned().unwrap_or_else(|| {
        let id = stamped(api.pipeline.entropy().seed(), now).hyphenated();
        let mut text = [0; Hyphenated::LENGTH];
        // Digits and hyphens are always a header.
        HeaderValue::from_str(id.encode_lower(&mut text)).unwrap_or(HeaderValue::from_static("none"))
    })
}

/// Headers that keep browsers careful; what a handler said for itself stands.
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
