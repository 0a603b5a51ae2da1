//! `OwnTracks`: Traccar's transcribed bodies, every message kind, and what the app may send empty.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

use super::*;
use crate::base::limits;
use crate::engine::fix::Envelope;
use proptest::prelude::*;
use serde_json::json as literal;

fn caller() -> Caller<'static> {
    Caller {
        name: "dev_1",
        received_at: "2026-05-04T12:00:00Z".parse().unwrap(),
    }
}

fn read(body: &Value) -> Parsed {
    parse(body.to_string().as_bytes(), AppHeaders::default(), &caller()).unwrap()
}

fn fixes(parsed: &Parsed) -> Vec<&Fix> {
    parsed
        .records
        .iter()
        .filter_map(|record| {
            if let RawBody::Fix(fix) = &record.body {
                Some(fix)
            } else {
                None
            }
        })
        .collect()
}

fn assert_all_valid(parsed: &Parsed) {
    for record in &parsed.records {
        let valid = crate::engine::fix::validate(record.clone(), &Envelope::default(), caller().received_at);
        assert!(valid.is_ok(), "{valid:?}");
    }
}

#[test]
fn every_transcribed_body_gives_one_position() {
    let file: Value =
        serde_json::from_str(include_str!("../../../tests/data/payloads/traccar/owntracks.json")).unwrap();
    // (device, lat, accuracy, metres per second, context: battery, network)
    let expected = [
        ("5t", 46.068_124_7, Some(15.0), Some(0.0), Some(0.46), Some("wifi")),
        ("JJ", 48.858_33, None, None, None, None),
        ("JJ", 48.858_33, Some(5.0), Some(61.0 / 3.6), Some(0.67), None),
        ("JJ", 48.85, None, None, None, None),
        (
            "owntracks/ckrey/22A67880-15C3-41A6-9157-25545C7993AC",
            37.0,
            Some(5.0),
            None,
            None,
            Some("wifi"),
        ),
        (
            "owntracks/qtripp/865284041968706",
            47.420_051,
            Some(10.0),
            Some(0.0),
            None,
            None,
        ),
    ];
    let cases = file["cases"].as_array().unwrap();
    assert_eq!(cases.len(), expected.len());
    for (case, (device, lat, accuracy_m, speed_mps, battery, network)) in cases.iter().zip(expected) {
        let parsed = read(&case["body"]);
        assert_eq!(
            (parsed.client_device_id.as_deref(), parsed.refused.len()),
            (Some(device), 0),
            "{case}"
        );
        let [fix] = fixes(&parsed)[..] else { panic!("{case}") };
        assert_all_valid(&parsed);
        assert_eq!(
            (fix.lat, fix.accuracy_m, fix.speed_mps),
            (lat, accuracy_m, speed_mps),
            "{case}"
        );
        let context = parsed.records.iter().find_map(|record| {
            if let RawBody::Context(context) = &record.body {
                Some(context)
            } else {
                None
            }
        });
        assert_eq!(context.and_then(|context| context.battery), battery, "{case}");
        assert_eq!(
            context.and_then(|context| context.network.as_deref()),
            network,
            "{case}"
        );
        let tst = case["body"]["tst"].as_i64().unwrap();
        assert!(
            parsed
                .records
                .iter()
                .all(|record| record.at.unwrap().timestamp() == tst),
            "{case}"
        );
    }
}

/// One record or a refusal (key, code), alone and in an array behind a message that counts.
fn assert_verdict(message: &Value, records: usize, refused: Option<(&str, &str)>) {
    let parsed = read(message);
    assert_eq!(parsed.records.len(), records, "{message}");
    let first = parsed
        .refused
        .first()
        .map(|refused| (refused.position.clone(), refused.code));
    assert_eq!(first, refused.map(|(key, code)| (format!("/{key}"), code)), "{message}");
    let both = read(&literal!([{ "_type": "location", "lat": 2, "lon": 2, "tst": 2 }, message]));
    assert_eq!(both.records.len(), records + 1, "{message}");
    let first = both.refused.first().map(|refused| refused.position.clone());
    assert_eq!(first, refused.map(|(key, _)| format!("/1/{key}")), "{message}");
}

#[test]
fn messages_that_usher_has_no_use_for_are_acknowledged() {
    for message in [
        literal!({ "_type": "waypoint", "desc": "Home", "lat": 1, "lon": 1, "rad": 50, "tst": 1 }),
        literal!({ "_type": "waypoints", "waypoints": [] }),
        literal!({ "_type": "lwt", "tst": 1 }),
        literal!({ "_type": "cmd", "action": "reportLocation" }),
        literal!({ "_type": "card", "name": "A" }),
        literal!({ "_type": "status" }),
        literal!({ "_type": "invented later" }),
    ] {
        assert_verdict(&message, 0, None);
    }
}

#[test]
fn locations_with_their_faults() {
    let cases = [
        (
            literal!({ "_type": "location", "lat": "48.2", "lon": 16.37, "tst": "1777896000" }),
            1,
            None,
        ),
        (
            literal!({ "_type": "location", "lat": 1, "lon": 1 }),
            0,
            Some(("tst", "time_missing")),
        ),
        (
            literal!({ "_type": "location", "lat": 1, "lon": 1, "tst": "x" }),
            0,
            Some(("tst", "time_invalid")),
        ),
        (
            literal!({ "_type": "location", "tst": 1 }),
            0,
            Some(("lat", "position_missing")),
        ),
        (
            literal!({ "_type": "location", "tst": 1, "lat": 1 }),
            0,
            Some(("lon", "position_incomplete")),
        ),
        (
            literal!({ "_type": "location", "tst": 1, "lat": "NaN", "lon": 1 }),
            0,
            Some(("lat", "number_invalid")),
        ),
        (
            literal!({ "_type": "location", "tst": 1, "lat": 1, "lon": 1, "batt": [] }),
            1,
            Some(("batt", "number_invalid")),
        ),
        (
            literal!({ "_type": "encrypted", "data": "AAAA" }),
            0,
            Some(("_type", "encrypted_unsupported")),
        ),
        (literal!({ "lat": 1 }), 0, Some(("_type", "message_type_missing"))),
    ];
    for (message, records, refused) in cases {
        assert_verdict(&message, records, refused);
    }
    assert_eq!(read(&literal!([7])).refused[0].code, "message_shape");
}

#[test]
fn a_transition_is_an_event_and_a_fix_of_the_same_device() {
    let message = literal!({
        "_type": "transition", "topic": "owntracks/jane/phone/event", "tst": 1_777_896_000, "wtst": 1_700_000_000, "event": "enter",
        "desc": "Hotel", "rid": "a1", "lat": 48.2, "lon": 16.37, "acc": 12, "t": "c"
    });
    let parsed = read(&message);
    assert_eq!(parsed.client_device_id.as_deref(), Some("owntracks/jane/phone"));
    let [event, fix] = &parsed.records[..] else {
        panic!("{parsed:?}")
    };
    let RawBody::Event(told) = &event.body else {
        panic!("{event:?}")
    };
    assert_eq!(told.name, "owntracks.transition");
    assert_eq!(
        Value::Object(told.properties.clone()),
        literal!({ "event": "enter", "desc": "Hotel", "rid": "a1", "wtst": 1_700_000_000, "t": "c" })
    );
    assert!(matches!(&fix.body, RawBody::Fix(fix) if fix.accuracy_m == Some(12.0)));
    let mut bare = message.clone();
    bare["event"] = "leave".into();
    bare.as_object_mut()
        .unwrap()
        .retain(|key, _| !["lat", "lon"].contains(&key.as_str()));
    let bare = read(&bare);
    assert_eq!((bare.records.len(), bare.refused.len()), (1, 0));
    assert_ne!(
        bare.records[0].id, event.id,
        "enter and leave within one second are two events"
    );
}

#[test]
fn empty_bodies_are_legal_and_other_shapes_are_not() {
    for empty in ["", " \r\n", "[]"] {
        assert_eq!(
            parse(empty.as_bytes(), AppHeaders::default(), &caller()),
            Ok(Parsed::default()),
            "{empty:?}"
        );
    }
    for (body, code) in [
        ("7", "body_shape"),
        ("null", "body_shape"),
        ("\"x\"", "body_shape"),
        ("{", "body_not_json"),
    ] {
        assert_eq!(
            parse(body.as_bytes(), AppHeaders::default(), &caller())
                .unwrap_err()
                .code,
            code,
            "{body}"
        );
    }
    let many = literal!(vec![literal!({ "_type": "lwt" }); limits::RECORDS_PER_BATCH_MAX + 1]).to_string();
    assert_eq!(
        parse(many.as_bytes(), AppHeaders::default(), &caller())
            .unwrap_err()
            .code,
        "too_many_records"
    );
    let long = literal!([{ "_type": "lwt" }, { "_type": "lwt", "topic": "x".repeat(200) }]).to_string();
    let refused = parse(long.as_bytes(), AppHeaders::default(), &caller()).unwrap_err();
    assert_eq!(
        (refused.code, refused.pointer.as_str()),
        ("device_id_invalid", "/1/topic")
    );
}

#[test]
fn the_headers_name_a_device_that_the_message_does_not() {
    let headers = AppHeaders {
        user: Some("jane"),
        device: Some("phone"),
    };
    let device = |message: Value| {
        parse(message.to_string().as_bytes(), headers, &caller())
            .unwrap()
            .client_device_id
    };
    assert_eq!(
        device(literal!({ "_type": "lwt", "tid": "JJ" })).as_deref(),
        Some("owntracks/jane/phone")
    );
    assert_eq!(
        device(literal!({ "_type": "lwt", "topic": "owntracks/a/b/waypoints" })).as_deref(),
        Some("owntracks/a/b")
    );
    let long = "x".repeat(200);
    let refused = parse(
        b"{}",
        AppHeaders {
            device: Some(&long),
            ..headers
        },
        &caller(),
    )
    .unwrap_err();
    assert_eq!(refused.code, "device_id_invalid");
}

#[test]
fn b1_a_repeated_message_has_the_same_ids() {
    let message =
        literal!({ "_type": "location", "lat": 48.2, "lon": 16.37, "tst": 1_777_896_000, "tid": "JJ", "batt": 50 });
    let later = Caller {
        received_at: "2026-05-04T13:00:00Z".parse().unwrap(),
        ..caller()
    };
    let repeated = parse(message.to_string().as_bytes(), AppHeaders::default(), &later).unwrap();
    assert_eq!(read(&message), repeated);
    assert_ne!(repeated.records[0].id, repeated.records[1].id);
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), text in ".{0,80}", number in any::<f64>()) {
        let _ = parse(&bytes, AppHeaders::default(), &caller());
        for kind in ["location", "transition"] {
            let shaped = literal!({ "_type": kind, "tst": number, "lat": number, "lon": text, "topic": text, "vel": number, "event": text });
            let _ = parse(shaped.to_string().as_bytes(), AppHeaders::default(), &caller());
        }
    }
}
