//! Somebody nobody knew signs in: what was known goes along, and nothing happens twice.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use super::super::stage_tests::{Person, Stage, at, stay};
use super::super::{DeviceNews, Input};
use crate::engine::delivery::ChannelKind;
use crate::engine::subject::{Consent, Purpose};
use serde_json::{Value, json};

fn on_arrival() -> Value {
    json!({ "when": { "entered": { "tag": "hotel" } }, "for_each": { "stay": "stay" }, "once_per": "stay.key" })
}

/// Somebody without a name, on a phone of their own.
fn nobody() -> Person {
    let mut nobody = Person::new(2);
    nobody.subject.profile.user_ref = None;
    nobody
}

/// Ana with a stay and no phone in her hand.
fn ana(stage: &Stage) -> Person {
    let mut ana = Person::new(1);
    ana.subject.devices.clear();
    ana.fact(stage, "12:00", stay("ST1", 1, json!({})));
    ana
}

fn merge(into: &mut Person, stage: &Stage, now: &str, other: &Person) {
    into.until(stage, at(now));
    into.step(stage, at(now), &Input::Merge(Box::new(other.subject.clone())));
}

#[test]
fn who_signs_in_inside_the_hotel_is_told_of_the_room_and_has_not_entered_again() {
    let stage = Stage::with(&[on_arrival()]);
    let (mut guest, mut ana) = (nobody(), ana(&stage));
    guest.fix(&stage, "14:00", 10.0);
    assert_eq!(
        (guest.codes(), guest.kinds()),
        (vec!["no_fact".to_owned()], vec!["entered"])
    );
    merge(&mut ana, &stage, "14:05", &guest);
    assert_eq!((ana.codes(), ana.kinds()), (vec!["sent".to_owned()], vec!["fact"]));
    assert_eq!(ana.messages[0].deliveries[0].device_id, Some(guest.device));
    assert_eq!(ana.decisions[0].moment_id, guest.moments[0].id);
    let visit = ana.subject.places_inside().next().unwrap();
    assert_eq!(
        (visit.entered.user_id, visit.entered.occurred_at),
        (ana.subject.user_id, at("14:00"))
    );
    // The phone goes on where it was: an older record is late, and the way out is an exit.
    ana.device = guest.device;
    ana.fix(&stage, "14:30", 400.0);
    ana.fix(&stage, "14:32", 400.0);
    assert_eq!(ana.kinds(), ["fact", "exited"]);
}

#[test]
fn who_signs_in_after_leaving_is_told_nothing() {
    let stage = Stage::with(&[on_arrival()]);
    let (mut guest, mut ana) = (nobody(), ana(&stage));
    guest.fix(&stage, "14:00", 10.0);
    guest.fix(&stage, "14:30", 400.0);
    guest.fix(&stage, "14:32", 400.0);
    merge(&mut ana, &stage, "15:00", &guest);
    assert_eq!(ana.codes(), ["not_inside"]);
    assert!(ana.messages.is_empty());
}

#[test]
fn the_same_merge_again_changes_nothing() {
    let mut later = on_arrival();
    later["wait"] = json!({ "until": "stay.ready", "at_most": "PT2H" });
    let stage = Stage::with(&[
        on_arrival(),
        later,
        json!({ "when": { "event": { "name": "tapped" } } }),
    ]);
    let (mut guest, mut ana) = (nobody(), ana(&stage));
    guest.fix(&stage, "14:00", 10.0);
    guest.event(&stage, "14:01", "tapped");
    merge(&mut ana, &stage, "14:05", &guest);
    let (once, decided) = (ana.subject.clone(), ana.decisions.len());
    merge(&mut ana, &stage, "14:05", &guest);
    assert_eq!(ana.subject, once);
    assert_eq!((ana.decisions.len(), ana.messages.len()), (decided, 1));
    // The phone is heard of in between, as a repeat after a crash would have it.
    let device = DeviceNews {
        channel: Some(ChannelKind::Tray),
        ..DeviceNews::default()
    };
    ana.step(
        &stage,
        at("14:06"),
        &Input::Device {
            device_id: guest.device,
            device,
        },
    );
    merge(&mut ana, &stage, "14:07", &guest);
    assert_eq!((ana.decisions.len(), ana.messages.len()), (decided, 1));
    assert_eq!(ana.subject.waits.len(), 1);
}

#[test]
fn open_waits_and_what_was_said_go_along() {
    let delayed = json!({ "name": "later", "when": { "event": { "name": "tapped" } }, "wait": { "for": "PT10M" } });
    let seldom =
        json!({ "name": "seldom", "when": { "event": { "name": "opened" } }, "guards": { "cooldown": "PT1H" } });
    let stage = Stage::with(&[delayed, seldom]);
    let (mut guest, mut ana) = (nobody(), ana(&stage));
    guest.event(&stage, "14:00", "opened");
    guest.event(&stage, "14:01", "tapped");
    assert_eq!(guest.codes(), ["sent", "waiting_time"]);
    merge(&mut ana, &stage, "14:05", &guest);
    ana.until(&stage, at("14:20"));
    assert_eq!((ana.codes(), ana.messages.len()), (vec!["sent".to_owned()], 1));
    assert_eq!(ana.messages[0].user_id, ana.subject.user_id);
    ana.event(&stage, "14:30", "opened");
    assert_eq!(ana.codes(), ["sent", "cooldown"], "she was told it half an hour ago");
}

#[test]
fn what_the_known_one_has_said_stands() {
    let mut here = on_arrival();
    here["wait"] = json!({ "for": "PT10M", "while": "inside" });
    here.as_object_mut().unwrap().remove("for_each");
    here["once_per"] = json!("user.ref");
    let stage = Stage::with(&[on_arrival(), here]);
    let (mut guest, mut ana) = (nobody(), ana(&stage));
    guest.subject.profile.locale = Some("de".into());
    guest.subject.profile.attributes.insert("name".into(), json!("Guest"));
    ana.subject.profile.attributes.insert("name".into(), json!("Ana"));
    let withdrawn = Consent {
        granted: false,
        at: at("09:00"),
    };
    ana.subject.consents.insert(Purpose::Location, withdrawn);
    ana.subject.consents.remove(&Purpose::Promo);
    guest.fix(&stage, "14:00", 10.0);
    merge(&mut ana, &stage, "14:05", &guest);
    assert!(!ana.subject.has_consent(Purpose::Location) && ana.subject.has_consent(Purpose::Promo));
    assert!(ana.subject.visits.is_empty() && ana.subject.devices.get(&guest.device).unwrap().presence.is_empty());
    assert_eq!(
        ana.codes(),
        ["opted_out"],
        "the wait about a place ends with its reason"
    );
    let profile = &ana.subject.profile;
    assert_eq!(
        (profile.locale.as_deref(), &profile.attributes["name"]),
        (Some("de"), &json!("Ana"))
    );
}

#[test]
fn of_two_devices_inside_one_signs_out_and_the_visit_lasts() {
    let stage = Stage::with(&[on_arrival()]);
    let (mut guest, mut ana) = (nobody(), Person::new(1));
    guest.fix(&stage, "14:00", 10.0);
    ana.fix(&stage, "14:02", 10.0);
    merge(&mut ana, &stage, "14:05", &guest);
    assert_eq!(ana.subject.places_inside().count(), 1);
    assert_eq!(ana.kinds(), ["entered"], "one moment of her own");
    ana.step(&stage, at("14:10"), &Input::DeviceGone(ana.device));
    assert_eq!((ana.subject.places_inside().count(), ana.kinds().len()), (1, 1));
    ana.device = guest.device;
    ana.fix(&stage, "14:30", 400.0);
    ana.fix(&stage, "14:32", 400.0);
    assert_eq!(ana.kinds(), ["entered", "exited"]);
}
