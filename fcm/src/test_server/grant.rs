//! `POST /token`: exchanges a signed statement for an access token (RFC 7523), as strictly as Google does.

use std::collections::HashMap;

use actix_web::{HttpMessage as _, HttpRequest, HttpResponse, rt, web};
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::{Value, json};

use super::book::Book;
use super::complaint::grant_refused;
use super::fault::{self, Fault, HANG_MAX};
use super::key::CLIENT_EMAIL;
use crate::account::SCOPE;
use crate::clock;

const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// Google takes statements of at most an hour.
const ASSERTION_LIFE_MAX_S: i64 = 3_600;
/// Clocks may differ by this much.
const CLOCK_SKEW_MAX_S: i64 = 300;
/// JWTs have no padding by RFC 7515, but some signers add it and Google takes it.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The handler.
pub(super) async fn issue(request: HttpRequest, book: web::Data<Book>, body: web::Bytes) -> HttpResponse {
    if book.is_closed() {
        return fault::mute(&request);
    }
    book.count_token_request();
    let form = match web::Query::<HashMap<String, String>>::from_query(&String::from_utf8_lossy(&body)) {
        Ok(form) if request.content_type() == "application/x-www-form-urlencoded" => form.into_inner(),
        _ => return grant_refused(400, "invalid_request", "The body is not a form."),
    };
    if form.get("grant_type").map(String::as_str) != Some(GRANT_TYPE) {
        return grant_refused(400, "unsupported_grant_type", "Invalid grant_type.");
    }
    let assertion = form.get("assertion").map(String::as_str).unwrap_or_default();
    if let Err(description) = check(&book, assertion, i64::try_from(clock::unix_s()).unwrap_or(i64::MAX)) {
        return grant_refused(400, "invalid_grant", description);
    }
    match book.next_grant_fault() {
        Some(fault) => faulty(&book, &request, fault).await,
        None => granted(&book),
    }
}

fn granted(book: &Book) -> HttpResponse {
    let (token, life_s) = book.issue();
    HttpResponse::Ok().json(json!({ "access_token": token, "expires_in": life_s, "token_type": "Bearer" }))
}

/// The same faults as for messages, as far as they make sense here.
async fn faulty(book: &Book, request: &HttpRequest, fault: Fault) -> HttpResponse {
    match fault {
        Fault::Status { code, retry_after, .. } => {
            let error = if code < 500 { "invalid_grant" } else { "server_error" };
            let mut response = grant_refused(code, error, "Scripted error.");
            if let Some(value) = retry_after.and_then(|text| text.parse().ok()) {
                response
                    .headers_mut()
                    .insert(actix_web::http::header::RETRY_AFTER, value);
            }
            response
        }
        Fault::BadRequest { description, .. } => grant_refused(400, "invalid_grant", &description),
        Fault::DropConnectionAfterRead => {
            fault::cut(request);
            granted(book)
        }
        Fault::Hang(time) => {
            rt::time::sleep(time.min(HANG_MAX)).await;
            granted(book)
        }
        Fault::InvalidJsonAnswer => HttpResponse::Ok().body("<html>not JSON</html>"),
        Fault::ExpireAccessToken => {
            let response = granted(book);
            book.expire_access_tokens();
            response
        }
    }
}

/// Checks the signature and each claim; the words are Google's where they are known.
fn check(book: &Book, assertion: &str, now_s: i64) -> Result<(), &'static str> {
    let (signed, signature) = assertion.rsplit_once('.').ok_or("Invalid JWT: not three parts.")?;
    let (header, claims) = signed.split_once('.').ok_or("Invalid JWT: not three parts.")?;
    let header = decode(header).ok_or("Invalid JWT: the header cannot be read.")?;
    let claims = decode(claims).ok_or("Invalid JWT: the claims cannot be read.")?;
    if header["alg"] != "RS256" {
        return Err("Invalid JWT: the algorithm must be RS256.");
    }
    let signature = BASE64.decode(signature).map_err(|_| "Invalid JWT Signature.")?;
    if !book.key.verifies(signed.as_bytes(), &signature) {
        return Err("Invalid JWT Signature.");
    }
    if claims["iss"] != CLIENT_EMAIL {
        return Err("Invalid grant: account not found");
    }
    if claims["aud"] != book.token_uri() {
        return Err("Invalid JWT: Failed audience check.");
    }
    if !claims["scope"]
        .as_str()
        .is_some_and(|scopes| scopes.split(' ').any(|scope| scope == SCOPE))
    {
        return Err("Invalid OAuth scope or ID token audience provided.");
    }
    let (Some(issued_s), Some(ends_s)) = (claims["iat"].as_i64(), claims["exp"].as_i64()) else {
        return Err("Invalid JWT: iat and exp must be numbers.");
    };
    let is_timely = ends_s > now_s && issued_s <= now_s.saturating_add(CLOCK_SKEW_MAX_S);
    if !is_timely || ends_s.saturating_sub(issued_s) > ASSERTION_LIFE_MAX_S {
        return Err(
            "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim.",
        );
    }
    Ok(())
}

fn decode(part: &str) -> Option<Value> {
    serde_json::from_slice(&BASE64.decode(part).ok()?).ok()
}

#[cfg(test)]
#[path = "grant_tests.rs"]
mod tests;
