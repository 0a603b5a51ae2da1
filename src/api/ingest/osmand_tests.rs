//! `OsmAnd` and Traccar Client: the verdict on every payload of Traccar's own test, the units, and hostile queries.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

use super::*;
use crate::base::limits;
use crate::engine::fix::Envelope;
use crate::engine::fix::RawRecord;
use proptest::prelude::*;

fn caller() -> Caller<'static> {
    Caller {
        name: "dev_1",
        received_at: "2026-05-04T12:00:00Z".parse().unwrap(),
    }
}

fn query(text: &str) -> Parsed {
    parse_query(text, &caller()).unwrap()
}

fn fix_of(parsed: &Parsed) -> Option<(&RawRecord, &Fix)> {
    parsed.records.iter().find_map(|record| {
        if let RawBody::Fix(fix) = &record.body {
            Some((record, fix))
        } else {
            None
        }
    })
}

fn context_in(parsed: &Parsed) -> Option<&DeviceContext> {
    parsed.records.iter().find_map(|record| {
        if let RawBody::Context(context) = &record.body {
            Some(context)
        } else {
            None
        }
    })
}

fn events(parsed: &Parsed) -> Vec<&Event> {
    parsed
        .records
        .iter()
        .filter_map(|record| {
            if let RawBody::Event(event) = &record.body {
                Some(event)
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
fn every_transcribed_payload_gets_its_verdict() {
    let file: Value = serde_json::from_str(include_str!(
        "../../../tests/data/payloads/traccar/osmand-and-traccar-client.json"
    ))
    .unwrap();
    // (name, device, time of the fix), in the order of the file.
    let expected = [
        ("still", Some("48241179"), Some("2025-06-15T13:45:12.862Z")),
        ("extras", Some("48241179"), Some("2025-06-15T13:45:12.862Z")),
        ("mock", Some("658765"), Some("2025-05-09T04:11:30.579Z")),
        ("moving", Some("8737767034"), Some("2021-07-21T08:06:34.444Z")),
        ("cells and wifi", Some("123456"), None),
        ("no id", None, None),
        ("iso with T", Some("902064"), Some("2016-01-27T18:55:47Z")),
        ("milliseconds", Some("902064"), Some("2015-09-12T14:38:06.579Z")),
        ("iso with plus", Some("353861053849681"), Some("2014-06-04T09:10:11Z")),
        ("seconds", Some("123456"), Some("2013-08-22T13:14:27Z")),
        ("bare", Some("123456"), Some("2013-08-22T13:14:27Z")),
        (
            "deviceid, stamped on arrival",
            Some("123456"),
            Some("2026-05-04T12:00:00Z"),
        ),
        (
            "battery, stamped on arrival",
            Some("861001000719969"),
            Some("2026-05-04T12:00:00Z"),
        ),
        ("location pair", Some("123456"), Some("2013-08-22T13:14:27Z")),
        (
            "knots and ignition",
            Some("123456789012345"),
            Some("2017-09-07T05:56:50Z"),
        ),
    ];
    let cases = file["cases"].as_array().unwrap();
    assert_eq!(cases.len(), expected.len());
    for (case, (name, device, at)) in cases.iter().zip(expected) {
        let parsed = match case["path"].as_str().unwrap().split_once('?') {
            Some((_, text)) => query(text),
            None => parse(case["body"].to_string().as_bytes(), &caller()).unwrap(),
        };
        assert_eq!(parsed.client_device_id.as_deref(), device, "{name}");
        assert_all_valid(&parsed);
        let fix = fix_of(&parsed);
        assert_eq!(
            fix.and_then(|(record, _)| record.at),
            at.map(|at| at.parse().unwrap()),
            "{name}"
        );
        match case["assertion"].as_str().unwrap() {
            "verifyPosition" | "verifyAttribute" => assert!(fix.is_some() && parsed.refused.is_empty(), "{name}"),
            "verifyNotNull" => assert!(
                fix.is_none() && !parsed.records.is_empty() && parsed.refused.is_empty(),
                "{name}"
            ),
            "verifyNull" => assert!(
                parsed.records.is_empty() && parsed.refused[0].code == "device_id_missing",
                "{name}"
            ),
            other => panic!("unknown verdict {other}"),
        }
        assert_eq!(fix.is_some_and(|(_, fix)| fix.simulated), name == "mock", "{name}");
    }
}

#[test]
fn the_json_of_traccar_client_is_read_in_its_own_units() {
    let body = literal!({ "device_id": 7, "location": {
        "timestamp": "2026-05-04T11:59:00Z", "age": 5_000, "event": "motionchange", "is_moving": true,
        "coords": { "latitude": 48.2, "longitude": 16.37, "accuracy": 3.8, "speed": 18.67, "heading": 63, "altitude": 35.7 },
        "battery": { "level": 0.79, "is_charging": true }, "activity": { "type": "in_vehicle", "confidence": 90 },
        "extras": { "alarm": "sos" }
    } });
    let parsed = parse(body.to_string().as_bytes(), &caller()).unwrap();
    assert_eq!(parsed.client_device_id.as_deref(), Some("7"));
    let (record, fix) = fix_of(&parsed).unwrap();
    assert_eq!(
        record.at,
        "2026-05-04T11:59:00Z".parse().ok(),
        "the age is not taken off a time that is the fix's own"
    );
    assert_eq!(
        (fix.accuracy_m, fix.speed_mps, fix.heading_deg, fix.altitude_m),
        (Some(3.8), Some(18.67), Some(63.0), Some(35.7))
    );
    let context = context_in(&parsed).unwrap();
    assert_eq!(
        (context.battery, context.charging, context.activity.as_deref()),
        (Some(0.79), Some(true), Some("in_vehicle"))
    );
    let names: Vec<_> = events(&parsed).into_iter().map(|event| event.name.as_str()).collect();
    assert_eq!(names, ["osmand.motionchange", "osmand.alarm"]);
    assert_eq!(
        Value::Object(events(&parsed)[0].properties.clone()),
        literal!({ "is_moving": true })
    );
}

#[test]
fn unknown_values_of_the_json_stay_unknown() {
    let body = literal!({ "device_id": "a", "location": { "timestamp": 1_777_896_000, "battery": { "level": -1 },
        "activity": { "type": "unknown" }, "coords": { "latitude": 0, "longitude": 0, "accuracy": -1, "speed": -1, "heading": -1,
        "altitude": 0, "altitude_accuracy": -1 } } });
    let parsed = parse(body.to_string().as_bytes(), &caller()).unwrap();
    let expected = Fix {
        source: Some("osmand".into()),
        ..Fix::default()
    };
    assert_eq!(
        (
            fix_of(&parsed).map(|(_, fix)| fix),
            context_in(&parsed),
            parsed.records.len()
        ),
        (Some(&expected), None, 1)
    );
}

#[test]
fn json_that_cannot_be_read_is_refused_with_its_place() {
    let coords = literal!({ "latitude": 1, "longitude": 2 });
    let good = literal!({ "timestamp": 1_777_896_000, "coords": coords });
    let cases = [
        (literal!({ "coords": coords }), "/location/1/timestamp", "time_missing"),
        (
            literal!({ "timestamp": "soon", "coords": coords }),
            "/location/1/timestamp",
            "time_invalid",
        ),
        (literal!({ "timestamp": 1 }), "/location/1/coords", "position_missing"),
        (
            literal!({ "timestamp": 1, "coords": { "latitude": 1 } }),
            "/location/1/coords/longitude",
            "position_incomplete",
        ),
        (
            literal!({ "timestamp": 1, "coords": { "latitude": "inf", "longitude": 1 } }),
            "/location/1/coords/latitude",
            "number_invalid",
        ),
        (
            literal!({ "timestamp": 1, "battery": { "level": "x" } }),
            "/location/1/battery/level",
            "number_invalid",
        ),
        (literal!(7), "/location/1", "message_shape"),
    ];
    for (bad, position, code) in cases {
        let body = literal!({ "device_id": "a", "location": [good, bad, good] }).to_string();
        let parsed = parse(body.as_bytes(), &caller()).unwrap();
        assert_eq!(parsed.records.len(), 2, "{bad}");
        assert_eq!(
            (parsed.refused[0].position.as_str(), parsed.refused[0].code),
            (position, code),
            "{bad}"
        );
    }
    for (body, code) in [
        ("", "body_not_json"),
        ("{}", "body_shape"),
        ("{\"location\": 7}", "body_shape"),
    ] {
        assert_eq!(parse(body.as_bytes(), &caller()).unwrap_err().code, code, "{body}");
    }
    let many = literal!({ "device_id": "a", "location": vec![7; limits::RECORDS_PER_BATCH_MAX + 1] }).to_string();
    assert_eq!(parse(many.as_bytes(), &caller()).unwrap_err().code, "too_many_records");
    let nameless = parse(literal!({ "location": good }).to_string().as_bytes(), &caller()).unwrap();
    assert_eq!(
        (nameless.records.len(), nameless.refused[0].position.as_str()),
        (0, "/device_id")
    );
}

#[test]
fn a_query_is_read_in_knots_percent_and_dilution() {
    let parsed = query("id=1&lat=48.2&lon=16.37&timestamp=1777896000&speed=10&batt=87&charge=true&hdop=6.0&bearing=90");
    let (_, fix) = fix_of(&parsed).unwrap();
    assert!((fix.speed_mps.unwrap() - 5.144_444).abs() < 1e-6);
    assert_eq!((fix.accuracy_m, fix.heading_deg), (Some(30.0), Some(90.0)));
    let context = context_in(&parsed).unwrap();
    assert_eq!((context.battery, context.charging), (Some(0.87), Some(true)));
    for (keys, accuracy_m) in [
        ("accuracy=12&hdop=6", Some(12.0)),
        ("hacc=9", Some(9.0)),
        ("accuracy=0&hacc=0&hdop=2", Some(10.0)),
        ("hdop=0.0", None),
        ("accuracy=-1", None),
    ] {
        let parsed = query(&format!("id=1&lat=48.2&lon=16.37&{keys}"));
        assert_eq!(fix_of(&parsed).unwrap().1.accuracy_m, accuracy_m, "{keys}");
    }
    assert_eq!(
        fix_of(&query("id=1&lat=1&lon=2&timestamp=2026-05-04T13:00:00+01:00"))
            .unwrap()
            .0
            .at,
        Some(caller().received_at)
    );
}

#[test]
fn a_report_without_a_position_is_acknowledged_by_what_it_does_say() {
    let parsed = query("id=1&timestamp=1377177267&cell=257,02,16,2224&wifi=00-14-22-01-23-45,-80&batt=50");
    assert_eq!(
        (context_in(&parsed).unwrap().battery, parsed.refused.len()),
        (Some(0.5), 0)
    );
    let [event] = events(&parsed)[..] else {
        panic!("{parsed:?}")
    };
    assert_eq!(event.name, "osmand.network");
    assert_eq!(
        Value::Object(event.properties.clone()),
        literal!({ "cells": ["257,02,16,2224"], "wifi": ["00-14-22-01-23-45,-80"] })
    );
    assert_eq!(events(&query("id=1&alarm=sos"))[0].name, "osmand.alarm");
}

#[test]
fn queries_that_cannot_be_read_are_refused_by_their_key() {
    for (text, position, code) in [
        ("id=1", "lat", "position_missing"),
        ("id=1&lat=1", "lon", "position_incomplete"),
        ("id=1&lat=NaN&lon=1", "lat", "number_invalid"),
        ("id=1&lat=1&lon=inf", "lon", "number_invalid"),
        ("id=1&location=60", "location", "number_invalid"),
        ("id=1&location=60,inf", "location", "number_invalid"),
        ("id=1&lat=1&lon=2&timestamp=noon", "timestamp", "time_invalid"),
        ("id=1&lat=1&lon=2&speed=fast", "speed", "number_invalid"),
        ("id=1&lat=1&lon=2&valid=false", "valid", "fix_not_valid"),
        ("lat=1&lon=2", "id", "device_id_missing"),
        ("id=&lat=1&lon=2", "id", "device_id_missing"),
        ("", "id", "device_id_missing"),
    ] {
        let parsed = query(text);
        assert!(fix_of(&parsed).is_none(), "{text}");
        assert_eq!(
            (parsed.refused[0].position.as_str(), parsed.refused[0].code),
            (position, code),
            "{text}"
        );
    }
    let long = format!("id={}&lat=1&lon=2", "9".repeat(129));
    assert_eq!(parse_query(&long, &caller()).unwrap_err().code, "device_id_invalid");
    assert_eq!(
        parse_query(&"a=1&".repeat(QUERY_KEYS_MAX + 1), &caller())
            .unwrap_err()
            .code,
        "query_malformed"
    );
}

#[test]
fn a_battery_that_cannot_be_read_is_refused_and_the_fix_counts() {
    let body = literal!({ "device_id": "a", "location":
        { "timestamp": 1, "coords": { "latitude": 1, "longitude": 2 }, "battery": { "level": "full" } } });
    let parsed = parse(body.to_string().as_bytes(), &caller()).unwrap();
    assert_eq!(
        (fix_of(&parsed).is_some(), parsed.refused[0].position.as_str()),
        (true, "/location/battery/level")
    );
    let parsed = query("id=1&lat=1&lon=2&batt=full");
    assert_eq!(
        (fix_of(&parsed).is_some(), parsed.refused[0].position.as_str()),
        (true, "batt")
    );
}

#[test]
fn b1_a_repeated_report_has_the_same_ids() {
    let text = "id=1&lat=48.2&lon=16.37&timestamp=1777896000&batt=87";
    let later = Caller {
        received_at: "2026-05-04T13:00:00Z".parse().unwrap(),
        ..caller()
    };
    assert_eq!(query(text), parse_query(text, &later).unwrap());
    assert_ne!(query(text).records[0].id, query(text).records[1].id);
    let seconds_and_milliseconds = query("id=1&lat=48.2&lon=16.37&timestamp=1777896000000&batt=87");
    assert_eq!(query(text), seconds_and_milliseconds);
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), text in ".{0,80}", number in any::<f64>()) {
        let _ = parse(&bytes, &caller());
        let _ = parse_query(&text, &caller());
        let _ = parse_query(&format!("id=1&lat={number}&lon={text}&timestamp={text}&location={text}&speed={number}"), &caller());
        let body = literal!({ "device_id": text, "location": { "timestamp": number, "coords": { "latitude": number, "longitude": text } } });
        let _ = parse(body.to_string().as_bytes(), &caller());
    }
}
