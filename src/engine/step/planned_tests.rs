//! Planned bursts: what waits a few minutes, and what never does.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use super::super::stage_tests::{Person, Stage, at};
use super::super::{Effects, Input};
use super::{after_the_crowd, leaves_at};
use crate::base::time::Timestamp;
use crate::engine::delivery::ChannelKind;
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
    leaves_at(effects, &effects.messages[0], ChannelKind::Fcm)
}

#[test]
fn a_planned_promo_keeps_away_from_the_minutes_around_the_quarter_and_each_goes_at_its_own_instant() {
    let times = [
        ("10:00", 0),
        ("10:16", -1),
        ("11:30", 0),
        ("11:45", 0),
        ("10:13", 2),
        ("10:14", 1),
        ("10:58", 2),
    ];
    for (time, to_quarter) in times {
        let mut effects = scheduled(time, "promo");
        assert!(leaves(&effects) > at(time), "{time}");
        let quarter = at(time) + TimeDelta::minutes(to_quarter);
        let mut seen = std::collections::BTreeSet::new();
        for number in 0..200_u128 {
            effects.messages[0].id = uuid::Uuid::from_u128(number * 21_474_836).into();
            let after = after_the_crowd(&effects.messages[0]).unwrap() - quarter;
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
    for (time, class) in [
        ("10:00", "service"),
        ("10:14", "service"),
        ("10:02", "promo"),
        ("10:07", "promo"),
        ("10:12", "promo"),
    ] {
        assert_eq!(leaves(&scheduled(time, class)), at(time), "{class} at {time}");
    }
}

#[test]
fn other_ways_out_have_no_crowded_minutes() {
    let effects = scheduled("10:00", "promo");
    let by = |channel| leaves_at(&effects, &effects.messages[0], channel);
    assert!(by(ChannelKind::Fcm) > at("10:00"));
    assert_eq!(
        (by(ChannelKind::Tray), by(ChannelKind::Sms)),
        (at("10:00"), at("10:00"))
    );
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
    assert_eq!(after_the_crowd(&effects.messages[0]), None);
}

/// Nearly nobody minds a minute's crowd; everybody minds a promo that rings at night.
#[test]
fn a_promo_is_not_held_back_into_the_quiet_hours() {
    for (from, time, waits) in [
        ("22:00", "21:59", false),
        ("22:02", "22:00", false),
        ("22:10", "22:00", true),
    ] {
        let guards = json!({ "quiet_hours": { "from": from, "to": "07:00" } });
        let trigger = json!({ "class": "promo", "guards": guards, "when": { "schedule": { "at": time } } });
        let stage = Stage::with(&[trigger]);
        let mut ana = Person::new(1);
        ana.step(&stage, at("21:50"), &Input::Tick);
        let effects = ana.step(&stage, at(time), &Input::Tick);
        assert_eq!(leaves(&effects) > at(time), waits, "{time}, quiet from {from}");
    }
}
