//! The clock: times that facts name, local times of day, the nights when clocks jump, and waits that speak at their limit.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use super::stage_tests::{Person, Stage, at, stay};
use super::*;
use crate::engine::fact::Lifecycle;
use crate::engine::moment::MomentKind;
use serde_json::{Value, json};
use std::sync::Arc;

fn check_in_opens() -> Value {
    json!({ "when": { "time": { "fact": "stay", "at": "stay.arrives_at - PT3H" } }, "for_each": { "stay": "stay" },
            "max_age": "PT15M" })
}

fn arriving(seq: i64, arrives_at: &str) -> Fact {
    stay("ST1", seq, json!({ "arrives_at": at(arrives_at) }))
}

/// When each moment of a kind happened, as `at` writes it.
fn times(person: &Person, kind: &str) -> Vec<Timestamp> {
    let moments = person.moments.iter().filter(|moment| moment.kind.name() == kind);
    moments.map(|moment| moment.occurred_at).collect()
}

fn live_since(stage: &mut Stage, since: Timestamp) {
    for trigger in &mut stage.catalogue.triggers {
        Arc::make_mut(trigger).live_since = Some(since);
    }
}

#[test]
fn a_time_of_a_fact_comes_once_at_its_instant_though_nobody_sends_anything() {
    let stage = Stage::with(&[check_in_opens()]);
    let mut ana = Person::new(1);
    ana.fact(&stage, "10:00", arriving(1, "18:00"));
    assert_eq!((ana.wake_at, ana.codes().len()), (Some(at("15:00")), 0));
    ana.until(&stage, at("5 18:00"));
    ana.fix(&stage, "5 18:00", 900.0);
    assert_eq!(times(&ana, "reached"), [at("15:00")]);
    assert_eq!(ana.codes(), ["sent"]);
    assert_eq!(ana.decisions[0].facts["stay"].key, "ST1");
    assert_eq!(ana.decisions[0].decided_at, at("15:00"));
    assert!(ana.wake_at.is_none());
}

#[test]
fn a_fact_that_moves_its_time_arms_it_again_and_one_that_stays_does_not() {
    let stage = Stage::with(&[check_in_opens()]);
    let mut ana = Person::new(1);
    ana.fact(&stage, "10:00", arriving(1, "18:00"));
    ana.fact(&stage, "11:00", arriving(2, "20:00"));
    assert_eq!(ana.wake_at, Some(at("17:00")), "an absolute instant, moved by its fact");
    ana.until(&stage, at("17:30"));
    ana.fact(&stage, "17:40", arriving(3, "20:00"));
    assert_eq!(ana.codes(), ["sent"]);
    ana.fact(&stage, "17:50", arriving(4, "22:00"));
    ana.until(&stage, at("20:00"));
    assert_eq!(ana.codes(), ["sent", "sent"]);
    // Moved to where it has been long ago: it is too late, and that is on record.
    ana.fact(&stage, "20:30", arriving(5, "19:00"));
    assert_eq!(ana.codes(), ["sent", "sent", "stale"]);
    assert_eq!(times(&ana, "reached"), [at("17:00"), at("19:00"), at("16:00")]);
}

#[test]
fn triggers_with_one_text_share_a_moment_and_another_text_has_its_own() {
    let mut stage = Stage::with(&[check_in_opens(), check_in_opens()]);
    let mut later = check_in_opens();
    later["when"]["time"]["at"] = json!("stay.arrives_at - PT1H");
    stage.publish(later);
    let mut ana = Person::new(1);
    ana.fact(&stage, "10:00", arriving(1, "18:00"));
    ana.until(&stage, at("23:00"));
    assert_eq!(times(&ana, "reached"), [at("15:00"), at("17:00")]);
    assert_eq!(ana.codes(), ["sent", "sent", "sent"]);
    let (first, second) = (ana.decisions[0].moment_id, ana.decisions[1].moment_id);
    assert_eq!(first, second);
    assert_ne!(second, ana.decisions[2].moment_id);
}

#[test]
fn a_fact_without_the_value_names_no_time_until_it_has_one() {
    let stage = Stage::with(&[check_in_opens()]);
    let mut ana = Person::new(1);
    ana.fact(&stage, "10:00", stay("ST1", 1, json!({})));
    ana.fact(&stage, "10:01", stay("ST2", 1, json!({ "arrives_at": "soon" })));
    assert_eq!((ana.wake_at, ana.kinds()), (None, vec!["fact", "fact"]));
    ana.fact(&stage, "10:05", arriving(2, "18:00"));
    assert_eq!(ana.wake_at, Some(at("15:00")));
    let over = Fact {
        lifecycle: Lifecycle::Cancelled,
        ..arriving(3, "18:00")
    };
    ana.fact(&stage, "10:10", over);
    assert_eq!(ana.wake_at, None, "a flight that does not go opens no check-in");
}

#[test]
fn what_came_before_a_trigger_was_live_is_none_of_its_business() {
    let mut stage = Stage::with(&[check_in_opens()]);
    live_since(&mut stage, at("15:01"));
    let mut ana = Person::new(1);
    ana.fact(&stage, "10:00", arriving(1, "18:00"));
    ana.until(&stage, at("20:00"));
    ana.fix(&stage, "20:00", 900.0);
    assert_eq!(ana.kinds(), ["fact"]);
    live_since(&mut stage, at("15:00"));
    ana.fix(&stage, "20:01", 900.0);
    assert_eq!(
        ana.codes(),
        ["stale"],
        "one that went live before is told, and says that it is late"
    );
}

#[test]
fn what_came_is_forgotten_with_its_fact() {
    let stage = Stage::with(&[check_in_opens()]);
    let mut ana = Person::new(1);
    ana.fact(&stage, "10:00", arriving(1, "18:00"));
    ana.until(&stage, at("16:00"));
    assert_eq!(ana.subject.seldom.reached.len(), 1);
    let gone = Input::FactGone(ana.subject.facts[0].id.clone());
    ana.step(&stage, at("16:00"), &gone);
    assert!(ana.subject.seldom.reached.is_empty());
}

fn every_evening(more: Value) -> Value {
    let mut schedule = json!({ "at": "18:00" });
    schedule
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    json!({ "when": { "schedule": schedule } })
}

#[test]
fn a_time_of_day_comes_in_the_zone_the_person_is_in() {
    let stage = Stage::with(&[every_evening(json!({}))]);
    let mut ana = Person::new(1);
    ana.step(&stage, at("12:00"), &Input::Tick);
    ana.until(&stage, at("23:00"));
    assert_eq!(times(&ana, "scheduled"), [at("18:00")]);
    let device = ana.subject.devices.get_mut(&ana.device).unwrap();
    device.describe(|about| about.time_zone = Some("America/New_York".to_owned()));
    ana.step(&stage, at("23:30"), &Input::Tick);
    ana.until(&stage, at("5 12:00"));
    assert_eq!(
        times(&ana, "scheduled"),
        [at("18:00"), at("5 00:00")],
        "18:00 in New York"
    );
    assert_eq!(ana.codes(), ["sent", "sent"]);
}

#[test]
fn the_two_nights_when_clocks_jump_have_each_time_once() {
    let mut trigger = every_evening(json!({}));
    trigger["when"]["schedule"]["at"] = json!("02:30");
    let stage = Stage::with(&[trigger]);
    for (noon, wanted) in [
        (
            "2026-03-28T12:00:00+01:00",
            ["2026-03-29T03:00:00+02:00", "2026-03-30T02:30:00+02:00"],
        ),
        (
            "2026-10-24T12:00:00+02:00",
            ["2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00"],
        ),
    ] {
        let start: Timestamp = noon.parse().unwrap();
        let mut ana = Person::new(1);
        ana.step(&stage, start, &Input::Tick);
        ana.until(&stage, start + chrono::TimeDelta::hours(45));
        let wanted: Vec<Timestamp> = wanted.iter().map(|text| text.parse().unwrap()).collect();
        assert_eq!(times(&ana, "scheduled"), wanted);
    }
}

#[test]
fn after_a_long_silence_only_the_latest_time_of_day_is_noticed() {
    let stage = Stage::with(&[every_evening(json!({}))]);
    let mut ana = Person::new(1);
    ana.step(&stage, at("12:00"), &Input::Tick);
    ana.step(&stage, at("9 12:00"), &Input::Tick);
    assert_eq!(times(&ana, "scheduled"), [at("8 18:00")]);
    let mut stage = Stage::with(&[every_evening(json!({}))]);
    live_since(&mut stage, at("9 18:00"));
    let mut ben = Person::new(2);
    ben.step(&stage, at("12:00"), &Input::Tick);
    assert_eq!(ben.wake_at, Some(at("9 18:00")));
    ben.step(&stage, at("9 17:00"), &Input::Tick);
    ben.until(&stage, at("9 19:00"));
    assert_eq!(
        times(&ben, "scheduled"),
        [at("9 18:00")],
        "at the very instant it went live, and not before"
    );
}

#[test]
fn only_who_is_inside_then_is_meant_and_by_the_clock_of_the_place() {
    let mut trigger = every_evening(json!({ "inside": { "tag": "hotel" } }));
    trigger["if"] = json!("place.external_id == 'H1'");
    let stage = Stage::with(&[trigger]);
    let mut ana = Person::new(1);
    let device = ana.subject.devices.get_mut(&ana.device).unwrap();
    device.describe(|about| about.time_zone = Some("America/New_York".to_owned()));
    ana.fix(&stage, "12:00", 900.0);
    assert_eq!(ana.wake_at, None, "nobody is inside, nothing will happen");
    ana.fix(&stage, "17:00", 10.0);
    assert_eq!(ana.wake_at, Some(at("18:00")));
    ana.until(&stage, at("18:30"));
    assert_eq!(
        (times(&ana, "scheduled"), ana.codes()),
        (vec![at("18:00")], vec!["sent".to_owned()])
    );
    let MomentKind::Scheduled { place, .. } = &ana.moments.last().unwrap().kind else {
        unreachable!("the last moment is the evening")
    };
    assert_eq!(place.as_ref().unwrap().external_id, "H1");
    // Whoever walks in after the hour was not there at the hour, however late the step.
    let mut ben = Person::new(2);
    ben.fix(&stage, "17:30", 900.0);
    ben.fix(&stage, "18:05", 10.0);
    assert_eq!(ben.kinds(), ["entered"]);
}

#[test]
fn old_evidence_of_being_inside_is_no_ground_for_a_promo_at_a_time_of_day() {
    let mut trigger = every_evening(json!({ "inside": { "tag": "hotel" } }));
    trigger["class"] = json!("promo");
    let stage = Stage::with(&[trigger]);
    let mut ana = Person::new(1);
    ana.fix(&stage, "12:00", 10.0);
    ana.until(&stage, at("9 12:00"));
    assert_eq!(
        ana.codes(),
        ["waiting_time", "not_inside"],
        "the phone is asked for a fix, and one that is silent for a day is asked no more"
    );
}

#[test]
fn who_has_no_device_is_not_woken_and_who_has_not_agreed_is_on_record() {
    let stage = Stage::with(&[every_evening(json!({}))]);
    let mut nobody = Person::new(1);
    nobody.subject.devices.clear();
    nobody.step(&stage, at("12:00"), &Input::Tick);
    assert_eq!(nobody.wake_at, None);
    let mut ben = Person::new(2);
    ben.subject.consents.clear();
    ben.step(&stage, at("12:00"), &Input::Tick);
    ben.until(&stage, at("20:00"));
    assert_eq!(ben.codes(), ["no_consent"]);
}

#[test]
fn who_is_woken_without_having_asked_says_so_once() {
    let stage = Stage::with(&[check_in_opens()]);
    let mut ana = Person::new(1);
    ana.fact(&stage, "10:00", arriving(1, "18:00"));
    assert_eq!(ana.subject.wakes_at, Some(at("15:00").into()));
    // What the store says when everybody was woken is not what the subject says.
    let effects = ana.step(&stage, at("10:01"), &Input::Tick);
    assert!(effects.changed && effects.moments.is_empty());
    assert_eq!(effects.wake_at, Some(at("15:00")));
    let mut ben = Person::new(2);
    ben.fix(&stage, "10:00", 900.0);
    let effects = ben.step(&stage, at("10:01"), &Input::Tick);
    assert!(
        effects.changed && effects.wake_at.is_none(),
        "stored, or it would tick for ever"
    );
    let effects = ben.fix(&stage, "10:02", 900.0);
    assert!(!effects.changed, "a fix that changes nothing writes nothing");
}

fn two_dates(at_limit: &str, until: bool) -> Value {
    let mut wait = json!({ "at_most": "PT48H", "at_limit": at_limit });
    if until {
        wait["until"] = json!("has(stay.car_at) && has(stay.charger_at)");
    }
    json!({ "when": { "fact": { "type": "stay", "becomes": "created" } }, "for_each": { "stay": "stay" },
            "if": "stay.key != 'none'", "wait": wait, "then": { "content": "dates" } })
}

fn dates() -> Value {
    json!({ "name": "dates", "default_locale": "en", "ttl": "P1D", "variables": { "stay.charger_at": "wait" },
            "locales": { "en": { "title": "Your car", "body":
                "Car on {{ stay.car_at }}{% if stay.charger_at %}; charger on {{ stay.charger_at }}{% endif %}" } } })
}

#[test]
fn at_its_limit_a_wait_says_what_is_known_or_expires() {
    for until in [true, false] {
        let mut stage = Stage::with(&[]);
        stage.say(dates());
        stage.publish(two_dates("send", until));
        let mut ana = Person::new(1);
        ana.fact(&stage, "10:00", stay("ST1", 1, json!({ "car_at": "20 May" })));
        ana.until(&stage, at("8 10:00"));
        assert_eq!(ana.codes(), ["waiting_fact", "sent"], "until: {until}");
        assert_eq!(ana.messages[0].shown.body, "Car on 20 May");
        assert_eq!(ana.messages[0].created_at, at("6 10:00"));

        let mut stage = Stage::with(&[]);
        stage.say(dates());
        stage.publish(two_dates("expire", until));
        let mut ben = Person::new(2);
        ben.fact(&stage, "10:00", stay("ST1", 1, json!({ "car_at": "20 May" })));
        ben.until(&stage, at("8 10:00"));
        assert_eq!(ben.codes(), ["waiting_fact", "expired"], "until: {until}");
    }
}

#[test]
fn at_its_limit_every_other_guard_is_still_asked() {
    let mut stage = Stage::with(&[]);
    stage.say(dates());
    let mut trigger = two_dates("send", true);
    trigger["class"] = json!("promo");
    trigger["guards"] = json!({ "quiet_hours": { "from": "22:00", "to": "07:00" } });
    stage.publish(trigger);
    let mut ana = Person::new(1);
    ana.fact(&stage, "23:00", stay("ST1", 1, json!({ "car_at": "20 May" })));
    ana.until(&stage, at("8 10:00"));
    assert_eq!(ana.codes(), ["waiting_fact", "quiet_deferred", "sent"]);
    assert_eq!(ana.messages[0].created_at, at("7 07:00"));
}
