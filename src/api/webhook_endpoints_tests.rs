//! Webhook endpoints over HTTP: made, changed, rotated, replayed; the secret is shown once, and nobody else sees any of it.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use crate::api::fixture_tests::{ALL, Answer, FOREIGN, Site, site};
use actix_web::test::TestRequest;
use serde_json::{Value, json};

const ALL_OF_THEM: &str = "/v1/webhook-endpoints";
const URL: &str = "https://pms.example.com/usher";

async fn made(site: &Site) -> Value {
    let body = json!({ "url": URL, "description": "front desk" });
    let answer = site.ask("POST", ALL_OF_THEM, ALL, Some(body)).await;
    assert_eq!(answer.status.as_u16(), 201, "{}", answer.text);
    answer.body
}

fn path(endpoint: &Value, rest: &str) -> String {
    format!("{ALL_OF_THEM}/{}{rest}", endpoint["id"].as_str().unwrap())
}

fn is_problem(answer: &Answer, status: u16, code: &str) {
    assert_eq!(
        (answer.status.as_u16(), answer.body["code"].as_str()),
        (status, Some(code)),
        "{}",
        answer.text
    );
}

#[actix_web::test]
async fn an_endpoint_lives_through_the_api_and_shows_its_secret_once() {
    let site = site().await;
    let endpoint = made(&site).await;
    let secret = endpoint["secret"].as_str().unwrap();
    assert!(secret.starts_with("whsec_") && secret.len() == 38, "{secret}");
    let one = site.ask("GET", &path(&endpoint, ""), ALL, None).await;
    let list = site.ask("GET", ALL_OF_THEM, ALL, None).await;
    assert!(!one.text.contains("whsec_") && !list.text.contains("whsec_"));
    assert_eq!(
        (&list.body["items"][0], &one.body["description"]),
        (&one.body, &json!("front desk"))
    );
    let off = json!({ "url": "https://pms.example.com", "disabled": true });
    let put = site.ask("PUT", &path(&endpoint, ""), ALL, Some(off)).await.body;
    assert_eq!(
        (&put["url"], &put["disabled_why"]),
        (&json!("https://pms.example.com/"), &json!("through the API"))
    );
    let replay = json!({ "since": "2026-05-04T00:00:00Z" });
    let refused = site
        .ask("POST", &path(&endpoint, "/replay"), ALL, Some(replay.clone()))
        .await;
    is_problem(&refused, 409, "conflict");
    let on = json!({ "url": URL });
    let put = site.ask("PUT", &path(&endpoint, ""), ALL, Some(on)).await.body;
    assert_eq!((&put["disabled"], &put["disabled_why"]), (&json!(false), &Value::Null));
    let replayed = site
        .ask("POST", &path(&endpoint, "/replay"), ALL, Some(replay))
        .await
        .body;
    assert_eq!(replayed, json!({ "replayed": 0, "over": 0, "has_more": false }));
    let rotated = site
        .ask("POST", &path(&endpoint, "/rotate-secret"), ALL, None)
        .await
        .body;
    assert!(rotated["secret"].as_str().unwrap().starts_with("whsec_") && rotated["secret"] != endpoint["secret"]);
    let deleted = site.ask("DELETE", &path(&endpoint, ""), ALL, None).await;
    assert_eq!(deleted.status.as_u16(), 204);
    is_problem(
        &site.ask("GET", &path(&endpoint, ""), ALL, None).await,
        404,
        "not_found",
    );
}

#[actix_web::test]
async fn another_project_has_nothing_here() {
    let site = site().await;
    let endpoint = made(&site).await;
    let body = Some(json!({ "url": URL }));
    let since = Some(json!({ "since": "2026-05-04T00:00:00Z" }));
    for (method, rest, body) in [
        ("GET", "", None),
        ("PUT", "", body),
        ("DELETE", "", None),
        ("POST", "/rotate-secret", None),
        ("POST", "/replay", since),
    ] {
        let answer = site.ask(method, &path(&endpoint, rest), FOREIGN, body).await;
        is_problem(&answer, 404, "not_found");
    }
    assert_eq!(
        site.ask("GET", ALL_OF_THEM, FOREIGN, None).await.body["items"],
        json!([])
    );
    assert_eq!(
        site.ask("GET", ALL_OF_THEM, ALL, None).await.body["items"][0]["url"],
        json!(URL)
    );
}

#[actix_web::test]
async fn an_address_that_cannot_be_one_is_told_with_its_place() {
    let site = site().await;
    let long = format!("https://example.com/{}", "x".repeat(2_000));
    for url in [
        "",
        "x",
        "ftp://example.com",
        "https://user:secret@example.com",
        "https://x/#y",
        &long,
    ] {
        let answer = site.ask("POST", ALL_OF_THEM, ALL, Some(json!({ "url": url }))).await;
        is_problem(&answer, 422, "field_invalid");
        assert_eq!(answer.body["pointer"], json!("/url"), "{url}");
    }
    let odd = site
        .ask(
            "POST",
            ALL_OF_THEM,
            ALL,
            Some(json!({ "url": "https://example.com/\u{0}" })),
        )
        .await;
    assert!([201, 400, 422].contains(&odd.status.as_u16()), "{}", odd.text);
    let body = json!({ "url": URL, "description": "a\nb" });
    let answer = site.ask("POST", ALL_OF_THEM, ALL, Some(body)).await;
    assert_eq!(answer.body["pointer"], json!("/description"));
}

#[actix_web::test]
async fn a_repeat_with_its_key_makes_no_second_one_and_keeps_no_secret() {
    let site = site().await;
    let post = |path: &str| {
        TestRequest::post()
            .uri(path)
            .insert_header(("authorization", format!("Bearer {ALL}")))
            .insert_header(("idempotency-key", format!("once {path}")))
    };
    let create = || post(ALL_OF_THEM).set_json(json!({ "url": URL }));
    let first = site.send(create()).await;
    is_problem(&site.send(create()).await, 409, "answer_withheld");
    assert_eq!(
        site.ask("GET", ALL_OF_THEM, ALL, None).await.body["items"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    let rotate = path(&first.body, "/rotate-secret");
    assert_eq!(site.send(post(&rotate)).await.status.as_u16(), 200);
    is_problem(&site.send(post(&rotate)).await, 409, "answer_withheld");
}

/// A message to the business that failed, since nothing can be posted here.
async fn dead_letter(site: &Site) -> Value {
    let content = json!({ "name": "desk", "default_locale": "en", "ttl": "PT2H", "locales": { "en": { "title": "A", "body": "b" } } });
    site.ask("PUT", "/v1/contents/desk", ALL, Some(content)).await;
    let trigger = json!({ "name": "desk", "class": "service", "when": { "event": { "name": "tick" } }, "max_age": "PT15M",
        "once_per": "event.properties.n", "then": { "content": "desk", "to": "business" } });
    let event = json!({ "id": "e1", "user_ref": "ada", "name": "tick", "properties": { "n": "1" } });
    for (method, path, body) in [
        ("PUT", "/v1/triggers/desk", trigger),
        ("POST", "/v1/triggers/desk/publish", json!({})),
        ("PUT", "/v1/users/ada", json!({})),
        ("POST", "/v1/events", event),
    ] {
        let answer = site.ask(method, path, ALL, Some(body)).await;
        assert!(answer.status.is_success(), "{method} {path}: {}", answer.text);
    }
    site.api.pipeline.dispatch().await.unwrap();
    let list = site.ask("GET", "/v1/deliveries?state=failed", ALL, None).await;
    list.body["items"][0].clone()
}

#[actix_web::test]
async fn a_dead_letter_is_found_and_replayed() {
    let site = site().await;
    let endpoint = made(&site).await;
    let dead = dead_letter(&site).await;
    assert_eq!(
        (&dead["channel"], &dead["endpoint_id"]),
        (&json!("webhook"), &endpoint["id"]),
        "{dead}"
    );
    let path = |row: &Value| format!("/v1/deliveries/{}/replay", row["id"].as_str().unwrap());
    is_problem(&site.ask("POST", &path(&dead), FOREIGN, None).await, 404, "not_found");
    let first = site.ask("POST", &path(&dead), ALL, None).await;
    assert_eq!(
        (first.status.as_u16(), &first.body["replay_of"]),
        (201, &dead["id"]),
        "{}",
        first.text
    );
    assert_eq!(first.body["state"], json!("queued"));
    let again = site.ask("POST", &path(&dead), ALL, None).await;
    assert_eq!((again.status.as_u16(), &again.body["id"]), (200, &first.body["id"]));
    let open = site.ask("POST", &path(&first.body), ALL, None).await;
    is_problem(&open, 409, "conflict");
    assert!(open.body["hint"].as_str().unwrap().contains("state=failed"));
    let query = format!("/v1/deliveries?endpoint={}", endpoint["id"].as_str().unwrap());
    assert_eq!(
        site.ask("GET", &query, ALL, None).await.body["items"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
}
