//! Backtests over HTTP: started, asked for, done, cancelled; nobody else's business.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use super::fixture_tests::{ALL, FOREIGN, Site, site};
use crate::base::limits;
use chrono::TimeDelta;
use serde_json::{Value, json};

async fn ok(site: &Site, method: &str, path: &str, token: &str, body: Value) -> Value {
    let answer = site.ask(method, path, token, Some(body)).await;
    assert!(answer.status.is_success(), "{method} {path}: {}", answer.text);
    answer.body
}

/// Ada walks into a hotel that greets nobody yet; a draft waits.
async fn arrived(site: &Site) {
    let hotel = json!({ "name": "Grand Hotel", "tag": "hotel", "external_id": "H1", "center": { "lat": 48.2, "lng": 16.37 }, "radius_m": 120 });
    ok(site, "POST", "/v1/geofences", ALL, hotel).await;
    let content = json!({ "name": "hello", "default_locale": "en", "ttl": "PT2H", "locales": { "en": { "title": "Welcome", "body": "." } } });
    ok(site, "PUT", "/v1/contents/hello", ALL, content).await;
    ok(site, "PUT", "/v1/triggers/hello", ALL, draft("service")).await;
    let token = site.device("installation-1").await;
    let batch = json!({ "sent_at": "2026-05-04T12:00:00Z", "records": [
        { "type": "fix", "id": "r1", "at": "2026-05-04T12:00:00Z", "lat": 48.2, "lng": 16.37, "accuracy_m": 10 } ] });
    ok(site, "POST", "/v1/track", &token, batch).await;
}

fn draft(class: &str) -> Value {
    json!({ "name": "hello", "class": class, "when": { "entered": { "tag": "hotel" } }, "then": { "content": "hello" } })
}

fn span(what: Value) -> Value {
    let mut body = json!({ "from": "2026-05-04T00:00:00Z", "to": "2026-05-05T00:00:00Z" });
    body.as_object_mut().unwrap().extend(what.as_object().cloned().unwrap());
    body
}

/// Asks until it is no longer running.
async fn ended(site: &Site, started: &Value) -> Value {
    let path = format!("/v1/backtests/{}", started["id"].as_str().unwrap());
    for _ in 0..10_000 {
        let body = site.ask("GET", &path, ALL, None).await.body;
        if body["state"] != "running" {
            return body;
        }
        tokio::task::yield_now().await;
    }
    panic!("it never ended");
}

#[actix_web::test]
async fn a_draft_is_judged_over_what_was_stored() {
    let site = site().await;
    arrived(&site).await;
    let started = site
        .ask("POST", "/v1/backtests", ALL, Some(span(json!({ "trigger": "hello" }))))
        .await;
    assert_eq!(started.status.as_u16(), 202, "{}", started.text);
    let location = started.headers.get("location").unwrap().to_str().unwrap().to_owned();
    assert_eq!(
        location,
        format!("/v1/backtests/{}", started.body["id"].as_str().unwrap())
    );
    assert_eq!(
        (&started.body["state"], &started.body["revision"]),
        (&json!("running"), &json!(1))
    );
    let done = ended(&site, &started.body).await;
    assert_eq!(done["state"], "done", "{done}");
    assert_eq!(done["progress"], json!({ "done": 1, "total": 1 }));
    let moment = site.ask("GET", "/v1/moments", ALL, None).await.body["items"][0]["id"].clone();
    assert_eq!(
        done["report"]["would_send"],
        json!({ "cases": 1, "messages": 1, "users": 1, "examples": [moment] })
    );
    assert_eq!(
        site.ask("GET", "/v1/decisions", ALL, None).await.body["items"],
        json!([]),
        "nothing is stored"
    );

    let sentence = ok(
        &site,
        "POST",
        "/v1/backtests",
        ALL,
        span(json!({ "sentence": draft("promo") })),
    )
    .await;
    let done = ended(&site, &sentence).await;
    assert_eq!(done["report"]["would_send"]["messages"], 0);
    let reason = &done["report"]["attrition"][0];
    assert_eq!(
        (&reason["code"], &reason["count"], &reason["examples"]),
        (&json!("no_consent"), &json!(1), &json!([moment]))
    );
    assert!(reason["says"].as_str().unwrap().contains("never consented"));
    assert_ne!(done["sentence_hash"], started.body["sentence_hash"]);
}

#[actix_web::test]
async fn a_backtest_is_forgotten_on_demand_and_after_an_hour_and_is_nobody_elses() {
    let site = site().await;
    arrived(&site).await;
    let path = |started: &Value| format!("/v1/backtests/{}", started["id"].as_str().unwrap());
    let first = ok(&site, "POST", "/v1/backtests", ALL, span(json!({ "trigger": "hello" }))).await;
    ended(&site, &first).await;
    for method in ["GET", "DELETE"] {
        assert_eq!(
            site.ask(method, &path(&first), FOREIGN, None).await.status.as_u16(),
            404
        );
    }
    assert_eq!(site.ask("DELETE", &path(&first), ALL, None).await.status.as_u16(), 204);
    assert_eq!(site.ask("GET", &path(&first), ALL, None).await.status.as_u16(), 404);
    let second = ok(&site, "POST", "/v1/backtests", ALL, span(json!({ "trigger": "hello" }))).await;
    ended(&site, &second).await;
    site.clock
        .set(super::fixture_tests::noon() + limits::BACKTEST_KEPT + TimeDelta::seconds(1));
    assert_eq!(site.ask("GET", &path(&second), ALL, None).await.status.as_u16(), 404);
}

#[actix_web::test]
async fn no_more_run_at_once_than_there_are_places() {
    let site = site().await;
    arrived(&site).await;
    let held: Vec<_> = (0..limits::BACKTESTS_AT_ONCE_MAX)
        .map(|_| site.api.backtests.hold().unwrap())
        .collect();
    let answer = site
        .ask("POST", "/v1/backtests", ALL, Some(span(json!({ "trigger": "hello" }))))
        .await;
    assert_eq!(
        (answer.status.as_u16(), &answer.body["code"]),
        (429, &json!("overloaded"))
    );
    assert!(answer.headers.contains_key("retry-after"));
    drop(held);
    ok(&site, "POST", "/v1/backtests", ALL, span(json!({ "trigger": "hello" }))).await;
}

#[actix_web::test]
async fn no_more_are_kept_than_there_is_room_for() {
    let site = site().await;
    arrived(&site).await;
    let mut all = Vec::new();
    for _ in 0..=limits::BACKTESTS_KEPT_MAX {
        let started = ok(&site, "POST", "/v1/backtests", ALL, span(json!({ "trigger": "hello" }))).await;
        ended(&site, &started).await;
        all.push(format!("/v1/backtests/{}", started["id"].as_str().unwrap()));
    }
    let mut gone = 0;
    for path in &all {
        gone += usize::from(site.ask("GET", path, ALL, None).await.status.as_u16() == 404);
    }
    assert_eq!(gone, 1);
}

#[actix_web::test]
async fn what_cannot_be_judged_is_refused_at_its_place() {
    let site = site().await;
    arrived(&site).await;
    let mut nameless = draft("service");
    nameless["then"]["content"] = json!("nothing");
    let cases = [
        (span(json!({})), "/trigger", "field_invalid"),
        (
            span(json!({ "trigger": "hello", "sentence": draft("promo") })),
            "/trigger",
            "field_invalid",
        ),
        (span(json!({ "trigger": "nothing" })), "/trigger", "field_invalid"),
        (
            span(json!({ "trigger": "hello", "revision": 9 })),
            "/revision",
            "field_invalid",
        ),
        (
            span(json!({ "trigger": "hello", "to": "2026-05-04T00:00:00Z" })),
            "/to",
            "field_invalid",
        ),
        (
            span(json!({ "trigger": "hello", "from": "2026-01-01T00:00:00Z" })),
            "/from",
            "field_invalid",
        ),
        (
            span(json!({ "sentence": nameless })),
            "/then/content",
            "trigger_invalid",
        ),
    ];
    for (body, pointer, code) in cases {
        let answer = site.ask("POST", "/v1/backtests", ALL, Some(body)).await;
        assert_eq!(
            (answer.status.as_u16(), answer.body["code"].as_str()),
            (422, Some(code)),
            "{}",
            answer.text
        );
        assert_eq!(answer.body["pointer"], pointer, "{}", answer.text);
    }
}
