//! Apple's web service for passes: phones register for news of a pass, ask which ones changed, and get the new version.
//!
//! The paths and answers are Apple's ("Adding a Web Service to Update Passes"); `webServiceURL` in each pass leads here.

use super::super::json::Json;
use super::super::problem::{ErrorCode, Problem};
use super::super::server::Api;
use super::{fact_of, links, pass_of};
use crate::base::limits;
use crate::base::link::Link;
use crate::base::secret::Secret;
use crate::base::time::Timestamp;
use crate::store::{Held, WalletPass};
use crate::wallet::Reader;
use actix_web::http::header::{AUTHORIZATION, IF_MODIFIED_SINCE};
use actix_web::{FromRequest, HttpRequest, HttpResponse, delete, dev::Payload, get, post, web};
use chrono::{DateTime, NaiveDateTime, SubsecRound as _};
use serde::{Deserialize, Serialize};
use std::future::{Ready, ready};
use utoipa::{IntoParams, ToSchema};

/// What a phone is woken by.
#[derive(Debug, Deserialize, ToSchema)]
pub struct Registration {
    #[serde(rename = "pushToken")]
    #[schema(value_type = String, max_length = 256)]
    push_token: Secret,
}

/// Since when a phone asks.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Since {
    /// The `lastUpdated` of the last answer.
    #[serde(rename = "passesUpdatedSince")]
    passes_updated_since: Option<String>,
}

/// Passes with something new.
#[derive(Debug, Serialize, ToSchema)]
pub struct Updated {
    #[serde(rename = "serialNumbers")]
    serial_numbers: Vec<String>,
    /// To be told when asking again.
    #[serde(rename = "lastUpdated")]
    last_updated: String,
}

/// What a phone could not do.
#[derive(Debug, Deserialize, ToSchema)]
pub struct Complaints {
    #[serde(default)]
    logs: Vec<String>,
}

/// The pass that a request speaks of and has proven to hold: `Authorization: ApplePass <authenticationToken>`.
pub struct ApplePass {
    serial: String,
    link: Link,
}

impl FromRequest for ApplePass {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(proven(request))
    }
}

fn proven(request: &HttpRequest) -> Result<ApplePass, Problem> {
    let unproven = || {
        let detail =
            "send `Authorization: ApplePass <authenticationToken>` with what stands in the pass of this serial number";
        Problem::new(ErrorCode::Unauthorized, detail)
    };
    let api = request.app_data::<web::Data<Api>>().ok_or_else(unproven)?;
    let part = |name: &str| request.match_info().get(name).unwrap_or_default();
    let (pass_type, serial) = (part("pass_type"), part("serial"));
    let header = request
        .headers()
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let secret = header.and_then(|value| value.split_once(' '));
    let secret = secret
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("ApplePass"))
        .map(|(_, secret)| secret.trim());
    let offer = api.offer.as_ref().ok_or_else(unproven)?;
    let apple = offer.wallets.apple.as_ref().ok_or_else(unproven)?;
    let is_ours = apple.pass_type_id() == pass_type;
    let is_proven = secret.is_some_and(|secret| offer.links.key().is_pass_secret(serial, secret));
    let link = Link::of_serial(serial).filter(|_| is_ours && is_proven);
    Ok(ApplePass {
        serial: serial.to_owned(),
        link: link.ok_or_else(unproven)?,
    })
}

fn holder(request: &HttpRequest) -> Result<String, Problem> {
    let name = request.match_info().get("device").unwrap_or_default();
    if name.is_empty() || name.len() > limits::WALLET_NAME_BYTES_MAX {
        let detail = format!(
            "a device library identifier has 1 to {} bytes",
            limits::WALLET_NAME_BYTES_MAX
        );
        return Err(Problem::new(ErrorCode::NotFound, detail));
    }
    Ok(name.to_owned())
}

/// A phone wants news of a pass
#[utoipa::path(tag = "pass", security(("apple_pass" = [])), params(("device" = String, Path), ("pass_type" = String, Path), ("serial" = String, Path)),
    responses((status = 201, description = "registered"), (status = 200, description = "registered before")))]
#[post("/v1/wallet/apple/v1/devices/{device}/registrations/{pass_type}/{serial}")]
pub async fn register(
    api: web::Data<Api>,
    request: HttpRequest,
    pass: ApplePass,
    body: Json<Registration>,
) -> Result<HttpResponse, Problem> {
    let holder = holder(&request)?;
    let push_token = body.0.push_token;
    let is_token = |token: &str| {
        (1..=limits::WALLET_NAME_BYTES_MAX).contains(&token.len())
            && token.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    if !is_token(push_token.expose()) {
        return Err(Problem::field(
            "/pushToken",
            "a push token of Apple has letters and digits only",
        ));
    }
    let held = WalletPass {
        holder,
        serial: pass.serial,
        link: pass.link,
        push_token: Some(push_token),
        due_at: None,
        attempts: 0,
    };
    match api.pipeline.store().hold_pass(&held, api.pipeline.now()).await? {
        Held::New => Ok(HttpResponse::Created().finish()),
        Held::Known => Ok(HttpResponse::Ok().finish()),
        Held::TooMany => Err(Problem::new(
            ErrorCode::Conflict,
            "this pass lies in too many wallets already",
        )),
    }
}

/// A phone wants no more news of a pass
#[utoipa::path(tag = "pass", security(("apple_pass" = [])), params(("device" = String, Path), ("pass_type" = String, Path), ("serial" = String, Path)),
    responses((status = 200, description = "there is no such registration any more")))]
#[delete("/v1/wallet/apple/v1/devices/{device}/registrations/{pass_type}/{serial}")]
pub async fn unregister(api: web::Data<Api>, request: HttpRequest, pass: ApplePass) -> Result<HttpResponse, Problem> {
    let holder = holder(&request)?;
    api.pipeline.store().let_go_of_pass(&holder, &pass.serial).await?;
    Ok(HttpResponse::Ok().finish())
}

/// Which of its passes have something new
///
/// Apple's phones ask this without a credential; the name they gave themselves is all they show. The answer opens nothing.
#[utoipa::path(tag = "pass", params(("device" = String, Path), ("pass_type" = String, Path), Since),
    responses((status = 200, description = "these", body = Updated), (status = 204, description = "none")))]
#[get("/v1/wallet/apple/v1/devices/{device}/registrations/{pass_type}")]
pub async fn updated(
    api: web::Data<Api>,
    request: HttpRequest,
    since: web::Query<Since>,
) -> Result<HttpResponse, Problem> {
    let holder = holder(&request)?;
    let since = since
        .passes_updated_since
        .as_ref()
        .and_then(|tag| tag.parse::<i64>().ok());
    let store = api.pipeline.store();
    let mut newest = since.unwrap_or(0);
    let mut serial_numbers = Vec::new();
    for held in store.passes_held(&holder).await? {
        // A fact that is gone has nothing new to show; its wallet learns so when it asks for the pass.
        let Some(fact) = fact_of(&api, &held.link).await? else {
            continue;
        };
        let changed_at = fact.changed_at.timestamp_micros();
        if since.is_none_or(|since| changed_at > since) {
            newest = newest.max(changed_at);
            serial_numbers.push(held.serial);
        }
    }
    if serial_numbers.is_empty() {
        return Ok(HttpResponse::NoContent().finish());
    }
    Ok(HttpResponse::Ok().json(Updated {
        serial_numbers,
        last_updated: newest.to_string(),
    }))
}

/// The pass as it is now
///
/// One that was cancelled or is over comes as void, so that the wallet shows it as such.
#[utoipa::path(tag = "pass", security(("apple_pass" = [])), params(("pass_type" = String, Path), ("serial" = String, Path)),
    responses((status = 200, description = "the signed pass", body = Vec<u8>, content_type = "application/vnd.apple.pkpass"),
        (status = 304, description = "nothing new since `If-Modified-Since`")))]
#[get("/v1/wallet/apple/v1/passes/{pass_type}/{serial}")]
pub async fn fetch(api: web::Data<Api>, request: HttpRequest, pass: ApplePass) -> Result<HttpResponse, Problem> {
    let fact = fact_of(&api, &pass.link)
        .await?
        .ok_or_else(|| Problem::not_found("pass"))?;
    let known = request
        .headers()
        .get(IF_MODIFIED_SINCE)
        .and_then(|value| value.to_str().ok());
    let known = known.and_then(http_date);
    if known.is_some_and(|known| fact.changed_at.trunc_subsecs(0) <= known) {
        return Ok(HttpResponse::NotModified().finish());
    }
    let reader = Reader::of(api.pipeline.store(), &pass.link).await?;
    let now = api.pipeline.now();
    let made = pass_of(pass.link, &fact, &reader, now).ok_or_else(|| Problem::not_found("pass"))?;
    links::pkpass(&api, &made, now)
}

fn http_date(text: &str) -> Option<Timestamp> {
    let at = NaiveDateTime::parse_from_str(text, "%a, %d %b %Y %H:%M:%S GMT").ok()?;
    Some(DateTime::from_naive_utc_and_offset(at, chrono::Utc))
}

/// What a phone could not do
///
/// Counted and told to the operator in short; a stranger may send it, and what it says is not trusted.
#[utoipa::path(tag = "pass", request_body = Complaints, responses((status = 200, description = "heard")))]
#[post("/v1/wallet/apple/v1/log")]
pub async fn log(body: Json<Complaints>) -> HttpResponse {
    // The texts name serial numbers and devices: they stay out of the log.
    tracing::warn!(
        complaints = body.0.logs.len(),
        "an Apple phone has trouble with a pass: look at it in Wallet's log"
    );
    HttpResponse::Ok().finish()
}
