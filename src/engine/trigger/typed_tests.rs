//! Conditions over facts whose type is described: types of fields, and the right name for a misspelled one.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use crate::engine::fact::FactType;
use crate::engine::trigger::{Around, CompiledTrigger, Trigger, TriggerError};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::Arc;
use uuid::Uuid;

fn types(schema: Value) -> HashMap<String, Arc<FactType>> {
    let lease = FactType {
        kind: "lease".into(),
        schema: Some(schema),
        ..FactType::default()
    };
    HashMap::from([("lease".to_owned(), Arc::new(lease))])
}

fn compile(schema: Value, condition: &str) -> Result<CompiledTrigger, Vec<TriggerError>> {
    let sentence: Trigger = serde_json::from_value(json!({
        "name": "t", "class": "service", "when": { "entered": { "tag": "home" } }, "for_each": { "lease": "lease" },
        "if": condition, "then": { "content": "c" },
    }))
    .unwrap();
    let types = types(schema);
    let around = Around {
        fact_types: Some(&types),
        journey: None,
    };
    CompiledTrigger::compile_in(Uuid::nil().into(), 1, sentence, around)
}

fn closed() -> Value {
    json!({
        "type": "object", "additionalProperties": false,
        "properties": {
            "status": { "type": "string" }, "signed_on": { "type": ["string", "null"], "format": "date-time" },
            "months": { "type": "integer" }, "rate": { "type": "number" }, "tags": { "type": "array" },
            "site": { "$ref": "#/$defs/site" },
        },
        "$defs": { "site": { "type": "object", "properties": { "city": { "type": "string" } }, "additionalProperties": false } },
    })
}

#[test]
fn a_misspelled_field_of_a_closed_type_is_refused_with_the_right_one() {
    let errors = compile(closed(), "lease.statsu == 'open'").unwrap_err();
    assert_eq!(errors[0].pointer, "/if");
    assert!(
        errors[0].hint.as_deref().unwrap().contains("lease.status"),
        "{errors:?}"
    );
    let errors = compile(closed(), "lease.site.ctiy == 'Linz'").unwrap_err();
    assert!(
        errors[0].hint.as_deref().unwrap().contains("lease.site.city"),
        "{errors:?}"
    );
    let open = json!({ "properties": { "status": { "type": "string" } } });
    assert!(
        compile(open, "lease.statsu == 'open'").is_ok(),
        "an open type may have it"
    );
}

#[test]
fn fields_have_the_types_of_the_schema() {
    for fits in [
        "lease.status == 'open' && lease.key != ''",
        "lease.signed_on + P3D < now",
        "lease.months >= 12 && lease.rate > 0.5",
        "'vip' in lease.tags && lease.site.city == 'Linz'",
    ] {
        assert!(
            compile(closed(), fits).is_ok(),
            "{fits}: {:?}",
            compile(closed(), fits).err()
        );
    }
    for contradicts in [
        "lease.status == 7",
        "lease.months == 'twelve'",
        "lease.signed_on == 'today'",
    ] {
        assert!(compile(closed(), contradicts).is_err(), "{contradicts}");
    }
}
