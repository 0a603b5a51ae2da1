//! The log in the order of time, the attrition in the order of the guards, and the competitors that matter.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use super::*;
use crate::base::id::{ProjectId, UserId};
use crate::engine::catalogue::Mode;
use crate::engine::delivery::ChannelKind;
use crate::engine::fact::{Fact, Lifecycle};
use crate::engine::message::CompiledContent;
use crate::engine::moment::{Evidence, Moment, MomentKind};
use crate::engine::step::DeviceNews;
use crate::engine::subject::{Consent, Profile, Purpose};
use crate::engine::trigger::{CompiledTrigger, Trigger};
use chrono::TimeDelta;
use serde_json::{Map, Value, json};
use std::sync::Arc;

fn id<T: From<Uuid>>(number: u128) -> T {
    Uuid::from_u128(number).into()
}

fn at(minutes: i64) -> Timestamp {
    let noon: Timestamp = "2026-05-04T12:00:00Z".parse().unwrap();
    noon + TimeDelta::minutes(minutes)
}

fn catalogue() -> Catalogue {
    let mut catalogue = Catalogue::empty(id::<ProjectId>(1), Mode::Live);
    let content = json!({ "name": "hello", "default_locale": "en", "ttl": "PT1H", "locales": { "en": { "title": "Hi", "body": "." } } });
    let content = CompiledContent::compile(serde_json::from_value(content).unwrap()).unwrap();
    catalogue.contents.insert("hello".into(), Arc::new(content));
    catalogue
}

fn trigger(number: u128, sentence: Value) -> CompiledTrigger {
    let mut whole = json!({ "name": format!("t{number}"), "class": "service", "when": { "event": { "name": "key" } }, "then": { "content": "hello" } });
    whole
        .as_object_mut()
        .unwrap()
        .extend(sentence.as_object().cloned().unwrap());
    let sentence: Trigger = serde_json::from_value(whole).unwrap();
    CompiledTrigger::compile(id(number), 1, sentence).unwrap()
}

/// Somebody with a phone who agreed before noon, and used a key at these minutes.
fn person(number: u128, keys: &[i64]) -> Person {
    let consent = Consent {
        granted: true,
        at: at(-60),
    };
    let device = DeviceNews {
        channel: Some(ChannelKind::Tray),
        ..DeviceNews::default()
    };
    let moment = |minute: &i64| Moment {
        id: id(number * 1_000_000 + u128::try_from(*minute + 10_000).unwrap()),
        user_id: id(number),
        device_id: None,
        occurred_at: at(*minute),
        noticed_at: at(*minute),
        kind: MomentKind::Event {
            name: "key".into(),
            properties: Map::new(),
        },
        evidence: Evidence::default(),
        of: None,
    };
    Person {
        user_id: id::<UserId>(number),
        profile: Profile::default(),
        devices: vec![(at(-60), id(number), device)],
        facts: Vec::new(),
        consents: vec![(Purpose::Service, consent), (Purpose::Promo, consent)],
        moments: keys.iter().map(moment).collect(),
    }
}

fn replayed(draft: CompiledTrigger, people: Vec<Person>) -> Report {
    let mut backtest = Backtest::new(Stage::new(&catalogue(), draft, at(0)), at(0), at(600));
    for person in people {
        backtest.replay(person);
    }
    backtest.report()
}

fn counts(report: &Report) -> Vec<(ReasonCode, u64)> {
    report
        .attrition
        .iter()
        .map(|reason| (reason.code, reason.count))
        .collect()
}

#[test]
fn attrition_stands_in_the_order_of_the_guards_and_adds_up() {
    let mut stranger = person(2, &[10, 20]);
    stranger.consents.clear();
    let mut gone = person(3, &[10]);
    let withdrawn = Consent {
        granted: false,
        at: at(5),
    };
    gone.consents.push((Purpose::Service, withdrawn));
    let mut late = person(4, &[10]);
    late.devices[0].0 = at(30);
    let draft = trigger(9, json!({ "guards": { "cooldown": "PT30M" } }));
    let report = replayed(draft, vec![person(1, &[10, 20, 60]), stranger, gone, late]);
    let expected = [
        (ReasonCode::NoConsent, 2),
        (ReasonCode::OptedOut, 1),
        (ReasonCode::NoToken, 1),
        (ReasonCode::Cooldown, 1),
    ];
    assert_eq!(counts(&report), expected);
    assert_eq!((report.moments, report.cases), (7, 7));
    assert_eq!((report.would_send.messages, report.would_send.users), (2, 1));
    assert_eq!(report.attrition[0].examples.len(), 2);
}

#[test]
fn what_was_before_and_after_is_not_counted() {
    let report = replayed(trigger(9, json!({})), vec![person(1, &[-30, 0, 599, 600])]);
    assert_eq!((report.moments, report.would_send.messages), (2, 2));
}

#[test]
fn a_send_key_is_taken_once_in_the_whole_project() {
    let draft = trigger(9, json!({ "once_per": "'opening'" }));
    let report = replayed(draft, vec![person(1, &[10]), person(2, &[5])]);
    assert_eq!(report.would_send.messages, 1);
    assert_eq!(counts(&report), [(ReasonCode::AlreadyDone, 1)]);
}

#[test]
fn facts_count_as_they_were_recorded_and_their_changes_are_moments() {
    let fact = |seq: i64, minute: i64, ready: bool| Fact {
        id: FactRef {
            kind: "stay".into(),
            key: "S1".into(),
        },
        seq,
        subjects: vec![id(1)],
        lifecycle: Lifecycle::Active,
        valid_from: None,
        valid_to: None,
        sensitive: Vec::new(),
        properties: json!({ "ready": ready }).as_object().cloned().unwrap(),
        changed_at: at(minute),
    };
    let waiting = json!({ "for_each": { "stay": "stay" }, "wait": { "until": "stay.ready", "at_most": "PT1H" } });
    let mut guest = person(1, &[10, 200]);
    guest.facts = vec![fact(1, 5, false), fact(2, 30, true), fact(3, 100, false)];
    let report = replayed(trigger(9, waiting), vec![guest.clone()]);
    assert_eq!(report.would_send.messages, 1, "the first key waited until it was ready");
    assert_eq!(
        counts(&report),
        [(ReasonCode::Expired, 1)],
        "the second one waited in vain"
    );
    let changed =
        json!({ "when": { "fact": { "type": "stay", "becomes": "changed" } }, "for_each": { "stay": "stay" } });
    let report = replayed(trigger(9, changed), vec![guest]);
    assert_eq!(report.would_send.messages, 2);
    assert!(
        report.would_send.examples.is_empty(),
        "moments that were not stored are no examples"
    );
}

#[test]
fn only_live_triggers_that_matter_are_on_the_stage_and_those_that_matter_to_them() {
    let mut live = catalogue();
    let sentences = [
        json!({ "guards": { "priority": 50 } }),
        json!({ "tags": ["perk", "extra"] }),
        json!({}),
        json!({ "tags": ["extra"], "guards": { "priority": 7, "caps": [{ "max": 1, "per": "PT1H", "across": "extra" }] } }),
    ];
    for (number, sentence) in sentences.into_iter().enumerate() {
        let compiled = trigger(u128::try_from(number).unwrap() + 1, sentence);
        live.triggers.push(Arc::new(compiled));
    }
    let staged = |draft: Value| {
        let stage = Stage::new(&live, trigger(9, draft), at(0));
        let names: Vec<String> = stage
            .judging
            .triggers
            .iter()
            .map(|known| known.sentence.name.clone())
            .collect();
        names
    };
    assert_eq!(staged(json!({})), ["t9"]);
    assert_eq!(
        staged(json!({ "tags": ["perk"], "guards": { "caps": [{ "max": 1, "per": "PT1H", "across": "perk" }] } })),
        ["t2", "t9"]
    );
    assert_eq!(staged(json!({ "guards": { "priority": 1 } })), ["t1", "t2", "t4", "t9"]);
    assert_eq!(
        staged(json!({ "then": { "content": "hello", "replaces": "hello" } })),
        ["t1", "t2", "t3", "t4", "t9"]
    );
}

#[test]
fn a_rival_with_a_higher_priority_is_heard() {
    let mut live = catalogue();
    live.triggers
        .push(Arc::new(trigger(1, json!({ "guards": { "priority": 50 } }))));
    let stage = Stage::new(&live, trigger(9, json!({ "guards": { "priority": 1 } })), at(0));
    let mut backtest = Backtest::new(stage, at(0), at(600));
    backtest.replay(person(1, &[10]));
    let report = backtest.report();
    assert_eq!(counts(&report), [(ReasonCode::Superseded, 1)]);
    assert_eq!(report.would_send.messages, 0);
}
