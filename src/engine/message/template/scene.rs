//! Reading and filling the scene by dotted path: what composing needs for values that are missing.

use serde_json::{Map, Value};

/// Whether there is nothing to show: absent, null, or a text of nothing but blanks.
pub fn is_missing(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => text.trim().is_empty(),
        Some(Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => false,
    }
}

/// The value at a dotted path such as `stay.room`; whole numbers also name places in a list (`user.places.0`).
pub fn lookup<'a>(scene: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    let mut names = path.split('.');
    let root = scene.get(names.next()?)?;
    names.try_fold(root, |value, name| match value {
        Value::Object(fields) => fields.get(name),
        Value::Array(items) => items.get(name.parse::<usize>().ok()?),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    })
}

/// Puts a value, such as a fallback text, at a dotted path; what stands in the way of the path gives way.
pub fn with_value(scene: &mut Map<String, Value>, path: &str, value: Value) {
    match path.split_once('.') {
        None => {
            scene.insert(path.to_owned(), value);
        }
        Some((root, rest)) => {
            let held = scene.entry(root).or_insert(Value::Null);
            if !held.is_object() {
                *held = Value::Object(Map::new());
            }
            if let Value::Object(fields) = held {
                with_value(fields, rest, value);
            }
        }
    }
}
