//! Explain over HTTP: a message that was sent, a condition that failed, a wait that ran out, and what stays hidden.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use super::fixture_tests::{ALL, FOREIGN, Site, noon, site};
use chrono::TimeDelta;
use serde_json::{Value, json};

const CANARY: &str = "CANARY-1204";

async fn ok(site: &Site, method: &str, path: &str, token: &str, body: Value) -> Value {
    let body = (!body.is_null()).then_some(body);
    let answer = site.ask(method, path, token, body).await;
    assert!(
        answer.status.is_success(),
        "{method} {path}: {} {}",
        answer.status,
        answer.text
    );
    answer.body
}

/// A hotel in Vienna and a trigger that says the room, once it is ready.
async fn furnish(site: &Site) {
    let hotel = json!({ "name": "Grand Hotel", "tag": "hotel", "external_id": "H1", "time_zone": "Europe/Vienna",
        "center": { "lat": 48.2, "lng": 16.37 }, "radius_m": 120 });
    ok(site, "POST", "/v1/geofences", ALL, hotel).await;
    let content = json!({ "name": "room-ready", "default_locale": "en", "ttl": "PT2H", "variables": { "stay.room": "do_not_send" },
        "locales": { "en": { "title": "Welcome", "body": "Room {{ stay.room }}", "public_title": "Your room is ready" } } });
    ok(site, "PUT", "/v1/contents/room-ready", ALL, content).await;
    let trigger = json!({ "name": "room-on-arrival", "class": "service", "when": { "entered": { "tag": "hotel" } },
        "for_each": { "stay": "stay" }, "if": "place.external_id == stay.hotel_id && stay.room != '' && stay.status == 'booked'",
        "wait": { "until": "stay.room_state == 'ready'", "at_most": "PT10H" },
        "once_per": "stay.key + ':' + stay.room", "max_age": "PT15M", "then": { "content": "room-ready" } });
    ok(site, "PUT", "/v1/triggers/room-on-arrival", ALL, trigger).await;
    ok(site, "POST", "/v1/triggers/room-on-arrival/publish", ALL, json!({})).await;
}

async fn stay(site: &Site, seq: i64, properties: Value) {
    let mut whole = json!({ "hotel_id": "H1", "status": "booked", "room": CANARY, "room_state": "ready" });
    whole
        .as_object_mut()
        .unwrap()
        .extend(properties.as_object().unwrap().clone());
    let fact = json!({ "seq": seq, "subjects": ["ada"], "sensitive": ["room"], "properties": whole });
    ok(site, "PUT", "/v1/facts/stay/S1", ALL, fact).await;
}

/// Ada walks into the hotel; the token of her phone.
async fn arrive(site: &Site) -> String {
    let token = site.device("installation-1").await;
    let identity = json!({ "user_ref": "ada", "locale": "en" });
    ok(site, "POST", "/v1/devices/me/identify", &token, identity).await;
    token
}

async fn walk_in(site: &Site, token: &str) {
    let batch = json!({ "sent_at": "2026-05-04T12:00:00Z", "records": [
        { "type": "fix", "id": "r1", "at": "2026-05-04T12:00:00Z", "lat": 48.2, "lng": 16.37, "accuracy_m": 10 }] });
    ok(site, "POST", "/v1/track", token, batch).await;
}

async fn explained(site: &Site, more: &str) -> Value {
    let path = format!("/v1/explain?user_ref=ada&trigger=room-on-arrival{more}");
    let told = ok(site, "GET", &path, ALL, Value::Null).await;
    assert!(!told.to_string().contains(CANARY), "{told}");
    told
}

fn states(told: &Value, step: &str) -> Vec<String> {
    let steps = told["steps"].as_array().unwrap().iter();
    let of = steps.filter(|one| one["step"] == step);
    of.map(|one| one["state"].as_str().unwrap().to_owned()).collect()
}

fn step<'t>(told: &'t Value, name: &str) -> &'t Value {
    let steps = told["steps"].as_array().unwrap();
    steps.iter().find(|one| one["step"] == name).unwrap()
}

#[actix_web::test]
async fn a_message_that_was_sent_is_explained_to_the_receipt() {
    let site = site().await;
    let token = arrive(&site).await;
    furnish(&site).await;
    stay(&site, 1, json!({})).await;
    walk_in(&site, &token).await;
    let told = explained(&site, "").await;
    assert_eq!(
        (&told["code"], &told["nearest_change"]),
        (&json!("sent"), &Value::Null),
        "{told}"
    );
    assert_eq!(told["verdict"], "It was sent at 2026-05-04 14:00 Europe/Vienna.");
    let order: Vec<&str> = told["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["step"].as_str().unwrap())
        .collect();
    assert_eq!(
        order,
        [
            "fix",
            "geometry",
            "presence",
            "facts",
            "condition",
            "condition",
            "condition",
            "wait",
            "pause",
            "consent",
            "staleness",
            "window",
            "schedule",
            "once_key",
            "cooldown",
            "cap",
            "quiet_hours",
            "priority",
            "replaces",
            "holdout",
            "arm",
            "render",
            "delivery",
            "receipt",
        ]
    );
    let open: Vec<&Value> = told["steps"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["state"] != "passed")
        .collect();
    assert_eq!(open.len(), 2, "only what is under way is open: {open:#?}");
    assert_eq!(
        step(&told, "geometry")["values"]["circle"],
        json!({ "lat": 48.2, "lng": 16.37, "radius_m": 10.0 })
    );
    assert_eq!(step(&told, "geometry")["values"]["threshold"], 0.75);
    assert_eq!(step(&told, "facts")["values"]["stay"]["properties"]["room"], "•••");
    assert_eq!(step(&told, "render")["values"]["public_title"], "Your room is ready");
    assert_eq!(step(&told, "render")["values"]["body"], "•••");
    assert_eq!(told["gone"], json!([]));
    answers_and_is_heard(&site, &token).await;
}

/// The phone answers; the same case by its decision says so, to its own project alone.
async fn answers_and_is_heard(site: &Site, token: &str) {
    let message = ok(site, "GET", "/v1/decisions?user_ref=ada", ALL, Value::Null).await;
    let decision = &message["items"][0];
    let receipt = json!({ "records": [{ "type": "receipt", "id": "r9", "at": "2026-05-04T12:00:01Z",
        "message_id": decision["message_id"], "status": "displayed" }] });
    ok(site, "POST", "/v1/track", token, receipt).await;
    let path = format!("/v1/decisions/{}/explain", decision["id"].as_str().unwrap());
    let told = ok(site, "GET", &path, ALL, Value::Null).await;
    assert_eq!(states(&told, "receipt"), ["passed"], "{told}");
    assert_eq!(site.ask("GET", &path, FOREIGN, None).await.status.as_u16(), 404);
}

#[actix_web::test]
async fn the_clause_that_failed_is_named_with_what_it_wanted() {
    let site = site().await;
    let token = arrive(&site).await;
    furnish(&site).await;
    stay(&site, 1, json!({ "hotel_id": "H2" })).await;
    walk_in(&site, &token).await;
    let told = explained(&site, "").await;
    assert_eq!(told["code"], "condition_false", "{told}");
    assert_eq!(states(&told, "condition"), ["failed", "not_reached", "not_reached"]);
    assert_eq!(states(&told, "consent"), ["not_reached"]);
    let change = &told["nearest_change"];
    assert_eq!(
        change["says"],
        "would have gone on if `place.external_id` had been `stay.hotel_id` ('H2') (it was 'H1')"
    );
    assert_eq!(
        (&change["path"], &change["wanted"]),
        (&json!("place.external_id"), &json!("H2"))
    );
}

#[actix_web::test]
async fn a_wait_that_ran_out_tells_what_it_waited_for() {
    let site = site().await;
    let token = arrive(&site).await;
    furnish(&site).await;
    stay(&site, 1, json!({ "room_state": "dirty" })).await;
    walk_in(&site, &token).await;
    let waiting = explained(&site, "").await;
    assert_eq!(waiting["code"], "waiting_fact", "{waiting}");
    assert_eq!(
        waiting["nearest_change"]["says"],
        "goes on once `stay.room_state` is 'ready' (it is 'dirty') before 2026-05-05 00:00 Europe/Vienna"
    );
    site.clock.set(noon() + TimeDelta::hours(10));
    site.api.pipeline.tick().await.unwrap();
    let told = explained(&site, "").await;
    assert_eq!(told["code"], "expired", "{told}");
    assert_eq!(
        told["history"][0]["says"],
        "waiting_fact at 2026-05-04 14:00 Europe/Vienna"
    );
    assert_eq!(
        told["nearest_change"]["says"],
        "would have gone on if `stay.room_state` had been 'ready' (it was 'dirty') before 2026-05-05 00:00 Europe/Vienna"
    );
    assert_eq!(states(&told, "condition"), ["passed", "passed", "passed"]);
    assert_eq!(
        (states(&told, "consent"), states(&told, "wait")),
        (vec!["passed".to_owned()], vec!["failed".to_owned()])
    );
    assert_eq!(states(&told, "render"), ["not_reached"]);
    // What was true an hour after the arrival.
    let then = explained(&site, "&at=2026-05-04T13:00:00Z").await;
    assert_eq!(then["code"], "waiting_fact");
}

#[actix_web::test]
async fn where_nothing_was_decided_the_store_says_why() {
    let site = site().await;
    let none = site
        .ask("GET", "/v1/explain?user_ref=ada&trigger=room-on-arrival", ALL, None)
        .await;
    assert_eq!(none.status.as_u16(), 404, "no such trigger");
    furnish(&site).await;
    let nobody = explained(&site, "").await;
    assert_eq!(nobody["code"], Value::Null);
    assert_eq!(
        nobody["verdict"],
        "Nothing was decided up to 2026-05-04 12:00 UTC: there is no such person."
    );
    arrive(&site).await;
    let quiet = explained(&site, "").await;
    assert_eq!(states(&quiet, "moment"), ["failed"], "{quiet}");
    assert_eq!(states(&quiet, "user"), ["passed"]);
    let before = explained(&site, "&at=2026-05-03T12:00:00Z").await;
    assert_eq!(states(&before, "trigger"), ["failed"], "{before}");
    for wrong in ["/v1/explain?user_ref=ada", "/v1/explain?user_ref=ada&trigger=x&at=noon"] {
        assert_eq!(site.ask("GET", wrong, ALL, None).await.status.as_u16(), 400, "{wrong}");
    }
}
