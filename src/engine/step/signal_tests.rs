//! Answers, counted events, other people's moments, and what texts may read of them.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use super::stage_tests::{Person, Stage, at, fix, record, stay};
use super::*;
use crate::base::id::UserId;
use crate::engine::fact::Lifecycle;
use crate::engine::fix::{Body, Receipt};
use crate::engine::moment::{How, MomentKind};
use serde_json::{Map, Value, json};

fn key_used() -> Value {
    json!({ "name": "ask", "when": { "event": { "name": "key_used" } }, "for_each": { "stay": "stay" } })
}

fn on_answer(how: &str) -> Value {
    json!({ "name": how, "when": { "answered": { "content": "hello", "how": how } }, "for_each": { "stay": "stay" },
            "then": { "content": "thanks" } })
}

fn receipt(id: &str, when: &str, message_id: MessageId, status: ReceiptStatus) -> Record {
    let receipt = Receipt {
        message_id,
        status,
        action: (status == ReceiptStatus::Action).then(|| "yes".to_owned()),
        text: (status == ReceiptStatus::Reply).then(|| "In the car".to_owned()),
    };
    record(id, at(when), Body::Receipt(receipt))
}

/// Two stays, and a message about one of them.
fn asked(triggers: &[Value]) -> (Stage, Person, MessageId) {
    let mut stage = Stage::with(&[]);
    stage.say(json!({ "name": "thanks", "default_locale": "en", "ttl": "PT2H",
        "locales": { "en": { "title": "{{ answer.how }}", "body": "{{ stay.key }}" } } }));
    let mut first = key_used();
    first["if"] = json!("stay.key == 'ST2'");
    stage.publish(first);
    for trigger in triggers {
        stage.publish(trigger.clone());
    }
    let mut ana = Person::new(1);
    ana.fact(&stage, "09:00", stay("ST1", 1, json!({})));
    ana.fact(&stage, "09:00", stay("ST2", 1, json!({})));
    ana.event(&stage, "10:00", "key_used");
    let message = ana.messages[0].id;
    (stage, ana, message)
}

#[test]
fn an_opened_message_is_a_moment_once_and_about_the_facts_it_spoke_of() {
    let (stage, mut ana, message) = asked(&[on_answer("opened")]);
    for (id, when) in [("r1", "10:05"), ("r2", "10:06")] {
        ana.records(
            &stage,
            at(when),
            vec![receipt(id, when, message, ReceiptStatus::Opened)],
        );
    }
    let answers: Vec<_> = ana.moments.iter().filter(|one| one.kind.name() == "answered").collect();
    assert_eq!(answers.len(), 1);
    assert_eq!(answers[0].occurred_at, at("10:05"));
    assert_eq!(ana.subject.sent[0].opened_at, Some(at("10:05")));
    let shown = &ana.messages[1].shown;
    assert_eq!((shown.title.as_str(), shown.body.as_str()), ("opened", "ST2"));
    assert_eq!(ana.messages.len(), 2);
}

#[test]
fn a_tapped_action_counts_as_opened_and_a_reply_brings_its_words() {
    let mut yes = on_answer("action");
    yes["when"]["answered"]["action"] = json!("yes");
    let mut no = on_answer("action");
    no["when"]["answered"]["action"] = json!("no");
    let mut reply = on_answer("reply");
    reply["if"] = json!("answer.text == 'In the car' && answer.content == 'hello'");
    let (stage, mut ana, message) = asked(&[yes, no, on_answer("opened"), reply]);
    let batch = vec![
        receipt("r1", "10:05", message, ReceiptStatus::Action),
        receipt("r2", "10:06", message, ReceiptStatus::Opened),
        receipt("r3", "10:07", message, ReceiptStatus::Reply),
        receipt("r4", "10:08", message, ReceiptStatus::Displayed),
    ];
    let effects = ana.records(&stage, at("10:10"), batch);
    let hows: Vec<_> = effects.moments.iter().map(|moment| moment.kind.clone()).collect();
    let how = |kind: &MomentKind| {
        let MomentKind::Answered { how, action, text, .. } = kind else {
            unreachable!("{kind:?}")
        };
        (*how, action.clone(), text.clone())
    };
    assert_eq!(hows.len(), 2);
    assert_eq!(how(&hows[0]), (How::Action, Some("yes".to_owned()), None));
    assert_eq!(how(&hows[1]), (How::Reply, None, Some("In the car".to_owned())));
    assert_eq!(ana.subject.sent[0].opened_at, Some(at("10:05")));
    let titles: Vec<_> = ana.messages[1..]
        .iter()
        .map(|message| message.shown.title.as_str())
        .collect();
    assert_eq!(titles, ["action", "reply"]);
    assert_eq!(effects.receipts.len(), 4);
    assert_eq!(effects.receipts[2].text.as_deref(), Some("In the car"));
}

#[test]
fn a_receipt_of_a_message_that_is_not_theirs_is_no_moment() {
    let (stage, mut ana, _) = asked(&[on_answer("opened")]);
    let stranger = MessageId::from(uuid::Uuid::from_u128(99));
    let effects = ana.records(
        &stage,
        at("10:05"),
        vec![receipt("r1", "10:05", stranger, ReceiptStatus::Opened)],
    );
    assert_eq!((effects.moments.len(), effects.receipts.len()), (0, 1));
}

fn look_tried(same: Option<&str>) -> Value {
    let mut event = json!({ "name": "look_tried", "times": 2, "within": "P7D" });
    if let Some(same) = same {
        event["same"] = json!(same);
    }
    json!({ "when": { "event": event } })
}

fn tries(stage: &Stage, person: &mut Person, when: &str, properties: &Value) {
    person.until(stage, at(when));
    let input = Input::Event {
        record_id: format!("{properties} at {when}"),
        name: "look_tried".to_owned(),
        properties: properties.as_object().unwrap().clone(),
        occurred_at: at(when),
    };
    person.step(stage, at(when), &input);
}

fn last_says(person: &Person) -> String {
    let trace = &person.decisions.last().unwrap().trace;
    trace.iter().rev().find(|step| !step.passed).unwrap().says.clone()
}

#[test]
fn an_event_counts_within_its_time_and_only_with_the_same_value() {
    let stage = Stage::with(&[look_tried(Some("sku"))]);
    let mut ana = Person::new(1);
    for (index, sku) in ["a", "b", "c", "d", "e", "f"].into_iter().enumerate() {
        tries(&stage, &mut ana, &format!("4 1{index}:00"), &json!({ "sku": sku }));
    }
    assert_eq!(ana.codes(), ["condition_false"; 6], "six looks once each");
    assert_eq!(last_says(&ana), "Happened 1 of 2 times in P7D");
    tries(&stage, &mut ana, "11 10:00", &json!({ "sku": "a" }));
    assert_eq!(
        ana.codes()[6],
        "condition_false",
        "seven days after the first, it has just left the window"
    );
    tries(&stage, &mut ana, "11 10:30", &json!({ "sku": "b" }));
    assert_eq!(ana.codes()[7], "sent");
    tries(&stage, &mut ana, "11 10:31", &json!({}));
    assert_eq!(ana.codes()[8], "missing_data");
    let long = json!({ "sku": "x".repeat(300) });
    tries(&stage, &mut ana, "11 10:32", &long);
    assert_eq!(ana.codes()[9], "missing_data", "a document is no id");
}

#[test]
fn what_no_trigger_counts_is_not_remembered_and_what_is_old_is_forgotten() {
    let stage = Stage::with(&[look_tried(None)]);
    let mut ana = Person::new(1);
    ana.event(&stage, "10:00", "key_used");
    assert!(ana.subject.seldom.counted.is_empty());
    tries(&stage, &mut ana, "10:01", &json!({ "sku": "a" }));
    assert_eq!(ana.subject.seldom.counted.len(), 1);
    assert!(ana.subject.seldom.counted[0].same.is_empty());
    ana.event(&stage, "11 10:01", "key_used");
    assert!(ana.subject.seldom.counted.is_empty());
    for minute in 0..1_010 {
        let hour = 10 + minute / 60 % 12;
        tries(
            &stage,
            &mut ana,
            &format!("12 {hour}:{:02}", minute % 60),
            &json!({ "n": minute }),
        );
    }
    assert_eq!(
        ana.subject.seldom.counted.len(),
        crate::base::limits::COUNTED_PER_USER_MAX
    );
}

#[test]
fn a_count_that_was_reached_is_not_counted_again_after_a_wait() {
    let mut trigger = look_tried(Some("sku"));
    trigger["wait"] = json!({ "for": "P7D" });
    let stage = Stage::with(&[trigger]);
    let mut ana = Person::new(1);
    tries(&stage, &mut ana, "10:00", &json!({ "sku": "a" }));
    tries(&stage, &mut ana, "11:00", &json!({ "sku": "a" }));
    ana.until(&stage, at("12 10:00"));
    assert_eq!(ana.codes(), ["condition_false", "waiting_time", "sent"]);
}

/// The courier comes near, and whoever ordered hears of it.
fn near() -> Value {
    json!({ "name": "near", "when": { "entered": { "tag": "hotel" } }, "whose": "order.courier",
            "for_each": { "order": "order" }, "if": "place.external_id == order.to", "once_per": "order.key + user.ref" })
}

fn order(key: &str, courier: &str, people: &[&Person]) -> Fact {
    let subjects: Vec<UserId> = people.iter().map(|person| person.subject.user_id).collect();
    Fact {
        id: FactRef {
            kind: "order".to_owned(),
            key: key.to_owned(),
        },
        subjects,
        ..stay(key, 1, json!({ "courier": courier, "to": "H1" }))
    }
}

fn person(number: u128, name: &str) -> Person {
    let mut person = Person::new(number);
    person.subject.profile.user_ref = Some(name.to_owned());
    person
}

/// Steps each of these people by what the step told them.
fn tell(stage: &Stage, now: &str, effects: &Effects, people: &mut [&mut Person]) {
    for told in &effects.forwarded {
        let person = people
            .iter_mut()
            .find(|person| person.subject.user_id == told.to)
            .unwrap();
        person.step(stage, at(now), &Input::Moment(told.moment.clone()));
    }
}

#[test]
fn a_family_hears_of_the_courier_who_hears_nothing() {
    let stage = Stage::with(&[near()]);
    let (mut carl, mut ana, mut ben, mut cho) =
        (person(1, "carl"), person(2, "ana"), person(3, "ben"), person(4, "cho"));
    let ours = order("8841", "carl", &[&carl, &ana, &ben]);
    let theirs = order("8842", "dora", &[&carl, &cho]);
    for one in [&mut carl, &mut ana, &mut ben] {
        one.fact(&stage, "09:00", ours.clone());
    }
    for one in [&mut carl, &mut cho] {
        one.fact(&stage, "09:00", theirs.clone());
    }
    let effects = carl.fix(&stage, "10:00", 10.0);
    assert_eq!(carl.kinds().last(), Some(&"entered"));
    assert!(carl.codes().is_empty(), "it is not theirs to read");
    assert_eq!(
        effects.forwarded.len(),
        2,
        "each once, and nobody whose order another one brings"
    );
    tell(&stage, "10:00", &effects, &mut [&mut ana, &mut ben, &mut cho]);
    for one in [&ana, &ben] {
        assert_eq!((one.codes(), one.messages.len()), (vec!["sent".to_owned()], 1));
        assert_eq!(one.kinds(), ["fact"], "the moment stays the courier's");
        assert_eq!(one.decisions[0].moment_id, carl.moments.last().unwrap().id);
    }
    // The ring left and entered again.
    carl.fix(&stage, "10:10", 900.0);
    carl.fix(&stage, "10:12", 900.0);
    let effects = carl.fix(&stage, "10:20", 10.0);
    tell(&stage, "10:20", &effects, &mut [&mut ana, &mut ben]);
    assert_eq!(ana.codes(), ["sent", "already_done"]);
    // An order that was cancelled names nobody any more.
    let cancelled = Fact {
        seq: 2,
        lifecycle: Lifecycle::Cancelled,
        ..ours
    };
    carl.fact(&stage, "10:30", cancelled);
    carl.fix(&stage, "10:40", 900.0);
    carl.fix(&stage, "10:42", 900.0);
    assert!(carl.fix(&stage, "10:50", 10.0).forwarded.is_empty());
}

#[test]
fn consent_is_the_readers_and_a_fact_that_is_over_for_them_is_a_silence_with_a_reason() {
    let stage = Stage::with(&[near()]);
    let (mut carl, mut ana, mut ben) = (person(1, "carl"), person(2, "ana"), person(3, "ben"));
    let ours = order("8841", "carl", &[&carl, &ana, &ben]);
    carl.fact(&stage, "09:00", ours.clone());
    ana.fact(&stage, "09:00", ours.clone());
    ana.subject.consents.remove(&Purpose::Service);
    ben.fact(
        &stage,
        "09:00",
        Fact {
            lifecycle: Lifecycle::Ended,
            ..ours
        },
    );
    let effects = carl.fix(&stage, "10:00", 10.0);
    tell(&stage, "10:00", &effects, &mut [&mut ana, &mut ben]);
    assert_eq!(ana.codes(), ["no_consent"]);
    assert_eq!(ben.codes(), ["fact_inactive"]);
}

#[test]
fn a_made_up_place_of_the_courier_is_told_and_says_nothing_and_a_wait_holds_their_moment() {
    let mut trigger = near();
    trigger["wait"] = json!({ "until": "order.paid", "at_most": "PT1H" });
    let stage = Stage::with(&[trigger]);
    let (mut carl, mut ana) = (person(1, "carl"), person(2, "ana"));
    let ours = order("8841", "carl", &[&carl, &ana]);
    carl.fact(&stage, "09:00", ours.clone());
    ana.fact(&stage, "09:00", ours.clone());
    let mut made_up = fix("f1", at("09:30"), 10.0);
    if let Body::Fix(fix) = &mut made_up.body {
        fix.simulated = true;
    }
    let effects = carl.records(&stage, at("09:30"), vec![made_up]);
    tell(&stage, "09:30", &effects, &mut [&mut ana]);
    assert_eq!(ana.codes(), ["simulated"]);
    let effects = carl.fix(&stage, "10:00", 10.0);
    tell(&stage, "10:00", &effects, &mut [&mut ana]);
    let mut paid = Fact { seq: 2, ..ours };
    paid.properties.insert("paid".to_owned(), json!(true));
    ana.fact(&stage, "10:05", paid);
    assert_eq!(ana.codes(), ["simulated", "waiting_fact", "sent"]);
}

#[test]
fn texts_read_the_month_and_the_speed_where_it_is_known() {
    let mut trigger = json!({ "when": { "event": { "name": "key_used" } } });
    trigger["if"] = json!("moment.month == '2026-05' && device.speed_mps < 2.0");
    let stage = Stage::with(&[trigger]);
    let mut ana = Person::new(1);
    ana.event(&stage, "10:00", "key_used");
    for (when, speed_mps) in [("10:01", 1.2), ("10:03", 9.0)] {
        let mut walking = fix(when, at(when), 900.0);
        if let Body::Fix(fix) = &mut walking.body {
            fix.speed_mps = Some(speed_mps);
        }
        ana.records(&stage, at(when), vec![walking]);
        ana.step(
            &stage,
            at(when),
            &Input::Event {
                record_id: format!("key at {when}"),
                name: "key_used".to_owned(),
                properties: Map::new(),
                occurred_at: at(when),
            },
        );
    }
    assert_eq!(ana.codes(), ["missing_data", "sent", "condition_false"]);
}
