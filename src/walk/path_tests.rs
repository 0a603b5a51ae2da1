//! Lines become fixes: by times, by a speed, and never by a guess.
#![allow(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "tests may panic and look at one kind of step alone"
)]

use super::super::{Walk, parse};
use super::*;
use serde_json::{Value, json};

fn walk(path: &Value) -> Walk {
    let walk = json!({ "users": [{ "ref": "ana", "devices": [{ "id": "d1" }] }], "steps": [
        { "at": "2026-05-04T12:00:00Z", "path": path },
        { "at": "2026-05-04T12:01:10Z", "event": { "user": "ana", "name": "key_used" } },
    ] });
    parse("walk.json", &walk.to_string()).unwrap()
}

fn line(speed: f64) -> Value {
    json!({ "device": "d1", "points": [{ "lat": 48.0, "lng": 16.0 }, { "lat": 48.001, "lng": 16.0 }], "speed_mps": speed })
}

/// Seconds after noon, latitude and accuracy of every fix.
fn seen(walk: &Walk, speed: f64) -> Vec<(i64, f64, f64)> {
    let noon: Timestamp = "2026-05-04T12:00:00Z".parse().unwrap();
    let steps = expand(walk, speed, 1_000).unwrap();
    assert!(steps.is_sorted_by_key(|(_, step)| step.at));
    let fixes = steps.iter().filter_map(|(_, step)| match &step.act {
        Act::Fix(act) => Some(((step.at - noon).num_seconds(), act.fix.lat, act.fix.accuracy_m.unwrap())),
        _ => None,
    });
    fixes.collect()
}

#[test]
fn a_speed_gives_a_fix_every_half_minute_and_one_at_the_end() {
    // A thousandth of a degree of latitude is 111 m: 111 s at 1 m/s.
    let fixes = seen(&walk(&line(1.0)), 1.0);
    let seconds: Vec<i64> = fixes.iter().map(|(at, ..)| *at).collect();
    assert_eq!(seconds, [0, 30, 60, 90, 111]);
    assert!((fixes[1].1 - 48.000_269_8).abs() < 1e-6, "{fixes:?}");
    assert_eq!((fixes[4].1, fixes[4].2), (48.001, 10.0));
    assert_eq!(
        seen(&walk(&line(1.0)), 2.0).len(),
        3,
        "twice as fast takes half the time"
    );
}

#[test]
fn the_steps_around_a_path_keep_their_place_in_time_and_their_number() {
    let steps = expand(&walk(&line(1.0)), 1.0, 100).unwrap();
    let numbers: Vec<usize> = steps.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, [0, 0, 0, 1, 0, 0]);
}

#[test]
fn points_with_times_are_the_fixes_themselves_unless_an_interval_is_asked_for() {
    let mut path = json!({ "device": "d1", "accuracy_m": 25, "points": [
        { "lat": 48.0, "lng": 16.0, "at": "2026-05-04T12:00:10Z" },
        { "lat": 48.2, "lng": 16.0, "at": "2026-05-04T12:00:50Z", "accuracy_m": 5 } ] });
    assert_eq!(seen(&walk(&path), 1.0), [(10, 48.0, 25.0), (50, 48.2, 5.0)]);
    path["every"] = json!("PT20S");
    assert_eq!(
        seen(&walk(&path), 1.0),
        [(10, 48.0, 25.0), (30, 48.1, 25.0), (50, 48.2, 5.0)]
    );
}

#[test]
fn a_path_over_the_antimeridian_takes_the_short_way() {
    let path = json!({ "device": "d1", "every": "PT10S", "points": [
        { "lat": 0, "lng": 179.9, "at": "2026-05-04T12:00:00Z" },
        { "lat": 0, "lng": -179.7, "at": "2026-05-04T12:00:20Z" } ] });
    let steps = expand(&walk(&path), 1.0, 100).unwrap();
    let Act::Fix(middle) = &steps[1].1.act else {
        panic!("{steps:?}")
    };
    assert!((middle.fix.lng + 179.9).abs() < 1e-6, "{middle:?}");
}

#[test]
fn a_path_that_does_not_say_when_it_is_where_is_refused_with_its_place() {
    let refused = |path: Value| {
        let error = expand(&walk(&path), 1.0, 100).unwrap_err();
        (error.pointer.clone(), error.to_string())
    };
    let (pointer, said) = refused(json!({ "device": "d1", "points": [{ "lat": 48, "lng": 16 }] }));
    assert_eq!(pointer, "/steps/0/path");
    assert!(said.contains("`speed_mps` (1.4 walks)"), "{said}");
    assert_eq!(
        refused(json!({ "device": "d1", "points": [] })).0,
        "/steps/0/path/points"
    );
    assert_eq!(refused(line(0.0)).0, "/steps/0/path/speed_mps");
    let mut mixed = line(1.0);
    mixed["points"][0]["at"] = json!("2026-05-04T12:00:00Z");
    assert_eq!(refused(mixed.clone()).0, "/steps/0/path/speed_mps");
    mixed.as_object_mut().unwrap().remove("speed_mps");
    assert_eq!(refused(mixed.clone()).0, "/steps/0/path/points/1");
    mixed["points"][0]["at"] = json!("2026-05-04T11:00:00Z");
    assert_eq!(refused(mixed).0, "/steps/0/path/points/0", "before the step");
    let north = json!({ "device": "d1", "points": [{ "lat": 148, "lng": 16 }], "speed_mps": 1 });
    assert_eq!(refused(north).0, "/steps/0/path/points/0");
    assert_eq!(refused(line(0.001)).0, "/steps/0/path", "too many steps");
    assert_eq!(
        refused(line(0.000_000_1)).0,
        "/steps/0/path/points/1",
        "more than a year"
    );
}

#[test]
fn steps_out_of_order_are_refused_with_their_place() {
    let mut walk = walk(&line(1.0));
    walk.steps.swap(0, 1);
    let error = expand(&walk, 1.0, 100).unwrap_err();
    assert_eq!(error.pointer, "/steps/1");
}
