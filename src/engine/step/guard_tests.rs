//! Guards: each stops what it is for, in the public order, and says so.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use super::stage_tests::{Person, Stage, at, hours};
use super::*;
use crate::engine::decision::Step;
use crate::engine::subject::About;
use serde_json::{Value, json};

fn on_event(guards: &Value) -> Value {
    json!({ "class": "promo", "when": { "event": { "name": "tick" } }, "guards": guards })
}

#[test]
fn a_cooldown_holds_for_its_whole_length() {
    let stage = Stage::with(&[on_event(&json!({ "cooldown": "PT1H" }))]);
    let mut ana = Person::new(1);
    for time in ["12:00", "12:59:59", "13:00", "13:30"] {
        ana.event(&stage, time, "tick");
    }
    assert_eq!(ana.codes(), ["sent", "cooldown", "sent", "cooldown"]);
}

#[test]
fn a_cap_slides_and_a_new_zone_makes_no_second_day() {
    let stage = Stage::with(&[on_event(&json!({ "caps": [{ "max": 2, "per": "PT24H" }] }))]);
    let mut ana = Person::new(1);
    ana.event(&stage, "19:00", "tick");
    ana.event(&stage, "20:00", "tick");
    // Off to New York, where it is still yesterday.
    let context = crate::engine::fix::DeviceContext {
        time_zone: Some("America/New_York".to_owned()),
        ..Default::default()
    };
    let record = super::stage_tests::record("zone", at("5 08:00"), crate::engine::fix::Body::Context(context));
    ana.records(&stage, at("5 08:00"), vec![record]);
    ana.event(&stage, "5 13:00", "tick");
    ana.event(&stage, "5 18:59", "tick");
    ana.event(&stage, "5 19:00", "tick");
    ana.event(&stage, "5 19:30", "tick");
    assert_eq!(ana.codes(), ["sent", "sent", "cap", "cap", "sent", "cap"]);
}

#[test]
fn a_cap_holds_also_among_facts_of_one_moment() {
    let mut trigger = on_event(&json!({ "caps": [{ "max": 1, "per": "PT24H" }] }));
    trigger["for_each"] = json!({ "stay": "stay" });
    let stage = Stage::with(&[trigger]);
    let mut ana = Person::new(1);
    for key in ["ST1", "ST2", "ST3"] {
        ana.fact(&stage, "11:00", super::stage_tests::stay(key, 1, json!({})));
    }
    ana.event(&stage, "12:00", "tick");
    assert_eq!(ana.codes(), ["sent", "cap", "cap"]);
}

#[test]
fn quiet_hours_follow_the_zone_the_phone_is_in() {
    let mut stage = Stage::with(&[]);
    stage.say(json!({ "name": "hello", "default_locale": "en", "ttl": "P1D", "locales": { "en": { "title": "a", "body": "b" } } }));
    stage.publish(on_event(&json!({})));
    let mut ana = Person::new(1);
    ana.event(&stage, "23:00", "tick");
    assert_eq!(ana.codes(), ["quiet_deferred"]);
    assert_eq!(ana.decisions[0].until, Some(at("5 07:00")));
    let device = ana.subject.devices.get_mut(&ana.device).unwrap();
    device.describe(|about| about.time_zone = Some("America/New_York".to_owned()));
    // Five in the afternoon over there.
    ana.event(&stage, "23:10", "tick");
    assert_eq!(
        ana.codes()[1..],
        ["sent", "superseded"],
        "what waited for the morning gives way to the newer moment"
    );
}

#[test]
fn the_holdout_is_about_as_large_as_asked_and_sticks_to_the_user() {
    let stage = Stage::with(&[on_event(&json!({ "holdout": 0.1 }))]);
    let mut held = 0;
    for number in 0..10_000 {
        let mut person = Person::new(number + 1);
        person.event(&stage, "12:00", "tick");
        let first = person.decisions[0].code;
        if number % 100 == 0 {
            person.event(&stage, "13:00", "tick");
            assert_eq!(person.decisions[1].code, first, "drawn again for user {number}");
        }
        held += u32::from(first == ReasonCode::Holdout);
    }
    // Four standard deviations of a binomial with n = 10,000 and p = 0.1 are 120.
    assert!((880..=1_120).contains(&held), "{held} of 10,000 held back");
}

#[test]
fn another_salt_holds_out_other_people() {
    let draw = |salt: &str| {
        let mut stage = Stage::with(&[on_event(&json!({ "holdout": 0.5 }))]);
        stage.catalogue.salt = salt.to_owned();
        let codes = (1..200).map(|number| {
            let mut person = Person::new(number);
            person.event(&stage, "12:00", "tick");
            person.decisions[0].code
        });
        codes.collect::<Vec<_>>()
    };
    assert_eq!(draw("a"), draw("a"));
    assert_ne!(draw("a"), draw("b"));
}

#[test]
fn the_higher_priority_speaks_and_one_without_priority_is_not_in_the_way() {
    let named = |name: &str, guards: Value| {
        let mut trigger = on_event(&guards);
        trigger["name"] = json!(name);
        trigger
    };
    let low = named("low", json!({ "priority": 1 }));
    let stage = Stage::with(&[low, named("high", json!({ "priority": 9 })), named("free", json!({}))]);
    let mut ana = Person::new(1);
    ana.event(&stage, "12:00", "tick");
    let mut told: Vec<_> = ana
        .decisions
        .iter()
        .map(|d| (d.trigger.as_str(), d.code.as_str()))
        .collect();
    told.sort();
    let owned = |code: &str| code.to_owned();
    assert_eq!(
        told,
        [
            ("free", owned("sent")),
            ("high", owned("sent")),
            ("low", owned("superseded"))
        ]
    );
}

#[test]
fn a_schedule_is_in_the_users_time_and_drops_what_is_outside() {
    let stage = Stage::with(&[on_event(
        &json!({ "schedule": [{ "days": ["mon"], "from": "09:00", "to": "17:00" }] }),
    )]);
    let mut ana = Person::new(1);
    for time in ["08:59", "09:00", "16:59", "17:00", "5 12:00"] {
        ana.event(&stage, time, "tick");
    }
    assert_eq!(
        ana.codes(),
        ["outside_window", "sent", "sent", "outside_window", "outside_window"]
    );
}

#[test]
fn a_paused_trigger_and_a_paused_project_say_so() {
    let mut stage = Stage::with(&[on_event(&json!({}))]);
    let mut ana = Person::new(1);
    std::sync::Arc::make_mut(&mut stage.catalogue.triggers[0]).paused = true;
    ana.event(&stage, "12:00", "tick");
    std::sync::Arc::make_mut(&mut stage.catalogue.triggers[0]).paused = false;
    stage.catalogue.settings.paused = true;
    ana.event(&stage, "12:01", "tick");
    stage.catalogue.settings.paused = false;
    ana.event(&stage, "12:02", "tick");
    assert_eq!(ana.codes(), ["paused", "paused", "sent"]);
    let says = |index: usize| ana.decisions[index].trace.last().unwrap().says.clone();
    assert_eq!(
        (says(0).as_str(), says(1).as_str()),
        ("The trigger is paused", "The project is paused")
    );
}

fn describe_all(person: &mut Person, change: impl Fn(&mut About)) {
    for device in person.subject.devices.values_mut() {
        device.describe(&change);
    }
}

#[test]
fn consent_permission_and_address_are_told_apart() {
    let stage = Stage::with(&[on_event(&json!({}))]);
    let code = |change: &dyn Fn(&mut Person)| {
        let mut person = Person::new(1);
        change(&mut person);
        person.event(&stage, "12:00", "tick");
        person.decisions[0].code.as_str()
    };
    let refuse = Consent {
        granted: false,
        at: at("11:00"),
    };
    assert_eq!(
        code(&|p| p.subject.consents.retain(|purpose, _| *purpose != Purpose::Promo)),
        "no_consent"
    );
    assert_eq!(
        code(&|p| p.subject.consents.extend([(Purpose::Promo, refuse)])),
        "opted_out"
    );
    assert_eq!(code(&|p| describe_all(p, |about| about.channel = None)), "no_token");
    let denied = crate::engine::fix::Permission::Denied;
    assert_eq!(
        code(&|p| describe_all(p, |about| about.notifications = denied)),
        "no_permission"
    );
}

#[test]
fn guards_are_looked_at_in_their_public_order() {
    let guards = json!({ "cooldown": "PT1S", "caps": [{ "max": 9, "per": "PT1H" }], "holdout": 1.0,
                         "window": { "from": "now - PT1H", "to": "now + PT1H" } });
    let mut trigger = on_event(&guards);
    trigger["max_age"] = json!("PT15M");
    let stage = Stage::with(&[trigger]);
    let mut ana = Person::new(1);
    ana.event(&stage, "12:00", "tick");
    let steps: Vec<Step> = ana.decisions[0].trace.iter().map(|step| step.step).collect();
    assert_eq!(
        steps,
        [
            Step::Pause,
            Step::Consent,
            Step::Plausibility,
            Step::Staleness,
            Step::Window,
            Step::OnceKey,
            Step::Cooldown,
            Step::Cap,
            Step::QuietHours,
            Step::Compose,
            Step::Holdout
        ]
    );
    assert_eq!(ana.codes(), ["holdout"], "drawn last");
    assert!(ana.wake_at.is_none_or(|wake| wake > at("12:00") + hours(0)));
}
