//! Hours over midnight, on weekdays, in their own zone.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use super::*;

const VIENNA: Tz = chrono_tz::Europe::Vienna;

fn opening(json: &str) -> Opening {
    serde_json::from_str(json).unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn the_night_runs_over_midnight() {
    let night = opening(r#"{"from":"22:00","to":"07:00"}"#);
    assert_eq!(
        night.ends_at(at("2026-05-04T20:40:00Z"), VIENNA),
        Some(at("2026-05-05T05:00:00Z"))
    );
    assert_eq!(
        night.ends_at(at("2026-05-05T04:59:00Z"), VIENNA),
        Some(at("2026-05-05T05:00:00Z"))
    );
    assert_eq!(night.ends_at(at("2026-05-05T05:00:00Z"), VIENNA), None);
}

#[test]
fn a_day_that_is_not_named_is_closed() {
    let weekdays = [opening(r#"{"days":["mon"],"from":"06:30","to":"22:30"}"#)];
    assert!(is_open(&weekdays, at("2026-05-04T13:00:00Z"), VIENNA));
    assert!(!is_open(&weekdays, at("2026-05-05T13:00:00Z"), VIENNA));
    assert!(!is_open(&weekdays, at("2026-05-04T21:40:00Z"), VIENNA), "23:40 local");
    assert!(is_open(&[], at("2026-05-05T13:00:00Z"), VIENNA));
}
