//! Who is reached, what is corrected, whose clock counts, and how the phone is asked.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use super::stage_tests::{Person, Stage, at, fix, hours, record, stay};
use super::*;
use crate::engine::fact::Lifecycle;
use crate::engine::fix::{Body, Receipt};
use serde_json::json;

fn stays() -> Stage {
    let mut stage = Stage::with(&[
        json!({ "name": "room", "when": { "event": { "name": "tick" } }, "for_each": { "stay": "stay" } }),
        json!({ "name": "sorry", "when": { "fact": { "type": "stay", "becomes": "ended" } }, "for_each": { "stay": "stay" },
                "then": { "content": "sorry", "replaces": { "content": "hello", "unopened": true, "within": "PT30M" } } }),
    ]);
    stage.say(json!({ "name": "sorry", "default_locale": "en", "ttl": "PT1H",
        "locales": { "en": { "title": "Sorry", "body": "" } } }));
    stage
}

/// A message about a stay, something in between, and the end of the stay: the last code.
fn corrected(time: &str, between: &dyn Fn(&mut Person, &Stage)) -> (String, Vec<Message>) {
    let stage = stays();
    let mut ana = Person::new(1);
    ana.fact(&stage, "10:00", stay("ST1", 1, json!({})));
    ana.event(&stage, "12:00", "tick");
    between(&mut ana, &stage);
    let over = Fact {
        lifecycle: Lifecycle::Cancelled,
        ..stay("ST1", 2, json!({}))
    };
    ana.fact(&stage, time, over);
    (ana.codes().pop().unwrap(), ana.messages)
}

fn receipt(ana: &mut Person, stage: &Stage, status: crate::engine::fix::ReceiptStatus) {
    let receipt = Receipt {
        message_id: ana.messages[0].id,
        status,
        action: None,
        text: None,
    };
    ana.records(
        stage,
        at("12:05"),
        vec![record("r", at("12:05"), Body::Receipt(receipt))],
    );
}

#[test]
fn a_correction_is_for_a_message_that_stands_unread_and_new_on_the_screen() {
    use crate::engine::fix::ReceiptStatus::{Displayed, Opened, Reply};
    let (code, messages) = corrected("12:30", &|ana, stage| receipt(ana, stage, Displayed));
    assert_eq!(code, "sent");
    assert_eq!(messages[1].corrects, Some(messages[0].id));
    assert_eq!(messages[1].shown.tag, messages[0].shown.tag);
    assert_eq!(corrected("12:31", &|_, _| {}).0, "too_late");
    assert_eq!(
        corrected("12:10", &|ana, stage| receipt(ana, stage, Opened)).0,
        "already_done"
    );
    assert_eq!(
        corrected("12:10", &|ana, stage| receipt(ana, stage, Reply)).0,
        "already_done"
    );
    let lost = |ana: &mut Person, stage: &Stage| {
        undelivered(ana, stage, "12:01");
    };
    assert_eq!(corrected("12:10", &lost).0, "superseded");
}

/// The provider gives up on the device that was tried last.
fn undelivered(ana: &mut Person, stage: &Stage, time: &str) -> Effects {
    let sent = ana.subject.sent.last().unwrap();
    let input = Input::Undelivered {
        message_id: sent.message_id,
        device_id: sent.course.tried.last().copied(),
        channel: None,
        why: "UNREGISTERED".to_owned(),
    };
    ana.step(stage, at(time), &input)
}

fn with_tablet(ana: &mut Person, stage: &Stage, seen: &str) -> DeviceId {
    let device_id = crate::base::id::IdSource::new(uuid::Uuid::from_u128(77), at(seen)).draw();
    let device = DeviceNews {
        channel: Some(ChannelKind::Tray),
        ..DeviceNews::default()
    };
    ana.step(stage, at(seen), &Input::Device { device_id, device });
    device_id
}

#[test]
fn a_message_goes_from_device_to_device_while_it_lives_and_then_says_that_nobody_was_reached() {
    let stage = stays();
    let mut ana = Person::new(1);
    let tablet = with_tablet(&mut ana, &stage, "09:00");
    let phone = ana.device;
    ana.records(&stage, at("11:00"), vec![fix("here", at("11:00"), 900.0)]);
    ana.fact(&stage, "10:00", stay("ST1", 1, json!({})));
    ana.event(&stage, "12:00", "tick");
    assert_eq!(ana.messages[0].deliveries[0].device_id, Some(phone));
    let first = undelivered(&mut ana, &stage, "12:01");
    assert_eq!(first.redirected[0].1.device_id, Some(tablet));
    assert_eq!(first.redirected[0].0, ana.messages[0].id);
    // The same word about the phone once more: the tablet is being tried already.
    let again = Input::Undelivered {
        message_id: ana.messages[0].id,
        device_id: Some(phone),
        channel: None,
        why: "UNREGISTERED".to_owned(),
    };
    let again = ana.step(&stage, at("12:02"), &again);
    assert!(again.redirected.is_empty() && again.decisions.is_empty());
    let last = undelivered(&mut ana, &stage, "12:03");
    assert!(last.redirected.is_empty());
    let decision = &last.decisions[0];
    assert_eq!(
        (decision.code, decision.trigger.as_str()),
        (ReasonCode::ProviderError, "room")
    );
    assert_eq!(decision.facts["stay"].key, "ST1");
    assert!(ana.subject.sent[0].undelivered);
    assert!(undelivered(&mut ana, &stage, "12:04").decisions.is_empty(), "once");
}

#[test]
fn no_other_device_is_tried_after_the_life_of_a_message() {
    let stage = stays();
    let mut ana = Person::new(1);
    with_tablet(&mut ana, &stage, "09:00");
    ana.fact(&stage, "10:00", stay("ST1", 1, json!({})));
    ana.event(&stage, "12:00", "tick");
    let late = undelivered(&mut ana, &stage, "14:00");
    assert!(late.redirected.is_empty());
    assert_eq!(late.decisions[0].code, ReasonCode::ProviderError);
}

fn passes() -> Stage {
    let mut stage = Stage::with(&[
        json!({ "name": "pass", "when": { "event": { "name": "tick" } }, "for_each": { "stay": "stay" },
            "then": { "content": "pass" } }),
        json!({ "name": "sorry", "when": { "event": { "name": "tock" } }, "for_each": { "stay": "stay" },
            "then": { "content": "hello", "replaces": { "content": "pass" } } }),
    ]);
    stage.say(
        json!({ "name": "pass", "default_locale": "en", "ttl": "PT8H", "collapse": "stay:{{ stay.key }}",
        "locales": { "en": { "title": "Pass", "body": "Gate" } } }),
    );
    stage
}

#[test]
fn a_message_takes_the_place_of_an_older_one_with_its_tag_that_is_still_under_way() {
    let stage = passes();
    let mut ana = Person::new(1);
    with_tablet(&mut ana, &stage, "09:00");
    ana.fact(&stage, "10:00", stay("ST1", 1, json!({})));
    let first = ana.event(&stage, "12:00", "tick");
    assert!(first.superseded.is_empty());
    let (old, phone) = (first.messages[0].id, first.messages[0].deliveries[0].device_id);
    assert!(!ana.subject.is_superseded(old));
    let second = ana.event(&stage, "12:05", "tick");
    assert_eq!(second.superseded, [old], "what is still queued of it goes no more");
    assert!(ana.subject.is_superseded(old) && !ana.subject.is_superseded(second.messages[0].id));
    // Its first device failed after all: the second one must not show it over the newer one.
    let failed = Input::Undelivered {
        message_id: old,
        device_id: phone,
        channel: None,
        why: "UNREGISTERED".to_owned(),
    };
    let failed = ana.step(&stage, at("12:06"), &failed);
    assert!(failed.redirected.is_empty());
    assert_eq!(failed.decisions[0].code, ReasonCode::ProviderError);
}

#[test]
fn a_correction_leaves_what_it_corrects_on_its_way() {
    let stage = passes();
    let mut ana = Person::new(1);
    ana.fact(&stage, "10:00", stay("ST1", 1, json!({})));
    let pass = ana.event(&stage, "12:00", "tick").messages[0].id;
    let sorry = ana.event(&stage, "12:05", "tock");
    assert_eq!(sorry.messages[0].corrects, Some(pass));
    assert!(sorry.superseded.is_empty() && !ana.subject.is_superseded(pass));
}

#[test]
fn opening_hours_are_the_places_and_not_the_persons() {
    let stage = Stage::with(&[
        json!({ "when": { "event": { "name": "tick", "inside": { "tag": "hotel" } } },
        "guards": { "open": "kitchen" } }),
    ]);
    let mut ana = Person::new(1);
    // Her watch still says New York: the kitchen is open there when it is closed here.
    let zone = Some("America/New_York".to_owned());
    let device = ana.subject.devices.get_mut(&ana.device).unwrap();
    device.describe(|about| about.time_zone = zone);
    ana.fix(&stage, "21:00", 10.0);
    for time in ["22:29", "22:30", "23:00"] {
        ana.event(&stage, time, "tick");
    }
    assert_eq!(ana.codes(), ["sent", "hours_closed", "hours_closed"]);
}

fn asking() -> Stage {
    Stage::with(&[
        json!({ "when": { "event": { "name": "tick", "inside": { "tag": "hotel" } } }, "class": "promo",
        "wait": { "for": "PT5H", "while": "inside" }, "guards": { "caps": [{ "max": 1, "per": "PT24H" }] } }),
    ])
}

fn asked(stage: &Stage) -> Person {
    let mut ana = Person::new(1);
    ana.fix(stage, "10:00", 10.0);
    ana.event(stage, "10:01", "tick");
    ana.until(stage, at("15:01"));
    assert_eq!(ana.codes(), ["waiting_time", "waiting_time"]);
    let question = &ana.messages[0];
    assert!(question.silent && question.send_key.starts_with("ask:"));
    assert_eq!(question.decision_id, ana.decisions[1].id);
    assert_eq!(question.expires_at, at("15:03"));
    assert!(ana.subject.sent.is_empty(), "it is no message, and counts as none");
    ana
}

#[test]
fn the_phone_is_asked_once_and_its_answer_is_judged_at_once() {
    let stage = asking();
    let mut ana = asked(&stage);
    ana.fix(&stage, "15:02", 12.0);
    assert_eq!(ana.codes()[2..], ["sent"]);
    let mut ana = asked(&stage);
    ana.fix(&stage, "15:02", 900.0);
    assert_eq!(ana.codes()[2..], ["not_inside"]);
    let mut ana = asked(&stage);
    ana.until(&stage, at("15:01") + hours(5));
    assert_eq!(ana.codes()[2..], ["not_inside"]);
    assert_eq!(ana.messages.len(), 1);
}

#[test]
fn who_cannot_be_asked_is_judged_at_once_and_young_evidence_asks_nobody() {
    let stage = Stage::with(&[
        json!({ "when": { "entered": { "tag": "hotel" } }, "then": { "content": "hello", "to": "business" },
        "wait": { "for": "PT5H", "while": "inside" } }),
    ]);
    let mut ana = Person::new(1);
    let device = ana.subject.devices.get_mut(&ana.device).unwrap();
    device.describe(|about| about.channel = None);
    ana.fix(&stage, "10:00", 10.0);
    ana.until(&stage, at("16:00"));
    assert_eq!(ana.codes(), ["waiting_time", "sent"]);
    assert_eq!(ana.messages[0].deliveries[0].device_id, None);
    let stage = asking();
    let mut ben = Person::new(2);
    ben.fix(&stage, "10:00", 10.0);
    ben.event(&stage, "10:01", "tick");
    ben.fix(&stage, "14:00", 10.0);
    ben.until(&stage, at("16:00"));
    assert_eq!(ben.codes(), ["waiting_time", "sent"]);
}

fn to_the_desk() -> Stage {
    Stage::with(&[json!({ "when": { "event": { "name": "tick" } }, "then": { "content": "hello", "to": "business" } })])
}

#[test]
fn a_message_to_the_business_goes_to_each_of_its_endpoints_or_else_to_the_tray() {
    let mut stage = to_the_desk();
    let mut ana = Person::new(1);
    let tray = ana.event(&stage, "12:00", "tick").messages.remove(0);
    let channels = |message: &Message| -> Vec<_> { message.deliveries.iter().map(|one| one.channel).collect() };
    assert_eq!(
        (channels(&tray), tray.deliveries[0].endpoint_id),
        (vec![ChannelKind::Tray], None)
    );
    stage.catalogue.endpoints = vec![stage.ids.draw(), stage.ids.draw()];
    let posted = ana.event(&stage, "12:01", "tick").messages.remove(0);
    assert_eq!(channels(&posted), [ChannelKind::Webhook; 2]);
    let to: Vec<_> = posted.deliveries.iter().filter_map(|one| one.endpoint_id).collect();
    assert_eq!(to, stage.catalogue.endpoints);
    assert!(posted.deliveries.iter().all(|one| one.device_id.is_none()));
    assert_ne!(posted.deliveries[0].id, posted.deliveries[1].id);
}

#[test]
fn what_the_business_did_not_get_is_shown_on_nobodys_phone() {
    let stage = to_the_desk();
    let mut ana = Person::new(1);
    let message_id = ana.event(&stage, "12:00", "tick").messages[0].id;
    let failed = Input::Undelivered {
        message_id,
        device_id: None,
        channel: Some(ChannelKind::Tray),
        why: "the channel tray is not set up".to_owned(),
    };
    let failed = ana.step(&stage, at("12:01"), &failed);
    assert!(
        failed.redirected.is_empty(),
        "a guest would read it: {:?}",
        failed.redirected
    );
    assert_eq!(failed.decisions[0].code, ReasonCode::ProviderError);
}
