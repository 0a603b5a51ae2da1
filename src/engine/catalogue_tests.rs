//! Facts as their types want them: what is admitted, what ends a fact, and which values are allowed.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use crate::base::time::Timestamp;
use crate::engine::catalogue::{Catalogue, Mode};
use crate::engine::fact::{Fact, FactRef, FactType, Lifecycle, builtin};
use serde_json::{Value, json};
use uuid::Uuid;

fn fact(kind: &str, properties: Value) -> Fact {
    Fact {
        id: FactRef {
            kind: kind.into(),
            key: "k".into(),
        },
        seq: 1,
        subjects: Vec::new(),
        lifecycle: Lifecycle::Active,
        valid_from: None,
        valid_to: None,
        sensitive: vec!["note".into()],
        properties: properties.as_object().cloned().unwrap(),
        changed_at: Timestamp::UNIX_EPOCH,
    }
}

fn catalogue() -> Catalogue {
    Catalogue::empty(Uuid::nil().into(), Mode::Live)
}

#[test]
fn a_type_ends_a_fact_by_its_status_and_marks_what_is_sensitive() {
    let catalogue = catalogue();
    let booked = catalogue.admit(fact("stay", json!({ "status": "booked" }))).unwrap();
    assert_eq!(booked.lifecycle, Lifecycle::Active);
    assert_eq!(booked.sensitive, ["note", "room", "guest_name"]);
    let left = catalogue
        .admit(fact("stay", json!({ "status": "checked_out" })))
        .unwrap();
    assert_eq!(left.lifecycle, Lifecycle::Ended);
    let said = Fact {
        lifecycle: Lifecycle::Cancelled,
        ..fact("stay", json!({ "status": "checked_out" }))
    };
    assert_eq!(
        catalogue.admit(said).unwrap().lifecycle,
        Lifecycle::Cancelled,
        "what the caller said stands"
    );
}

#[test]
fn the_built_in_types_take_what_is_usual_and_refuse_what_cannot_be() {
    let catalogue = catalogue();
    let names: Vec<&str> = builtin().iter().map(|(known, _)| known.kind.as_str()).collect();
    assert_eq!(names, ["stay", "flight", "order"]);
    assert!(builtin().iter().all(|(_, schema)| schema.is_some()));
    let lenient =
        json!({ "room": null, "hotel_id": 7, "anything": { "else": [1] }, "arrives_at": "2026-05-04T06:00:00Z" });
    assert!(catalogue.admit(fact("stay", lenient)).is_ok());
    let errors = catalogue
        .admit(fact("flight", json!({ "departs_at": "17:10", "checked_in": "yes" })))
        .unwrap_err();
    let places: Vec<&str> = errors.iter().map(|error| error.pointer.as_str()).collect();
    assert_eq!(places, ["/properties/checked_in", "/properties/departs_at"]);
    assert!(
        catalogue.admit(fact("lease", json!({ "departs_at": 1 }))).is_ok(),
        "nobody described it"
    );
}

#[test]
fn the_allowed_values_of_a_field_are_known() {
    let described = FactType {
        schema: Some(json!({
            "properties": {
                "status": { "$ref": "#/$defs/status" }, "free": { "type": "string" },
                "address": { "properties": { "country": { "const": "AT" } } },
            },
            "$defs": { "status": { "enum": ["open", "closed"] } },
        })),
        ..FactType::default()
    };
    assert_eq!(described.allowed("status"), Some(vec![json!("open"), json!("closed")]));
    assert_eq!(described.allowed("address.country"), Some(vec![json!("AT")]));
    assert_eq!(described.allowed("free"), None);
    assert_eq!(described.allowed("absent"), None);
}
