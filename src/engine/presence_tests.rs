//! The published vectors, and the state between them.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use super::*;
use chrono::TimeDelta;

/// PLAYBOOKS.md 0: (radius, distance to the centre, accuracy) -> (enter-p, exit-p).
const VECTORS: [(f64, f64, f64, f64, f64); 5] = [
    (120.0, 80.0, 20.0, 0.9987, 0.0013),
    (120.0, 115.0, 65.0, 0.546, 0.454),
    (120.0, 0.0, 1500.0, 0.0073, 0.452),
    (120.0, 170.0, 20.0, 0.0001, 0.9999),
    (120.0, 400.0, 1500.0, 0.0073, 0.611),
];

#[test]
fn the_published_vectors_come_out() {
    for (radius, distance, accuracy, enter, exit) in VECTORS {
        let seen = Likelihood::of(radius, radius - distance, accuracy);
        assert!(
            (seen.enter_p - enter).abs() < 6e-4,
            "{distance} m at {accuracy} m: enter {}",
            seen.enter_p
        );
        assert!(
            (seen.exit_p - exit).abs() < 6e-4,
            "{distance} m at {accuracy} m: exit {}",
            seen.exit_p
        );
    }
}

fn start() -> Timestamp {
    "2026-05-04T12:00:00Z".parse().unwrap()
}

#[test]
fn leaving_takes_a_minute_and_two_fixes() {
    let rules = Thresholds::default();
    let (inside, outside) = (Likelihood::of(120.0, 40.0, 20.0), Likelihood::of(120.0, -50.0, 20.0));
    let mut state = None;
    assert_eq!(on_fix(&mut state, outside, start(), &rules), Change::None);
    assert_eq!(on_fix(&mut state, inside, start(), &rules), Change::Entered);
    let left_at = start() + TimeDelta::seconds(30);
    assert_eq!(on_fix(&mut state, outside, left_at, &rules), Change::None);
    assert_eq!(
        on_fix(&mut state, outside, left_at + TimeDelta::seconds(59), &rules),
        Change::None
    );
    assert_eq!(
        on_fix(&mut state, outside, left_at + TimeDelta::seconds(60), &rules),
        Change::Left(left_at)
    );
    assert!(state.is_none());
}

#[test]
fn an_exit_crossing_stands_unless_contradicted() {
    let rules = Thresholds::default();
    let mut state = None;
    on_enter_crossing(&mut state, start(), &rules);
    on_exit_crossing(&mut state, start() + TimeDelta::seconds(10));
    on_fix(
        &mut state,
        Likelihood::of(120.0, 40.0, 20.0),
        start() + TimeDelta::seconds(20),
        &rules,
    );
    assert_eq!(
        on_time(&mut state, start() + TimeDelta::hours(1), &rules),
        Change::None,
        "a fix inside contradicted it"
    );
    let second = start() + TimeDelta::minutes(5);
    on_exit_crossing(&mut state, second);
    assert_eq!(
        on_time(&mut state, second + TimeDelta::seconds(59), &rules),
        Change::None
    );
    assert_eq!(
        on_time(&mut state, second + TimeDelta::seconds(60), &rules),
        Change::Left(second)
    );
}
