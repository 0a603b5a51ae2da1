//! A journey over HTTP: refused with its places, published, followed, looked after, and paused.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use super::fixture_tests::{ALL, FOREIGN, Site, noon, site};
use serde_json::{Value, json};

async fn ok(site: &Site, method: &str, path: &str, body: Value) -> Value {
    let answer = site
        .ask(method, path, ALL, Some(body).filter(|body| !body.is_null()))
        .await;
    assert!(answer.status.is_success(), "{method} {path}: {}", answer.text);
    answer.body
}

fn solar() -> Value {
    json!({ "name": "solar", "facts": { "lead": "lead" }, "key": "lead.key",
        "start": { "when": { "fact": { "type": "lead", "becomes": "created" } }, "goto": "new" },
        "states": {
            "new": {
                "triggers": [{ "name": "hello", "class": "service", "when": "begins",
                    "once_per": "lead.key", "max_age": "PT1H", "then": { "content": "hello" } }],
                "moves": [{ "when": { "event": { "name": "viewed" } }, "goto": "viewed" }],
                "stuck_after": "PT1H", "at_most": { "for": "P2D", "exit": "expired" } },
            "viewed": { "at_most": { "for": "P7D", "exit": "silent" } } } })
}

/// The journey live, with somebody in it.
async fn begun(site: &Site) -> Value {
    let content = json!({ "name": "hello", "default_locale": "en", "ttl": "PT2H",
        "locales": { "en": { "title": "Hello", "body": "" } } });
    ok(site, "PUT", "/v1/contents/hello", content).await;
    ok(site, "PUT", "/v1/journeys/solar", solar()).await;
    ok(site, "POST", "/v1/journeys/solar/publish", json!({})).await;
    let lead = json!({ "seq": 1, "subjects": ["ada"], "properties": {} });
    ok(site, "PUT", "/v1/facts/lead/L1", lead).await;
    instances(site, "").await[0].clone()
}

async fn instances(site: &Site, query: &str) -> Vec<Value> {
    let page = ok(
        site,
        "GET",
        &format!("/v1/journeys/solar/instances?{query}"),
        Value::Null,
    )
    .await;
    page["items"].as_array().unwrap().clone()
}

#[actix_web::test]
async fn a_wrong_journey_is_refused_with_every_place() {
    let site = site().await;
    let mut wrong = solar();
    wrong["states"]["new"]["at_most"] = json!({ "for": "P2D", "goto": "nowhere" });
    wrong["states"]["new"]["triggers"][0]["if"] = json!("loed.key == 'L1'");
    let told = ok(&site, "POST", "/v1/journeys/validate", wrong.clone()).await;
    let pointers: Vec<&str> = told["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["pointer"].as_str().unwrap())
        .collect();
    let trigger = "/states/new/triggers/0";
    assert_eq!(
        pointers,
        [
            "/states/new/at_most/goto",
            &format!("{trigger}/if"),
            &format!("{trigger}/then/content")
        ]
    );
    let refused = site.ask("PUT", "/v1/journeys/solar", ALL, Some(wrong)).await;
    assert_eq!(
        (refused.status.as_u16(), refused.body["code"].as_str()),
        (422, Some("journey_invalid"))
    );
    assert_eq!(refused.body["pointer"], "/states/new/at_most/goto");
    assert_eq!(refused.body["errors"].as_array().unwrap().len(), 3);
    let named = site.ask("PUT", "/v1/journeys/other", ALL, Some(solar())).await;
    assert_eq!(named.body["pointer"], "/name");
    let shape = ok(&site, "POST", "/v1/journeys/validate", json!({ "name": 7 })).await;
    assert_eq!(shape["valid"], false);
    for path in [
        "/v1/journeys/none",
        "/v1/journeys/none/instances",
        "/v1/journeys/none/versions",
    ] {
        assert_eq!(site.ask("GET", path, ALL, None).await.status.as_u16(), 404, "{path}");
    }
}

#[actix_web::test]
async fn people_are_counted_by_state_and_found_when_stuck() {
    let site = site().await;
    let instance = begun(&site).await;
    assert_eq!(
        (instance["state"].as_str(), instance["key"].as_str()),
        (Some("new"), Some("L1"))
    );
    assert_eq!(instance["stuck"], false);
    assert!(instances(&site, "stuck=true").await.is_empty());
    let event = json!({ "id": "e1", "user_ref": "ada", "name": "viewed", "properties": {} });
    site.clock.set(noon() + chrono::TimeDelta::hours(1));
    assert_eq!(
        instances(&site, "stuck=true&state=new&user_ref=ada&open=true")
            .await
            .len(),
        1
    );
    assert!(instances(&site, "user_ref=nobody").await.is_empty());
    ok(&site, "POST", "/v1/events", event).await;
    let shown = ok(&site, "GET", "/v1/journeys/solar", Value::Null).await;
    assert_eq!(
        shown["states"],
        json!([
            { "state": "new", "in_state": 0, "entered": 1, "median_s": 3600, "exits": {} },
            { "state": "viewed", "in_state": 1, "entered": 1, "median_s": null, "exits": {} } ])
    );
    let decisions = ok(&site, "GET", "/v1/decisions", Value::Null).await;
    assert_eq!(decisions["items"][0]["trigger"], "solar/hello");
    let foreign = site.ask("GET", "/v1/journeys/solar", FOREIGN, None).await;
    assert_eq!(foreign.status.as_u16(), 404);
    let badly = site
        .ask("GET", "/v1/journeys/solar/instances?stuck=perhaps", ALL, None)
        .await;
    assert_eq!(badly.body["code"], "query_invalid");
}

#[actix_web::test]
async fn a_person_moves_and_ends_an_instance() {
    let site = site().await;
    let instance = begun(&site).await;
    let path = format!("/v1/journeys/solar/instances/{}", instance["id"].as_str().unwrap());
    let moved = ok(&site, "POST", &format!("{path}/move"), json!({ "state": "viewed" })).await;
    assert_eq!(moved["state"], "viewed");
    let refused = site
        .ask("POST", &format!("{path}/move"), ALL, Some(json!({ "state": "x" })))
        .await;
    assert_eq!(
        (refused.status.as_u16(), refused.body["pointer"].as_str()),
        (422, Some("/state"))
    );
    let foreign = site
        .ask("POST", &format!("{path}/cancel"), FOREIGN, Some(json!({})))
        .await;
    assert_eq!(foreign.status.as_u16(), 404);
    let ended = ok(&site, "POST", &format!("{path}/cancel"), json!({})).await;
    assert_eq!(
        (ended["exit"].as_str(), ended["stuck"].as_bool()),
        (Some("cancelled"), Some(false))
    );
    let again = site.ask("POST", &format!("{path}/cancel"), ALL, Some(json!({}))).await;
    assert_eq!(
        (again.status.as_u16(), again.body["code"].as_str()),
        (409, Some("conflict"))
    );
    let states = &ok(&site, "GET", "/v1/journeys/solar", Value::Null).await["states"];
    assert_eq!(states[1]["exits"], json!({ "cancelled": 1 }));
    let exported = ok(&site, "GET", "/v1/users/ada/export", Value::Null).await;
    assert_eq!(exported["journeys"][0]["key"], "L1");
}

#[actix_web::test]
async fn versions_are_published_taken_back_and_paused() {
    let site = site().await;
    begun(&site).await;
    let early = site
        .ask("POST", "/v1/journeys/solar/publish", ALL, Some(json!({})))
        .await;
    assert_eq!(early.body["code"], "nothing_to_publish");
    let mut second = solar();
    second["versions"] = json!("move");
    second["states"]["new"]["at_most"]["for"] = json!("PT2H");
    let saved = ok(&site, "PUT", "/v1/journeys/solar", second).await;
    assert_eq!(
        (saved["newest"]["version"].as_i64(), saved["live_version"].as_i64()),
        (Some(2), Some(1))
    );
    ok(&site, "POST", "/v1/journeys/solar/publish", json!({ "version": 2 })).await;
    let lead = json!({ "seq": 2, "subjects": ["ada"], "properties": { "any": 1 } });
    ok(&site, "PUT", "/v1/facts/lead/L1", lead).await;
    let moved = &instances(&site, "").await[0];
    assert_eq!(
        (moved["version"].as_i64(), moved["ends_at"].as_str()),
        (Some(2), Some("2026-05-04T14:00:00Z"))
    );
    let back = ok(&site, "POST", "/v1/journeys/solar/rollback", json!({ "version": 1 })).await;
    assert_eq!(back["version"], 3);
    let versions = ok(&site, "GET", "/v1/journeys/solar/versions", Value::Null).await;
    let states: Vec<&str> = versions["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|v| v["state"].as_str().unwrap())
        .collect();
    assert_eq!(states, ["live", "retired", "retired"]);
    let paused = ok(&site, "POST", "/v1/journeys/solar/pause", json!({})).await;
    assert_eq!(paused["state"], "paused");
    let lead = json!({ "seq": 1, "subjects": ["eve"], "properties": {} });
    ok(&site, "PUT", "/v1/facts/lead/L2", lead).await;
    let decisions = ok(&site, "GET", "/v1/decisions?user_ref=eve", Value::Null).await;
    assert_eq!(decisions["items"][0]["code"], "paused");
    assert_eq!(
        instances(&site, "user_ref=eve").await[0]["state"],
        "new",
        "it goes on, silent"
    );
    let live = ok(&site, "POST", "/v1/journeys/solar/resume", json!({})).await;
    assert_eq!(live["state"], "live");
    let all = ok(&site, "GET", "/v1/journeys", Value::Null).await;
    assert_eq!(all["items"][0]["live_version"], 3);
}

#[actix_web::test]
async fn a_version_that_would_be_silent_by_now_does_not_come_back() {
    let site = site().await;
    begun(&site).await;
    let mut first = solar();
    first["states"]["new"]["triggers"][0]["if"] = json!("lead.sttatus == 'open'");
    for (version, journey) in [(2, first), (3, solar())] {
        ok(&site, "PUT", "/v1/journeys/solar", journey).await;
        ok(
            &site,
            "POST",
            "/v1/journeys/solar/publish",
            json!({ "version": version }),
        )
        .await;
    }
    let schema =
        json!({ "type": "object", "properties": { "status": { "type": "string" } }, "additionalProperties": false });
    ok(
        &site,
        "PUT",
        "/v1/fact-types/lead",
        json!({ "type": "lead", "schema": schema }),
    )
    .await;
    let back = site
        .ask(
            "POST",
            "/v1/journeys/solar/rollback",
            ALL,
            Some(json!({ "version": 2 })),
        )
        .await;
    assert_eq!(
        (back.status.as_u16(), back.body["code"].as_str()),
        (422, Some("journey_invalid")),
        "{}",
        back.text
    );
    let live = ok(&site, "GET", "/v1/journeys/solar", Value::Null).await;
    assert_eq!(live["live_version"], 3);
}
