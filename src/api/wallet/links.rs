//! What stands behind the signed link to a pass: its page, and the way into a wallet. The link is all a person needs.

use super::super::problem::{ErrorCode, Problem};
use super::super::server::Api;
use super::html::{self, Sheet};
use super::{Standing, fact_of, pass_of};
use crate::base::link::LinkError;
use crate::base::time::Timestamp;
use crate::engine::pass::{BarCode, Words};
use crate::store::WalletPass;
use crate::wallet::apple::CONTENT_TYPE as PKPASS;
use crate::wallet::{Pass, Reader};
use actix_web::http::StatusCode;
use actix_web::http::header::{
    ACCEPT_LANGUAGE, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, HeaderName, LAST_MODIFIED, LOCATION,
};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, ResponseError, get, web};
use chrono::{SubsecRound as _, TimeDelta};
use std::fmt;

const ROBOTS: HeaderName = HeaderName::from_static("x-robots-tag");

/// Why there is no pass behind a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gone {
    /// None of ours, or changed on the way.
    Unknown,
    Expired,
    /// The person or the fact is no more, or nothing in it makes a pass now.
    Removed,
    Cancelled,
    Over,
}

impl Gone {
    fn status(self) -> StatusCode {
        match self {
            Self::Unknown => StatusCode::NOT_FOUND,
            Self::Expired | Self::Removed | Self::Cancelled | Self::Over => StatusCode::GONE,
        }
    }

    /// What is wrong, and what to do.
    fn says(self) -> (&'static str, &'static str) {
        match self {
            Self::Unknown => ("unknown_title", "ask_again"),
            Self::Expired => ("expired_title", "ask_again"),
            Self::Removed => ("gone_title", "ask_them"),
            Self::Cancelled => ("cancelled_title", "ask_them"),
            Self::Over => ("over_title", "ask_them"),
        }
    }
}

/// A refusal that a person reads, or a problem of ours.
#[derive(Debug)]
pub enum Refused {
    Page { status: StatusCode, html: String },
    Problem(Problem),
}

impl Refused {
    fn page(why: Gone, words: Words) -> Self {
        Self::Page {
            status: why.status(),
            html: html::refusal(words, why.says()),
        }
    }
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Page { status, .. } => write!(f, "{status}"),
            Self::Problem(problem) => problem.fmt(f),
        }
    }
}

impl ResponseError for Refused {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::Page { status, .. } => *status,
            Self::Problem(problem) => problem.status_code(),
        }
    }

    fn error_response(&self) -> HttpResponse {
        match self {
            Self::Page { status, html } => page(*status).body(html.clone()),
            Self::Problem(problem) => problem.error_response(),
        }
    }
}

/// Nobody on the way keeps it, and no search engine names it.
fn private(status: StatusCode) -> HttpResponseBuilder {
    let mut answer = HttpResponse::build(status);
    answer
        .insert_header((CACHE_CONTROL, "private, no-store"))
        .insert_header((ROBOTS, "noindex, nofollow, noarchive"));
    answer
}

fn page(status: StatusCode) -> HttpResponseBuilder {
    let mut answer = private(status);
    answer
        .content_type("text/html; charset=utf-8")
        .insert_header((CONTENT_SECURITY_POLICY, html::policy()));
    answer
}

/// A pass as it is now, and who reads it.
struct Opened {
    pass: Pass,
    reader: Reader,
    now: Timestamp,
}

async fn opened(api: &Api, request: &HttpRequest, token: &str) -> Result<Opened, Refused> {
    let now = api.pipeline.now();
    let accepted = request
        .headers()
        .get(ACCEPT_LANGUAGE)
        .and_then(|value| value.to_str().ok());
    let words = Words::accepted(accepted.unwrap_or_default());
    let read = api
        .offer
        .as_ref()
        .map_or(Err(LinkError::Unknown), |offer| offer.links.read(token, now));
    let link = read.map_err(|error| match error {
        LinkError::Unknown => Refused::page(Gone::Unknown, words),
        LinkError::Expired => Refused::page(Gone::Expired, words),
    })?;
    let removed = || Refused::page(Gone::Removed, words);
    let fact = fact_of(api, &link).await?.ok_or_else(removed)?;
    let reader = Reader::of(api.pipeline.store(), &link).await.map_err(Problem::from)?;
    let words = Words::of(reader.locale.as_deref());
    match Standing::of(&fact, now) {
        Standing::Good => {}
        Standing::Cancelled => return Err(Refused::page(Gone::Cancelled, words)),
        Standing::Over => return Err(Refused::page(Gone::Over, words)),
    }
    let pass = pass_of(link, &fact, &reader, now).ok_or_else(removed)?;
    Ok(Opened { pass, reader, now })
}

/// A pass as a page
///
/// Behind the link of a message: the link opens it without a credential, for a day at most and only while the pass is good.
/// It shows what is known now. A page for people also says why there is nothing any more.
#[utoipa::path(tag = "pass", params(("token" = String, Path, max_length = 1024)),
    responses((status = 200, description = "the page", body = String, content_type = "text/html"),
        (status = 404, description = "no link of ours: a page says what to do", body = String, content_type = "text/html"),
        (status = 410, description = "expired, cancelled, over or removed: a page says what to do", body = String, content_type = "text/html")))]
#[get("/p/{token}")]
pub async fn show(
    api: web::Data<Api>,
    request: HttpRequest,
    token: web::Path<String>,
) -> Result<HttpResponse, Refused> {
    let opened = opened(&api, &request, &token).await?;
    let card = &opened.pass.card;
    let code = card
        .bar_code
        .as_ref()
        .and_then(|(text, symbology)| BarCode::of(text, *symbology).ok());
    let wallets = api.offer.as_ref().map(|offer| &offer.wallets);
    let sheet = Sheet {
        organization: &opened.reader.organization,
        words: Words::of(opened.reader.locale.as_deref()),
        card,
        code: code.map(|code| code.svg()),
        token: &token,
        apple: wallets.is_some_and(|wallets| wallets.apple.is_some()),
        google: wallets.is_some_and(|wallets| wallets.google.is_some()),
        as_of: opened.now.with_timezone(&opened.reader.zone),
    };
    Ok(page(StatusCode::OK).body(html::sheet(&sheet)))
}

/// A pass for Apple Wallet
#[utoipa::path(tag = "pass", params(("token" = String, Path, max_length = 1024)),
    responses((status = 200, description = "the signed pass", body = Vec<u8>, content_type = "application/vnd.apple.pkpass"),
        (status = 404, description = "no link of ours, or Apple Wallet is not set up", body = String, content_type = "text/html"),
        (status = 410, description = "expired, cancelled, over or removed", body = String, content_type = "text/html")))]
#[get("/p/{token}/pass.pkpass")]
pub async fn apple(
    api: web::Data<Api>,
    request: HttpRequest,
    token: web::Path<String>,
) -> Result<HttpResponse, Refused> {
    let opened = opened(&api, &request, &token).await?;
    Ok(pkpass(&api, &opened.pass, opened.now)?)
}

/// The signed pass as an answer.
pub(super) fn pkpass(api: &Api, pass: &Pass, now: Timestamp) -> Result<HttpResponse, Problem> {
    let offer = api.offer.as_ref();
    let wallet = offer.and_then(|offer| Some((offer, offer.wallets.apple.as_ref()?)));
    let (offer, wallet) = wallet.ok_or_else(|| Problem::new(ErrorCode::NotFound, "Apple Wallet is not set up here"))?;
    let bytes = wallet
        .pkpass(pass, offer.service(), now)
        .map_err(|error| Problem::new(ErrorCode::Internal, error))?;
    let mut answer = private(StatusCode::OK);
    // The header counts in seconds: while the second lasts in which a pass changed, it could change again.
    let changed_at = pass.changed_at.trunc_subsecs(0);
    let told = if changed_at < now.trunc_subsecs(0) {
        changed_at
    } else {
        changed_at - TimeDelta::seconds(1)
    };
    let told = told.format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    answer
        .content_type(PKPASS)
        .insert_header((LAST_MODIFIED, told))
        .insert_header((CONTENT_DISPOSITION, "attachment; filename=\"pass.pkpass\""));
    Ok(answer.body(bytes))
}

/// A pass for Google Wallet
///
/// Leads to Google, with the pass in the address.
#[utoipa::path(tag = "pass", params(("token" = String, Path, max_length = 1024)),
    responses((status = 303, description = "to Google Wallet"),
        (status = 404, description = "no link of ours, or Google Wallet is not set up", body = String, content_type = "text/html"),
        (status = 410, description = "expired, cancelled, over or removed", body = String, content_type = "text/html")))]
#[get("/p/{token}/google")]
pub async fn google(
    api: web::Data<Api>,
    request: HttpRequest,
    token: web::Path<String>,
) -> Result<HttpResponse, Refused> {
    let opened = opened(&api, &request, &token).await?;
    let wallet = api.offer.as_ref().and_then(|offer| offer.wallets.google.as_ref());
    let wallet = wallet.ok_or_else(|| Problem::new(ErrorCode::NotFound, "Google Wallet is not set up here"))?;
    let address = wallet
        .save_link(&opened.pass, opened.now)
        .map_err(|error| Problem::new(ErrorCode::Internal, error))?;
    // From here on Google may hold it. It tells nobody whether the person saved it, so news are sent there in any case.
    let serial = opened.pass.link.serial();
    let held = WalletPass {
        holder: wallet.object_id(&serial),
        serial,
        link: opened.pass.link,
        push_token: None,
        due_at: None,
        attempts: 0,
    };
    let store = api.pipeline.store();
    store.hold_pass(&held, opened.now).await.map_err(Problem::from)?;
    Ok(private(StatusCode::SEE_OTHER)
        .insert_header((LOCATION, address))
        .finish())
}
