//! Schemas: what they refuse and where, and what of a schema is refused itself.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use super::{FactSchema, SchemaError};
use serde_json::{Value, json};

fn refused(schema: &Value) -> SchemaError {
    FactSchema::compile(schema).unwrap_err()
}

fn violations(schema: &Value, properties: &Value) -> Vec<(String, &'static str)> {
    let schema = FactSchema::compile(schema).unwrap();
    let errors = schema.check(properties.as_object().unwrap());
    errors.into_iter().map(|error| (error.pointer, error.code)).collect()
}

#[test]
fn every_violation_is_told_with_its_place_and_without_the_value() {
    let schema = json!({
        "type": "object",
        "properties": {
            "status": { "enum": ["booked", "checked_in"] },
            "nights": { "type": "integer", "minimum": 1 },
            "arrives_at": { "type": "string", "format": "date-time" },
            "guests": { "type": "array", "items": { "$ref": "#/$defs/guest" } },
        },
        "required": ["status"],
        "additionalProperties": false,
        "$defs": { "guest": { "type": "object", "properties": { "a/b": { "type": "string" } } } },
    });
    let wrong = json!({
        "nights": 0, "arrives_at": "tomorrow", "guests": [{}, { "a/b": 7 }], "statsu": "secret",
    });
    assert_eq!(
        violations(&schema, &wrong),
        [
            ("/properties".into(), "additional_properties"),
            ("/properties".into(), "required"),
            ("/properties/arrives_at".into(), "format"),
            ("/properties/guests/1/a~1b".into(), "type"),
            ("/properties/nights".into(), "minimum"),
        ]
    );
    let right = json!({ "status": "booked", "nights": 2, "arrives_at": "2026-05-04T06:00:00+02:00", "guests": [{}] });
    assert!(violations(&schema, &right).is_empty());
    let errors = FactSchema::compile(&schema).unwrap();
    let errors = errors.check(json!({ "status": "very secret" }).as_object().unwrap());
    assert!(!errors[0].detail.contains("secret"), "{errors:?}");
    assert!(errors[0].detail.contains("booked"), "{errors:?}");
}

#[test]
fn what_is_no_schema_is_refused_with_its_place() {
    assert_eq!(refused(&json!({ "type": "strin" })).pointer, "/type");
    let deep = json!({ "properties": { "a": { "minLength": -1 } } });
    assert_eq!(refused(&deep).pointer, "/properties/a/minLength");
    assert_eq!(refused(&json!(true)).pointer, "");
    let old = json!({ "$schema": "http://json-schema.org/draft-04/schema#" });
    assert_eq!(refused(&old).pointer, "/$schema");
}

#[test]
fn nothing_is_ever_fetched() {
    for reference in [
        "https://example.com/stay.json",
        "file:///etc/passwd",
        "stay.json",
        "#/properties/a",
        "#",
        "#anchor",
    ] {
        let schema = json!({ "properties": { "a": { "$ref": reference } } });
        assert_eq!(refused(&schema).pointer, "/properties/a/$ref", "{reference}");
    }
    let moved = json!({ "$id": "https://example.com/", "$ref": "#/$defs/a", "$defs": { "a": {} } });
    assert_eq!(refused(&moved).pointer, "/$id");
    // A property may be called what a keyword is called.
    let named = json!({ "properties": { "$id": { "type": "string" }, "$ref": { "type": "string" } } });
    assert!(FactSchema::compile(&named).is_ok());
}

#[test]
fn a_schema_that_would_cost_too_much_is_refused() {
    let mut doubling = json!({ "$defs": { "a0": { "type": "string" } }, "$ref": "#/$defs/a30" });
    for level in 1..=30 {
        let below = json!({ "$ref": format!("#/$defs/a{}", level - 1) });
        doubling["$defs"][format!("a{level}")] = json!({ "allOf": [below, below] });
    }
    assert!(refused(&doubling).detail.contains("parts"), "{}", refused(&doubling));
    let circle = json!({ "$ref": "#/$defs/a", "$defs": { "a": { "items": { "$ref": "#/$defs/a" } } } });
    assert!(refused(&circle).detail.contains("itself"), "{}", refused(&circle));
    let mut deep = json!({});
    for _ in 0..40 {
        deep = json!({ "items": deep });
    }
    assert!(refused(&deep).detail.contains("levels"), "{}", refused(&deep));
    assert!(
        refused(&json!({ "description": "x".repeat(20_000) }))
            .detail
            .contains("bytes")
    );
    for pattern in ["a{1000}{1000}", "(?=look)", "("] {
        let schema = json!({ "properties": { "a": { "pattern": pattern } } });
        assert_eq!(refused(&schema).pointer, "/properties/a/pattern", "{pattern}");
    }
}
