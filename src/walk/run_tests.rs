//! A small walk of playbook P1: the room on arrival, the wrong hotel, the room that is not ready, and time alone.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use super::super::{differences, parse};
use super::*;
use crate::walk::Expected;
use serde_json::{Value, json};

fn hotel_walk(steps: &Value) -> Walk {
    let walk = json!({
        "project": { "mode": "live", "settings": { "time_zone": "Europe/Vienna" } },
        "places": [
            { "name": "Hotel One", "tag": "hotel", "external_id": "H1", "time_zone": "Europe/Vienna",
              "center": { "lat": 48.20480, "lng": 16.36960 }, "radius_m": 120 },
            { "name": "Hotel Two", "tag": "hotel", "external_id": "H2", "time_zone": "Europe/Vienna",
              "center": { "lat": 48.18500, "lng": 16.37800 }, "radius_m": 150 } ],
        "contents": [{ "name": "room-ready", "default_locale": "en", "ttl": "PT2H", "collapse": "stay:{{ stay.key }}",
            "link": "app://stay/{{ stay.key }}/key",
            "locales": { "en": { "title": "Welcome, {{ user.name }}.", "body": "Your room is {{ stay.room }}.",
                                 "public_title": "Your room is ready" } } }],
        "triggers": [{ "name": "room-on-arrival", "class": "service", "when": { "entered": { "tag": "hotel" } },
            "for_each": { "stay": "stay" }, "if": "place.external_id == stay.hotel_id && stay.status == 'booked'",
            "wait": { "until": "stay.room_state == 'ready'", "at_most": "PT10H", "while": "inside" },
            "once_per": "stay.key + ':' + user.ref", "max_age": "PT15M", "then": { "content": "room-ready" } }],
        "users": [{ "ref": "ana", "locale": "de", "time_zone": "Europe/Vienna", "attributes": { "name": "Ana" },
            "consents": { "location": true, "service": true }, "devices": [{ "id": "d1", "platform": "ios" }] }],
        "steps": steps,
    });
    parse("walk.json", &walk.to_string()).unwrap()
}

fn stay(at: &str, seq: i64, room_state: &str) -> Value {
    json!({ "at": at, "fact": { "type": "stay", "key": "ST1", "seq": seq, "subjects": ["ana"], "sensitive": ["room"],
        "properties": { "hotel_id": "H1", "room": "1204", "status": "booked", "room_state": room_state } } })
}

fn fix(at: &str, lat: f64, lng: f64) -> Value {
    json!({ "at": at, "fix": { "device": "d1", "lat": lat, "lng": lng, "accuracy_m": 20.0 } })
}

fn expect(outcome: &Outcome, expected: &Value) {
    let expected: Expected = parse("expected.json", &expected.to_string()).unwrap();
    assert_eq!(differences(&expected, outcome), Vec::<String>::new(), "{outcome:#?}");
}

#[test]
fn the_room_is_said_once_on_arrival() {
    let steps = json!([
        stay("2026-05-04T12:00:00+02:00", 1, "ready"),
        fix("2026-05-04T14:55:00+02:00", 48.20552, 16.36960),
        fix("2026-05-04T14:56:00+02:00", 48.20490, 16.36960),
    ]);
    let outcome = run(&hotel_walk(&steps)).unwrap();
    expect(
        &outcome,
        &json!({
        "moments": [
            { "at": "2026-05-04T12:00:00+02:00", "user": "ana", "kind": "fact", "of": "stay:ST1" },
            { "at": "2026-05-04T14:55:00+02:00", "user": "ana", "kind": "entered", "of": "H1" } ],
        "decisions": [{ "at": "2026-05-04T14:55:00+02:00", "user": "ana", "trigger": "room-on-arrival", "code": "sent",
                        "facts": { "stay": "ST1" } }],
        "messages": [{ "at": "2026-05-04T14:55:00+02:00", "user": "ana", "device": "d1", "title": "Welcome, Ana.",
                       "body": "Your room is 1204.", "public_title": "Your room is ready",
                       "link": "app://stay/ST1/key", "tag": "stay:ST1" }] }),
    );
}

#[test]
fn the_wrong_hotel_is_a_silence_with_a_reason() {
    let steps = json!([
        stay("2026-05-04T12:00:00+02:00", 1, "ready"),
        fix("2026-05-04T14:55:00+02:00", 48.18500, 16.37800),
    ]);
    let outcome = run(&hotel_walk(&steps)).unwrap();
    expect(
        &outcome,
        &json!({ "messages": [], "decisions": [
        { "at": "2026-05-04T14:55:00+02:00", "user": "ana", "trigger": "room-on-arrival", "code": "condition_false",
          "facts": { "stay": "ST1" } }] }),
    );
}

#[test]
fn a_room_that_becomes_ready_ends_the_wait_and_a_limit_ends_it_by_time_alone() {
    let entered = json!([
        stay("2026-05-04T12:00:00+02:00", 1, "assigned"),
        fix("2026-05-04T13:10:00+02:00", 48.20480, 16.36960),
    ]);
    let mut steps = entered.as_array().unwrap().clone();
    steps.push(stay("2026-05-04T14:40:00+02:00", 2, "ready"));
    let outcome = run(&hotel_walk(&json!(steps))).unwrap();
    let codes: Vec<String> = outcome
        .decisions
        .iter()
        .map(|decision| decision.code.as_str())
        .collect();
    assert_eq!(codes, ["waiting_fact", "sent"]);
    assert_eq!(outcome.messages[0].at.to_rfc3339(), "2026-05-04T12:40:00+00:00");

    let mut steps = entered.as_array().unwrap().clone();
    steps.push(json!({ "at": "2026-05-05T12:00:00+02:00", "tick": true }));
    let outcome = run(&hotel_walk(&json!(steps))).unwrap();
    let last = outcome.decisions.last().unwrap();
    assert_eq!(
        (last.code.as_str(), last.at.to_rfc3339()),
        ("expired".to_owned(), "2026-05-04T21:10:00+00:00".to_owned())
    );
}

#[test]
fn the_same_files_give_the_same_outcome_and_a_difference_is_told() {
    let steps = json!([
        stay("2026-05-04T12:00:00+02:00", 1, "ready"),
        fix("2026-05-04T14:55:00+02:00", 48.20480, 16.36960),
    ]);
    let walk = hotel_walk(&steps);
    let outcome = run(&walk).unwrap();
    assert_eq!(outcome, run(&walk).unwrap());
    let wanted = json!({ "decisions": [{ "at": "2026-05-04T14:55:00+02:00", "user": "ben", "trigger": "room-on-arrival",
        "code": "sent", "facts": { "stay": "ST1" } }] });
    let expected: Expected = parse("expected.json", &wanted.to_string()).unwrap();
    let told = differences(&expected, &outcome);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(
        told[0].starts_with("missing decision:") && told[0].contains("ben"),
        "{told:?}"
    );
}

#[test]
fn a_mistake_in_a_walk_names_its_place() {
    let steps = json!([{ "at": "2026-05-04T14:55:00+02:00", "fix": { "device": "d9", "lat": 1, "lng": 2 } }]);
    let unknown = run(&hotel_walk(&steps)).unwrap_err().to_string();
    assert!(
        unknown.contains("no device `d9`") && unknown.contains("d1"),
        "{unknown}"
    );
    let nameless = parse::<Walk>("walk.json", r#"{"users": [{"name": "ana"}], "steps": []}"#)
        .unwrap_err()
        .to_string();
    assert!(nameless.contains("users[0]"), "{nameless}");
    let two = r#"{"users": [], "steps": [{"at": "2026-05-04T14:55:00Z", "tick": true, "erase": {"user": "ana"}}]}"#;
    let two = parse::<Walk>("walk.json", two).unwrap_err().to_string();
    assert!(two.contains("exactly one of fix, crossing, batch"), "{two}");
}
