//! What the world does to a walk: scatter, silence, wrong clocks.
#![allow(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "tests may panic and look at one kind of step alone"
)]

use super::super::parse;
use super::super::path::expand;
use super::*;
use serde_json::{Value, json};

fn walk() -> Walk {
    let mut steps: Vec<Value> = (0..60)
        .map(|minute| {
            json!({ "at": format!("2026-05-04T12:{minute:02}:00Z"),
            "fix": { "device": "d1", "lat": 48.2, "lng": 16.37, "accuracy_m": 10 } })
        })
        .collect();
    steps.push(
        json!({ "at": "2026-05-04T12:59:30Z", "crossing": { "device": "d1", "place": "H1", "transition": "enter" } }),
    );
    steps.push(json!({ "at": "2026-05-04T12:59:40Z", "event": { "user": "ana", "name": "key_used" } }));
    let walk = json!({
        "places": [{ "name": "H", "tag": "hotel", "external_id": "H1", "center": { "lat": 48.2, "lng": 16.37 }, "radius_m": 120 }],
        "users": [{ "ref": "ana", "devices": [{ "id": "d1" }] }], "steps": steps,
    });
    parse("walk.json", &walk.to_string()).unwrap()
}

fn applied(disturbance: &Value) -> Steps {
    let disturbance: Disturbance = serde_json::from_value(disturbance.clone()).unwrap();
    let mut walk = walk();
    disturbance.check(&walk).unwrap();
    let steps = expand(&walk, 1.0, 1_000).unwrap();
    disturbance.apply(&mut walk, steps)
}

#[test]
fn noise_scatters_as_wide_as_it_says_and_the_accuracy_admits_it() {
    let steps = applied(&json!({ "seed": 7, "noise_m": 30 }));
    let fixes: Vec<&Fix> = steps
        .iter()
        .filter_map(|(_, step)| match &step.act {
            Act::Fix(act) => Some(&act.fix),
            _ => None,
        })
        .collect();
    let off = |fix: &Fix| {
        let east = (fix.lng - 16.37) * METRES_PER_DEGREE * 48.2_f64.to_radians().cos();
        east.hypot((fix.lat - 48.2) * METRES_PER_DEGREE)
    };
    let near = fixes.iter().filter(|fix| off(fix) <= 30.0).count();
    assert!((30..=52).contains(&near), "about 68 % of 60 lie within: {near}");
    assert!(fixes.iter().all(|fix| off(fix) < 150.0 && fix.accuracy_m == Some(31.6)));
}

#[test]
fn a_gap_brings_its_records_in_one_batch_at_its_end() {
    let steps = applied(
        &json!({ "offline": [{ "device": "d1", "from": "2026-05-04T12:30:00Z", "to": "2026-05-04T13:30:00Z" }] }),
    );
    assert_eq!(steps.len(), 30 + 1 + 1);
    assert!(
        matches!(steps[30].1.act, Act::Event(_)),
        "a server's event does not wait"
    );
    let Act::Batch(batch) = &steps[31].1.act else { panic!() };
    assert_eq!(batch.records.len(), 31);
    assert_eq!(batch.envelope.sent_at, Some(steps[31].1.at));
    assert_eq!(batch.records[0].id, "step-30");
    assert_eq!(batch.records[0].at.unwrap().to_rfc3339(), "2026-05-04T12:30:00+00:00");
    assert!(matches!(batch.records[30].body, RawBody::Crossing(_)));
}

#[test]
fn a_second_gap_holds_back_what_the_first_let_go() {
    let steps = applied(&json!({ "offline": [
        { "device": "d1", "from": "2026-05-04T12:40:00Z", "to": "2026-05-04T12:59:00Z" },
        { "device": "d1", "from": "2026-05-04T12:30:00Z", "to": "2026-05-04T12:45:00Z" } ] }));
    let batches: Vec<&WalkStep> = steps
        .iter()
        .map(|(_, step)| step)
        .filter(|step| matches!(step.act, Act::Batch(_)))
        .collect();
    assert_eq!(batches.len(), 1);
    assert_eq!(batches[0].at.to_rfc3339(), "2026-05-04T12:59:00+00:00");
}

#[test]
fn a_wrong_clock_says_so_in_every_record_and_its_envelope() {
    let steps = applied(&json!({ "skew": [{ "device": "d1", "by": "-PT3H" }] }));
    let Act::Batch(batch) = &steps[0].1.act else { panic!() };
    assert_eq!(steps[0].1.at.to_rfc3339(), "2026-05-04T12:00:00+00:00");
    assert_eq!(batch.records[0].at.unwrap().to_rfc3339(), "2026-05-04T09:00:00+00:00");
    assert_eq!(batch.envelope.sent_at, batch.records[0].at);
}

#[test]
fn a_shift_reads_back_as_it_was_written_and_bounds_are_kept() {
    let skew: Skew = serde_json::from_value(json!({ "device": "d1", "by": "-PT3H" })).unwrap();
    assert_eq!(serde_json::to_value(&skew).unwrap()["by"], "-PT3H");
    let refused = |disturbance: Value| {
        let disturbance: Disturbance = serde_json::from_value(disturbance).unwrap();
        disturbance.check(&walk()).unwrap_err().pointer
    };
    assert_eq!(refused(json!({ "noise_m": -1 })), "/noise_m");
    assert_eq!(refused(json!({ "speed": 0 })), "/speed");
    assert_eq!(
        refused(json!({ "skew": [{ "device": "d2", "by": "PT3H" }] })),
        "/skew/0/device"
    );
    assert!(serde_json::from_value::<Skew>(json!({ "device": "d1", "by": "P3660DT1S" })).is_err());
    let backwards =
        json!({ "offline": [{ "device": "d1", "from": "2026-05-04T12:30:00Z", "to": "2026-05-04T12:30:00Z" }] });
    assert_eq!(refused(backwards), "/offline/0/to");
}
