//! From the scene's JSON to the values CEL computes with, borrowed where possible, and only for the paths that are read.

use super::scope::FieldType;
use cel::common::types::CelTimestamp;
use cel::common::types::{CelBool, CelDouble, CelDuration, CelInt, CelList, CelMap, CelMapKey, CelNull, CelString};
use cel::common::value::{CowVal, Val};
use cel::context::VariableResolver;
use chrono::{DateTime, TimeDelta};
use serde_json::{Map, Number, Value};
use std::collections::HashMap;

/// One thing an expression reads, computed when it is compiled and looked up when it is judged.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Slot {
    /// The value at a path.
    Read { path: Vec<String>, declared: FieldType },
    /// Whether the path holds something other than null.
    Has { path: Vec<String> },
    /// A length of time written as `PT3H`.
    Length(TimeDelta),
}

impl Slot {
    /// The path as people write it.
    pub(super) fn written(&self) -> Option<String> {
        match self {
            Self::Read { path, .. } | Self::Has { path } => Some(path.join(".")),
            Self::Length(_) => None,
        }
    }
}

/// The name a slot has in the tree; no name of a text can start with `#`.
pub(super) fn slot_name(index: usize) -> String {
    format!("#{index}")
}

pub(super) fn slot_index(name: &str) -> Option<usize> {
    name.strip_prefix('#')?.parse().ok()
}

/// The value at the path; nothing when a part of it is absent or holds no fields.
pub(super) fn at_path<'s>(scene: &'s Map<String, Value>, path: &[String]) -> Option<&'s Value> {
    let (root, fields) = path.split_first()?;
    fields
        .iter()
        .try_fold(scene.get(root)?, |value, field| value.as_object()?.get(field))
}

/// Answers the slots of one expression out of one scene.
pub(super) struct SceneReader<'s> {
    pub slots: &'s [Slot],
    pub scene: &'s Map<String, Value>,
}

impl VariableResolver for SceneReader<'_> {
    fn resolve<'b>(&'b self, variable: &str) -> Option<CowVal<'b, 'b>> {
        match self.slots.get(slot_index(variable)?)? {
            Slot::Read { path, declared } => {
                let name = path.last().map_or("", String::as_str);
                at_path(self.scene, path).map(|value| CowVal::Owned(value_of(value, name, *declared)))
            }
            Slot::Has { path } => {
                let present = at_path(self.scene, path).is_some_and(|value| !value.is_null());
                Some(CowVal::owned(CelBool::from(present)))
            }
            Slot::Length(length) => Some(CowVal::owned(CelDuration::from(*length))),
        }
    }
}

/// Converts one value.
///
/// A text becomes an instant when its field is declared as one, or when nothing is declared and the field is called
/// `now` or its name ends with `_at`, and the text is RFC 3339; the offset it was written with is kept.
fn value_of<'v>(value: &'v Value, name: &str, declared: FieldType) -> Box<dyn Val + 'v> {
    match value {
        Value::Null => Box::new(CelNull),
        Value::Bool(truth) => Box::new(CelBool::from(*truth)),
        Value::Number(number) => number_of(number, declared),
        Value::String(text) => {
            let timely = match declared {
                FieldType::Instant => true,
                FieldType::Dynamic => name == "now" || name.ends_with("_at"),
                FieldType::Bool | FieldType::Int | FieldType::Double | FieldType::Text | FieldType::List => false,
            };
            match timely.then(|| DateTime::parse_from_rfc3339(text)) {
                Some(Ok(instant)) => Box::new(CelTimestamp::from(instant)),
                Some(Err(_)) | None => Box::new(CelString::from(text.as_str())),
            }
        }
        Value::Array(items) => {
            let items: Vec<Box<dyn Val + 'v>> = items
                .iter()
                .map(|item| value_of(item, "", FieldType::Dynamic))
                .collect();
            Box::new(CelList::from(items))
        }
        Value::Object(fields) => {
            let fields: HashMap<CelMapKey<'v>, Box<dyn Val + 'v>> = fields
                .iter()
                .map(|(name, value)| {
                    (
                        CelMapKey::from(name.as_str()),
                        value_of(value, name, FieldType::Dynamic),
                    )
                })
                .collect();
            Box::new(CelMap::from(fields))
        }
    }
}

/// JSON knows one kind of number and CEL three that do not mix: whole ones are `int`, unless the field is declared
/// as a double; ones beyond 64 bits are doubles.
fn number_of<'v>(number: &Number, declared: FieldType) -> Box<dyn Val + 'v> {
    let double = number.as_f64().unwrap_or(f64::NAN);
    match (number.as_i64(), declared) {
        (Some(whole), kind) if kind != FieldType::Double => Box::new(CelInt::from(whole)),
        (None, FieldType::Int) if is_whole(double) =>
        {
            #[expect(clippy::cast_possible_truncation, reason = "checked to be whole and within 2^53")]
            Box::new(CelInt::from(double as i64))
        }
        _ => Box::new(CelDouble::from(double)),
    }
}

/// Whole and small enough that the double holds it exactly (2^53).
fn is_whole(double: f64) -> bool {
    double.fract() == 0.0 && double.abs() <= 9_007_199_254_740_992.0
}
