//! Overland's own example, the actions of the app, and batches that lie.
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
    parse(body.to_string().as_bytes(), &caller()).unwrap()
}

fn feature(properties: &Value, geometry: &Value) -> Value {
    literal!({ "locations": [{ "type": "Feature", "geometry": geometry, "properties": properties }] })
}

fn point() -> Value {
    literal!({ "type": "Point", "coordinates": [16.37, 48.2] })
}

/// What each record is, in words.
fn kinds(parsed: &Parsed) -> Vec<String> {
    let word = |record: &crate::engine::fix::RawRecord| match &record.body {
        RawBody::Fix(_) => "fix".to_owned(),
        RawBody::Context(_) => "context".to_owned(),
        RawBody::Event(event) => event.name.clone(),
        RawBody::Crossing(_) | RawBody::Receipt(_) => "unexpected".to_owned(),
    };
    parsed.records.iter().map(word).collect()
}

fn assert_all_valid(parsed: &Parsed) {
    for record in &parsed.records {
        let valid = crate::engine::fix::validate(record.clone(), &Envelope::default(), caller().received_at);
        assert!(valid.is_ok(), "{valid:?}");
    }
}

#[test]
fn the_example_of_the_readme() {
    let file: Value =
        serde_json::from_str(include_str!("../../../tests/data/payloads/overland/batch-example.json")).unwrap();
    let parsed = read(&file["request"]["body"]);
    assert_eq!((parsed.client_device_id.as_deref(), parsed.refused.len()), (None, 0));
    assert_eq!(kinds(&parsed), ["context", "fix"]);
    assert_all_valid(&parsed);
    assert!(
        parsed
            .records
            .iter()
            .all(|record| record.at == "2015-10-01T15:00:00Z".parse().ok())
    );
    let expected = Fix {
        lat: 37.3318,
        lng: -122.030_581,
        accuracy_m: Some(30.0),
        speed_mps: Some(4.0),
        source: Some("overland".into()),
        ..Fix::default()
    };
    assert_eq!(parsed.records[1].body, RawBody::Fix(expected));
    let context = DeviceContext {
        battery: Some(0.8),
        charging: Some(true),
        activity: Some("driving".into()),
        ..DeviceContext::default()
    };
    assert_eq!(parsed.records[0].body, RawBody::Context(context));
}

#[test]
fn minus_one_means_unknown_and_the_app_names_itself() {
    let properties = literal!({
        "timestamp": "2026-05-04T11:59:00Z", "horizontal_accuracy": -1, "vertical_accuracy": 3, "speed": -1, "course": -1,
        "altitude": -12.5, "battery_level": -1, "battery_state": "unknown", "wifi": "lobby", "motion": [], "device_id": "phone-7"
    });
    let parsed = read(&feature(&properties, &point()));
    assert_eq!(parsed.client_device_id.as_deref(), Some("phone-7"));
    let RawBody::Fix(fix) = &parsed.records[1].body else {
        panic!("{parsed:?}")
    };
    assert_eq!(
        (fix.accuracy_m, fix.speed_mps, fix.heading_deg, fix.altitude_m),
        (None, None, None, Some(-12.5))
    );
    let RawBody::Context(context) = &parsed.records[0].body else {
        panic!("{parsed:?}")
    };
    assert_eq!(
        (context.battery, context.charging, context.activity.as_deref()),
        (None, None, None)
    );
    assert_eq!(
        (context.network.as_deref(), context.wifi_zone.as_deref()),
        (Some("wifi"), Some("lobby"))
    );
}

#[test]
fn every_action_becomes_an_event_and_a_fix_when_it_can() {
    let now = "2026-05-04T11:59:00-0700";
    // (action, what else it carries, geometry, is there a fix)
    let cases = [
        (
            "visit",
            literal!({ "timestamp": now, "arrival_date": null, "departure_date": null }),
            point(),
            true,
        ),
        ("visit", literal!({ "timestamp": now }), Value::Null, false),
        ("visit", literal!({ "arrival_date": null }), point(), false),
        ("paused_location_updates", literal!({ "timestamp": now }), point(), true),
        (
            "exited_pause_region",
            literal!({ "timestamp": now }),
            Value::Null,
            false,
        ),
        (
            "resumed_location_updates",
            literal!({ "timestamp": now }),
            Value::Null,
            false,
        ),
        ("will_terminate", literal!({ "timestamp": now }), Value::Null, false),
        ("will_terminate", literal!({ "timestamp": "never" }), Value::Null, false),
        (
            "trip",
            literal!({ "type": "trip", "timestamp": now, "mode": "walk" }),
            point(),
            true,
        ),
    ];
    for (action, mut properties, geometry, located) in cases {
        if action != "trip" {
            properties["action"] = action.into();
        }
        let parsed = read(&feature(&properties, &geometry));
        let mut expected = vec![format!("overland.{action}")];
        expected.extend(located.then(|| "fix".to_owned()));
        assert_eq!((kinds(&parsed), parsed.refused.len()), (expected, 0), "{properties}");
        assert!(parsed.records.iter().all(|record| record.at.is_some()), "{properties}");
    }
}

#[test]
fn an_action_keeps_its_dates_and_counts_beside_a_broken_geometry() {
    let properties = literal!({ "action": "visit", "timestamp": 1_777_000_000 });
    let broken = read(&feature(&properties, &literal!({ "type": "Polygon" })));
    assert_eq!(
        (kinds(&broken), broken.refused[0].code),
        (vec!["overland.visit".to_owned()], "geometry_unsupported")
    );
    let properties = literal!({ "action": "visit", "arrival_date": "2026-05-04T09:00:00Z", "departure_date": null });
    let dates = read(&feature(&properties, &Value::Null));
    let RawBody::Event(event) = &dates.records[0].body else {
        panic!("{dates:?}")
    };
    assert_eq!(
        Value::Object(event.properties.clone()),
        literal!({ "arrival_date": "2026-05-04T09:00:00Z" })
    );
    assert_eq!(dates.records[0].at, Some(caller().received_at));
}

#[test]
fn a_battery_that_cannot_be_read_is_refused_and_the_fix_counts() {
    let parsed = read(&feature(
        &literal!({ "timestamp": 1_777_000_000, "battery_level": "full" }),
        &point(),
    ));
    assert_eq!(kinds(&parsed), ["fix"]);
    assert_eq!(parsed.refused[0].position, "/locations/0/properties/battery_level");
}

#[test]
fn one_bad_feature_is_refused_with_its_place_and_the_next_one_counts() {
    let good = literal!({ "geometry": point(), "properties": { "timestamp": "2026-05-04T11:59:00Z" } });
    let place = |coordinates: Value| literal!({ "geometry": { "type": "Point", "coordinates": coordinates }, "properties": { "timestamp": 1_777_000_000 } });
    let cases = [
        (literal!(7), "/locations/0/properties", "properties_missing"),
        (
            literal!({ "geometry": point(), "properties": {} }),
            "/locations/0/properties/timestamp",
            "time_missing",
        ),
        (
            literal!({ "geometry": point(), "properties": { "timestamp": "noon" } }),
            "/locations/0/properties/timestamp",
            "time_invalid",
        ),
        (
            literal!({ "properties": { "timestamp": 1_777_000_000 } }),
            "/locations/0/geometry",
            "position_missing",
        ),
        (place(literal!([1])), "/locations/0/geometry", "geometry_unsupported"),
        (
            place(literal!([1, "NaN"])),
            "/locations/0/geometry/coordinates/1",
            "number_invalid",
        ),
        (
            place(literal!([null, 1])),
            "/locations/0/geometry/coordinates/0",
            "number_invalid",
        ),
        (
            literal!({ "geometry": point(), "properties": { "timestamp": 1_777_000_000, "speed": "inf" } }),
            "/locations/0/properties/speed",
            "number_invalid",
        ),
    ];
    for (bad, position, code) in cases {
        let parsed = read(&literal!({ "locations": [bad, good] }));
        assert_eq!(
            (parsed.refused[0].position.as_str(), parsed.refused[0].code),
            (position, code),
            "{bad}"
        );
        assert_eq!(
            (kinds(&parsed), parsed.refused.len()),
            (vec!["fix".to_owned()], 1),
            "{bad}"
        );
    }
}

#[test]
fn a_batch_is_bounded_and_a_context_is_written_once() {
    let batch = |count: usize| {
        let one = |index: usize| literal!({ "geometry": point(), "properties": { "timestamp": 1_777_000_000 + index, "battery_level": 0.5 } });
        literal!({ "locations": (0..count).map(one).collect::<Vec<_>>() })
    };
    let full = read(&batch(limits::RECORDS_PER_BATCH_MAX));
    assert_eq!(full.records.len(), limits::RECORDS_PER_BATCH_MAX + 1);
    let over = parse(
        batch(limits::RECORDS_PER_BATCH_MAX + 1).to_string().as_bytes(),
        &caller(),
    )
    .unwrap_err();
    assert_eq!((over.code, over.pointer.as_str()), ("too_many_records", "/locations"));
    for (body, code) in [
        ("", "body_not_json"),
        ("[]", "body_shape"),
        ("{\"locations\": {}}", "body_shape"),
        ("{", "body_not_json"),
    ] {
        assert_eq!(parse(body.as_bytes(), &caller()).unwrap_err().code, code, "{body}");
    }
    let long = feature(&literal!({ "device_id": "x".repeat(129) }), &point());
    assert_eq!(
        parse(long.to_string().as_bytes(), &caller()).unwrap_err().code,
        "device_id_invalid"
    );
}

#[test]
fn b1_a_repeated_batch_has_the_same_ids_and_another_phone_has_others() {
    let body = literal!({ "locations": [
        { "geometry": point(), "properties": { "timestamp": "2026-05-04T11:59:00Z", "battery_level": 0.5 } },
        { "geometry": point(), "properties": { "timestamp": "2026-05-04T11:59:01Z", "action": "visit" } },
        { "geometry": null, "properties": { "action": "will_terminate" } },
    ] })
    .to_string();
    let ids = |caller: Caller<'_>| -> Vec<String> {
        parse(body.as_bytes(), &caller)
            .unwrap()
            .records
            .into_iter()
            .map(|record| record.id)
            .collect()
    };
    let first = ids(caller());
    let later = Caller {
        received_at: "2026-05-04T13:00:00Z".parse().unwrap(),
        ..caller()
    };
    assert_eq!(first, ids(later));
    let distinct: std::collections::BTreeSet<_> = first
        .iter()
        .chain(&ids(Caller {
            name: "dev_2",
            ..caller()
        }))
        .cloned()
        .collect();
    assert_eq!((first.len(), distinct.len()), (5, 10));
    // A changed id would make every queued batch a new one: this one is written down.
    assert_eq!(first[1], "d6b5a4e4-1b0c-5c4e-843f-a679f4642f30");
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), text in ".{0,80}") {
        let _ = parse(&bytes, &caller());
        let shaped = feature(&literal!({ "timestamp": text, "action": text, "device_id": text, "speed": text }), &point());
        let _ = parse(shaped.to_string().as_bytes(), &caller());
    }
}
