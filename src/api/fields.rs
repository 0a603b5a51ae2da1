//! The bounds of single fields, each told with its place.

use super::problem::{ErrorCode, FieldError, Problem};
use crate::base::limits;
use crate::base::time::{Timestamp, truncated};
use crate::engine::lint::Finding;
use chrono::Datelike;
use chrono_tz::Tz;
use serde_json::{Map, Value};

/// A name, key, tag or reference: 1 to 128 characters that can be stored and logged.
pub fn name(pointer: &str, text: &str) -> Result<(), Problem> {
    if text.is_empty() {
        return Err(Problem::field(pointer, "must not be empty"));
    }
    short(pointer, text)
}

/// At most 128 characters, without control characters.
pub fn short(pointer: &str, text: &str) -> Result<(), Problem> {
    if text.chars().count() > limits::NAME_CHARS_MAX || text.chars().any(char::is_control) {
        let detail = format!(
            "must have at most {} characters and no control characters",
            limits::NAME_CHARS_MAX
        );
        return Err(Problem::field(pointer, detail));
    }
    Ok(())
}

/// A part of the path: whatever could never be stored is simply not here.
pub fn path_name(what: &str, text: &str) -> Result<(), Problem> {
    name("", text).map_err(|_| Problem::not_found(what))
}

/// A filter of a query.
pub fn query_name(key: &str, text: &str) -> Result<(), Problem> {
    name("", text).map_err(|_| {
        let detail = format!(
            "`{key}` must have 1 to {} characters and no control characters",
            limits::NAME_CHARS_MAX
        );
        Problem::new(ErrorCode::QueryInvalid, detail)
    })
}

/// Each of several optional short texts.
pub fn optional_short(fields: &[(&str, &Option<String>)]) -> Result<(), Problem> {
    fields
        .iter()
        .try_for_each(|(pointer, text)| text.as_deref().map_or(Ok(()), |text| name(pointer, text)))
}

/// A BCP 47 tag such as `pt-BR`.
pub fn locale(pointer: &str, tag: Option<&str>) -> Result<(), Problem> {
    let Some(tag) = tag else { return Ok(()) };
    let letters = tag.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if letters && (2..=35).contains(&tag.len()) {
        return Ok(());
    }
    Err(Problem::field(
        pointer,
        "not a locale: write it like `en` or `pt-BR` (2 to 35 letters, digits, `-`, `_`)",
    ))
}

/// An IANA zone such as `Europe/Vienna`.
pub fn time_zone(pointer: &str, zone: Option<&str>) -> Result<Option<Tz>, Problem> {
    let parsed = zone.map(str::parse::<Tz>).transpose();
    parsed.map_err(|_| Problem::field(pointer, "not a time zone: use an IANA name such as `Europe/Vienna`"))
}

/// An address of a person's own, in its one way of writing.
pub fn contact(
    pointer: &str,
    text: Option<&str>,
    check: fn(&str) -> Result<String, &'static str>,
) -> Result<Option<String>, Problem> {
    let checked = text.map(check).transpose();
    checked.map_err(|detail| Problem::field(pointer, detail))
}

/// Free properties, bounded in bytes and without what PostgreSQL cannot store.
pub fn properties(pointer: &str, map: &Map<String, Value>) -> Result<(), Problem> {
    let text = serde_json::to_string(map).unwrap_or_default();
    if text.len() > limits::PROPERTIES_BYTES_MAX {
        let detail = format!(
            "takes {} bytes; at most {} are kept",
            text.len(),
            limits::PROPERTIES_BYTES_MAX
        );
        return Err(Problem::field(pointer, detail));
    }
    if has_nul(&Value::Object(map.clone())) {
        return Err(Problem::field(pointer, "holds a NUL character, which cannot be stored"));
    }
    Ok(())
}

/// Does any text in it hold a NUL?
pub fn has_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => items.iter().any(has_nul),
        Value::Object(fields) => fields.iter().any(|(key, value)| key.contains('\0') || has_nul(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// An instant both databases can keep, at their precision.
pub fn instant(pointer: &str, at: Option<Timestamp>) -> Result<Option<Timestamp>, Problem> {
    match at {
        Some(at) if !(1970..=9999).contains(&at.year()) => {
            Err(Problem::field(pointer, "must lie between the years 1970 and 9999"))
        }
        Some(at) => Ok(Some(truncated(at))),
        None => Ok(None),
    }
}

/// The findings that keep a trigger from going live, in the shape of its errors.
pub fn trigger_blocked(findings: Vec<Finding>) -> Problem {
    let count = findings.len();
    let first = findings
        .first()
        .map(|finding| finding.pointer.clone())
        .unwrap_or_default();
    let list = findings.into_iter().map(|finding| FieldError {
        code: finding.code.as_str().to_owned(),
        pointer: finding.pointer,
        detail: finding.detail,
        position: finding.position,
        hint: finding.hint,
    });
    let detail = format!("{count} finding(s) keep the trigger from going live; `errors` names each with its place");
    Problem::new(ErrorCode::TriggerBlocked, detail)
        .at(first)
        .errors(list.collect())
        .hint("mend them, or name them in `accept` when you publish: {\"accept\": [\"no_once_key\"]}")
}

/// The errors of a trigger in the shape of a problem.
pub fn trigger_errors(errors: Vec<crate::engine::trigger::TriggerError>) -> Problem {
    sentence_errors("trigger", ErrorCode::TriggerInvalid, errors)
}

/// The errors of a journey in the shape of a problem.
pub fn journey_errors(errors: Vec<crate::engine::trigger::TriggerError>) -> Problem {
    sentence_errors("journey", ErrorCode::JourneyInvalid, errors)
}

fn sentence_errors(what: &str, code: ErrorCode, errors: Vec<crate::engine::trigger::TriggerError>) -> Problem {
    let count = errors.len();
    let first = errors.first().map(|error| error.pointer.clone()).unwrap_or_default();
    let list = errors.into_iter().map(|error| FieldError {
        code: error.code,
        pointer: error.pointer,
        detail: error.detail,
        position: error.position,
        hint: error.hint,
    });
    let detail = format!("{count} error(s) in the {what}; `errors` names each with its place");
    Problem::new(code, detail).at(first).errors(list.collect())
}

/// What a fact contradicts its type in, in the shape of a problem.
pub fn fact_errors(errors: Vec<crate::engine::fact::FactError>) -> Problem {
    let count = errors.len();
    let first = errors.first().map(|error| error.pointer.clone()).unwrap_or_default();
    let list = errors.into_iter().map(|error| FieldError {
        code: error.code.to_owned(),
        pointer: error.pointer,
        detail: error.detail,
        position: None,
        hint: None,
    });
    let detail = format!("the fact contradicts its type in {count} place(s); `errors` names each");
    Problem::new(ErrorCode::FactInvalid, detail)
        .at(first)
        .errors(list.collect())
        .hint("GET /v1/fact-types/{type} shows what the type asks for")
}
