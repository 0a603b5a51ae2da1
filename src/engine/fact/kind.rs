//! What a project says about all facts of one type, and what that means for one fact.

use super::schema::resolved;
use super::{Fact, Lifecycle};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// What a project says about all facts of one type.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FactType {
    /// The name of the type, such as `stay`.
    #[serde(rename = "type")]
    #[schema(min_length = 1, max_length = 128)]
    pub kind: String,
    /// JSON Schema (draft 2020-12) that the properties of every version must satisfy; anything goes without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub schema: Option<Value>,
    /// Properties that are sensitive in every fact of this type, whatever the fact itself says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 100)]
    pub sensitive: Vec<String>,
    /// What a value of the property `status` means for the life of the fact: `checked_out` -> `ended`. Other values leave it as
    /// the fact says.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub statuses: BTreeMap<String, Lifecycle>,
}

/// One way in which a fact contradicts its type.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FactError {
    /// JSON pointer into the fact, at or below `/properties`.
    pub pointer: String,
    /// Stable, `snake_case`: the keyword of the schema that refused it.
    pub code: &'static str,
    pub detail: String,
}

impl FactType {
    /// Marks what is sensitive in every fact of the type, and reads the life of the fact from its status unless the fact
    /// itself says that it is over.
    pub fn apply(&self, fact: &mut Fact) {
        for name in &self.sensitive {
            if !fact.sensitive.contains(name) {
                fact.sensitive.push(name.clone());
            }
        }
        let status = fact.properties.get("status").and_then(Value::as_str);
        if let (Lifecycle::Active, Some(meant)) = (fact.lifecycle, status.and_then(|status| self.statuses.get(status)))
        {
            fact.lifecycle = *meant;
        }
    }

    /// The values a field may have, where the schema lists them: what is compared with any other can never be true. The field
    /// may be dotted: `address.country`.
    pub fn allowed(&self, field: &str) -> Option<Vec<Value>> {
        let root = self.schema.as_ref()?;
        let mut schema = resolved(root, root);
        for name in field.split('.') {
            schema = resolved(root, schema.get("properties")?.get(name)?);
        }
        match (schema.get("enum"), schema.get("const")) {
            (Some(Value::Array(values)), _) => Some(values.clone()),
            (_, Some(only)) => Some(vec![only.clone()]),
            _ => None,
        }
    }
}
