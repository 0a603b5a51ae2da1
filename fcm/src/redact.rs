//! Takes what the message said out of what the provider answers, because FCM quotes values in its complaints.

use serde_json::Value;

/// What stands in place of a value.
const REDACTED: &str = "[redacted]";
/// Shorter values are replaced only where they stand alone, or a value "1" would eat the digits of every other word.
const ANYWHERE_MIN_BYTES: usize = 8;

/// All values of one message, longest first, so that a value inside another leaves no remainder.
pub(crate) struct Redactor {
    values: Vec<String>,
}

impl Redactor {
    pub(crate) fn of(message: &Value) -> Self {
        let mut values = Vec::new();
        collect(message, &mut values);
        values.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        values.dedup();
        Self { values }
    }

    /// The text without any value of the message, in plain or in JSON spelling.
    pub(crate) fn redact(&self, text: &str) -> String {
        let mut clean = text.to_owned();
        for value in &self.values {
            clean = replace(&clean, value);
        }
        clean
    }
}

fn collect(part: &Value, into: &mut Vec<String>) {
    match part {
        Value::Null | Value::Bool(_) => {}
        Value::Number(number) => into.push(number.to_string()),
        Value::String(text) => {
            let spelt = Value::String(text.clone()).to_string();
            let spelt = spelt.trim_matches('"').to_owned();
            into.extend(
                [text.clone(), spelt]
                    .into_iter()
                    .filter(|value| !value.trim().is_empty()),
            );
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, into)),
        Value::Object(map) => map.values().for_each(|value| collect(value, into)),
    }
}

fn replace(text: &str, value: &str) -> String {
    if value.len() >= ANYWHERE_MIN_BYTES {
        return text.replace(value, REDACTED);
    }
    let mut clean = String::with_capacity(text.len());
    let mut done = 0;
    for (at, found) in text.match_indices(value) {
        let joins = |next: Option<char>| next.is_some_and(char::is_alphanumeric);
        if at < done || joins(text[..at].chars().next_back()) || joins(text[at + found.len()..].chars().next()) {
            continue;
        }
        clean.push_str(&text[done..at]);
        clean.push_str(REDACTED);
        done = at + found.len();
    }
    clean.push_str(&text[done..]);
    clean
}

#[cfg(test)]
#[path = "redact_tests.rs"]
mod tests;
