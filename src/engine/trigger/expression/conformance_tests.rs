//! The public CEL conformance tests, run through the very environment that conditions use.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

use super::environment;
use cel::objects::{Key, Map};
use cel::{Context, Value};
use serde_json::Value as Json;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Of the 883 tests, those that apply.
const RAN: usize = 753;

const FILES: [(&str, &str); 11] = [
    ("basic", include_str!("../../../../tests/data/cel/json/basic.json")),
    (
        "comparisons",
        include_str!("../../../../tests/data/cel/json/comparisons.json"),
    ),
    (
        "conversions",
        include_str!("../../../../tests/data/cel/json/conversions.json"),
    ),
    (
        "integer_math",
        include_str!("../../../../tests/data/cel/json/integer_math.json"),
    ),
    ("lists", include_str!("../../../../tests/data/cel/json/lists.json")),
    ("logic", include_str!("../../../../tests/data/cel/json/logic.json")),
    ("macros", include_str!("../../../../tests/data/cel/json/macros.json")),
    (
        "namespace",
        include_str!("../../../../tests/data/cel/json/namespace.json"),
    ),
    (
        "plumbing",
        include_str!("../../../../tests/data/cel/json/plumbing.json"),
    ),
    ("string", include_str!("../../../../tests/data/cel/json/string.json")),
    (
        "timestamps",
        include_str!("../../../../tests/data/cel/json/timestamps.json"),
    ),
];

/// The value a test expects or binds; nothing for protobuf messages, which conditions do not know.
fn value_of(json: &Json) -> Option<Value> {
    let (kind, value) = json.as_object()?.iter().next()?;
    let text = || value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    Some(match kind.as_str() {
        "int64_value" => Value::Int(text().parse().ok()?),
        "uint64_value" => Value::UInt(text().parse().ok()?),
        "double_value" => Value::Float(match text().as_str() {
            "Infinity" => f64::INFINITY,
            "-Infinity" => f64::NEG_INFINITY,
            other => other.parse().ok()?,
        }),
        "string_value" => Value::String(Arc::new(text())),
        "bytes_value" => {
            use base64::Engine as _;
            Value::Bytes(Arc::new(base64::engine::general_purpose::STANDARD.decode(text()).ok()?))
        }
        // A type is what its name evaluates to.
        "type_value" => environment()
            .compile(&text())
            .ok()?
            .execute(&Context::with_env(environment()))
            .ok()?,
        "bool_value" => Value::Bool(value.as_bool()?),
        "null_value" => Value::Null,
        "list_value" => {
            let items = value
                .get("values")
                .and_then(Json::as_array)
                .cloned()
                .unwrap_or_default();
            Value::List(Arc::new(items.iter().map(value_of).collect::<Option<_>>()?))
        }
        "map_value" => {
            let entries = value
                .get("entries")
                .and_then(Json::as_array)
                .cloned()
                .unwrap_or_default();
            let mut map = HashMap::new();
            for entry in &entries {
                map.insert(key_of(value_of(&entry["key"])?)?, value_of(&entry["value"])?);
            }
            Value::Map(Map { map: Arc::new(map) })
        }
        "object_value" => {
            let literal = value.get("value")?.as_str()?;
            let call = match value.get("@type")?.as_str()?.rsplit('/').next()? {
                "google.protobuf.Timestamp" => format!("timestamp('{literal}')"),
                "google.protobuf.Duration" => format!("duration('{literal}')"),
                _ => return None,
            };
            environment()
                .compile(&call)
                .ok()?
                .execute(&Context::with_env(environment()))
                .ok()?
        }
        _ => return None,
    })
}

fn key_of(value: Value) -> Option<Key> {
    match value {
        Value::Int(key) => Some(Key::Int(key)),
        Value::UInt(key) => Some(Key::Uint(key)),
        Value::Bool(key) => Some(Key::Bool(key)),
        Value::String(key) => Some(Key::String(key)),
        Value::List(_)
        | Value::Map(_)
        | Value::Function(..)
        | Value::Float(_)
        | Value::Bytes(_)
        | Value::Duration(_)
        | Value::Timestamp(_)
        | Value::Opaque(_)
        | Value::Struct(_)
        | Value::Null => None,
    }
}

/// Doubles are equal when they are neighbours: `serde_json` reads the expected ones with that precision.
fn same(value: &Value, expected: &Value) -> bool {
    match (value, expected) {
        (Value::Float(value), Value::Float(expected)) if value.is_nan() => expected.is_nan(),
        (Value::Float(value), Value::Float(expected)) => {
            value.total_cmp(expected).is_eq() || (value - expected).abs() <= 2.0 * f64::EPSILON * expected.abs()
        }
        _ => value == expected,
    }
}

fn outcome(test: &Json) -> Result<(), String> {
    let source = test["expr"].as_str().unwrap();
    let wants_error = test.get("eval_error").is_some();
    let program = match environment().compile(source) {
        Ok(program) => program,
        Err(_) if wants_error => return Ok(()),
        Err(error) => return Err(format!("does not parse: {}", error.errors[0].msg)),
    };
    let mut context = Context::with_env(environment());
    for (name, bound) in test.get("bindings").and_then(Json::as_object).into_iter().flatten() {
        let value = value_of(&bound["value"]).ok_or("binds a message")?;
        context.add_variable_from_value(name.as_str(), value);
    }
    match (program.execute(&context), wants_error) {
        (Err(_), true) => Ok(()),
        (Ok(value), true) => Err(format!("gave {value:?} instead of an error")),
        (Err(error), false) => Err(format!("failed: {error}")),
        (Ok(value), false) => {
            let expected = test
                .get("value")
                .cloned()
                .unwrap_or_else(|| serde_json::json!({ "bool_value": true }));
            let expected = value_of(&expected).ok_or("expects a message")?;
            if same(&value, &expected) {
                Ok(())
            } else {
                Err(format!("gave {value:?}, expected {expected:?}"))
            }
        }
    }
}

#[test]
fn every_conformance_test_that_applies_passes() {
    let skipped: BTreeMap<&str, &str> = include_str!("../../../../tests/data/cel/skipped.tsv")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split_once('\t').expect("a name, a tab and a reason"))
        .collect();
    let (mut ran, mut left_out, mut failures) = (0, 0, Vec::new());
    for (file, text) in FILES {
        let json: Json = serde_json::from_str(text).unwrap();
        for section in json["section"].as_array().unwrap() {
            for test in section["test"].as_array().unwrap() {
                let name = format!(
                    "{file}/{}/{}",
                    section["name"].as_str().unwrap(),
                    test["name"].as_str().unwrap()
                );
                if skipped.contains_key(name.as_str()) {
                    left_out += 1;
                    continue;
                }
                ran += 1;
                if let Err(why) = outcome(test) {
                    failures.push(format!("{name}: {}: {why}", test["expr"]));
                }
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert_eq!(left_out, skipped.len(), "a name in skipped.tsv that no test has");
    assert_eq!((ran, left_out), (RAN, 883 - RAN));
}
