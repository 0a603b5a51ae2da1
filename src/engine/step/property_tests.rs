//! Properties that hold whatever happens: order, replay, keys, presence, waits, consent and caps.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may panic")]

use super::stage_tests::{Person, Stage, at, crossing, fix, record, stay};
use super::*;
use crate::base::time::Span;
use crate::engine::fact::Lifecycle;
use crate::engine::fix::{Body, Event, Transition};
use crate::engine::moment::MomentKind;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// Something that happens, some time after the thing before.
#[derive(Debug, Clone)]
enum Happening {
    Fix(f64),
    Crossing(Transition),
    Event,
    Fact(u8, Option<bool>),
    Promo(bool),
    Nothing,
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        4 => prop_oneof![Just(10.0), Just(90.0), Just(118.0), Just(126.0), Just(300.0), Just(900.0)].prop_map(Happening::Fix),
        1 => prop_oneof![Just(Transition::Enter), Just(Transition::Exit), Just(Transition::Dwell)].prop_map(Happening::Crossing),
        2 => Just(Happening::Event),
        2 => (0..2_u8, proptest::option::weighted(0.8, any::<bool>())).prop_map(|(key, ready)| Happening::Fact(key, ready)),
        1 => any::<bool>().prop_map(Happening::Promo),
        1 => Just(Happening::Nothing),
    ]
}

fn log() -> impl Strategy<Value = Vec<(i64, Happening)>> {
    let pause = prop_oneof![3 => 0..120_i64, 2 => 120..7_200_i64, 1 => 7_200..90_000_i64];
    proptest::collection::vec((pause, happening()), 1..40)
}

/// Triggers of every kind of wait and guard.
fn stage() -> Stage {
    let hotel = json!({ "entered": { "tag": "hotel" } });
    Stage::with(&[
        json!({ "name": "room", "when": hotel, "for_each": { "stay": { "type": "stay", "choose": "together" } },
                "wait": { "until": "stay.ready == true", "at_most": "PT10H", "while": "inside" },
                "once_per": "stay.key + ':' + user.ref", "max_age": "PT15M" }),
        json!({ "name": "each", "class": "promo", "when": { "event": { "name": "tick", "inside": { "tag": "hotel" } } },
                "for_each": { "stay": "stay" }, "wait": { "for": "PT10M", "while": "inside" },
                "guards": { "caps": [{ "max": 2, "per": "PT3H" }], "open": "kitchen" } }),
        json!({ "name": "news", "when": { "fact": { "type": "stay", "becomes": "changed" } }, "for_each": { "stay": "stay" },
                "wait": { "for": "PT20S" }, "then": { "content": "hello", "replaces": "hello" } }),
        json!({ "name": "left", "class": "promo", "when": { "any": [{ "exited": { "tag": "hotel" } },
                { "dwelled": { "for": "PT30M", "tag": "hotel" } }] }, "guards": { "cooldown": "PT1H", "priority": 2 } }),
    ])
}

/// Plays a log; the state goes through its stored form between steps.
fn play(stage: &Stage, log: &[(i64, Happening)]) -> (Person, String) {
    let mut ana = Person::new(1);
    let mut now = at("09:00");
    let mut told = String::new();
    let mut seqs = BTreeMap::new();
    for (number, (pause, what)) in log.iter().enumerate() {
        now += Span::seconds(*pause).delta();
        ana.until(stage, now);
        let device_id = ana.device;
        let id = format!("r{number}");
        let records = |record| Input::Records {
            device_id,
            records: vec![record],
        };
        let input = match what {
            Happening::Fix(metres) => records(fix(&id, now, *metres)),
            Happening::Crossing(transition) => records(crossing(&id, now, stage.hotel(), *transition)),
            Happening::Event => Input::Event {
                record_id: id,
                name: "tick".to_owned(),
                properties: serde_json::Map::new(),
                occurred_at: now,
            },
            Happening::Fact(key, ready) => {
                let seq = seqs.entry(*key).and_modify(|seq| *seq += 1).or_insert(1);
                let mut fact = stay(&format!("ST{key}"), *seq, json!({ "ready": ready.unwrap_or(false) }));
                fact.changed_at = now;
                if ready.is_none() {
                    fact.lifecycle = Lifecycle::Cancelled;
                }
                Input::Fact(fact)
            }
            Happening::Promo(granted) => Input::Consents(vec![(
                Purpose::Promo,
                Consent {
                    granted: *granted,
                    at: now,
                },
            )]),
            Happening::Nothing => Input::Tick,
        };
        let stored = serde_json::to_string(&ana.subject).unwrap();
        ana.subject = serde_json::from_str(&stored).unwrap();
        let effects = ana.step(stage, now, &input);
        writeln!(told, "{effects:?}").unwrap();
    }
    ana.until(stage, now + Span::hours(24 * 40).delta());
    (ana, told)
}

/// The properties below say nothing unless the logs get somewhere.
#[test]
fn the_logs_reach_every_kind_of_end() {
    let stage = stage();
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut reached = BTreeSet::new();
    for _ in 0..100 {
        let played = log().new_tree(&mut runner).unwrap().current();
        reached.extend(play(&stage, &played).0.codes());
    }
    let wanted = [
        "sent",
        "waiting_fact",
        "waiting_time",
        "cancelled",
        "expired",
        "superseded",
        "not_inside",
        "no_fact",
        "fact_inactive",
        "already_done",
        "cap",
        "cooldown",
        "opted_out",
        "quiet_deferred",
        "hours_closed",
    ];
    for code in wanted {
        assert!(reached.contains(code), "no log comes to {code}: {reached:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_order_and_repetition_of_a_batch_gives_the_same(
        happenings in proptest::collection::vec((0..300_i64, happening()), 1..25),
        shuffles in proptest::collection::vec(any::<prop::sample::Index>(), 60),
    ) {
        let stage = stage();
        let mut time = at("10:00");
        let mut batch = Vec::new();
        for (number, (pause, what)) in happenings.iter().enumerate() {
            time += Span::seconds(*pause).delta();
            let id = format!("r{number}");
            batch.push(match what {
                Happening::Fix(metres) => fix(&id, time, *metres),
                Happening::Crossing(transition) => crossing(&id, time, stage.hotel(), *transition),
                Happening::Event | Happening::Fact(..) | Happening::Promo(_) | Happening::Nothing => {
                    record(&id, time, Body::Event(Event { name: "tick".to_owned(), properties: serde_json::Map::new() }))
                }
            });
        }
        let mut mixed = batch.clone();
        for (number, index) in shuffles.iter().enumerate() {
            let place = index.index(mixed.len());
            if number % 3 == 0 {
                let again = mixed[place].clone();
                mixed.push(again);
            } else {
                let last = mixed.len() - 1;
                mixed.swap(place, last);
            }
        }
        let run = |records: Vec<Record>| {
            let mut ana = Person::new(1);
            ana.fact(&stage, "09:00", stay("ST0", 1, json!({ "ready": true })));
            ana.records(&stage, time, records)
        };
        let (plain, shuffled) = (run(batch.clone()), run(mixed));
        prop_assert_eq!(&plain.moments, &shuffled.moments);
        prop_assert_eq!(&plain.decisions, &shuffled.decisions);
        prop_assert_eq!(&plain.subject, &shuffled.subject);

        // Sent once more later: the records of a place are known by their order (events are by their ids, in the store).
        let mut ana = Person::new(1);
        ana.subject = plain.subject;
        let placed: Vec<Record> = batch.into_iter().filter(|record| !matches!(record.body, Body::Event(_))).collect();
        let again = ana.step(&stage, time, &Input::Records { device_id: ana.device, records: placed });
        prop_assert_eq!((again.moments, again.decisions), (Vec::new(), Vec::new()));
    }

    #[test]
    fn a_replay_gives_the_same_effects_byte_for_byte(log in log()) {
        let stage = stage();
        prop_assert_eq!(play(&stage, &log).1, play(&stage, &log).1);
    }

    #[test]
    fn at_most_one_message_has_a_send_key_and_every_message_a_decision(log in log()) {
        let (ana, _) = play(&stage(), &log);
        let keys: BTreeSet<&str> = ana.messages.iter().map(|message| message.send_key.as_str()).collect();
        prop_assert_eq!(keys.len(), ana.messages.len());
        let sent: BTreeSet<_> = ana.decisions.iter().filter_map(|decision| decision.message_id).collect();
        let shown = ana.messages.iter().filter(|message| !message.silent);
        prop_assert_eq!(sent, shown.map(|message| message.id).collect());
    }

    #[test]
    fn enter_and_exit_alternate(log in log()) {
        let (ana, _) = play(&stage(), &log);
        let mut inside = false;
        let mut last = at("00:00");
        for moment in &ana.moments {
            let enters = match moment.kind {
                MomentKind::Entered { .. } => true,
                MomentKind::Exited { .. } => false,
                MomentKind::Dwelled { .. }
                | MomentKind::Event { .. }
                | MomentKind::Fact { .. }
                | MomentKind::Reached { .. }
                | MomentKind::Scheduled { .. }
                | MomentKind::Answered { .. }
                | MomentKind::Begun { .. } => continue,
            };
            prop_assert_ne!(enters, inside, "{:?}", moment);
            prop_assert!(moment.occurred_at >= last, "{:?} before {}", moment, last);
            (inside, last) = (enters, moment.occurred_at);
        }
    }

    #[test]
    fn every_wait_ends_with_a_recorded_reason(log in log()) {
        let (ana, _) = play(&stage(), &log);
        prop_assert!(ana.subject.waits.is_empty());
        let mut ends = BTreeMap::new();
        for decision in &ana.decisions {
            ends.insert((decision.moment_id, decision.trigger_id, decision.facts.clone()), decision.code);
        }
        for (case, code) in ends {
            prop_assert!(!code.is_waiting(), "{:?} ends with {:?}", case, code);
        }
    }

    #[test]
    fn nothing_is_said_without_consent_nor_beyond_the_cap(log in log()) {
        let (ana, _) = play(&stage(), &log);
        let mut now = at("09:00");
        let mut granted = vec![(at("00:00"), true)];
        for (pause, what) in &log {
            now += Span::seconds(*pause).delta();
            if let Happening::Promo(yes) = what {
                granted.push((now, *yes));
            }
        }
        for message in ana.messages.iter().filter(|message| message.promo) {
            // Timers of one instant fire before what else happens at it: either answer of that instant may have counted.
            let before = granted.iter().rev().find(|(since, _)| *since < message.created_at).unwrap().1;
            let then = granted.iter().any(|(since, yes)| *since == message.created_at && *yes);
            prop_assert!(before || then, "{:?}", message);
        }
        let capped: Vec<Timestamp> = ana.decisions.iter()
            .filter(|decision| decision.trigger == "each" && decision.code == ReasonCode::Sent)
            .map(|decision| decision.decided_at)
            .collect();
        for sent in &capped {
            let window = capped.iter().filter(|other| *other <= sent && **other > *sent - Span::hours(3).delta());
            prop_assert!(window.count() <= 2);
        }
    }
}
