//! Simulations over HTTP: the project as the stage, every reason told, nothing stored.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use super::fixture_tests::{ALL, Answer, FOREIGN, Site, site};
use crate::walk::{Walk, run};
use serde_json::{Value, json};

async fn ok(site: &Site, method: &str, path: &str, body: Value) -> Value {
    let answer = site.ask(method, path, ALL, Some(body)).await;
    assert!(answer.status.is_success(), "{method} {path}: {}", answer.text);
    answer.body
}

/// A hotel, a text, and a trigger that is live, with a later draft that nobody may read.
async fn furnish(site: &Site) {
    let hotel = json!({ "name": "Grand Hotel", "tag": "hotel", "external_id": "H1", "center": { "lat": 48.2, "lng": 16.37 }, "radius_m": 120 });
    ok(site, "POST", "/v1/geofences", hotel).await;
    let content = json!({ "name": "hello", "default_locale": "en", "ttl": "PT2H", "variables": { "user.name": { "fallback": "guest" } },
        "locales": { "en": { "title": "Welcome, {{ user.name }}", "body": "Good to see you" } } });
    ok(site, "PUT", "/v1/contents/hello", content).await;
    let mut trigger = json!({ "name": "hello", "class": "service", "when": { "entered": { "tag": "hotel" } },
        "once_per": "moment.id", "max_age": "PT15M", "then": { "content": "hello" } });
    ok(site, "PUT", "/v1/triggers/hello", trigger.clone()).await;
    ok(
        site,
        "POST",
        "/v1/triggers/hello/publish",
        json!({ "accept": ["no_once_key", "no_maximum_age", "variable_without_rule"] }),
    )
    .await;
    trigger["class"] = json!("promo");
    ok(site, "PUT", "/v1/triggers/hello", trigger).await;
}

fn ana() -> Value {
    json!({
        "users": [{ "ref": "ana", "attributes": { "name": "Ana" }, "consents": { "location": true, "service": true }, "devices": [{ "id": "d1" }] }],
        "steps": [{ "at": "2026-05-04T12:00:00Z", "path": { "device": "d1", "speed_mps": 5,
            "points": [{ "lat": 48.19, "lng": 16.37 }, { "lat": 48.21, "lng": 16.37 }] } }],
    })
}

async fn refused(site: &Site, body: Value) -> (String, String) {
    let answer: Answer = site.ask("POST", "/v1/simulations", ALL, Some(body)).await;
    assert_eq!(answer.status.as_u16(), 422, "{}", answer.text);
    let text = |name: &str| answer.body[name].as_str().unwrap_or_default().to_owned();
    (text("code"), text("pointer"))
}

#[actix_web::test]
async fn a_project_is_the_stage_and_nothing_is_stored() {
    let site = site().await;
    furnish(&site).await;
    let body = json!({ "use": "project", "walk": ana(), "disturb": { "seed": 7, "noise_m": 10 } });
    let answer = ok(&site, "POST", "/v1/simulations", body.clone()).await;
    assert_eq!(answer["decisions"][0]["code"], "sent", "{answer}");
    assert_eq!(answer["messages"][0]["title"], "Welcome, Ana");
    assert_eq!(answer["moments"][0]["of"], "H1");
    assert!(!answer["decisions"][0]["trace"].as_array().unwrap().is_empty());

    let walk: Walk = serde_json::from_value(answer["walk"].clone()).unwrap();
    let again = serde_json::to_value(run(&walk).unwrap()).unwrap();
    for list in ["moments", "decisions", "messages", "refused"] {
        assert_eq!(again[list], answer[list], "{list}");
    }
    assert_eq!(
        ok(&site, "POST", "/v1/simulations", body).await,
        answer,
        "the same again"
    );

    for path in ["/v1/users", "/v1/moments", "/v1/decisions", "/v1/deliveries"] {
        let rows = site.ask("GET", path, ALL, None).await.body;
        assert_eq!(rows["items"].as_array().map(Vec::len), Some(0), "{path}: {rows}");
    }
}

#[actix_web::test]
async fn a_draft_is_tried_by_its_name_or_written_out() {
    let site = site().await;
    furnish(&site).await;
    let body = json!({ "use": "project", "walk": ana(), "draft": ["hello"] });
    let answer = ok(&site, "POST", "/v1/simulations", body).await;
    assert_eq!(answer["decisions"][0]["code"], "no_consent");
    let sentence = json!({ "name": "other", "class": "service", "when": { "entered": { "tag": "hotel" } },
        "if": "user.name == 'Bob'", "then": { "content": "hello" } });
    let answer = ok(
        &site,
        "POST",
        "/v1/simulations",
        json!({ "use": "project", "walk": ana(), "draft": [sentence] }),
    )
    .await;
    let mut codes: Vec<&str> = answer["decisions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["code"].as_str().unwrap())
        .collect();
    codes.sort_unstable();
    assert_eq!(codes, ["condition_false", "sent"]);
    assert_eq!(
        refused(&site, json!({ "walk": ana(), "draft": ["nothing"] })).await.1,
        "/draft/0"
    );
}

#[actix_web::test]
async fn another_project_is_no_stage_for_this_one() {
    let site = site().await;
    furnish(&site).await;
    let body = json!({ "use": "project", "walk": ana() });
    let answer = site.ask("POST", "/v1/simulations", FOREIGN, Some(body)).await;
    assert_eq!(answer.body["moments"], json!([]), "{}", answer.text);
}

#[actix_web::test]
async fn what_does_not_fit_is_refused_at_its_place() {
    let site = site().await;
    let invalid = |code: &str, pointer: &str| (code.to_owned(), pointer.to_owned());
    let mut walk = ana();
    walk["steps"][0]["path"].as_object_mut().unwrap().remove("speed_mps");
    assert_eq!(
        refused(&site, json!({ "walk": walk })).await,
        invalid("walk_invalid", "/walk/steps/0/path")
    );
    let mut walk = ana();
    walk["steps"][0]["path"]["device"] = json!("d9");
    assert_eq!(
        refused(&site, json!({ "walk": walk })).await,
        invalid("walk_invalid", "/walk/steps/0")
    );
    let mut walk = ana();
    walk["steps"][0]["path"]["speed_mps"] = json!(0.001);
    assert_eq!(
        refused(&site, json!({ "walk": walk })).await,
        invalid("walk_invalid", "/walk/steps/0/path")
    );
    let mut walk = ana();
    walk["steps"][0]["tick"] = json!(true);
    assert_eq!(
        refused(&site, json!({ "walk": walk })).await,
        invalid("body_invalid", "/walk/steps/0")
    );
    let mut walk = ana();
    walk["triggers"] =
        json!([{ "name": "x", "class": "service", "when": { "entered": {} }, "then": { "content": "nothing" } }]);
    assert_eq!(
        refused(&site, json!({ "walk": walk })).await,
        invalid("walk_invalid", "/walk/triggers/0")
    );
    let noise = json!({ "walk": ana(), "disturb": { "noise_m": -1 } });
    assert_eq!(
        refused(&site, noise).await,
        invalid("field_invalid", "/disturb/noise_m")
    );
    let unknown = json!({ "walk": ana(), "disturb": { "nose_m": 1 } });
    assert_eq!(
        refused(&site, unknown).await,
        invalid("body_invalid", "/disturb/nose_m")
    );
}
