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

/// What is changed in a plain trigger, the code it is refused with, and the place that points to.
const FAULTS: &str = r#"[
    [{ "name": "" }, "name_out_of_bounds", "/name"],
    [{ "name": "a/b" }, "name_out_of_bounds", "/name"],
    [{ "when": { "any": [] } }, "when_out_of_bounds", "/when/any"],
    [{ "when": { "any": [{ "entered": { "tag": "a" } }, { "any": [] }] } }, "any_nested", "/when/any/1"],
    [{ "when": { "entered": {} } }, "selector_empty", "/when"],
    [{ "when": { "exited": {} } }, "selector_empty", "/when"],
    [{ "when": { "dwelled": { "for": "PT1M" } } }, "selector_empty", "/when"],
    [{ "when": { "dwelled": { "for": "PT0S", "tag": "a" } } }, "span_out_of_bounds", "/when"],
    [{ "when": { "event": { "name": "" } } }, "event_name_missing", "/when"],
    [{ "when": { "event": { "name": "a", "inside": {} } } }, "selector_empty", "/when/event/inside"],
    [{ "when": { "fact": { "type": "", "becomes": "created" } } }, "fact_type_missing", "/when"],
    [{ "for_each": { "a": "f", "b": "f", "c": "f", "d": "f" } }, "too_many_bindings", "/for_each"],
    [{ "for_each": { "user": "stay" } }, "binding_name_invalid", "/for_each/user"],
    [{ "for_each": { "My stay": "stay" } }, "binding_name_invalid", "/for_each/My stay"],
    [{ "for_each": { "a/b~": "stay" } }, "binding_name_invalid", "/for_each/a~1b~0"],
    [{ "for_each": { "stay": "" } }, "fact_type_missing", "/for_each/stay"],
    [{ "for_each": { "f": { "type": "f", "choose": { "lowest": "" } } } }, "choose_field_missing", "/for_each/f/choose/lowest"],
    [{ "wait": { "until": "true" } }, "wait_without_limit", "/wait"],
    [{ "wait": { "for": "PT0S" } }, "span_out_of_bounds", "/wait/for"],
    [{ "wait": { "for": "P32D" } }, "span_out_of_bounds", "/wait/for"],
    [{ "wait": { "until": "true", "at_most": "P32D" } }, "span_out_of_bounds", "/wait/at_most"],
    [{ "guards": { "holdout": 1.1 } }, "holdout_out_of_bounds", "/guards/holdout"],
    [{ "guards": { "holdout": -0.1 } }, "holdout_out_of_bounds", "/guards/holdout"],
    [{ "guards": { "caps": [{ "max": 0, "per": "PT1H" }] } }, "cap_out_of_bounds", "/guards/caps/0"],
    [{ "guards": { "caps": [{ "max": 301, "per": "PT1H" }] } }, "cap_out_of_bounds", "/guards/caps/0"],
    [{ "guards": { "caps": [{ "max": 1, "per": "PT0S" }] } }, "cap_out_of_bounds", "/guards/caps/0"],
    [{ "guards": { "caps": [{ "max": 1, "per": "P93D" }] } }, "span_out_of_bounds", "/guards/caps/0/per"],
    [{ "guards": { "caps": [{ "max": 1, "per": "P1D", "across": "upsell" }] } }, "cap_across_foreign_tag", "/guards/caps/0/across"],
    [{ "guards": { "cooldown": "P93D" } }, "span_out_of_bounds", "/guards/cooldown"],
    [{ "guards": { "unit": "flight.booking" } }, "unknown_variable", "/guards/unit"],
    [{ "tags": [""] }, "tag_invalid", "/tags/0"],
    [{ "tags": ["a", "a"] }, "tag_invalid", "/tags/1"],
    [{ "tags": ["1","2","3","4","5","6","7","8","9"] }, "too_many_tags", "/tags"],
    [{ "then": { "content": "a", "arms": [{ "name": "default", "share": 0.1, "content": "b" }] } }, "arm_name_invalid", "/then/arms/0/name"],
    [{ "then": { "content": "a", "arms": [{ "name": "x", "share": 1.5, "content": "b" }] } }, "arm_share_out_of_bounds", "/then/arms/0/share"],
    [{ "then": { "content": "a", "arms": [{ "name": "x", "share": 0.6, "content": "b" }, { "name": "y", "share": 0.6, "content": "b" }] } }, "arm_share_out_of_bounds", "/then/arms"],
    [{ "when": { "event": { "name": "a" } }, "guards": { "open": "kitchen" } }, "place_missing", "/guards/open"],
    [{ "when": { "event": { "name": "a" } }, "wait": { "while": "inside" } }, "place_missing", "/wait/while"]
]"#;

#[test]
fn every_fault_of_shape_has_its_code_and_its_place() {
    let mut faults: Vec<(Value, String, String)> = serde_json::from_str(FAULTS).unwrap();
    let mut too_many = |changes, code: &str, pointer: &str| faults.push((changes, code.to_owned(), pointer.to_owned()));
    too_many(json!({ "name": "n".repeat(129) }), "name_out_of_bounds", "/name");
    let alternatives = vec![json!({ "entered": { "tag": "a" } }); 17];
    too_many(
        json!({ "when": { "any": alternatives } }),
        "when_out_of_bounds",
        "/when/any",
    );
    let caps = vec![json!({ "max": 1, "per": "PT1H" }); 9];
    too_many(json!({ "guards": { "caps": caps } }), "too_many_guards", "/guards");
    let openings = vec![json!({ "from": "09:00", "to": "17:00" }); 22];
    too_many(
        json!({ "guards": { "schedule": openings } }),
        "too_many_guards",
        "/guards",
    );
    for (changes, code, pointer) in faults {
        assert_eq!(found(&changes), [(code, pointer)], "{changes}");
    }
    assert_eq!(found(&json!({ "wait": { "until": "true", "at_most": "PT1H" } })), []);
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
