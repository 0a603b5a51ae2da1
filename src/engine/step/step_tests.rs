//! Steps: what one input does to one person, with time moved by hand.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use super::stage_tests::{HOTEL, Person, Stage, at, crossing, fix, hours, stay};
use super::*;
use crate::engine::fact::Lifecycle;
use crate::engine::fix::Transition;
use serde_json::{Value, json};

fn on_arrival() -> Value {
    json!({ "when": { "entered": { "tag": "hotel" } }, "for_each": { "stay": "stay" } })
}

fn together() -> Value {
    json!({ "when": { "entered": { "tag": "hotel" } }, "for_each": { "stay": { "type": "stay", "choose": "together" } },
            "once_per": "stay.key + ':' + user.ref", "then": { "content": "rooms" } })
}

fn rooms() -> Value {
    json!({ "name": "rooms", "default_locale": "en", "ttl": "PT2H", "locales": { "en": {
        "title": "Rooms", "body": "{% for one in stays %}{{ one.room }} {% endfor %}" } } })
}

#[test]
fn one_sensitive_room_makes_the_text_that_names_it_sensitive() {
    let mut stage = Stage::with(&[]);
    stage.say(rooms());
    stage.publish(together());
    let mut ana = Person::new(1);
    ana.fact(&stage, "12:00", stay("ST1", 1, json!({ "room": "1204" })));
    let secret = Fact {
        sensitive: vec!["room".to_owned()],
        ..stay("ST2", 1, json!({ "room": "1206" }))
    };
    ana.fact(&stage, "12:00", secret);
    ana.fix(&stage, "14:00", 10.0);
    let shown = &ana.messages[0].shown;
    assert_eq!((ana.messages.len(), shown.body.trim()), (1, "1204 1206"));
    assert!(shown.sensitive, "the second stay marks its room");
    assert_eq!(shown.public_title.as_deref(), Some("house"));
}

#[test]
fn what_was_said_together_is_not_said_again_alone() {
    let mut stage = Stage::with(&[]);
    stage.say(rooms());
    stage.publish(together());
    let mut ana = Person::new(1);
    for key in ["ST1", "ST2"] {
        ana.fact(&stage, "12:00", stay(key, 1, json!({ "room": key })));
    }
    ana.fix(&stage, "14:00", 10.0);
    assert_eq!(ana.codes(), ["sent", "sent"]);
    assert_eq!(ana.decisions[0].message_id, ana.decisions[1].message_id);
    let ended = Fact {
        lifecycle: Lifecycle::Ended,
        ..stay("ST2", 2, json!({ "room": "ST2" }))
    };
    ana.fact(&stage, "15:00", ended);
    ana.fix(&stage, "16:00", 400.0);
    ana.fix(&stage, "16:02", 400.0);
    ana.fix(&stage, "19:00", 10.0);
    assert_eq!(ana.codes()[2..], ["already_done"]);
}

#[test]
fn two_facts_with_one_once_key_are_one_message_also_at_one_moment() {
    let mut trigger = on_arrival();
    trigger["once_per"] = json!("user.ref");
    let stage = Stage::with(&[trigger]);
    let mut ana = Person::new(1);
    ana.fact(&stage, "12:00", stay("ST1", 1, json!({})));
    ana.fact(&stage, "12:00", stay("ST2", 1, json!({})));
    ana.fix(&stage, "14:00", 10.0);
    assert_eq!(ana.codes(), ["sent", "already_done"]);
    assert_eq!(ana.messages.len(), 1);
}

#[test]
fn every_case_of_a_joint_message_is_answered_when_it_is_held_back() {
    let mut trigger = together();
    trigger["guards"] = json!({ "holdout": 1.0 });
    let mut stage = Stage::with(&[]);
    stage.say(rooms());
    stage.publish(trigger);
    let mut ana = Person::new(1);
    for key in ["ST1", "ST2"] {
        ana.fact(&stage, "12:00", stay(key, 1, json!({ "room": key })));
    }
    ana.fix(&stage, "14:00", 10.0);
    assert_eq!(ana.codes(), ["holdout", "holdout"]);
}

#[test]
fn a_fact_that_is_over_reopens_no_answer() {
    let stage = Stage::with(&[on_arrival()]);
    let mut ana = Person::new(1);
    ana.fact(&stage, "12:00", stay("ST1", 1, json!({})));
    ana.fix(&stage, "14:00", 10.0);
    let message = ana.messages[0].id;
    let cancelled = Fact {
        lifecycle: Lifecycle::Cancelled,
        ..stay("ST1", 2, json!({}))
    };
    let effects = ana.fact(&stage, "14:10", cancelled);
    assert_eq!(ana.codes(), ["sent"]);
    assert_eq!(
        effects.cancelled,
        [message],
        "one that has not gone out must not go any more"
    );
}

#[test]
fn a_fact_that_runs_out_cancels_its_wait_at_that_instant() {
    let mut trigger = on_arrival();
    trigger["wait"] = json!({ "until": "stay.ready == true", "at_most": "PT10H" });
    let stage = Stage::with(&[trigger]);
    let mut ana = Person::new(1);
    let until_four = Fact {
        valid_to: Some(at("16:00")),
        ..stay("ST1", 1, json!({ "ready": false }))
    };
    ana.fact(&stage, "12:00", until_four);
    ana.fix(&stage, "14:00", 10.0);
    ana.until(&stage, at("5 12:00"));
    assert_eq!(ana.codes(), ["waiting_fact", "cancelled"]);
    assert_eq!(ana.decisions[1].decided_at, at("16:00"));
}

#[test]
fn a_fact_comes_into_force_while_the_person_is_inside() {
    let stage = Stage::with(&[on_arrival()]);
    let mut ana = Person::new(1);
    let from_three = Fact {
        valid_from: Some(at("15:00")),
        ..stay("ST1", 1, json!({}))
    };
    ana.fact(&stage, "12:00", from_three);
    ana.fix(&stage, "14:00", 10.0);
    ana.until(&stage, at("18:00"));
    assert_eq!(ana.codes(), ["fact_inactive", "sent"]);
    assert_eq!(ana.messages[0].created_at, at("15:00"));
}

#[test]
fn a_coarse_fix_does_not_contradict_an_exit_crossing() {
    let stage = Stage::with(&[]);
    let mut ana = Person::new(1);
    ana.fix(&stage, "14:00", 10.0);
    let exit = crossing("out", at("15:00"), stage.hotel(), Transition::Exit);
    let mut coarse = fix("coarse", at("15:00:20"), 300.0);
    if let crate::engine::fix::Body::Fix(fix) = &mut coarse.body {
        fix.accuracy_m = Some(1_500.0);
    }
    ana.records(&stage, at("15:00:30"), vec![exit, coarse]);
    ana.until(&stage, at("15:10"));
    assert_eq!(ana.kinds(), ["entered", "exited"]);
    assert_eq!(ana.moments[1].occurred_at, at("15:00"));
}

#[test]
fn signs_of_leaving_hold_a_dwell_back() {
    let stage = Stage::with(&[json!({ "when": { "dwelled": { "for": "PT10M", "tag": "hotel" } } })]);
    let mut gone = Person::new(1);
    gone.fix(&stage, "10:00", 10.0);
    gone.fix(&stage, "10:09:30", 300.0);
    gone.fix(&stage, "10:10:20", 300.0);
    gone.fix(&stage, "10:10:40", 300.0);
    assert_eq!(gone.kinds(), ["entered", "exited"]);
    let mut stayed = Person::new(2);
    stayed.fix(&stage, "10:00", 10.0);
    stayed.fix(&stage, "10:09:30", 300.0);
    stayed.fix(&stage, "10:11", 10.0);
    assert_eq!(stayed.kinds(), ["entered", "dwelled"], "the fix outside was a mistake");
}

#[test]
fn dwelling_is_noticed_on_time_and_only_while_the_evidence_is_fresh() {
    let dwell =
        |name: &str, long: &str| json!({ "name": name, "when": { "dwelled": { "for": long, "tag": "hotel" } } });
    let stage = Stage::with(&[dwell("ten minutes", "PT10M"), dwell("five hours", "PT5H")]);
    let mut ana = Person::new(1);
    ana.fix(&stage, "14:00", 10.0);
    ana.until(&stage, at("22:00"));
    assert_eq!(
        ana.kinds(),
        ["entered", "dwelled"],
        "nothing is known of her after four hours"
    );
    assert_eq!(ana.moments[1].occurred_at, at("14:10"));
    assert_eq!(ana.codes(), ["sent"]);
}

#[test]
fn moving_a_fence_is_no_crossing() {
    let mut stage = Stage::with(&[on_arrival()]);
    let id = stage.hotel();
    let far = (HOTEL.0 + 0.1, HOTEL.1);
    let mut ana = Person::new(1);
    ana.fix(&stage, "14:00", 10.0);
    assert_eq!(ana.codes(), ["no_fact"]);
    stage.draw_fence(id, far, 120.0, 2, at("14:30"));
    ana.fact(&stage, "14:40", stay("ST1", 1, json!({})));
    assert_eq!(ana.kinds(), ["entered", "fact"], "she is simply not inside any more");
    assert!(ana.subject.visits.is_empty() && ana.subject.devices.get(&ana.device).unwrap().presence.is_empty());

    // Back over her while she stands still: inside, and nothing has happened.
    stage.draw_fence(id, HOTEL, 120.0, 3, at("15:00"));
    ana.fix(&stage, "15:10", 12.0);
    assert_eq!(ana.kinds(), ["entered", "fact"]);
    assert_eq!(ana.subject.places_inside().count(), 1);
    assert_eq!(ana.codes(), ["no_fact"]);
    // Later evidence counts: leaving and coming back is a real arrival.
    ana.fix(&stage, "16:00", 400.0);
    ana.fix(&stage, "16:02", 400.0);
    ana.fix(&stage, "17:00", 10.0);
    assert_eq!(ana.kinds()[2..], ["exited", "entered"]);
    assert_eq!(ana.codes(), ["no_fact", "sent"]);
}

#[test]
fn growing_and_deleting_a_fence_keeps_and_ends_presence_silently() {
    let mut stage = Stage::with(&[on_arrival()]);
    let id = stage.hotel();
    let mut ana = Person::new(1);
    ana.fix(&stage, "14:00", 10.0);
    stage.draw_fence(id, HOTEL, 500.0, 2, at("14:30"));
    ana.step(&stage, at("14:31"), &Input::Tick);
    let visit = ana.subject.places_inside().next().unwrap();
    assert_eq!((visit.place.version, ana.kinds().len()), (2, 1));
    stage.catalogue.fences.clear();
    stage.catalogue.index = crate::engine::fence::FenceIndex::build(Vec::new());
    ana.step(&stage, at("14:32"), &Input::Tick);
    assert_eq!((ana.subject.visits.len(), ana.kinds().len()), (0, 1));
}

#[test]
fn an_erased_user_refuses_everything() {
    let stage = Stage::with(&[on_arrival()]);
    let mut ana = Person::new(1);
    ana.subject = Subject::new(ana.subject.user_id);
    ana.subject.seldom.erased = true;
    let effects = ana.fix(&stage, "14:00", 10.0);
    let refused: Vec<_> = effects.refused.iter().map(|refused| refused.code).collect();
    assert_eq!(refused, [ReasonCode::Erased]);
    ana.fact(&stage, "14:10", stay("ST1", 1, json!({})));
    ana.event(&stage, "14:20", "key_used");
    let nothing = ana.moments.is_empty() && ana.decisions.is_empty() && ana.subject.facts.is_empty();
    assert!(nothing && ana.wake_at.is_none() && ana.subject.devices.is_empty());
}

#[test]
fn a_jump_no_vehicle_makes_is_flagged_and_moves_nothing() {
    let stage = Stage::with(&[json!({ "when": { "entered": { "tag": "hotel" } } })]);
    let mut ana = Person::new(1);
    ana.fix(&stage, "14:00", 900_000.0);
    ana.fix(&stage, "14:01", 10.0);
    assert_eq!(ana.codes(), ["implausible"]);
    assert_eq!(ana.subject.places_inside().count(), 0);
    // In two hours one can fly there.
    ana.fix(&stage, "16:00", 10.0);
    assert_eq!(ana.codes(), ["implausible", "sent"]);
}

#[test]
fn a_late_record_changes_nothing() {
    let stage = Stage::with(&[json!({ "when": { "entered": { "tag": "hotel" } } })]);
    let mut ana = Person::new(1);
    ana.fix(&stage, "14:00", 900.0);
    let before = ana.subject.clone();
    let late = fix("late", at("13:00"), 10.0);
    let effects = ana.records(&stage, at("14:01"), vec![late]);
    assert!(effects.moments.is_empty() && effects.decisions.is_empty());
    assert_eq!(effects.fixes[0].why, KeptBecause::Late);
    assert_eq!(
        ana.subject.devices.get(&ana.device).unwrap().newest,
        before.devices.get(&ana.device).unwrap().newest
    );
}

#[test]
fn old_evidence_speaks_for_a_service_and_not_for_a_promo() {
    let after_five_hours = |name: &str, class: &str| {
        json!({ "name": name, "class": class, "when": { "entered": { "tag": "hotel" } },
                "wait": { "for": "PT5H", "while": "inside" } })
    };
    let stage = Stage::with(&[after_five_hours("a", "service"), after_five_hours("b", "promo")]);
    let mut ana = Person::new(1);
    ana.fix(&stage, "10:00", 10.0);
    ana.until(&stage, at("10:00") + hours(6));
    let asked = ["waiting_time"; 4];
    assert_eq!(ana.codes()[..4], asked, "first the phone is asked");
    assert_eq!(ana.codes()[4..], ["sent", "not_inside"]);
}

#[test]
fn a_change_knows_what_was_before_and_keeps_what_is_sensitive() {
    let stage = Stage::with(&[
        json!({ "when": { "fact": { "type": "stay", "becomes": "changed", "field": "ends_at" } },
        "for_each": { "stay": "stay" }, "if": "stay.ends_at - change.before.ends_at >= PT15M" }),
    ]);
    let version = |seq, ends_at: &str, room: &str| {
        let mut fact = stay("ST1", seq, json!({ "ends_at": ends_at, "room": room }));
        fact.sensitive = vec!["room".to_owned()];
        fact
    };
    let mut ana = Person::new(1);
    ana.fact(&stage, "09:00", version(1, "2026-05-06T10:00:00Z", "1204"));
    ana.fact(&stage, "09:10", version(2, "2026-05-06T10:10:00Z", "1206"));
    ana.fact(&stage, "09:20", version(3, "2026-05-06T10:30:00Z", "1208"));
    assert_eq!(ana.codes(), ["condition_false", "sent"]);
    let told = serde_json::to_string(&ana.moments).unwrap();
    assert!(
        told.contains("10:10:00Z") && !told.contains("1204") && !told.contains("1206"),
        "{told}"
    );
}

#[test]
fn a_clause_that_asks_where_the_person_is_answers_not_inside() {
    let stage = Stage::with(&[
        json!({ "name": "a", "when": { "event": { "name": "boarding" } }, "if": "'H1' in user.places" }),
        json!({ "name": "b", "when": { "event": { "name": "boarding" } }, "if": "!('H1' in user.places)" }),
    ]);
    let mut ana = Person::new(1);
    ana.event(&stage, "09:00", "boarding");
    ana.fix(&stage, "10:00", 10.0);
    ana.event(&stage, "10:05", "boarding");
    let mut told: Vec<(String, String)> = ana
        .decisions
        .iter()
        .map(|d| (d.trigger.clone(), d.code.as_str()))
        .collect();
    told.sort();
    let wanted = [
        ("a", "not_inside"),
        ("a", "sent"),
        ("b", "condition_false"),
        ("b", "sent"),
    ];
    assert_eq!(told, wanted.map(|(name, code)| (name.to_owned(), code.to_owned())));
}
