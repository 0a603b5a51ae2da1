//! Caps over several triggers, priority, and draws: who is held out, who reads which variant.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use super::stage_tests::{Person, Stage, at, stay};
use super::*;
use crate::base::time::Span;
use crate::engine::decision::Step;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn promo(name: &str, parts: &Value) -> Value {
    let mut trigger = json!({ "name": name, "class": "promo", "when": { "event": { "name": name } } });
    trigger
        .as_object_mut()
        .unwrap()
        .extend(parts.as_object().unwrap().clone());
    trigger
}

fn upsell(name: &str) -> Value {
    let caps = json!({ "caps": [{ "max": 2, "per": "PT3H", "across": "upsell" }] });
    promo(name, &json!({ "tags": ["upsell"], "guards": caps }))
}

#[test]
fn a_cap_across_a_tag_counts_every_trigger_that_carries_it() {
    let tagged = promo("service", &json!({ "class": "service", "tags": ["upsell"] }));
    let stage = Stage::with(&[upsell("a"), upsell("b"), promo("free", &json!({})), tagged]);
    let mut ana = Person::new(1);
    for (time, name) in [
        ("10:00", "a"),
        ("10:01", "free"),
        ("10:02", "service"),
        ("10:03", "b"),
        ("13:00", "b"),
        ("13:01", "a"),
        ("13:02", "a"),
    ] {
        ana.event(&stage, time, name);
    }
    assert_eq!(ana.codes(), ["sent", "sent", "sent", "cap", "sent", "cap", "sent"]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_cap_across_a_tag_is_never_exceeded_in_any_window(log in proptest::collection::vec((0..5_000_i64, 0..3_u8), 1..60)) {
        let both = json!({ "when": { "any": [{ "event": { "name": "a" } }, { "event": { "name": "b" } }] } });
        let mut third = upsell("c");
        third.as_object_mut().unwrap().extend(both.as_object().unwrap().clone());
        let mut stage = Stage::with(&[upsell("a"), upsell("b"), third]);
        stage.catalogue.settings.quiet_hours = None;
        let (mut ana, mut now) = (Person::new(1), at("09:00"));
        for (number, (pause, which)) in log.iter().enumerate() {
            now += Span::seconds(*pause).delta();
            let name = ["a", "b", "c"][usize::from(*which)].to_owned();
            let input = Input::Event { record_id: format!("r{number}"), name, properties: serde_json::Map::new(), occurred_at: now };
            ana.step(&stage, now, &input);
        }
        for sent in &ana.messages {
            let window = ana.messages.iter().filter(|other| {
                other.created_at <= sent.created_at && other.created_at > sent.created_at - Span::hours(3).delta()
            });
            prop_assert!(window.count() <= 2);
        }
    }
}

#[test]
fn one_that_a_cap_stops_leaves_its_turn_to_the_next() {
    let ranked = |name: &str, priority: i32| {
        let mut trigger = upsell(name);
        trigger["when"] = json!({ "event": { "name": "tick" } });
        trigger["guards"]["priority"] = json!(priority);
        trigger["guards"]["caps"] = json!([{ "max": 1, "per": "PT3H" }]);
        trigger
    };
    let stage = Stage::with(&[ranked("low", 1), ranked("high", 9), ranked("lowest", 0)]);
    let mut ana = Person::new(1);
    ana.event(&stage, "12:00", "tick");
    ana.event(&stage, "12:01", "tick");
    let said: Vec<_> = ana
        .decisions
        .iter()
        .map(|decision| (decision.trigger.as_str(), decision.code.as_str()))
        .collect();
    let word = |code: &str| code.to_owned();
    assert_eq!(
        said,
        [
            ("high", word("sent")),
            ("low", word("superseded")),
            ("lowest", word("superseded")),
            ("high", word("cap")),
            ("low", word("sent")),
            ("lowest", word("superseded")),
        ]
    );
}

#[test]
fn who_would_have_spoken_but_for_the_once_key_of_this_very_moment_leaves_its_turn_too() {
    let ranked = |name: &str, priority: i32| {
        promo(
            name,
            &json!({ "when": { "event": { "name": "tick" } }, "for_each": { "stay": "stay" }, "once_per": "user.ref",
                     "guards": { "priority": priority } }),
        )
    };
    let stage = Stage::with(&[ranked("high", 9), ranked("low", 1)]);
    let mut ana = Person::new(1);
    for key in ["ST1", "ST2"] {
        ana.fact(&stage, "11:00", stay(key, 1, json!({})));
    }
    ana.event(&stage, "12:00", "tick");
    assert_eq!(ana.codes(), ["sent", "already_done", "superseded", "superseded"]);
    ana.event(&stage, "12:01", "tick");
    assert_eq!(
        ana.codes()[4..],
        ["already_done", "already_done", "sent", "already_done"]
    );
}

/// Two variants beside what the rest reads, drawn by booking.
fn experiment() -> Value {
    promo(
        "tick",
        &json!({ "for_each": { "stay": "stay" }, "then": { "content": "hello", "arms": [
            { "name": "b", "share": 0.3, "content": "other" }, { "name": "c", "share": 0.2, "content": "third" }] },
            "guards": { "unit": "stay.booking", "holdout": 0.1 } }),
    )
}

fn stage_of(trigger: Value) -> Stage {
    let mut stage = Stage::with(&[trigger]);
    for (name, title, ttl) in [("other", "Other", "PT1H"), ("third", "Third", "PT3H")] {
        stage.say(json!({ "name": name, "default_locale": "en", "ttl": ttl,
            "locales": { "en": { "title": title, "body": "" } } }));
    }
    stage
}

#[test]
fn a_unit_is_drawn_once_for_everybody_in_it_and_the_arm_decides_what_is_read() {
    let stage = stage_of(experiment());
    let mut counts = std::collections::BTreeMap::new();
    for booking in 0..2_000 {
        let mut drawn = BTreeSet::new();
        for guest in 0..2_u128 {
            let mut person = Person::new(booking * 2 + guest + 1);
            person.fact(
                &stage,
                "11:00",
                stay("ST1", 1, json!({ "booking": format!("B{booking}") })),
            );
            person.event(&stage, "12:00", "tick");
            let decision = person.decisions[0].clone();
            let arm = decision.arm.clone().unwrap();
            if let Some(message) = person.messages.first() {
                let (title, hours) = match arm.as_str() {
                    "b" => ("Other", 1),
                    "c" => ("Third", 3),
                    _ => ("Hello", 2),
                };
                assert_eq!(message.shown.title, title);
                assert_eq!(message.expires_at, at("12:00") + Span::hours(hours).delta());
                assert_eq!(person.subject.sent[0].said.content, message.content);
                let noted = decision.trace.iter().find(|step| step.step == Step::Arm).unwrap();
                assert_eq!(noted.values["arm"], json!(arm));
            } else {
                assert_eq!(decision.code, ReasonCode::Holdout);
            }
            drawn.insert((arm, decision.code));
        }
        assert_eq!(drawn.len(), 1, "one booking, one draw");
        *counts.entry(drawn.pop_first().unwrap()).or_insert(0) += 1;
    }
    let count = |arm: &str, code| counts.get(&(arm.to_owned(), code)).copied().unwrap_or(0);
    // The two draws are independent: each share holds within four standard deviations, also among those held back.
    for (arm, share) in [("default", 0.5), ("b", 0.3), ("c", 0.2)] {
        for (code, part) in [(ReasonCode::Sent, 0.9), (ReasonCode::Holdout, 0.1)] {
            let p: f64 = share * part;
            let slack = 4.0 * (2_000.0 * p * (1.0 - p)).sqrt();
            let got = f64::from(count(arm, code));
            assert!((got - 2_000.0 * p).abs() < slack, "{arm} {code:?}: {got}");
        }
    }
}

#[test]
fn a_unit_without_a_value_is_missing_data_and_no_draw() {
    let stage = stage_of(experiment());
    let mut ana = Person::new(1);
    ana.fact(&stage, "11:00", stay("ST1", 1, json!({})));
    ana.event(&stage, "12:00", "tick");
    assert_eq!(ana.codes(), ["missing_data"]);
    assert_eq!(ana.decisions[0].arm, None);
}

#[test]
fn shares_of_one_leave_nobody_and_a_share_of_nothing_draws_nobody() {
    for (share, wanted) in [(1.0, "b"), (0.0, "default")] {
        let arms = json!([{ "name": "b", "share": share, "content": "other" }]);
        let stage = stage_of(promo("tick", &json!({ "then": { "content": "hello", "arms": arms } })));
        for number in 1..200 {
            let mut person = Person::new(number);
            person.event(&stage, "12:00", "tick");
            assert_eq!(person.decisions[0].arm.as_deref(), Some(wanted));
        }
    }
}
