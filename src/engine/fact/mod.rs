//! Facts: typed, versioned records of the business about its users (a stay, a flight, an order).

use crate::base::id::UserId;
use crate::base::time::Timestamp;
use crate::engine::pass::{PASS_LINK, makes_pass};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fmt;
use utoipa::ToSchema;

mod builtin;
mod kind;
mod schema;

pub use builtin::builtin;
pub use kind::{FactError, FactType};
pub use schema::{FactSchema, SchemaError, resolved};

/// Names one fact of a project.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
pub struct FactRef {
    #[serde(rename = "type")]
    pub kind: String,
    pub key: String,
}

impl fmt::Display for FactRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind, self.key)
    }
}

/// Where a fact is in its life.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Lifecycle {
    #[default]
    Active,
    /// It came to its end: the guest left, the flight landed.
    Ended,
    /// It will not happen.
    Cancelled,
}

/// One version of a fact.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Fact {
    #[serde(flatten)]
    pub id: FactRef,
    /// Counts the versions: a lower one than the stored is ignored, the same one is a repeat.
    pub seq: i64,
    pub subjects: Vec<UserId>,
    pub lifecycle: Lifecycle,
    pub valid_from: Option<DateTime<Utc>>,
    pub valid_to: Option<DateTime<Utc>>,
    /// Property names that must not be read by a provider or a passer-by.
    #[serde(default)]
    pub sensitive: Vec<String>,
    #[schema(value_type = Object)]
    pub properties: Map<String, Value>,
    /// When this version arrived.
    pub changed_at: DateTime<Utc>,
}

impl Fact {
    /// May triggers speak of it now? From the instant `valid_from` on, up to but not including `valid_to`: at both it turns,
    /// so that whoever wakes at one of them sees the new answer.
    pub fn is_active(&self, now: Timestamp) -> bool {
        self.lifecycle == Lifecycle::Active
            && self.valid_from.is_none_or(|from| from <= now)
            && self.valid_to.is_none_or(|to| now < to)
    }

    /// Does it hold what a pass is made from? What was cancelled opens nothing.
    pub fn has_pass(&self) -> bool {
        self.lifecycle != Lifecycle::Cancelled && makes_pass(&self.properties)
    }

    /// When the passing of time alone next changes [`Fact::is_active`].
    pub fn turns_at(&self, now: Timestamp) -> Option<Timestamp> {
        [self.valid_from, self.valid_to]
            .into_iter()
            .flatten()
            .filter(|at| *at > now)
            .min()
    }

    /// What conditions and templates see: the properties, the key, and with a pass that it can be linked to. The link itself
    /// is made when a phone fetches the message; the engine only says for which pass.
    pub fn scene(&self) -> Value {
        let mut fields = self.properties.clone();
        fields.insert("key".into(), Value::String(self.id.key.clone()));
        if self.has_pass() {
            fields.insert(PASS_LINK.into(), Value::String(self.id.to_string()));
        } else {
            fields.remove(PASS_LINK);
        }
        Value::Object(fields)
    }
}

/// What became of a fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Becomes {
    Created,
    Changed,
    Ended,
}

/// The properties that differ between two versions, sorted.
pub fn changed_fields(before: &Map<String, Value>, after: &Map<String, Value>) -> Vec<String> {
    let mut names: Vec<String> = before
        .keys()
        .chain(after.keys())
        .filter(|name| before.get(*name) != after.get(*name))
        .cloned()
        .collect();
    names.sort();
    names.dedup();
    names
}
