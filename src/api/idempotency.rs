//! `Idempotency-Key`: a write that is repeated with its key gets the same answer again for a day.

use super::auth::{Caller, caller_of};
use super::json;
use super::problem::{ErrorCode, Problem};
use super::server::Api;
use crate::base::id::ProjectId;
use crate::base::limits;
use crate::base::secret::{hex, token_hash};
use crate::engine::fence::ShapeLimits;
use crate::store::{Begun, SavedAnswer};
use actix_web::body::{self, BoxBody, MessageBody};
use actix_web::dev::{Payload, Service, ServiceRequest, ServiceResponse};
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::{Error, HttpMessage, HttpRequest, HttpResponse};

const HEADER: HeaderName = HeaderName::from_static("idempotency-key");
/// Answers that hold a secret shown once: that it was done is kept, the secret is not.
const WITHHELD: [&str; 2] = ["/v1/keys", "/v1/webhook-endpoints"];
/// The same, as the end of a path.
const WITHHELD_END: &str = "/rotate-secret";
/// Registering is idempotent by the installation's id, and a kept answer would keep a device token. A simulation stores nothing,
/// its answer included.
const LEFT_OUT: [&str; 2] = ["/v1/devices", "/v1/simulations"];

/// Does a write with a key once.
pub async fn once<S, B>(api: &Api, request: ServiceRequest, next: &S) -> Result<ServiceResponse<BoxBody>, Error>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody + 'static,
{
    // Nearly no request has one: what it takes to keep an answer stands in memory of its own.
    match request.headers().get(HEADER).cloned() {
        Some(header) => Box::pin(once_of(api, request, &header, next)).await,
        None => Ok(next.call(request).await?.map_into_boxed_body()),
    }
}

/// The same for a request with this header.
async fn once_of<S, B>(
    api: &Api,
    mut request: ServiceRequest,
    header: &HeaderValue,
    next: &S,
) -> Result<ServiceResponse<BoxBody>, Error>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody + 'static,
{
    let is_write = [Method::POST, Method::PUT, Method::PATCH, Method::DELETE].contains(request.method());
    let is_kept = is_write && !LEFT_OUT.contains(&request.path());
    let Some(caller) = caller_of(request.request()).filter(|_| is_kept) else {
        return Ok(next.call(request).await?.map_into_boxed_body());
    };
    let given = header
        .to_str()
        .ok()
        .filter(|key| (1..=limits::IDEMPOTENCY_KEY_CHARS_MAX).contains(&key.len()));
    let Some(given) = given else {
        let detail = format!(
            "`Idempotency-Key` must have 1 to {} ASCII characters",
            limits::IDEMPOTENCY_KEY_CHARS_MAX
        );
        return Ok(request.error_response(Problem::new(ErrorCode::HeaderInvalid, detail)));
    };
    let (project, key) = (caller.project_id(), key_of(&caller, given));
    // An answer made here, be it a problem, passes through the outer middleware like any other.
    match earlier(api, project, &key, &mut request).await {
        Ok(None) => {}
        Ok(Some(saved)) => return Ok(request.into_response(saved)),
        Err(problem) => return Ok(request.error_response(problem)),
    }
    let withheld = WITHHELD.contains(&request.path()) || request.path().ends_with(WITHHELD_END);
    let answer = next.call(request).await?.map_into_boxed_body();
    keep(api, project, &key, withheld, answer).await
}

/// The answer that was given before; none for the first of its key, which is begun by this.
async fn earlier(
    api: &Api,
    project: ProjectId,
    key: &str,
    request: &mut ServiceRequest,
) -> Result<Option<HttpResponse>, Problem> {
    let hash = hash_of(request).await?;
    match api
        .pipeline
        .store()
        .begin_idempotent(project, key, &hash, api.pipeline.now())
        .await?
    {
        Begun::New => Ok(None),
        Begun::InProgress => Err(Problem::new(
            ErrorCode::IdempotencyInProgress,
            "wait for the first one, then ask again",
        )),
        Begun::Mismatch => {
            let detail = "this `Idempotency-Key` came with another request before; take a new key for a new request";
            Err(Problem::new(ErrorCode::IdempotencyKeyReused, detail))
        }
        Begun::Finished(saved) => again(saved).map(Some),
    }
}

/// The kept key names the caller, so that no caller is ever given the answer of another.
fn key_of(caller: &Caller, given: &str) -> String {
    hex(&token_hash(&format!("{}\0{given}", caller.name())))
}

/// An id for what a request makes, if its caller named the request: a repeat after a crash makes the same thing again.
pub fn named_id(request: &HttpRequest) -> Option<String> {
    let given = request.headers().get(HEADER)?.to_str().ok()?;
    Some(format!("idem-{}", key_of(&caller_of(request)?, given)))
}

/// What makes two requests the same: method, address and the bytes of the body. The body is put back to be read again.
async fn hash_of(request: &mut ServiceRequest) -> Result<[u8; 32], Problem> {
    let payload = request.take_payload();
    let bytes_max = ShapeLimits::default().collection_bytes_max;
    let body = json::read_raw(request.request(), payload, bytes_max).await?;
    let mut text = format!("{} {}\0", request.method(), request.uri());
    text.push_str(&hex(&token_hash_of(&body)));
    request.set_payload(Payload::from(body));
    Ok(token_hash(&text))
}

fn token_hash_of(bytes: &[u8]) -> [u8; 32] {
    use sha2::Digest as _;
    sha2::Sha256::digest(bytes).into()
}

fn again(saved: SavedAnswer) -> Result<HttpResponse, Problem> {
    if saved.body == WITHHELD_MARK {
        let detail = "the first request succeeded and its answer held a secret that is shown once";
        return Err(Problem::new(ErrorCode::AnswerWithheld, detail).hint("revoke what it made and make a new one"));
    }
    let status = StatusCode::from_u16(saved.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut answer = HttpResponse::build(status);
    answer.insert_header(("idempotency-replayed", "true"));
    if !saved.content_type.is_empty() {
        answer.content_type(saved.content_type);
    }
    Ok(answer.body(saved.body))
}

const WITHHELD_MARK: &[u8] = b"\0withheld";

/// Keeps answers that would be the same again. What may change by waiting or by another credential is forgotten.
async fn keep(
    api: &Api,
    project: ProjectId,
    key: &str,
    withheld: bool,
    answer: ServiceResponse<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let status = answer.status();
    let passing = [401, 403, 404, 409, 429].contains(&status.as_u16());
    let store = api.pipeline.store();
    if status.is_server_error() || passing || answer.headers().contains_key(CONTENT_ENCODING) {
        if let Err(error) = store.abandon_idempotent(project, key).await {
            tracing::warn!(%error, "an idempotency key stays taken for a minute");
        }
        return Ok(answer);
    }
    let content_type = answer
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let content_type = content_type.to_owned();
    let (request, answer) = answer.into_parts();
    let (head, answer_body) = answer.into_parts();
    let bytes = body::to_bytes(answer_body).await?;
    let kept = if withheld && status.is_success() {
        WITHHELD_MARK.to_vec()
    } else {
        bytes.to_vec()
    };
    let saved = SavedAnswer {
        status: status.as_u16(),
        content_type,
        body: kept,
    };
    if let Err(error) = store.finish_idempotent(project, key, &saved).await {
        tracing::warn!(%error, "an answer could not be kept for a repeat");
    }
    Ok(ServiceResponse::new(
        request,
        head.set_body(bytes).map_into_boxed_body(),
    ))
}
