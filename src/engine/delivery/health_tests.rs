//! When an endpoint has failed enough.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use super::*;

/// Fails at each of these hours; whether the last one was enough.
fn enough(hours: impl IntoIterator<Item = i64>) -> bool {
    let start: Timestamp = "2026-05-04T12:00:00Z".parse().unwrap();
    let (mut health, mut enough) = (Health::default(), false);
    for hour in hours {
        assert!(!enough, "it was enough before hour {hour}");
        (health, enough) = health.after_failure(start + TimeDelta::hours(hour));
    }
    enough
}

#[test]
fn five_days_of_nothing_but_failures_are_enough_and_sporadic_ones_never() {
    assert!(enough((0..=10).map(|half_day| half_day * 12)));
    assert!(!enough((0..10).map(|half_day| half_day * 12)));
    assert!(enough((0..=5).map(|day| day * 24)));
    assert!(
        !enough((0..60).map(|n| n * 25)),
        "a failure a day and an hour is no row"
    );
    // A row that was interrupted begins anew.
    assert!(!enough([0, 24, 48, 72, 97, 120]));
    assert!(!enough([0]));
}
