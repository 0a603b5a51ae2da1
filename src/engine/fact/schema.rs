//! Schemas of fact types: compiled within bounds, checked without network, and every violation told with its place.

use super::kind::FactError;
use crate::base::limits;
use crate::engine::pass::Bcbp;
use boon::{CompileError, Compiler, Draft, ErrorKind, Format, SchemaIndex, Schemas, UrlLoader, ValidationError};
use serde_json::{Map, Value};
use std::error::Error;
use std::fmt;

mod bounds;

/// The name a schema has while it is compiled; nothing is ever fetched from it.
const HERE: &str = "usher:/fact";

/// Why a schema is refused, and where in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{pointer}: {detail}")]
pub struct SchemaError {
    /// JSON pointer into the schema.
    pub pointer: String,
    pub detail: String,
}

/// A schema, ready to check properties with.
pub struct FactSchema {
    schemas: Schemas,
    root: SchemaIndex,
}

impl fmt::Debug for FactSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FactSchema")
            .field("schemas", &self.schemas.size())
            .finish_non_exhaustive()
    }
}

/// Schemas never reach out: what they need stands in them.
struct Nothing;

impl UrlLoader for Nothing {
    fn load(&self, _url: &str) -> Result<Value, Box<dyn Error>> {
        Err("a schema holds everything it refers to".into())
    }
}

impl FactSchema {
    /// Compiles a schema of draft 2020-12, in which `format` is binding.
    pub fn compile(schema: &Value) -> Result<Self, SchemaError> {
        bounds::check(schema)?;
        let mut compiler = Compiler::new();
        compiler.set_default_draft(Draft::V2020_12);
        compiler.enable_format_assertions();
        compiler.register_format(Format {
            name: "iata-bcbp",
            func: is_boarding_pass,
        });
        compiler.use_loader(Box::new(Nothing));
        let mut schemas = Schemas::new();
        let root = compiler
            .add_resource(HERE, schema.clone())
            .and_then(|()| compiler.compile(HERE, &mut schemas))
            .map_err(|error| refused(&error))?;
        Ok(Self { schemas, root })
    }

    /// Everything in these properties that the schema refuses, sorted by place, at most [`limits::FACT_ERRORS_MAX`].
    pub fn check(&self, properties: &Map<String, Value>) -> Vec<FactError> {
        let value = Value::Object(properties.clone());
        let mut errors = Vec::new();
        if let Err(error) = self.schemas.validate(&value, self.root) {
            collect(&error, &mut errors);
        }
        errors.sort();
        errors.dedup();
        errors.truncate(limits::FACT_ERRORS_MAX);
        errors
    }
}

/// The bar code of a boarding pass, as gates read it; what is no text is the business of `type`.
fn is_boarding_pass(value: &Value) -> Result<(), Box<dyn Error>> {
    let Some(text) = value.as_str() else { return Ok(()) };
    Bcbp::read(text)?;
    Ok(())
}

/// The schema that stands behind a local `$ref`; itself when it refers to nothing.
pub fn resolved<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let mut here = schema;
    for _ in 0..limits::FACT_SCHEMA_DEPTH_MAX {
        let named = here
            .get("$ref")
            .and_then(Value::as_str)
            .and_then(|text| text.strip_prefix(bounds::LOCAL));
        match named.and_then(|name| root.get("$defs")?.get(name)) {
            Some(next) => here = next,
            None => return here,
        }
    }
    here
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the library may add to its list")]
fn refused(error: &CompileError) -> SchemaError {
    match error {
        CompileError::ValidationError { src, .. } => {
            let deepest = deepest(src);
            SchemaError {
                pointer: deepest.instance_location.to_string(),
                detail: format!("not a JSON Schema: {}", says(&deepest.kind).1),
            }
        }
        _ => SchemaError {
            pointer: String::new(),
            detail: "not a JSON Schema of draft 2020-12".to_owned(),
        },
    }
}

fn deepest<'e, 's, 'v>(error: &'e ValidationError<'s, 'v>) -> &'e ValidationError<'s, 'v> {
    error
        .causes
        .iter()
        .map(deepest)
        .max_by_key(|cause| cause.instance_location.tokens.len())
        .unwrap_or(error)
}

/// The leaves of the tree of errors; of alternatives only that none fits, for each of them has its own reasons.
fn collect(error: &ValidationError<'_, '_>, errors: &mut Vec<FactError>) {
    let of_alternatives = matches!(error.kind, ErrorKind::AnyOf | ErrorKind::OneOf(_) | ErrorKind::Not);
    if error.causes.is_empty() || of_alternatives {
        let (code, detail) = says(&error.kind);
        errors.push(FactError {
            code,
            pointer: format!("/properties{}", error.instance_location),
            detail,
        });
        return;
    }
    for cause in &error.causes {
        collect(cause, errors);
    }
}

/// The keyword that refused a value, and what it asks for. The value itself is never quoted: it belongs to a user.
#[expect(clippy::wildcard_enum_match_arm, reason = "the library may add to its list")]
fn says(kind: &ErrorKind<'_, '_>) -> (&'static str, String) {
    match kind {
        ErrorKind::Type { got, want } => {
            let wanted: Vec<String> = want.iter().map(|kind| kind.to_string()).collect();
            ("type", format!("must be {}, not {got}", wanted.join(" or ")))
        }
        ErrorKind::Enum { want } => ("enum", format!("must be one of {}", listed(want))),
        ErrorKind::Const { want } => ("const", format!("must be {want}")),
        // Its reader names the field and quotes nothing.
        ErrorKind::Format {
            want: "iata-bcbp", err, ..
        } => ("format", format!("must be an iata-bcbp: {err}")),
        ErrorKind::Format { want, .. } => ("format", format!("must be a {want}")),
        ErrorKind::Required { want } => ("required", format!("must have {}", named(want))),
        ErrorKind::AdditionalProperties { got } => {
            let names: Vec<&str> = got.iter().map(AsRef::as_ref).collect();
            ("additional_properties", format!("has no property {}", named(&names)))
        }
        ErrorKind::MinLength { want, .. } => ("min_length", format!("must have at least {want} characters")),
        ErrorKind::MaxLength { want, .. } => ("max_length", format!("must have at most {want} characters")),
        ErrorKind::Pattern { want, .. } => ("pattern", format!("must match {want}")),
        ErrorKind::Minimum { want, .. } => ("minimum", format!("must be at least {want}")),
        ErrorKind::Maximum { want, .. } => ("maximum", format!("must be at most {want}")),
        ErrorKind::ExclusiveMinimum { want, .. } => ("exclusive_minimum", format!("must be more than {want}")),
        ErrorKind::ExclusiveMaximum { want, .. } => ("exclusive_maximum", format!("must be less than {want}")),
        ErrorKind::MultipleOf { want, .. } => ("multiple_of", format!("must be a multiple of {want}")),
        ErrorKind::MinItems { want, .. } => ("min_items", format!("must have at least {want} items")),
        ErrorKind::MaxItems { want, .. } => ("max_items", format!("must have at most {want} items")),
        ErrorKind::UniqueItems { .. } => ("unique_items", "must not hold one item twice".to_owned()),
        ErrorKind::FalseSchema => ("not_allowed", "must not be given".to_owned()),
        ErrorKind::AnyOf => ("any_of", "fits none of the alternatives".to_owned()),
        ErrorKind::OneOf(None) => ("one_of", "fits none of the alternatives".to_owned()),
        ErrorKind::OneOf(Some(_)) => ("one_of", "fits more than one of the alternatives".to_owned()),
        ErrorKind::Not => ("not", "is what the schema excludes".to_owned()),
        _ => ("schema", "does not satisfy the schema of its type".to_owned()),
    }
}

fn listed(values: &[Value]) -> String {
    values.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn named(names: &[&str]) -> String {
    names
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
#[path = "schema_tests.rs"]
mod tests;
