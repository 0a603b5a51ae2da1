//! Signals that say too little, too much, or something that cannot be: each is refused at its place, with what to do.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use crate::base::id::TriggerId;
use crate::engine::trigger::{CompiledTrigger, Trigger};
use serde_json::{Value, json};

fn problems(parts: &Value) -> Vec<String> {
    let mut whole = json!({ "name": "t", "class": "service", "then": { "content": "hello" } });
    whole
        .as_object_mut()
        .unwrap()
        .extend(parts.as_object().unwrap().clone());
    let sentence: Trigger = serde_json::from_value(whole).unwrap();
    let id = TriggerId::from(uuid::Uuid::from_u128(1));
    let errors = CompiledTrigger::compile(id, 1, sentence).err().unwrap_or_default();
    errors
        .into_iter()
        .map(|error| format!("{} {}", error.pointer, error.code))
        .collect()
}

#[test]
fn a_count_needs_a_time_and_stays_within_its_bounds() {
    let event = |more: Value| {
        let mut event = json!({ "name": "look_tried" });
        event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        problems(&json!({ "when": { "event": event } }))
    };
    assert!(event(json!({ "times": 2, "within": "P7D", "same": "sku" })).is_empty());
    assert_eq!(event(json!({ "times": 2 })), ["/when/event times_without_within"]);
    assert_eq!(
        event(json!({ "times": 1, "within": "P7D" })),
        ["/when/event/times times_out_of_bounds"]
    );
    assert_eq!(
        event(json!({ "times": 101, "within": "P7D" })),
        ["/when/event/times times_out_of_bounds"]
    );
    assert_eq!(
        event(json!({ "times": 2, "within": "P93D" })),
        ["/when/event/within span_out_of_bounds"]
    );
    assert_eq!(
        event(json!({ "times": 2, "within": "PT0S" })),
        ["/when/event/within span_out_of_bounds"]
    );
    assert_eq!(event(json!({ "within": "P7D" })), ["/when/event/within times_missing"]);
    assert_eq!(event(json!({ "same": "sku" })), ["/when/event/same times_missing"]);
}

#[test]
fn a_calendar_and_an_answer_say_what_they_mean() {
    let any = problems(&json!({ "when": { "any": [
        { "schedule": { "at": "18:00", "dates": [0] } },
        { "schedule": { "at": "18:00", "inside": {} } },
        { "answered": { "content": "", "how": "opened" } },
        { "answered": { "content": "hello", "how": "opened", "action": "yes" } } ] } }));
    assert_eq!(
        any,
        [
            "/when/any/0/schedule/dates dates_out_of_bounds",
            "/when/any/1/schedule/inside selector_empty",
            "/when/any/2/answered/content answered_content_missing",
            "/when/any/3/answered/action answered_action_unused",
        ]
    );
}

#[test]
fn whose_is_asked_of_facts_alone_and_of_moments_that_can_be_told() {
    let entered = json!({ "entered": { "tag": "ring" } });
    let told = |when: &Value, whose: &str| {
        problems(&json!({ "when": when, "whose": whose, "for_each": { "order": "order" } }))
    };
    assert!(told(&entered, "order.courier").is_empty());
    assert_eq!(told(&entered, "user.ref"), ["/whose unknown_variable"]);
    let open = json!({ "answered": { "content": "hello", "how": "opened" } });
    assert_eq!(told(&open, "order.courier"), ["/when whose_cannot_be_told"]);
    let counted = json!({ "event": { "name": "e", "times": 2, "within": "P1D" } });
    assert_eq!(told(&counted, "order.courier"), ["/when whose_cannot_be_told"]);
    let nobody = problems(&json!({ "when": entered, "whose": "'ben'" }));
    assert_eq!(nobody, ["/for_each whose_without_fact"]);
    let staying = problems(
        &json!({ "when": entered, "whose": "order.courier", "for_each": { "order": "order" },
        "wait": { "until": "order.ready", "at_most": "PT1H", "while": "inside" } }),
    );
    assert_eq!(staying, ["/wait/while whose_cannot_be_told"]);
}
