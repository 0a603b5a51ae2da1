//! Facts in conditions: the fields that the schema of a type describes, with their types.

use super::compiled::Around;
use super::expression::{FieldType, Fields, Scope};
use crate::base::limits;
use crate::engine::fact::{FactType, resolved};
use crate::engine::pass::PASS_LINK;
use serde_json::Value;

/// The scope with the fields of a fact, as far as its type is described.
pub(super) fn with_fact(scope: Scope, name: &str, kind: &str, around: Around<'_>) -> Scope {
    let described = around.fact_types.and_then(|types| types.get(kind));
    let Some(schema) = described.and_then(|described: &std::sync::Arc<FactType>| described.schema.as_ref()) else {
        return scope.with(name, Fields::Open);
    };
    let mut fields = vec![
        ("key".to_owned(), FieldType::Text),
        (PASS_LINK.to_owned(), FieldType::Text),
    ];
    let closed = collect(schema, resolved(schema, schema), "", 0, &mut fields);
    let fields: Vec<(&str, FieldType)> = fields.iter().map(|(name, kind)| (name.as_str(), *kind)).collect();
    if closed {
        scope.with(name, Fields::Closed(&fields))
    } else {
        scope.with(name, Fields::ClosedPlus(&fields))
    }
}

/// Adds the fields of an object, those of objects in it with dots; true when it can have no others.
fn collect(root: &Value, schema: &Value, prefix: &str, depth: usize, fields: &mut Vec<(String, FieldType)>) -> bool {
    let properties = schema.get("properties").and_then(Value::as_object);
    for (name, field) in properties.into_iter().flatten() {
        let field = resolved(root, field);
        let path = format!("{prefix}{name}");
        let is_object = type_of(field) == Some("object");
        if is_object && depth < limits::FACT_SCHEMA_DEPTH_MAX {
            let closed = collect(root, field, &format!("{path}."), depth + 1, fields);
            if !closed {
                fields.push((path, FieldType::Dynamic));
            }
        } else {
            fields.push((path, field_type(field)));
        }
    }
    // What other keywords add is not known here.
    let plain = ["patternProperties", "allOf", "anyOf", "oneOf", "$ref", "if"];
    let only_these = schema.get("additionalProperties") == Some(&Value::Bool(false));
    only_these && plain.iter().all(|keyword| schema.get(*keyword).is_none())
}

/// The one type a schema names, null aside.
fn type_of(schema: &Value) -> Option<&str> {
    match schema.get("type")? {
        Value::String(one) => Some(one),
        Value::Array(several) => {
            let mut kinds = several.iter().filter_map(Value::as_str).filter(|kind| *kind != "null");
            kinds.next().filter(|_| kinds.next().is_none())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => None,
    }
}

fn field_type(schema: &Value) -> FieldType {
    let is_instant = schema.get("format").and_then(Value::as_str) == Some("date-time");
    match type_of(schema) {
        Some("string") if is_instant => FieldType::Instant,
        Some("string") => FieldType::Text,
        Some("boolean") => FieldType::Bool,
        Some("integer") => FieldType::Int,
        Some("number") => FieldType::Double,
        Some("array") => FieldType::List,
        _ => FieldType::Dynamic,
    }
}

#[cfg(test)]
#[path = "typed_tests.rs"]
mod tests;
