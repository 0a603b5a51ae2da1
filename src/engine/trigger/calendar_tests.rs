//! Schedules: weekdays, days of the month, and the two nights a year when clocks jump.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use super::*;
use serde_json::{Value, json};

const VIENNA: Tz = chrono_tz::Europe::Vienna;

fn schedule(text: &Value) -> ScheduleWhen {
    serde_json::from_value(text.clone()).unwrap()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn next(when: &Value, after: &str) -> String {
    let next = schedule(when).next_after(at(after), VIENNA).unwrap();
    next.with_timezone(&VIENNA).format("%a %Y-%m-%dT%H:%M%:z").to_string()
}

#[test]
fn it_comes_next_on_a_day_that_it_names() {
    let daily = json!({ "at": "18:00" });
    assert_eq!(next(&daily, "2026-05-04T17:59:59+02:00"), "Mon 2026-05-04T18:00+02:00");
    assert_eq!(next(&daily, "2026-05-04T18:00:00+02:00"), "Tue 2026-05-05T18:00+02:00");
    let sundays = json!({ "at": "18:00", "days": ["sun"] });
    assert_eq!(
        next(&sundays, "2026-05-04T12:00:00+02:00"),
        "Sun 2026-05-10T18:00+02:00"
    );
    let firsts = json!({ "at": "09:00", "dates": [1] });
    assert_eq!(next(&firsts, "2026-05-04T12:00:00+02:00"), "Mon 2026-06-01T09:00+02:00");
    let friday_the_13th = json!({ "at": "09:00", "days": ["fri"], "dates": [13] });
    assert_eq!(
        next(&friday_the_13th, "2026-05-04T12:00:00+02:00"),
        "Fri 2026-11-13T09:00+01:00"
    );
    let leap_sunday = json!({ "at": "09:00", "days": ["sun"], "dates": [29] });
    assert_eq!(
        next(&leap_sunday, "2026-11-30T12:00:00+01:00"),
        "Sun 2027-08-29T09:00+02:00"
    );
    let every_31st = json!({ "at": "09:00", "dates": [31] });
    assert_eq!(
        next(&every_31st, "2026-06-01T00:00:00+02:00"),
        "Fri 2026-07-31T09:00+02:00"
    );
}

#[test]
fn the_hour_that_is_skipped_comes_at_the_jump_and_the_one_that_comes_twice_comes_once() {
    let half_past_two = json!({ "at": "02:30" });
    assert_eq!(
        next(&half_past_two, "2026-03-28T12:00:00+01:00"),
        "Sun 2026-03-29T03:00+02:00"
    );
    assert_eq!(
        next(&half_past_two, "2026-03-29T03:00:00+02:00"),
        "Mon 2026-03-30T02:30+02:00"
    );
    assert_eq!(
        next(&half_past_two, "2026-10-24T12:00:00+02:00"),
        "Sun 2026-10-25T02:30+02:00"
    );
    assert_eq!(
        next(&half_past_two, "2026-10-25T02:30:00+02:00"),
        "Mon 2026-10-26T02:30+01:00"
    );
}

#[test]
fn what_came_last_is_found_and_nothing_where_nothing_came() {
    let daily = schedule(&json!({ "at": "18:00" }));
    let last = |after: &str, until: &str| daily.last_between(at(after), at(until), VIENNA);
    let six = at("2026-05-04T18:00:00+02:00");
    assert_eq!(
        last("2026-05-04T17:00:00+02:00", "2026-05-04T18:00:00+02:00"),
        Some(six)
    );
    assert_eq!(
        last("2026-04-01T17:00:00+02:00", "2026-05-05T17:59:00+02:00"),
        Some(six)
    );
    assert_eq!(last("2026-05-04T18:00:00+02:00", "2026-05-05T17:59:00+02:00"), None);
    let sundays = schedule(&json!({ "at": "18:00", "days": ["sun"] }));
    assert_eq!(
        sundays.last_between(at("2026-05-04T00:00:00Z"), at("2026-05-09T00:00:00Z"), VIENNA),
        None
    );
}

#[test]
fn what_was_foretold_is_what_comes() {
    let night = schedule(&json!({ "at": "02:30" }));
    for zone in [
        VIENNA,
        chrono_tz::America::New_York,
        chrono_tz::Australia::Lord_Howe,
        chrono_tz::Pacific::Apia,
    ] {
        let mut now = at("2026-01-01T00:00:00Z");
        while now < at("2027-01-01T00:00:00Z") {
            let due = night.next_after(now, zone).unwrap();
            assert_eq!(night.last_between(now, due, zone), Some(due), "{zone} after {now}");
            let just_before = due - chrono::TimeDelta::seconds(1);
            assert_eq!(night.last_between(now, just_before, zone), None, "{zone} before {due}");
            now = due;
        }
    }
}
