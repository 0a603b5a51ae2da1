//! What a schema may hold: bounded in size and depth, with references into its own `$defs` alone and none of them in a circle.

use super::SchemaError;
use crate::base::limits;
use regex::RegexBuilder;
use serde_json::Value;
use std::collections::BTreeSet;

/// How every reference begins.
pub(super) const LOCAL: &str = "#/$defs/";
const DRAFT: &str = "https://json-schema.org/draft/2020-12/schema";
/// What would make references mean something else than they say.
const REFUSED: [&str; 7] = [
    "$id",
    "$anchor",
    "$dynamicRef",
    "$dynamicAnchor",
    "$recursiveRef",
    "$recursiveAnchor",
    "$vocabulary",
];
/// Keywords that hold one schema.
const ONE: [&str; 12] = [
    "additionalProperties",
    "contains",
    "contentSchema",
    "else",
    "if",
    "items",
    "not",
    "propertyNames",
    "then",
    "unevaluatedItems",
    "unevaluatedProperties",
    "additionalItems",
];
/// Keywords that hold a list of schemas.
const LISTS: [&str; 4] = ["allOf", "anyOf", "oneOf", "prefixItems"];
/// Keywords that hold schemas by name.
const MAPS: [&str; 4] = ["$defs", "dependentSchemas", "patternProperties", "properties"];

/// Refuses what is too big, reaches out, goes in circles or holds a pattern that costs too much.
pub(super) fn check(schema: &Value) -> Result<(), SchemaError> {
    if !schema.is_object() {
        return Err(refused("", "must be an object, such as {\"type\": \"object\"}"));
    }
    let bytes = schema.to_string().len();
    if bytes > limits::FACT_SCHEMA_BYTES_MAX {
        let most = limits::FACT_SCHEMA_BYTES_MAX;
        return Err(refused("", format!("takes {bytes} bytes; at most {most} are taken")));
    }
    let mut walk = Walk {
        root: schema,
        seen: 0,
        patterns: BTreeSet::new(),
        open: Vec::new(),
    };
    walk.schema(schema, "", 0)
}

fn refused(pointer: &str, detail: impl Into<String>) -> SchemaError {
    SchemaError {
        pointer: pointer.to_owned(),
        detail: detail.into(),
    }
}

/// Goes through a schema as a check of a fact would: a reference is what it refers to.
struct Walk<'a> {
    root: &'a Value,
    seen: usize,
    patterns: BTreeSet<&'a str>,
    /// The definitions it stands in.
    open: Vec<&'a str>,
}

impl<'a> Walk<'a> {
    fn schema(&mut self, schema: &'a Value, pointer: &str, depth: usize) -> Result<(), SchemaError> {
        self.seen += 1;
        if self.seen > limits::FACT_SCHEMA_PARTS_MAX {
            let most = limits::FACT_SCHEMA_PARTS_MAX;
            return Err(refused(
                pointer,
                format!("with its references it has more than {most} parts"),
            ));
        }
        if depth > limits::FACT_SCHEMA_DEPTH_MAX {
            let most = limits::FACT_SCHEMA_DEPTH_MAX;
            return Err(refused(pointer, format!("is deeper than {most} levels")));
        }
        let Value::Object(keywords) = schema else { return Ok(()) };
        for (keyword, value) in keywords {
            let at = format!("{pointer}/{}", escaped(keyword));
            match (keyword.as_str(), value) {
                ("$ref", _) => self.reference(value, &at, depth)?,
                ("$schema", _) if value != DRAFT || depth > 0 => {
                    return Err(refused(&at, format!("must be left out, or be {DRAFT} at the top")));
                }
                ("pattern", Value::String(pattern)) => self.pattern(pattern, &at)?,
                (name, _) if REFUSED.contains(&name) => {
                    return Err(refused(&at, "is not taken: refer to `#/$defs/<name>` with `$ref`"));
                }
                (name, Value::Object(named)) if MAPS.contains(&name) => {
                    for (key, one) in named {
                        let at = format!("{at}/{}", escaped(key));
                        if name == "patternProperties" {
                            self.pattern(key, &at)?;
                        }
                        self.schema(one, &at, depth + 1)?;
                    }
                }
                (name, Value::Array(several)) if LISTS.contains(&name) => {
                    for (index, one) in several.iter().enumerate() {
                        self.schema(one, &format!("{at}/{index}"), depth + 1)?;
                    }
                }
                (name, _) if ONE.contains(&name) => self.schema(value, &at, depth + 1)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn reference(&mut self, value: &'a Value, pointer: &str, depth: usize) -> Result<(), SchemaError> {
        let name = value.as_str().and_then(|text| text.strip_prefix(LOCAL));
        let plain = |name: &&str| {
            let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
            !name.is_empty() && name.chars().all(fits)
        };
        let Some(name) = name.filter(plain) else {
            let detail = "must be `#/$defs/<name>`: a schema holds everything it refers to";
            return Err(refused(pointer, detail));
        };
        let Some(target) = self.root.get("$defs").and_then(|defs| defs.get(name)) else {
            return Err(refused(pointer, format!("there is no `{name}` in `$defs`")));
        };
        if self.open.contains(&name) {
            return Err(refused(
                pointer,
                format!("`{name}` refers to itself; properties have no such depth"),
            ));
        }
        self.open.push(name);
        self.schema(target, pointer, depth + 1)?;
        self.open.pop();
        Ok(())
    }

    fn pattern(&mut self, pattern: &'a str, pointer: &str) -> Result<(), SchemaError> {
        if !self.patterns.insert(pattern) {
            return Ok(());
        }
        if self.patterns.len() > limits::FACT_SCHEMA_PATTERNS_MAX {
            let most = limits::FACT_SCHEMA_PATTERNS_MAX;
            return Err(refused(pointer, format!("there are more than {most} patterns")));
        }
        let short = pattern.len() <= limits::PATTERN_BYTES_MAX;
        let built = RegexBuilder::new(pattern)
            .size_limit(limits::PATTERN_COMPILED_BYTES_MAX)
            .build();
        if short && built.is_ok() {
            return Ok(());
        }
        let most = limits::PATTERN_BYTES_MAX;
        let detail =
            format!("must be a regular expression of at most {most} bytes, without look-around and big repeats");
        Err(refused(pointer, detail))
    }
}

fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
