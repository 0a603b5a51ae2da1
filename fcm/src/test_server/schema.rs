//! Checks a request against Google's discovery document, as the parser in front of FCM does.

use std::io;

use serde_json::{Map, Value};

use super::complaint::Violation;
use crate::message::wire::parse_duration;

/// The document as Google publishes it; where it comes from is in the README.
const DISCOVERY: &str = include_str!("../../discovery/fcm.v1.discovery.json");
const PACKAGE: &str = "type.googleapis.com/google.firebase.fcm.v1";

/// The schemas of all messages of the API.
pub(super) struct Schemas {
    schemas: Map<String, Value>,
}

impl Schemas {
    pub(super) fn load() -> io::Result<Self> {
        let mut document: Value = serde_json::from_str(DISCOVERY).map_err(io::Error::other)?;
        let schemas = document["schemas"].as_object_mut().map(std::mem::take);
        let schemas = schemas.ok_or_else(|| io::Error::other("the discovery document has no schemas"))?;
        Ok(Self { schemas })
    }

    /// The body of `messages:send` with all field names in camel case, or everything that is wrong with it.
    pub(super) fn check_send(&self, body: &Value) -> Result<Value, Vec<Violation>> {
        let mut check = Check {
            schemas: &self.schemas,
            violations: Vec::new(),
        };
        let clean = check.message("SendMessageRequest", body, "");
        if check.violations.is_empty() {
            Ok(clean)
        } else {
            Err(check.violations)
        }
    }

    #[cfg(test)]
    pub(super) fn get(&self, name: &str) -> &Value {
        &self.schemas[name]
    }
}

struct Check<'a> {
    schemas: &'a Map<String, Value>,
    violations: Vec<Violation>,
}

impl Check<'_> {
    /// A message with named fields. As protobuf does, it takes names in camel case and in snake case, and null for unset.
    fn message(&mut self, schema: &str, given: &Value, path: &str) -> Value {
        let Some(map) = given.as_object() else {
            return self.wrong_value(path, &format!("{PACKAGE}.{schema}"), given);
        };
        let mut clean = Map::new();
        for (name, value) in map {
            let field = camel_case(name);
            let Some(property) = self.schemas[schema]["properties"].get(&field) else {
                self.unknown_name(name, path);
                continue;
            };
            if value.is_null() {
                continue;
            }
            let here = if path.is_empty() {
                snake_case(&field)
            } else {
                format!("{path}.{}", snake_case(&field))
            };
            let property = property.clone();
            let value = self.value(&property, value, &here, &format!("{schema}.{field}"));
            if clean.insert(field, value).is_some() {
                self.report(
                    path,
                    format!("Invalid JSON payload received. Field '{here}' is set twice."),
                );
            }
        }
        Value::Object(clean)
    }

    fn value(&mut self, schema: &Value, given: &Value, path: &str, name: &str) -> Value {
        if let Some(referred) = schema["$ref"].as_str() {
            return self.message(referred, given, path);
        }
        match schema["type"].as_str().unwrap_or_default() {
            "object" => self.map(&schema["additionalProperties"], given, path, name),
            "array" => self.list(&schema["items"], given, path, name),
            "string" => self.string(schema, given, path, name),
            "boolean" if !given.is_boolean() => self.wrong_value(path, "TYPE_BOOL", given),
            "integer" if given.as_i64().is_none_or(|number| i32::try_from(number).is_err()) => {
                self.wrong_value(path, "TYPE_INT32", given)
            }
            "number" if !given.is_number() => self.wrong_value(path, "TYPE_FLOAT", given),
            _ => given.clone(),
        }
    }

    /// A map with free keys. Google's parser sees it as a list of pairs, and its paths say so.
    fn map(&mut self, values: &Value, given: &Value, path: &str, name: &str) -> Value {
        let Some(map) = given.as_object() else {
            return self.wrong_value(path, "Map", given);
        };
        let mut clean = Map::new();
        for (at, (key, value)) in map.iter().enumerate() {
            let value = self.value(values, value, &format!("{path}[{at}].value"), name);
            clean.insert(key.clone(), value);
        }
        Value::Object(clean)
    }

    fn list(&mut self, items: &Value, given: &Value, path: &str, name: &str) -> Value {
        let Some(list) = given.as_array() else {
            return self.wrong_value(path, "List", given);
        };
        list.iter()
            .enumerate()
            .map(|(at, item)| self.value(items, item, &format!("{path}[{at}]"), name))
            .collect()
    }

    fn string(&mut self, schema: &Value, given: &Value, path: &str, name: &str) -> Value {
        let Some(text) = given.as_str() else {
            return self.wrong_value(path, "TYPE_STRING", given);
        };
        if let Some(allowed) = schema["enum"].as_array()
            && !allowed.contains(given)
        {
            return self.wrong_value(path, &format!("{PACKAGE}.{name}"), given);
        }
        let is_formed = match schema["format"].as_str() {
            Some("google-duration") => parse_duration(text.strip_prefix('-').unwrap_or(text)).is_some(),
            Some("google-datetime") => chrono::DateTime::parse_from_rfc3339(text).is_ok(),
            _ => true,
        };
        if is_formed {
            given.clone()
        } else {
            self.wrong_value(path, "type.googleapis.com/google.protobuf", given)
        }
    }

    fn unknown_name(&mut self, name: &str, path: &str) {
        let place = if path.is_empty() {
            String::new()
        } else {
            format!(" at '{path}'")
        };
        self.report(
            path,
            format!("Invalid JSON payload received. Unknown name \"{name}\"{place}: Cannot find field."),
        );
    }

    fn wrong_value(&mut self, path: &str, kind: &str, given: &Value) -> Value {
        self.report(path, format!("Invalid value at '{path}' ({kind}), {given}"));
        Value::Null
    }

    fn report(&mut self, path: &str, description: String) {
        self.violations.push(Violation {
            field: path.to_owned(),
            description,
            by_fcm: false,
        });
    }
}

fn camel_case(name: &str) -> String {
    let mut camel = String::with_capacity(name.len());
    let mut after_underscore = false;
    for letter in name.chars() {
        if letter == '_' {
            after_underscore = true;
        } else {
            camel.push(if after_underscore {
                letter.to_ascii_uppercase()
            } else {
                letter
            });
            after_underscore = false;
        }
    }
    camel
}

fn snake_case(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

#[cfg(test)]
#[path = "schema_tests.rs"]
mod tests;
