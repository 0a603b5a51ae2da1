//! Sends are read back as they were, also from states of before, and take little room.

use crate::engine::subject::{KeyHash, Subject};
use serde_json::{Value, json};
use std::mem::size_of;
use std::sync::Arc;

/// A state as it was stored when each message told everything.
fn former() -> Value {
    let sent = |number: u32, more: Value| {
        let mut sent = json!({
            "at": format!("2026-05-04T10:0{number}:00.000001Z"),
            "message_id": format!("msg_{number:032x}"), "moment_id": format!("mom_{number:032x}"),
            "trigger_id": format!("trg_{:032x}", 7), "revision": 3, "send_key": format!("trg:{number}"),
            "content": "welcome", "collapse": format!("msg_{number:032x}"), "promo": false, "tags": ["daily"],
            "facts": [{ "type": "stay", "key": "S1" }], "expires_at": "2026-05-04T11:00:00Z",
            "tried": [format!("dev_{:032x}", 9)],
            "ladder": { "open": [{ "device_id": format!("dev_{:032x}", 9), "channel": "tray" }] },
        });
        let told = sent.as_object_mut().unwrap();
        told.extend(more.as_object().unwrap().clone());
        sent
    };
    let mut subject = serde_json::to_value(Subject::new(uuid::Uuid::from_u128(1).into())).unwrap();
    subject["sent"] = json!([
        sent(1, json!({})),
        sent(
            2,
            json!({ "collapse": "gate", "opened_at": "2026-05-04T10:30:00Z", "also_spends": ["trg:a", "trg:b"] })
        ),
        sent(
            3,
            json!({ "collapse": format!("msg_{:032x}", 1), "corrects": format!("msg_{:032x}", 1), "called_back": true })
        ),
        sent(
            4,
            json!({ "undelivered": true, "tags": [], "promo": true, "facts": [] })
        ),
    ]);
    subject
}

#[test]
fn what_was_stored_before_is_read_and_stored_anew() {
    let subject: Subject = serde_json::from_value(former()).unwrap();
    let [first, second, third, fourth] = subject.sent.as_slice() else {
        panic!("four messages were stored: {:?}", subject.sent)
    };
    assert_eq!((first.said.content.as_str(), first.said.revision), ("welcome", 3));
    assert_eq!((first.facts[0].key.as_str(), first.course.tried.len()), ("S1", 1));
    assert!(first.spends(KeyHash::of("trg:1")) && !first.spends(KeyHash::of("trg:2")));
    assert!(first.tag.is_none() && first.special.is_none() && first.collapse() == first.message_id.to_string());
    assert!(
        ["trg:2", "trg:a", "trg:b"]
            .iter()
            .all(|key| second.spends(KeyHash::of(key)))
    );
    assert_eq!((second.collapse().as_str(), second.opened_at.is_some()), ("gate", true));
    assert_eq!((third.corrects(), third.called_back), (Some(first.message_id), true));
    assert_eq!(third.collapse(), first.collapse());
    assert!(fourth.undelivered && fourth.said.promo && fourth.facts.is_empty());
    assert!(subject.is_called_back(third.message_id) && !subject.is_called_back(first.message_id));
    let text = serde_json::to_string(&subject).unwrap();
    let again: Subject = serde_json::from_str(&text).unwrap();
    assert_eq!(again, subject);
    assert_eq!(serde_json::to_string(&again).unwrap(), text);
}

#[test]
fn what_repeats_is_shared_also_after_it_was_stored() {
    let subject: Subject = serde_json::from_value(former()).unwrap();
    let again: Subject = serde_json::from_str(&serde_json::to_string(&subject).unwrap()).unwrap();
    for subject in [subject, again] {
        let [first, second, third, fourth] = subject.sent.as_slice() else {
            panic!("four messages were stored")
        };
        assert!(Arc::ptr_eq(&first.said, &second.said) && !Arc::ptr_eq(&first.said, &fourth.said));
        assert!(Arc::ptr_eq(&first.facts, &third.facts));
        assert!(Arc::ptr_eq(&first.course, &fourth.course));
    }
}

#[test]
fn one_that_changes_leaves_those_it_shares_with() {
    let mut subject: Subject = serde_json::from_value(former()).unwrap();
    let open = subject.sent[0].course.ladder.open[0];
    assert!(subject.sent[0].ladder_mut().close(open.device_id, None));
    assert!(subject.sent[0].course.ladder.open.is_empty());
    assert_eq!(subject.sent[1].course.ladder.open, [open]);
}

#[test]
fn one_more_message_takes_little_room() {
    assert!(size_of::<super::Sent>() <= 144, "{}", size_of::<super::Sent>());
    let mut subject: Subject = serde_json::from_value(former()).unwrap();
    let before = serde_json::to_string(&subject).unwrap().len();
    let one = subject.sent[0].clone();
    subject.remember(one);
    let more = serde_json::to_string(&subject).unwrap().len() - before;
    assert!(more <= 150, "{more} bytes of text");
}

#[test]
fn who_was_told_nothing_stores_nothing_of_it() {
    let subject = Subject::new(uuid::Uuid::from_u128(1).into());
    let text = serde_json::to_string(&subject).unwrap();
    assert!(!text.contains("\"sent\""), "{text}");
    assert_eq!(serde_json::from_str::<Subject>(&text).unwrap(), subject);
}

#[test]
fn a_row_that_names_what_is_not_stored_is_an_error() {
    let subject: Subject = serde_json::from_value(former()).unwrap();
    let mut stored = serde_json::to_value(&subject).unwrap();
    stored["sent"]["said"] = json!([]);
    let error = serde_json::from_value::<Subject>(stored).unwrap_err();
    assert!(error.to_string().contains("not stored"), "{error}");
}
