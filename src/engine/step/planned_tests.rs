//! Planned bursts: what waits a few minutes, and what never does.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use super::super::stage_tests::{Person, Stage, at};
use super::super::{Effects, Input};
use super::leaves_at;
use crate::base::time::Timestamp;
use chrono::TimeDelta;
use serde_json::json;

/// The effects of the tick at which this schedule comes.
fn scheduled(time: &str, class: &str) -> Effects {
    let trigger = json!({ "class": class, "when": { "schedule": { "at": time } } });
    let stage = Stage::with(&[trigger]);
    let mut ana = Person::new(1);
    ana.step(&stage, at("09:50"), &Input::Tick);
    let effects = ana.step(&stage, at(time), &Input::Tick);
    assert_eq!(effects.messages.len(), 1);
    effects
}

fn leaves(effects: &Effects) -> Timestamp {
    leaves_at(effects, &effects.messages[0])
}

#[test]
fn a_planned_promo_keeps_away_from_the_minutes_after_the_quarter_and_each_goes_at_its_own_instant() {
    for time in ["10:00", "10:16", "11:30", "11:45"] {
        let mut effects = scheduled(time, "promo");
        let quarter = at(time) - TimeDelta::minutes(i64::from(time == "10:16"));
        let mut seen = std::collections::BTreeSet::new();
        for number in 0..200_u128 {
            effects.messages[0].id = uuid::Uuid::from_u128(number * 21_474_836).into();
            let after = leaves(&effects) - quarter;
            assert!(
                after >= TimeDelta::minutes(2) && after <= TimeDelta::minutes(7),
                "{time}: {after}"
            );
            seen.insert(after);
        }
        assert!(seen.len() > 190, "spread");
    }
}

#[test]
fn what_is_promised_or_planned_for_a_quiet_minute_leaves_at_once() {
    for (time, class) in [("10:00", "service"), ("10:07", "promo"), ("10:14", "promo")] {
        assert_eq!(leaves(&scheduled(time, class)), at(time), "{class} at {time}");
    }
}

#[test]
fn a_promo_that_answers_what_somebody_did_leaves_at_once() {
    let stage = Stage::with(&[json!({ "class": "promo", "when": { "event": { "name": "paid" } } })]);
    let mut ana = Person::new(1);
    let effects = ana.event(&stage, "10:00", "paid");
    assert_eq!(leaves(&effects), at("10:00"));
}

#[test]
fn a_promo_is_not_held_back_beyond_its_life() {
    let mut effects = scheduled("10:00", "promo");
    effects.messages[0].expires_at = at("10:01");
    assert_eq!(leaves(&effects), at("10:00"));
}
