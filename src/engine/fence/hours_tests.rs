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

#[test]
fn it_knows_when_it_opens_next() {
    let hours: Vec<Opening> =
        serde_json::from_value(serde_json::json!([{ "days": ["mon", "tue"], "from": "06:30", "to": "22:30" }]))
            .unwrap();
    let vienna = chrono_tz::Europe::Vienna;
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    // Monday at 23:00 in Vienna; then Tuesday at 23:00: the next is on Monday. Summer time is two hours ahead of UTC.
    for (now, next) in [
        ("2026-05-04T21:00:00Z", Some("2026-05-05T04:30:00Z")),
        ("2026-05-05T21:00:00Z", Some("2026-05-11T04:30:00Z")),
        ("2026-05-05T10:00:00Z", None),
    ] {
        assert_eq!(opens_at(&hours, at(now), vienna), next.map(at), "{now}");
    }
}
