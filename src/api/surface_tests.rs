//! What every request meets: problems, bounds, compression, idempotency, pages, headers.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use super::fixture_tests::{ALL, Answer, FOREIGN, Site, site};
use crate::base::limits;
use actix_web::test::TestRequest;
use serde_json::{Value, json};

fn post(path: &str, body: impl Into<Vec<u8>>) -> TestRequest {
    TestRequest::post()
        .uri(path)
        .insert_header(("authorization", format!("Bearer {ALL}")))
        .insert_header(("content-type", "application/json"))
        .set_payload(body.into())
}

fn is_problem(answer: &Answer, status: u16, code: &str) {
    assert_eq!(
        (answer.status.as_u16(), answer.body["code"].as_str()),
        (status, Some(code)),
        "{}",
        answer.text
    );
    assert_eq!(answer.headers.get("content-type").unwrap(), "application/problem+json");
    assert_eq!(answer.body["status"], json!(status));
    assert_eq!(answer.headers.get("x-content-type-options").unwrap(), "nosniff");
    assert!(answer.headers.contains_key("x-request-id"));
}

#[actix_web::test]
async fn wrong_paths_and_methods_are_problems() {
    let site = site().await;
    is_problem(&site.ask("GET", "/v1/nothing", ALL, None).await, 404, "not_found");
    is_problem(&site.ask("GET", "/nothing", "", None).await, 404, "not_found");
    let answer = site.ask("DELETE", "/v1/users", ALL, None).await;
    is_problem(&answer, 405, "method_not_allowed");
    assert_eq!(answer.headers.get("allow").unwrap(), "GET");
    is_problem(
        &site.ask("POST", "/live/app.js", "", None).await,
        405,
        "method_not_allowed",
    );
    is_problem(
        &site.ask("GET", "/v1/geofences/rubbish", ALL, None).await,
        404,
        "not_found",
    );
    is_problem(&site.ask("GET", "/v1/users/a%00b", ALL, None).await, 404, "not_found");
    is_problem(
        &site.ask("GET", "/v1/users?limit=x", ALL, None).await,
        400,
        "query_invalid",
    );
    is_problem(
        &site.ask("GET", "/v1/users?limit=0", ALL, None).await,
        400,
        "query_invalid",
    );
    is_problem(
        &site.ask("GET", "/v1/users?limit=1&colour=red", ALL, None).await,
        400,
        "query_invalid",
    );
    is_problem(
        &site.ask("GET", "/v1/users?cursor=rubbish", ALL, None).await,
        400,
        "cursor_invalid",
    );
}

#[actix_web::test]
async fn phones_are_spared_what_only_browsers_read() {
    let site = site().await;
    let token = site.device("a phone that reports").await;
    let body = json!({ "records": [] });
    let taken = site.ask("POST", "/v1/track", &token, Some(body.clone())).await;
    assert_eq!(taken.status.as_u16(), 200);
    assert!(taken.headers.contains_key("x-request-id"));
    for name in [
        "content-security-policy",
        "x-frame-options",
        "referrer-policy",
        "cache-control",
    ] {
        assert!(!taken.headers.contains_key(name), "{name}");
    }
    let refused = site.ask("POST", "/v1/track", "dt_unknown", Some(body)).await;
    is_problem(&refused, 401, "unauthorized");
    assert_eq!(refused.headers.get("cache-control").unwrap(), "no-store");
}

#[actix_web::test]
async fn bodies_are_read_strictly() {
    let site = site().await;
    let path = "/v1/events";
    is_problem(&site.send(post(path, "{")).await, 400, "json_invalid");
    is_problem(&site.send(post(path, "")).await, 400, "json_invalid");
    is_problem(
        &site.send(post(path, r#"{"name":"a","name":"b"}"#)).await,
        400,
        "json_invalid",
    );
    let answer = site.send(post(path, r#"{"user_ref":"ada","name":"a","nmae":1}"#)).await;
    is_problem(&answer, 422, "body_invalid");
    assert_eq!(answer.body["pointer"], "/nmae");
    let answer = site.send(post(path, r#"{"user_ref":"","name":"a"}"#)).await;
    is_problem(&answer, 422, "field_invalid");
    assert_eq!(answer.body["pointer"], "/user_ref");
    let answer = site
        .send(post(
            path,
            r#"{"user_ref":"ada","name":"a","properties":{"x":"\u0000"}}"#,
        ))
        .await;
    is_problem(&answer, 422, "field_invalid");
    let answer = site
        .send(post(path, "{}").insert_header(("content-type", "text/plain")))
        .await;
    is_problem(&answer, 415, "media_type_unsupported");
    let answer = site
        .send(post(path, "{}").insert_header(("content-encoding", "br")))
        .await;
    is_problem(&answer, 415, "encoding_unsupported");
    let big = format!("{{\"name\":\"{}\"}}", "x".repeat(limits::BODY_BYTES_MAX));
    is_problem(&site.send(post(path, big)).await, 413, "body_too_large");
}

const GZIP_HEAD: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

/// A gzip stream (RFC 1952) of one stored block.
fn gzipped(plain: &[u8]) -> Vec<u8> {
    let crc = plain.iter().fold(!0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            if crc & 1 == 1 {
                (crc >> 1) ^ 0xedb8_8320
            } else {
                crc >> 1
            }
        })
    });
    let length = u16::try_from(plain.len()).unwrap();
    let mut stream = GZIP_HEAD.to_vec();
    stream.push(1);
    stream.extend(length.to_le_bytes());
    stream.extend((!length).to_le_bytes());
    stream.extend(plain);
    stream.extend((!crc).to_le_bytes());
    stream.extend(u32::from(length).to_le_bytes());
    stream
}

/// A gzip stream of a blank and `repeats` times 258 more, in the fixed code of RFC 1951, 3.2.6: 13 bits for 258 bytes.
fn bomb(repeats: usize) -> Vec<u8> {
    let repeat = "1100010100000".chars();
    let bits = "110"
        .chars()
        .chain("01010000".chars())
        .chain(std::iter::repeat_n(repeat, repeats).flatten());
    let mut stream = GZIP_HEAD.to_vec();
    let bits: Vec<char> = bits.collect();
    stream.extend(bits.chunks(8).map(|byte| {
        byte.iter()
            .rev()
            .fold(0_u8, |byte, bit| byte << 1 | u8::from(*bit == '1'))
    }));
    stream
}

#[actix_web::test]
async fn gzip_is_taken_and_a_bomb_is_not() {
    let site = site().await;
    let body = gzipped(br#"{"user_ref":"ada","name":"key_used"}"#);
    let answer = site
        .send(post("/v1/events", body).insert_header(("content-encoding", "gzip")))
        .await;
    assert_eq!(answer.status.as_u16(), 201, "{}", answer.text);
    let bomb = bomb(64 * 1024 * 1024 / 258);
    assert!(bomb.len() < 500_000);
    let answer = site
        .send(post("/v1/events", bomb).insert_header(("content-encoding", "gzip")))
        .await;
    is_problem(&answer, 413, "body_too_large");
    let broken = post("/v1/events", "no gzip at all").insert_header(("content-encoding", "gzip"));
    is_problem(&site.send(broken).await, 400, "json_invalid");
}

async fn with_key(site: &Site, key: &str, body: Value) -> Answer {
    site.send(post("/v1/events", body.to_string()).insert_header(("idempotency-key", key)))
        .await
}

#[actix_web::test]
async fn a_repeat_with_its_key_gets_the_same_answer() {
    let site = site().await;
    let body = json!({ "user_ref": "ada", "name": "key_used" });
    let first = with_key(&site, "k1", body.clone()).await;
    assert_eq!(first.status.as_u16(), 201, "{}", first.text);
    let again = with_key(&site, "k1", body.clone()).await;
    assert_eq!((again.status, &again.text), (first.status, &first.text));
    assert_eq!(again.headers.get("idempotency-replayed").unwrap(), "true");
    let other = with_key(&site, "k1", json!({ "user_ref": "ada", "name": "door_opened" })).await;
    is_problem(&other, 422, "idempotency_key_reused");
    is_problem(
        &with_key(&site, &"k".repeat(256), body.clone()).await,
        400,
        "header_invalid",
    );
    // Another caller's key of the same name is another key.
    let request = post("/v1/events", json!({ "user_ref": "bob", "name": "x" }).to_string());
    let request = request.insert_header(("authorization", format!("Bearer {FOREIGN}")));
    let foreign = site.send(request.insert_header(("idempotency-key", "k1"))).await;
    assert_eq!(foreign.status.as_u16(), 201, "{}", foreign.text);
    // Errors of the caller are answers, too.
    let wrong = json!({ "user_ref": "", "name": "x" });
    let (one, two) = (
        with_key(&site, "k2", wrong.clone()).await,
        with_key(&site, "k2", wrong).await,
    );
    assert_eq!(one.text, two.text);
}

#[actix_web::test]
async fn of_two_at_once_one_is_done_and_the_other_is_told() {
    let site = site().await;
    let body = json!({ "user_ref": "ada", "name": "key_used" });
    let (one, two) = futures_util::join!(
        with_key(&site, "pair", body.clone()),
        with_key(&site, "pair", body.clone())
    );
    let statuses = [one.status.as_u16(), two.status.as_u16()];
    assert!(statuses.contains(&201), "{statuses:?}");
    for answer in [&one, &two] {
        if answer.status.as_u16() != 201 {
            is_problem(answer, 409, "idempotency_in_progress");
            assert!(answer.headers.contains_key("retry-after"));
        }
    }
    let moments = site.ask("GET", "/v1/moments?user_ref=ada", ALL, None).await;
    assert_eq!(
        moments.body["items"].as_array().map(Vec::len),
        Some(1),
        "{}",
        moments.text
    );
}

#[actix_web::test]
async fn a_secret_that_is_shown_once_is_not_kept_for_a_repeat() {
    let site = site().await;
    let make = || {
        let body = json!({ "kind": "secret", "scopes": ["read"], "label": "reports" }).to_string();
        post("/v1/keys", body).insert_header(("idempotency-key", "make"))
    };
    let first = site.send(make()).await;
    assert_eq!(first.status.as_u16(), 201, "{}", first.text);
    let token = first.body["token"].as_str().unwrap();
    assert!(token.starts_with("sk_test_"));
    assert_eq!(site.ask("GET", "/v1/users", token, None).await.status.as_u16(), 200);
    is_problem(&site.send(make()).await, 409, "answer_withheld");
    let path = format!("/v1/keys/{}", first.body["id"].as_str().unwrap());
    assert_eq!(site.ask("DELETE", &path, ALL, None).await.status.as_u16(), 204);
    is_problem(&site.ask("GET", "/v1/users", token, None).await, 401, "unauthorized");
}

#[actix_web::test]
async fn pages_go_on_where_the_last_one_ended() {
    let site = site().await;
    for name in ["a", "b", "c"] {
        let answer = site
            .ask(
                "PUT",
                &format!("/v1/users/{name}"),
                ALL,
                Some(json!({ "locale": "de" })),
            )
            .await;
        assert_eq!(answer.status.as_u16(), 200, "{}", answer.text);
    }
    let mut seen = Vec::new();
    let mut path = "/v1/users?limit=2".to_owned();
    for _ in 0..2 {
        let page = site.ask("GET", &path, ALL, None).await;
        let items = page.body["items"].as_array().unwrap().clone();
        seen.extend(items.iter().map(|user| user["user_ref"].as_str().unwrap().to_owned()));
        path = format!(
            "/v1/users?limit=2&cursor={}",
            page.body["next_cursor"].as_str().unwrap_or_default()
        );
    }
    seen.sort();
    assert_eq!(seen, ["a", "b", "c"]);
}

#[actix_web::test]
async fn the_page_and_the_probes_are_served() {
    let site = site().await;
    let page = site.ask("GET", "/", "", None).await;
    assert_eq!(page.status.as_u16(), 200);
    let policy = page.headers.get("content-security-policy").unwrap().to_str().unwrap();
    assert!(
        policy.contains("script-src 'self'") && policy.contains("frame-ancestors 'none'"),
        "{policy}"
    );
    let tag = page.headers.get("etag").unwrap().clone();
    let again = site
        .send(TestRequest::get().uri("/").insert_header(("if-none-match", tag)))
        .await;
    assert_eq!(again.status.as_u16(), 304);
    for (path, text) in [
        ("/healthz", "ok"),
        ("/readyz", "\"ready\":true"),
        ("/openapi.yaml", "openapi: 3.1.0"),
    ] {
        let answer = site.ask("GET", path, "", None).await;
        assert!(
            answer.status.is_success() && answer.text.contains(text),
            "{path}: {}",
            answer.text
        );
    }
    site.api
        .progress
        .beat("dispatch", super::fixture_tests::noon(), chrono::TimeDelta::seconds(30));
    site.clock
        .set(super::fixture_tests::noon() + chrono::TimeDelta::seconds(31));
    let stuck = site.ask("GET", "/readyz", "", None).await;
    assert_eq!(stuck.status.as_u16(), 503);
    assert!(stuck.text.contains("dispatch"), "{}", stuck.text);
    site.api.progress.done("dispatch");
    site.api.progress.ahead("reading");
    let starting = site.ask("GET", "/readyz", "", None).await;
    assert_eq!(starting.status.as_u16(), 503);
    assert!(starting.text.contains("under way: reading"), "{}", starting.text);
    site.api.progress.behind("reading");
    assert_eq!(site.ask("GET", "/readyz", "", None).await.status.as_u16(), 200);
}

#[actix_web::test]
async fn every_asset_of_the_page_is_served() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/api/live");
    let served: Vec<&str> = super::page::paths().collect();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap();
        if name != "index.html" {
            assert!(
                served.contains(&format!("/live/{name}").as_str()),
                "{name} is not served"
            );
        }
    }
}

#[test]
fn the_committed_description_is_what_the_code_says() {
    let committed = include_str!("../../openapi.yaml");
    assert!(
        committed == crate::api::openapi_yaml(),
        "write it anew: usher openapi > openapi.yaml"
    );
}
