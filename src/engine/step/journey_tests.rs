//! Journeys: how a person comes into one, goes on, is spoken to in its states, and leaves it.
#![allow(clippy::unwrap_used, reason = "tests may panic")]
#![allow(
    clippy::needless_pass_by_value,
    reason = "a JSON literal reads better at the call than a reference to one"
)]

use super::stage_tests::{Person, Stage, at, stay};
use super::*;
use crate::base::id::JourneyId;
use crate::engine::fact::Lifecycle;
use crate::engine::journey::CompiledJourney;
use serde_json::{Value, json};
use std::sync::Arc;
use uuid::Uuid;

fn id() -> JourneyId {
    Uuid::from_u128(77).into()
}

impl Stage {
    /// Puts a version of a journey in force; the one before it is retired.
    fn follow(&mut self, version: i64, journey: Value) {
        let journey = serde_json::from_value(journey).unwrap();
        let compiled = CompiledJourney::compile(id(), version, journey, None).unwrap();
        for former in std::mem::take(&mut self.catalogue.journeys) {
            self.catalogue
                .retired_journeys
                .insert((former.id, former.version), former);
        }
        self.catalogue.journeys.push(Arc::new(compiled));
    }
}

fn lead(key: &str, seq: i64, status: &str) -> Fact {
    let mut fact = stay(key, seq, json!({ "status": status }));
    fact.id.kind = "lead".to_owned();
    fact
}

/// A lead gets an estimate, looks at it, is nudged after three days, and signs or is forgotten.
fn solar() -> Value {
    json!({ "name": "solar", "facts": { "lead": "lead" }, "key": "lead.key",
        "start": { "when": { "fact": { "type": "lead", "becomes": "created" } }, "goto": "waiting" },
        "states": {
            "waiting": {
                "moves": [{ "when": { "event": { "name": "viewed" } }, "goto": "viewed" }, signed()],
                "at_most": { "for": "PT48H", "exit": "expired" } },
            "viewed": {
                "triggers": [{ "name": "nudge", "class": "service", "when": "begins", "wait": { "for": "P3D" },
                    "then": { "content": "hello", "goto": "nudged" } }],
                "moves": [signed()],
                "at_most": { "for": "P10D", "exit": "silent" } },
            "nudged": { "moves": [signed()], "at_most": { "for": "P7D", "exit": "silent" } } } })
}

fn signed() -> Value {
    json!({ "when": { "fact": { "type": "lead", "becomes": "changed", "field": "status" } },
            "if": "lead.status == 'signed'", "exit": "signed" })
}

/// `state` or `exit` of each change, in order.
fn ways(effects: &[Effects]) -> Vec<String> {
    let changes = effects.iter().flat_map(|effects| &effects.instances);
    changes
        .map(|change| match &change.exit {
            Some(exit) => format!("exit {exit}"),
            None => change.instance.state.clone(),
        })
        .collect()
}

#[test]
fn a_fact_begins_it_an_event_takes_it_on_and_what_is_said_leads_further() {
    let mut stage = Stage::with(&[]);
    stage.follow(1, solar());
    let mut ana = Person::new(1);
    let began = ana.fact(&stage, "1 09:00", lead("L1", 1, "new"));
    assert_eq!(ways(&[began]), ["waiting"]);
    assert_eq!(
        ana.wake_at,
        Some(at("3 09:00")),
        "the limit wakes a silent phone's subject"
    );
    let viewed = ana.event(&stage, "2 09:00", "viewed");
    assert_eq!(ways(&[viewed]), ["viewed"]);
    assert_eq!(ana.codes(), ["waiting_time"]);
    assert_eq!(ana.decisions[0].trigger, "solar/nudge");
    assert_eq!(
        ana.subject.waits[0].instance_id,
        Some(ana.subject.seldom.journeys[0].id)
    );
    ana.until(&stage, at("5 09:00"));
    assert_eq!((ana.codes().last().unwrap().as_str(), ana.messages.len()), ("sent", 1));
    let instance = ana.subject.seldom.journeys[0].clone();
    assert_eq!((instance.state.as_str(), instance.since), ("nudged", at("5 09:00")));
    assert_eq!(instance.ends_at, at("12 09:00"));
    ana.until(&stage, at("12 09:00"));
    assert_eq!((ana.subject.seldom.journeys.len(), ana.wake_at), (0, None));
    assert_eq!(ana.kinds(), ["fact", "begun", "event", "begun", "begun"]);
}

#[test]
fn the_limit_of_a_state_comes_when_the_phone_is_silent() {
    let mut stage = Stage::with(&[]);
    stage.follow(1, solar());
    let mut ana = Person::new(1);
    ana.fact(&stage, "1 09:00", lead("L1", 1, "new"));
    let out = ana.step(&stage, at("3 09:00"), &Input::Tick);
    assert_eq!(ways(&[out]), ["exit expired"]);
    assert!(ana.subject.seldom.journeys.is_empty());
    let late = ana.event(&stage, "3 10:00", "viewed");
    assert!(late.instances.is_empty(), "it is over");
}

#[test]
fn signing_ends_what_was_waited_for_and_says_so() {
    let mut stage = Stage::with(&[]);
    stage.follow(1, solar());
    let mut ana = Person::new(1);
    ana.fact(&stage, "1 09:00", lead("L1", 1, "new"));
    ana.event(&stage, "1 10:00", "viewed");
    let out = ana.fact(&stage, "2 09:00", lead("L1", 2, "signed"));
    assert_eq!(ways(std::slice::from_ref(&out)), ["exit signed"]);
    assert_eq!(out.instances[0].from.as_deref(), Some("viewed"));
    assert_eq!(out.instances[0].from_since, Some(at("1 10:00")));
    assert_eq!(ana.codes(), ["waiting_time", "cancelled"]);
    assert_eq!(ana.decisions[1].trace[0].says, "The journey left the state `viewed`");
    ana.until(&stage, at("20 09:00"));
    assert!(ana.messages.is_empty());
}

#[test]
fn two_leads_go_their_own_ways() {
    let mut stage = Stage::with(&[]);
    stage.follow(1, solar());
    let mut ana = Person::new(1);
    ana.fact(&stage, "1 09:00", lead("L1", 1, "new"));
    ana.fact(&stage, "1 09:30", lead("L2", 1, "new"));
    ana.event(&stage, "1 10:00", "viewed");
    assert_eq!(ana.codes(), ["waiting_time", "waiting_time"], "one wait for each");
    let out = ana.fact(&stage, "2 09:00", lead("L2", 2, "signed"));
    assert_eq!(out.instances.len(), 1, "a moment about another lead is not its moment");
    assert_eq!(out.instances[0].instance.key, "L2");
    ana.until(&stage, at("5 09:00"));
    let sent: Vec<&str> = ana
        .messages
        .iter()
        .map(|message| message.facts[0].key.as_str())
        .collect();
    assert_eq!(sent, ["L1"]);
}

#[test]
fn two_keys_without_a_fact_do_not_disturb_one_another() {
    let mut stage = Stage::with(&[]);
    let state = json!({ "triggers": [{ "name": "remind", "class": "service", "when": "begins", "wait": { "for": "PT1H" },
                            "then": { "content": "hello" } }],
                        "at_most": { "for": "P1D", "exit": "over" } });
    stage.follow(1, json!({ "name": "cart", "key": "event.name",
        "start": { "when": { "any": [{ "event": { "name": "one" } }, { "event": { "name": "two" } }] }, "goto": "open" },
        "states": { "open": state } }));
    let mut ana = Person::new(1);
    ana.event(&stage, "1 10:00", "one");
    ana.event(&stage, "1 10:00", "two");
    let again = ana.event(&stage, "1 10:01", "one");
    assert!(again.instances.is_empty(), "a start while one is open does nothing");
    ana.until(&stage, at("1 12:00"));
    assert_eq!(ana.codes(), ["waiting_time", "waiting_time", "sent", "sent"]);
}

#[test]
fn an_instance_does_not_outlive_its_fact_unless_a_move_listens_to_its_end() {
    let ended = |key| Fact {
        lifecycle: Lifecycle::Ended,
        ..lead(key, 2, "gone")
    };
    let mut stage = Stage::with(&[]);
    stage.follow(1, solar());
    let mut ana = Person::new(1);
    ana.fact(&stage, "1 09:00", lead("L1", 1, "new"));
    let out = ana.fact(&stage, "1 10:00", ended("L1"));
    assert_eq!(ways(&[out]), ["exit fact_ended"]);

    let mut journey = solar();
    let bye = json!({ "triggers": [{ "name": "bye", "class": "service", "when": "begins", "if": "lead.status == 'gone'",
                          "then": { "content": "hello" } }],
                      "at_most": { "for": "P1D", "exit": "gone" } });
    journey["states"]["farewell"] = bye;
    let moves = journey["states"]["waiting"]["moves"].as_array_mut().unwrap();
    moves.push(json!({ "when": { "fact": { "type": "lead", "becomes": "ended" } }, "goto": "farewell" }));
    stage.follow(2, journey);
    let mut ben = Person::new(2);
    ben.fact(&stage, "1 09:00", lead("L2", 1, "new"));
    let out = ben.fact(&stage, "1 10:00", ended("L2"));
    assert_eq!(ways(&[out]), ["farewell"]);
    assert_eq!(
        ben.codes(),
        ["sent"],
        "it speaks of a fact that was over when its state began"
    );
}

#[test]
fn facts_that_go_by_time_or_to_others_end_it_too() {
    let mut stage = Stage::with(&[]);
    stage.follow(1, solar());
    let mut ana = Person::new(1);
    let until_noon = Fact {
        valid_to: Some(at("1 12:00")),
        ..lead("L1", 1, "new")
    };
    ana.fact(&stage, "1 09:00", until_noon);
    ana.until(&stage, at("1 12:00"));
    assert!(ana.subject.seldom.journeys.is_empty(), "its fact ended at noon");
    ana.fact(&stage, "1 13:00", lead("L2", 1, "new"));
    let out = ana.step(&stage, at("1 14:00"), &Input::FactGone(lead("L2", 1, "new").id));
    assert_eq!(ways(&[out]), ["exit fact_ended"]);
}

#[test]
fn open_instances_finish_on_their_version_or_move_by_choice() {
    let mut stage = Stage::with(&[]);
    stage.follow(1, solar());
    let (mut ana, mut ben) = (Person::new(1), Person::new(2));
    for person in [&mut ana, &mut ben] {
        person.fact(&stage, "1 09:00", lead("L1", 1, "new"));
    }
    let mut finish = solar();
    finish["states"]["waiting"]["at_most"]["for"] = json!("PT1H");
    stage.follow(2, finish.clone());
    ana.step(&stage, at("1 09:30"), &Input::Tick);
    assert_eq!(
        (
            ana.subject.seldom.journeys[0].version,
            ana.subject.seldom.journeys[0].ends_at
        ),
        (1, at("3 09:00"))
    );

    finish["versions"] = json!("move");
    stage.follow(3, finish.clone());
    let moved = ana.step(&stage, at("1 09:40"), &Input::Tick);
    assert_eq!(
        (
            ana.subject.seldom.journeys[0].version,
            ana.subject.seldom.journeys[0].ends_at
        ),
        (3, at("1 10:00"))
    );
    assert!(
        moved.moments.is_empty() && !moved.instances[0].is_a_move(),
        "no state began"
    );

    let mut other = json!({ "name": "solar", "facts": { "lead": "lead" }, "key": "lead.key", "versions": "move",
        "start": solar()["start"], "states": { "elsewhere": { "at_most": { "for": "P1D", "exit": "over" } } } });
    other["start"]["goto"] = json!("elsewhere");
    stage.follow(4, other);
    let away = ben.step(&stage, at("1 09:50"), &Input::Tick);
    assert_eq!(ways(&[away]), ["exit moved_away"]);
    stage.catalogue.journeys.clear();
    stage.catalogue.retired_journeys.clear();
    let gone = ana.step(&stage, at("1 09:55"), &Input::Tick);
    assert_eq!(ways(&[gone]), ["exit cancelled"]);
}

#[test]
fn a_paused_journey_is_silent_and_goes_on() {
    let mut stage = Stage::with(&[]);
    stage.follow(1, solar());
    Arc::make_mut(&mut stage.catalogue.journeys[0]).set_paused(true);
    let mut ana = Person::new(1);
    ana.fact(&stage, "1 09:00", lead("L1", 1, "new"));
    ana.event(&stage, "1 10:00", "viewed");
    assert_eq!(ana.subject.seldom.journeys[0].state, "viewed");
    ana.until(&stage, at("11 10:00"));
    assert_eq!(ana.codes(), ["paused"]);
    assert!(ana.subject.seldom.journeys.is_empty(), "its limit came");
}

#[test]
fn moves_ask_for_no_consent_and_a_person_can_move_or_cancel_an_instance() {
    let mut stage = Stage::with(&[]);
    stage.follow(1, solar());
    let mut ana = Person::new(1);
    ana.subject.consents.clear();
    ana.fact(&stage, "1 09:00", lead("L1", 1, "new"));
    ana.event(&stage, "1 10:00", "viewed");
    assert_eq!(ana.codes(), ["no_consent"]);
    let instance_id = ana.subject.seldom.journeys[0].id;
    let mut order = |now: &str, order: InstanceOrder| {
        let effects = ana.step(&stage, at(now), &Input::Instance { instance_id, order });
        ways(&[effects])
    };
    let state = |name: &str| InstanceOrder::Move { state: name.to_owned() };
    assert_eq!(order("1 11:00", state("waiting")), ["waiting"], "also backwards");
    assert!(order("1 11:00", state("nowhere")).is_empty());
    assert_eq!(order("1 12:00", InstanceOrder::Cancel), ["exit cancelled"]);
    assert!(order("1 12:00", InstanceOrder::Cancel).is_empty());
}

#[test]
fn a_chain_goes_through_at_once_and_a_circle_ends() {
    let through = |to: Value| json!({ "moves": [to], "at_most": { "for": "P1D", "exit": "over" } });
    let journey = |last: Value| {
        json!({ "name": "chain", "key": "user.ref", "start": { "when": { "event": { "name": "go" } }, "goto": "a" },
            "states": { "a": through(json!({ "when": "begins", "goto": "b" })), "b": through(last) } })
    };
    let mut stage = Stage::with(&[]);
    stage.follow(1, journey(json!({ "when": "begins", "exit": "done" })));
    let out = Person::new(1).event(&stage, "1 09:00", "go");
    assert_eq!(ways(&[out]), ["a", "b", "exit done"]);
    stage.follow(2, journey(json!({ "when": "begins", "goto": "a" })));
    let out = Person::new(2).event(&stage, "1 09:00", "go");
    assert_eq!(ways(&[out]).last().unwrap(), "exit circling");
}

#[test]
fn a_state_listens_only_while_it_lasts_and_knows_its_journey() {
    let mut stage = Stage::with(&[]);
    let trigger = json!({ "name": "welcome", "class": "service", "when": { "entered": { "tag": "hotel" } },
        "if": "journey.key == 'L1' && journey.state == 'waiting' && journey.since <= now && lead.status == 'new'",
        "then": { "content": "hello" } });
    let mut journey = solar();
    journey["states"]["waiting"]["triggers"] = json!([trigger]);
    stage.follow(1, journey);
    let mut ana = Person::new(1);
    ana.fact(&stage, "1 09:00", lead("L1", 1, "new"));
    ana.fix(&stage, "1 10:00", 10.0);
    assert_eq!(ana.codes(), ["sent"]);
    let mut ben = Person::new(2);
    ben.fact(&stage, "1 09:00", lead("L1", 1, "new"));
    ben.event(&stage, "1 09:30", "viewed");
    ben.fix(&stage, "1 10:00", 10.0);
    assert_eq!(ben.codes(), ["waiting_time"], "the welcome belongs to another state");
}

#[test]
fn what_fell_due_before_the_limit_has_its_say_although_the_tick_is_late() {
    let mut stage = Stage::with(&[]);
    stage.follow(1, solar());
    let mut ana = Person::new(1);
    ana.fact(&stage, "1 09:00", lead("L1", 1, "new"));
    ana.event(&stage, "1 10:00", "viewed");
    ana.step(&stage, at("20 10:00"), &Input::Tick);
    assert_eq!(ana.codes(), ["waiting_time", "sent"]);
    assert_eq!(ana.subject.seldom.journeys[0].state, "nudged");
}

#[test]
fn moves_and_triggers_of_a_state_listen_to_a_dwell_that_nothing_else_asks_for() {
    let mut stage = Stage::with(&[]);
    let dwelled = |minutes: &str| json!({ "dwelled": { "for": minutes, "tag": "hotel" } });
    let mut journey = solar();
    journey["states"]["waiting"]["triggers"] = json!([{ "name": "sit", "class": "service", "when": dwelled("PT10M"),
        "then": { "content": "hello" } }]);
    journey["states"]["waiting"]["moves"] = json!([{ "when": dwelled("PT20M"), "goto": "viewed" }]);
    stage.follow(1, journey);
    let mut ana = Person::new(1);
    ana.fact(&stage, "1 09:00", lead("L1", 1, "new"));
    ana.fix(&stage, "1 10:00", 10.0);
    ana.until(&stage, at("1 10:10"));
    assert_eq!(ana.codes(), ["sent"]);
    ana.until(&stage, at("1 10:20"));
    assert_eq!(
        (
            ana.subject.seldom.journeys[0].state.as_str(),
            ana.subject.seldom.journeys[0].since
        ),
        ("viewed", at("1 10:20"))
    );
}
