//! Sensitive values do not stand in an explanation: they are shown as dots.

use super::Known;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// What stands for a sensitive value.
pub(super) const MASKED: &str = "•••";
/// A shorter text would be found in times and ids by chance; it is masked by its field alone.
const SECRET_CHARS_MIN: usize = 3;

pub(super) struct Mask<'a> {
    sensitive: &'a BTreeMap<String, BTreeSet<String>>,
    bound: BTreeSet<&'a String>,
    /// Sensitive values as texts, longest first.
    secrets: Vec<String>,
}

impl<'a> Mask<'a> {
    pub(super) fn of(known: &Known<'a>) -> Self {
        let mut secrets = BTreeSet::new();
        for (name, fact) in known.facts {
            let fields = known.sensitive.get(name);
            for field in fields.into_iter().flatten().chain(&fact.sensitive) {
                if let Some(value) = fact.properties.get(field) {
                    gather(value, &mut secrets);
                }
            }
        }
        known.secrets.iter().for_each(|value| gather(value, &mut secrets));
        let mut mask = Self {
            sensitive: known.sensitive,
            bound: known.decision.facts.keys().collect(),
            secrets: Vec::new(),
        };
        // What was recorded by field may be older than the facts that are kept.
        for step in known
            .earlier
            .iter()
            .chain([known.decision])
            .flat_map(|decision| &decision.trace)
        {
            for (path, value) in clause_values(&step.values) {
                mask.gather_path(path, value, &mut secrets);
            }
        }
        mask.secrets = secrets.into_iter().collect();
        mask.secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        mask
    }

    fn gather_path(&self, path: &str, value: &Value, secrets: &mut BTreeSet<String>) {
        if self.hides(path) {
            gather(value, secrets);
        } else if let (false, Value::Object(fields)) = (path.contains('.'), value) {
            let hidden = fields
                .iter()
                .filter(|(field, _)| self.hides(&format!("{path}.{field}")));
            hidden.for_each(|(_, value)| gather(value, secrets));
        }
    }

    /// Is the value at this path sensitive?
    pub(super) fn hides(&self, path: &str) -> bool {
        let mut parts = path.split('.');
        let (root, field) = (parts.next().unwrap_or_default(), parts.next());
        if !self.bound.contains(&root.to_owned()) {
            return false;
        }
        let Some(field) = field else { return false };
        match self.sensitive.get(root) {
            Some(fields) => fields.contains(field),
            None => field != "key",
        }
    }

    /// Does this text of a trigger name a sensitive field?
    pub(super) fn names_sensitive(&self, text: &str) -> bool {
        self.bound.iter().any(|name| match self.sensitive.get(*name) {
            Some(fields) => fields
                .iter()
                .any(|field| text.contains(&format!("{name}.{field}")) || text.contains(&format!("{name}['{field}"))),
            None => text.contains(name.as_str()),
        })
    }

    pub(super) fn text(&self, text: &str) -> String {
        let replaced = |text: String, secret: &String| text.replace(secret.as_str(), MASKED);
        self.secrets.iter().fold(text.to_owned(), replaced)
    }

    /// A value that stood at a path.
    pub(super) fn at(&self, path: &str, value: &Value) -> Value {
        if self.hides(path) {
            return json!(MASKED);
        }
        if let Value::Object(fields) = value
            && self.bound.contains(&path.to_owned())
        {
            let shown = fields
                .iter()
                .map(|(field, value)| (field.clone(), self.at(&format!("{path}.{field}"), value)));
            return Value::Object(shown.collect());
        }
        self.value(value)
    }

    /// A value of any shape; clauses know the paths of theirs.
    pub(super) fn value(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(text)),
            Value::Array(items) => items.iter().map(|item| self.value(item)).collect(),
            Value::Object(fields) if fields.contains_key("clause") => self.clause(fields),
            Value::Object(fields) => {
                let shown = fields.iter().map(|(name, value)| (name.clone(), self.value(value)));
                Value::Object(shown.collect())
            }
            Value::Number(number) if self.secrets.contains(&number.to_string()) => json!(MASKED),
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        }
    }

    fn clause(&self, fields: &Map<String, Value>) -> Value {
        let mut shown = fields.clone();
        if let Some(Value::Object(values)) = fields.get("values") {
            let values = values.iter().map(|(path, value)| (path.clone(), self.at(path, value)));
            shown.insert("values".into(), Value::Object(values.collect()));
        }
        if let Some(Value::String(text)) = fields.get("clause") {
            shown.insert("clause".into(), Value::String(self.text(text)));
        }
        Value::Object(shown)
    }
}

/// The values of recorded clauses, by path.
fn clause_values(values: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let clauses = values.as_array().into_iter().flatten();
    let read = clauses.filter_map(|clause| clause.get("values")?.as_object());
    read.flatten().map(|(path, value)| (path.as_str(), value))
}

/// Every text and number in a sensitive value.
fn gather(value: &Value, secrets: &mut BTreeSet<String>) {
    match value {
        Value::String(text) if text.chars().count() >= SECRET_CHARS_MIN => {
            secrets.insert(text.clone());
        }
        Value::Number(number) if number.to_string().len() >= SECRET_CHARS_MIN => {
            secrets.insert(number.to_string());
        }
        Value::Array(items) => items.iter().for_each(|item| gather(item, secrets)),
        Value::Object(fields) => fields.values().for_each(|value| gather(value, secrets)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
