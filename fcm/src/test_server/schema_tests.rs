//! The discovery document is the judge: of requests, and of our own model of a message.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

use serde_json::{Value, json};

use super::Schemas;

fn complaints(message: &Value) -> Vec<String> {
    match Schemas::load().unwrap().check_send(&json!({ "message": message })) {
        Ok(_) => Vec::new(),
        Err(violations) => violations
            .into_iter()
            .map(|violation| format!("{}| {}", violation.field, violation.description))
            .collect(),
    }
}

/// Expects exactly one complaint, about this field and with these words.
fn refused(message: &Value, field: &str, words: &str) {
    let found = complaints(message);
    assert_eq!(found.len(), 1, "{message}: {found:?}");
    assert!(
        found[0].starts_with(&format!("{field}| ")) && found[0].contains(words),
        "{message}: {found:?}"
    );
}

#[test]
fn wrong_names_and_maps_are_named_with_their_place() {
    refused(&json!({ "tokn": "t" }), "message", "Unknown name \"tokn\" at 'message'");
    refused(&json!({ "token": 5 }), "message.token", "(TYPE_STRING), 5");
    refused(
        &json!({ "data": { "a": 42 } }),
        "message.data[0].value",
        "(TYPE_STRING), 42",
    );
    refused(
        &json!({ "data": { "a": null } }),
        "message.data[0].value",
        "(TYPE_STRING), null",
    );
    refused(&json!({ "data": [] }), "message.data", "(Map), []");
    refused(&json!({ "webpush": "x" }), "message.webpush", "WebpushConfig");
    let unknown = "Unknown name \"x\"";
    refused(
        &json!({ "androidV2": { "backgroundSync": { "x": 1 } } }),
        "message.android_v2.background_sync",
        unknown,
    );
}

#[test]
fn wrong_values_are_named_with_their_place() {
    let android = |field: &str, value: Value| json!({ "android": { field: value } });
    refused(
        &android("priority", json!("URGENT")),
        "message.android.priority",
        "\"URGENT\"",
    );
    refused(&android("ttl", json!("10m")), "message.android.ttl", "\"10m\"");
    refused(&android("ttl", json!(10)), "message.android.ttl", "(TYPE_STRING), 10");
    refused(
        &android("directBootOk", json!("yes")),
        "message.android.direct_boot_ok",
        "(TYPE_BOOL)",
    );
    for (field, value, place, words) in [
        ("notificationCount", json!(1.5), "notification_count", "(TYPE_INT32)"),
        (
            "notificationCount",
            json!(2_147_483_648_u64),
            "notification_count",
            "(TYPE_INT32)",
        ),
        ("eventTime", json!("yesterday"), "event_time", "\"yesterday\""),
        ("titleLocArgs", json!("x"), "title_loc_args", "(List)"),
        ("vibrateTimings", json!(["1s", "x"]), "vibrate_timings[1]", "\"x\""),
        ("visibility", json!("HIDDEN"), "visibility", "\"HIDDEN\""),
    ] {
        let message = android("notification", json!({ field: value }));
        refused(&message, &format!("message.android.notification.{place}"), words);
    }
}

#[test]
fn every_complaint_is_reported_and_both_spellings_are_taken() {
    assert_eq!(
        complaints(&json!({ "a": 1, "b": 2, "data": { "x": 1, "y": 2 } })).len(),
        4
    );
    assert_eq!(
        complaints(&json!({ "android": { "collapse_key": "k", "ttl": "3.5s" }, "webpush": null })),
        Vec::<String>::new()
    );
    assert_eq!(complaints(&json!({ "fcm_options": {}, "fcmOptions": {} })).len(), 1);
}

#[test]
fn a_body_without_the_right_envelope_is_refused() {
    let schemas = Schemas::load().unwrap();
    for body in [
        json!([]),
        json!("x"),
        json!({ "msg": {} }),
        json!({ "message": {}, "validateOnly": "yes" }),
    ] {
        assert!(schemas.check_send(&body).is_err(), "{body}");
    }
}

/// Collects `Schema.field` for everything that a request can hold, and checks off what `given` sets.
fn walk(schemas: &Schemas, name: &str, given: &[&Value], missing: &mut Vec<String>) {
    for (field, property) in schemas.get(name)["properties"].as_object().unwrap() {
        let set: Vec<&Value> = given
            .iter()
            .map(|part| &part[field])
            .filter(|value| !value.is_null())
            .collect();
        if set.is_empty() {
            missing.push(format!("{name}.{field}"));
        } else if let Some(referred) = property["$ref"].as_str() {
            walk(schemas, referred, &set, missing);
        }
    }
}

#[test]
fn the_model_has_every_field_of_the_document() {
    let schemas = Schemas::load().unwrap();
    let samples: Vec<Value> = crate::message::samples::all()
        .iter()
        .map(|message| serde_json::to_value(message).unwrap())
        .collect();
    for sample in &samples {
        assert_eq!(complaints(sample), Vec::<String>::new());
    }
    let mut missing = Vec::new();
    walk(&schemas, "Message", &samples.iter().collect::<Vec<_>>(), &mut missing);
    assert_eq!(
        missing,
        ["Message.name"],
        "only the field that FCM itself fills in may be missing"
    );
}
