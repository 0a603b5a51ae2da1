//! Who calls: keys by their hash through a short-lived cache, device tokens, and the extractors that judge them.

use super::problem::{ErrorCode, Problem};
use super::server::Api;
use crate::base::id::ProjectId;
use crate::base::limits;
use crate::base::secret::token_hash;
use crate::base::time::Timestamp;
use crate::pipeline::Holding;
use crate::store::{DeviceRow, KeyKind, KeyRow};
use actix_web::dev::{Payload, ServiceRequest};
use actix_web::http::header::AUTHORIZATION;
use actix_web::{FromRequest, HttpMessage, HttpRequest, web};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::borrow::Cow;
use std::collections::HashMap;
use std::future::{Ready, ready};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The scopes a secret key can have; `all` stands for every one of them.
pub const SCOPES: [&str; 4] = ["read", "write", "admin", "all"];

/// Who a credential belongs to.
#[derive(Debug, Clone)]
pub enum Caller {
    Key(KeyRow),
    Device(Box<DeviceRow>),
    /// A device that only brings records: a phone does so all day, and is known from memory.
    Reporting(Holding),
}

impl Caller {
    pub fn project_id(&self) -> ProjectId {
        match self {
            Self::Key(key) => key.project_id,
            Self::Device(device) => device.project_id,
            Self::Reporting(holding) => holding.project_id,
        }
    }

    /// Tells one caller from another within a project.
    pub fn name(&self) -> String {
        match self {
            Self::Key(key) => key.id.to_string(),
            Self::Device(device) => device.id.to_string(),
            Self::Reporting(holding) => holding.device_id.to_string(),
        }
    }
}

/// Keys seen lately. Another node's revocation is noticed when an entry has grown old.
#[derive(Debug, Default)]
pub struct KeyCache(Mutex<HashMap<[u8; 32], (KeyRow, Timestamp)>>);

impl KeyCache {
    fn entries(&self) -> MutexGuard<'_, HashMap<[u8; 32], (KeyRow, Timestamp)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, hash: &[u8; 32], now: Timestamp) -> Option<KeyRow> {
        let entries = self.entries();
        let (key, seen_at) = entries.get(hash)?;
        (now - *seen_at < limits::KEY_CACHED_FOR).then(|| key.clone())
    }

    fn put(&self, hash: [u8; 32], key: KeyRow, now: Timestamp) {
        let mut entries = self.entries();
        // Only valid keys get in, so an attacker cannot fill it; a full one starts anew.
        if entries.len() >= limits::KEYS_CACHED_MAX {
            entries.clear();
        }
        entries.insert(hash, (key, now));
    }

    /// Forgets everything: a key was made invalid.
    pub fn clear(&self) {
        self.entries().clear();
    }
}

/// The key behind a token if it is valid now.
pub async fn valid_key(api: &Api, hash: [u8; 32]) -> Result<Option<KeyRow>, Problem> {
    let now = api.pipeline.now();
    if let Some(key) = api.keys.get(&hash, now) {
        return Ok(key.is_valid(now).then_some(key));
    }
    let found = Box::pin(api.pipeline.store().key_by_hash(&hash)).await?;
    let found = found.filter(|key| key.is_valid(now));
    if let Some(key) = &found {
        api.keys.put(hash, key.clone(), now);
    }
    Ok(found)
}

/// What the request's credential turned out to be; kept in the request for the extractors.
struct Resolved(Result<Caller, Problem>);

/// Looks the credential up before anything of the request is read, so that a stranger learns nothing else.
pub async fn resolve(api: &Api, request: &ServiceRequest, now: Timestamp) {
    let token = token_of(request, api.settings.osmand_query);
    let resolved = match token {
        Some(token) => look_up(api, &token, brings_records(request.path()), now)
            .await
            .and_then(|caller| api.gate.pass(&caller).map(|()| caller)),
        None => Err(unauthorized("send `Authorization: Bearer <key or token>`")),
    };
    request.extensions_mut().insert(Resolved(resolved));
}

/// The routes that take records and nothing else.
pub fn brings_records(path: &str) -> bool {
    path == "/v1/track" || path.starts_with("/v1/ingest/")
}

async fn look_up(api: &Api, token: &str, brings_records: bool, now: Timestamp) -> Result<Caller, Problem> {
    let unknown = || unauthorized("the credential is unknown, revoked or expired");
    let hash = token_hash(token);
    if token.starts_with("dt_") && brings_records {
        let holding = api.pipeline.holding(hash, now).await?;
        return holding.map(Caller::Reporting).ok_or_else(unknown);
    }
    if token.starts_with("dt_") {
        let device = Box::pin(api.pipeline.store().device_by_token_hash(&hash)).await?;
        return device.map(|row| Caller::Device(Box::new(row))).ok_or_else(unknown);
    }
    if token.starts_with("pk_") || token.starts_with("sk_") {
        return valid_key(api, hash).await?.map(Caller::Key).ok_or_else(unknown);
    }
    Err(unknown())
}

fn unauthorized(detail: &str) -> Problem {
    Problem::new(ErrorCode::Unauthorized, detail)
}

/// The credential of a request. Phones with an app from the store know Basic only, or a query at most.
fn token_of(request: &ServiceRequest, osmand_query: bool) -> Option<Cow<'_, str>> {
    let is_ingest = request.path().starts_with("/v1/ingest/");
    let header = request
        .headers()
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let token = match header.and_then(|value| value.split_once(' ')) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Some(Cow::Borrowed(token.trim())),
        Some((scheme, pair)) if is_ingest && scheme.eq_ignore_ascii_case("basic") => {
            let plain = STANDARD
                .decode(pair.trim())
                .ok()
                .and_then(|bytes| String::from_utf8(bytes).ok())?;
            plain
                .split_once(':')
                .map(|(_, password)| Cow::Owned(password.to_owned()))
        }
        _ if osmand_query && request.path() == "/v1/ingest/osmand" => {
            let query = web::Query::<HashMap<String, String>>::from_query(request.query_string()).ok()?;
            query.get("id").cloned().map(Cow::Owned)
        }
        _ => None,
    };
    token.filter(|token| token.len() <= limits::TOKEN_BYTES_MAX)
}

/// Who calls, where any credential will do; none for strangers.
pub fn caller_of(request: &HttpRequest) -> Option<Caller> {
    let extensions = request.extensions();
    let Resolved(resolved) = extensions.get()?;
    resolved.as_ref().ok().cloned()
}

fn caller(request: &HttpRequest) -> Result<Caller, Problem> {
    match request.extensions().get() {
        Some(Resolved(resolved)) => resolved.clone(),
        None => Err(unauthorized("no credential")),
    }
}

fn secret_key(request: &HttpRequest, scope: &str) -> Result<KeyRow, Problem> {
    match caller(request)? {
        Caller::Key(key) if key.kind == KeyKind::Secret => {
            if key.scopes.iter().any(|has| has == scope || has == "all") {
                return Ok(key);
            }
            let detail = format!("this key has the scopes {:?}; it needs `{scope}`", key.scopes);
            Err(Problem::new(ErrorCode::ScopeMissing, detail))
        }
        Caller::Key(_) | Caller::Device(_) | Caller::Reporting(_) => Err(Problem::new(
            ErrorCode::Forbidden,
            "use a secret key (`sk_…`), from a server",
        )),
    }
}

/// A publishable key: it registers devices, nothing else.
pub struct PublishableKey(pub KeyRow);
/// A secret key that may read.
pub struct Reads(pub KeyRow);
/// A secret key that may write.
pub struct Writes(pub KeyRow);
/// A secret key that may administer.
pub struct Administers(pub KeyRow);
/// A device, which sees and says only what is its own.
pub struct DeviceAuth(pub DeviceRow);
/// A device that brings records.
pub struct Reporting(pub Holding);

impl FromRequest for PublishableKey {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(caller(request).and_then(|caller| match caller {
            Caller::Key(key) if key.kind == KeyKind::Publishable => Ok(Self(key)),
            Caller::Key(_) | Caller::Device(_) | Caller::Reporting(_) => Err(Problem::new(
                ErrorCode::Forbidden,
                "use a publishable key (`pk_…`) to register a device",
            )),
        }))
    }
}

impl FromRequest for DeviceAuth {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(caller(request).and_then(|caller| match caller {
            Caller::Device(device) => Ok(Self(*device)),
            Caller::Key(_) | Caller::Reporting(_) => Err(no_device()),
        }))
    }
}

impl FromRequest for Reporting {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(caller(request).and_then(|caller| match caller {
            Caller::Reporting(holding) => Ok(Self(holding)),
            Caller::Device(device) => Ok(Self((&*device).into())),
            Caller::Key(_) => Err(no_device()),
        }))
    }
}

fn no_device() -> Problem {
    Problem::new(ErrorCode::Forbidden, "use the token of a device (`dt_…`)")
}

impl FromRequest for Reads {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(secret_key(request, "read").map(Self))
    }
}

impl FromRequest for Writes {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(secret_key(request, "write").map(Self))
    }
}

impl FromRequest for Administers {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(secret_key(request, "admin").map(Self))
    }
}
