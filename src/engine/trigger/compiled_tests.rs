//! Every refusal of a trigger, with its code, the place it points to and what it says to do instead.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use super::*;
use crate::base::id::IdSource;
use serde_json::{Value, json};

fn plain() -> Value {
    json!({ "name": "greet", "class": "service", "when": { "entered": { "tag": "hotel" } }, "then": { "content": "hello" } })
}

fn compile(changes: &Value) -> Result<CompiledTrigger, Vec<TriggerError>> {
    let mut whole = plain();
    whole
        .as_object_mut()
        .unwrap()
        .extend(changes.as_object().unwrap().clone());
    let id = IdSource::new(uuid::Uuid::from_u128(1), chrono::DateTime::UNIX_EPOCH).draw();
    CompiledTrigger::compile(id, 1, serde_json::from_value(whole).unwrap())
}

fn found(changes: &Value) -> Vec<(String, String)> {
    let errors = compile(changes).err().unwrap_or_default();
    errors.into_iter().map(|error| (error.code, error.pointer)).collect()
}

/// Each change to a good sentence has this one fault.
fn assert_faults(cases: &[(Value, &str, &str)]) {
    for (changes, code, pointer) in cases {
        assert_eq!(
            found(changes),
            [((*code).to_owned(), (*pointer).to_owned())],
            "{changes}"
        );
    }
}

#[test]
fn every_fault_of_name_and_moment_has_its_code_and_its_place() {
    let many = vec![json!({ "entered": { "tag": "a" } }); 17];
    assert_faults(&[
        (json!({ "name": "" }), "name_out_of_bounds", "/name"),
        (json!({ "name": "a/b" }), "name_out_of_bounds", "/name"),
        (json!({ "name": "n".repeat(129) }), "name_out_of_bounds", "/name"),
        (json!({ "when": { "any": [] } }), "when_out_of_bounds", "/when/any"),
        (json!({ "when": { "any": many } }), "when_out_of_bounds", "/when/any"),
        (
            json!({ "when": { "any": [{ "entered": { "tag": "a" } }, { "any": [] }] } }),
            "any_nested",
            "/when/any/1",
        ),
        (json!({ "when": { "entered": {} } }), "selector_empty", "/when"),
        (json!({ "when": { "exited": {} } }), "selector_empty", "/when"),
        (
            json!({ "when": { "dwelled": { "for": "PT1M" } } }),
            "selector_empty",
            "/when",
        ),
        (
            json!({ "when": { "dwelled": { "for": "PT0S", "tag": "a" } } }),
            "span_out_of_bounds",
            "/when",
        ),
        (
            json!({ "when": { "event": { "name": "" } } }),
            "event_name_missing",
            "/when",
        ),
        (
            json!({ "when": { "event": { "name": "a", "inside": {} } } }),
            "selector_empty",
            "/when/event/inside",
        ),
        (
            json!({ "when": { "fact": { "type": "", "becomes": "created" } } }),
            "fact_type_missing",
            "/when",
        ),
    ]);
}

#[test]
fn every_fault_of_a_binding_has_its_code_and_its_place() {
    let four: Value = (0..4)
        .map(|n| (format!("f{n}"), json!("stay")))
        .collect::<serde_json::Map<_, _>>()
        .into();
    assert_faults(&[
        (json!({ "for_each": four }), "too_many_bindings", "/for_each"),
        (
            json!({ "for_each": { "user": "stay" } }),
            "binding_name_invalid",
            "/for_each/user",
        ),
        (
            json!({ "for_each": { "My stay": "stay" } }),
            "binding_name_invalid",
            "/for_each/My stay",
        ),
        (
            json!({ "for_each": { "a/b~": "stay" } }),
            "binding_name_invalid",
            "/for_each/a~1b~0",
        ),
        (
            json!({ "for_each": { "stay": "" } }),
            "fact_type_missing",
            "/for_each/stay",
        ),
        (
            json!({ "for_each": { "f": { "type": "f", "choose": { "lowest": "" } } } }),
            "choose_field_missing",
            "/for_each/f/choose/lowest",
        ),
    ]);
}

#[test]
fn every_fault_of_wait_and_guards_has_its_code_and_its_place() {
    let nine = vec![json!({ "max": 1, "per": "PT1H" }); 9];
    let until = json!({ "until": "true", "at_most": "PT1H" });
    assert_faults(&[
        (json!({ "wait": { "until": "true" } }), "wait_without_limit", "/wait"),
        (json!({ "wait": { "for": "PT0S" } }), "span_out_of_bounds", "/wait/for"),
        (json!({ "wait": { "for": "P32D" } }), "span_out_of_bounds", "/wait/for"),
        (
            json!({ "wait": { "until": "true", "at_most": "P32D" } }),
            "span_out_of_bounds",
            "/wait/at_most",
        ),
        (
            json!({ "guards": { "holdout": 1.1 } }),
            "holdout_out_of_bounds",
            "/guards/holdout",
        ),
        (
            json!({ "guards": { "holdout": -0.1 } }),
            "holdout_out_of_bounds",
            "/guards/holdout",
        ),
        (json!({ "guards": { "caps": nine } }), "too_many_guards", "/guards"),
        (
            json!({ "guards": { "caps": [{ "max": 0, "per": "PT1H" }] } }),
            "cap_out_of_bounds",
            "/guards/caps/0",
        ),
        (
            json!({ "guards": { "caps": [{ "max": 301, "per": "PT1H" }] } }),
            "cap_out_of_bounds",
            "/guards/caps/0",
        ),
        (
            json!({ "guards": { "caps": [{ "max": 1, "per": "PT0S" }] } }),
            "cap_out_of_bounds",
            "/guards/caps/0",
        ),
        (
            json!({ "when": { "event": { "name": "a" } }, "guards": { "open": "kitchen" } }),
            "place_missing",
            "/guards/open",
        ),
        (
            json!({ "when": { "event": { "name": "a" } }, "wait": { "while": "inside" } }),
            "place_missing",
            "/wait/while",
        ),
    ]);
    assert_eq!(found(&json!({ "wait": until })), []);
}

#[test]
fn expressions_point_to_their_field_and_position() {
    let stay = json!({ "stay": "stay" });
    let cases = [
        (json!({ "for_each": stay, "if": "stay.room ==" }), "syntax", "/if"),
        (json!({ "if": "1 + 1" }), "wrong_type", "/if"),
        (json!({ "if": "staay.room == 'a'" }), "unknown_variable", "/if"),
        (json!({ "if": "place.tagg == 'hotel'" }), "unknown_field", "/if"),
        (json!({ "if": "shout(place.tag) == 'A'" }), "unknown_function", "/if"),
        (json!({ "if": "[1, 2].exists(x, x > 1)" }), "macro_refused", "/if"),
        (json!({ "if": "x".repeat(1_025) }), "too_long", "/if"),
        (
            json!({ "wait": { "until": "nobody.there", "at_most": "PT1H" } }),
            "unknown_variable",
            "/wait/until",
        ),
        (json!({ "once_per": "now" }), "wrong_type", "/once_per"),
        (
            json!({ "guards": { "window": { "from": "'soon'" } } }),
            "wrong_type",
            "/guards/window/from",
        ),
        (
            json!({ "guards": { "window": { "to": "laster" } } }),
            "unknown_variable",
            "/guards/window/to",
        ),
        // What a sentence is not about, its conditions cannot name.
        (json!({ "if": "event.name == 'a'" }), "unknown_variable", "/if"),
        (
            json!({ "when": { "event": { "name": "a" } }, "if": "place.tag == 'a'" }),
            "unknown_variable",
            "/if",
        ),
        (json!({ "if": "change.becomes == 'ended'" }), "unknown_variable", "/if"),
    ];
    for (changes, code, pointer) in cases {
        let errors = compile(&changes).unwrap_err();
        assert_eq!(
            (errors[0].code.as_str(), errors[0].pointer.as_str()),
            (code, pointer),
            "{changes}"
        );
        assert!(errors[0].position.is_some(), "{changes}");
    }
}

#[test]
fn a_misspelled_name_is_met_with_the_nearest_one() {
    let stay = json!({ "stay": "stay" });
    let hint = |changes: Value| compile(&changes).unwrap_err().remove(0).hint.unwrap();
    assert_eq!(
        hint(json!({ "for_each": stay, "if": "staay.room == 'a'" })),
        "did you mean `stay.room`?"
    );
    assert_eq!(
        hint(json!({ "if": "place.externalid == 'H1'" })),
        "did you mean `place.external_id`?"
    );
    assert_eq!(
        hint(json!({ "if": "moment.tiem > '12:00'" })),
        "did you mean `moment.time`?"
    );
}

#[test]
fn all_faults_come_at_once() {
    let changes = json!({ "name": "", "if": "nope", "guards": { "holdout": 2.0, "window": { "to": "later" } } });
    let pointers: Vec<String> = found(&changes).into_iter().map(|(_, pointer)| pointer).collect();
    assert_eq!(pointers, ["/name", "/guards/holdout", "/if", "/guards/window/to"]);
}

#[test]
fn the_sentence_of_the_design_compiles_and_knows_its_parts() {
    let sentence = json!({ "name": "room-on-arrival", "class": "service",
        "when": { "any": [{ "entered": { "tag": "hotel" } }, { "dwelled": { "for": "PT5M", "external_id": "H1" } }] },
        "for_each": { "stay": "stay" },
        "if": "place.external_id == stay.hotel_id && stay.status == 'booked' && !moment.waited",
        "wait": { "until": "stay.room_state == 'ready'", "at_most": "PT10H", "while": "inside" },
        "once_per": "stay.key + ':' + user.ref", "max_age": "PT15M", "then": { "content": "room-ready" },
        "guards": { "holdout": 0.1, "cooldown": "PT1H", "caps": [{ "max": 3, "per": "PT24H" }], "priority": 50,
                    "window": { "from": "stay.arrives_at - PT6H", "to": "stay.departs_at" }, "open": "kitchen" } });
    let compiled = compile(&sentence).unwrap();
    assert_eq!((compiled.alternatives().len(), compiled.only_inside()), (2, true));
    assert!(compiled.until.is_some() && compiled.once_per.is_some() && compiled.window_to.is_some());
    let again = serde_json::to_value(&compiled.sentence).unwrap();
    assert_eq!(again["when"], sentence["when"]);
    assert_eq!(again["wait"], sentence["wait"]);
}

#[test]
fn a_selector_needs_all_it_names() {
    let selector = |value: Value| serde_json::from_value::<PlaceSelector>(value).unwrap();
    let id = IdSource::new(uuid::Uuid::from_u128(2), chrono::DateTime::UNIX_EPOCH).draw();
    assert!(selector(json!({ "tag": "hotel" })).selects("hotel", "H1", id));
    assert!(selector(json!({ "tag": "hotel", "external_id": "H1", "id": id })).selects("hotel", "H1", id));
    assert!(!selector(json!({ "tag": "hotel", "external_id": "H2" })).selects("hotel", "H1", id));
    assert!(!selector(json!({ "tag": "motel" })).selects("hotel", "H1", id));
}
