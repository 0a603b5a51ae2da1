//! Durations and local times, with the days when clocks jump.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use super::*;

#[test]
fn durations_are_read_and_written_the_same() {
    for (text, seconds) in [
        ("PT15M", 900),
        ("PT10H", 36_000),
        ("P1D", 86_400),
        ("P1DT12H", 129_600),
        ("PT0S", 0),
        ("PT20S", 20),
    ] {
        let span: Span = text.parse().unwrap();
        assert_eq!(span.as_seconds(), seconds);
        assert_eq!(span.to_string(), text);
    }
    assert_eq!("P2W".parse::<Span>().unwrap().as_seconds(), 14 * 86_400);
}

#[test]
fn what_is_no_duration_is_refused() {
    for text in [
        "",
        "P",
        "PT",
        "15M",
        "P1M",
        "P1Y",
        "PT-5M",
        "PT5",
        "PTM",
        "PT1M1H",
        "P99999999999D",
        "PT1.5H",
        "P1DT",
    ] {
        assert!(text.parse::<Span>().is_err(), "{text}");
    }
}

#[test]
fn the_next_local_time_follows_the_zone_over_a_jump() {
    let zone = chrono_tz::Europe::Vienna;
    let night = Utc.with_ymd_and_hms(2026, 3, 28, 21, 0, 0).unwrap();
    let seven = NaiveTime::from_hms_opt(7, 0, 0).unwrap();
    // Clocks go forward on 29 March 2026: 07:00 is 05:00 UTC from then on.
    assert_eq!(
        next_local_time(night, seven, zone),
        Utc.with_ymd_and_hms(2026, 3, 29, 5, 0, 0).unwrap()
    );
    let skipped = NaiveTime::from_hms_opt(2, 30, 0).unwrap();
    assert_eq!(
        next_local_time(night, skipped, zone),
        Utc.with_ymd_and_hms(2026, 3, 29, 1, 0, 0).unwrap(),
        "the clock shows 03:00 at the jump, and never 02:30"
    );
}

#[test]
fn a_local_time_that_comes_twice_is_the_first_and_one_that_is_skipped_is_the_jump() {
    let at = |zone: Tz, day: (i32, u32, u32), hour, minute| {
        let day = NaiveDate::from_ymd_opt(day.0, day.1, day.2).unwrap();
        instant_of(day, NaiveTime::from_hms_opt(hour, minute, 0).unwrap(), zone).to_rfc3339()
    };
    let vienna = chrono_tz::Europe::Vienna;
    assert_eq!(at(vienna, (2026, 10, 25), 2, 30), "2026-10-25T00:30:00+00:00");
    let new_york = chrono_tz::America::New_York;
    assert_eq!(at(new_york, (2026, 3, 8), 2, 30), "2026-03-08T07:00:00+00:00");
    // Samoa left out a whole day when it moved to the other side of the date line.
    assert_eq!(
        at(chrono_tz::Pacific::Apia, (2011, 12, 30), 9, 0),
        "2011-12-30T10:00:00+00:00"
    );
}
