//! A geofence: a named area with what the business knows about it.

use super::hours::Opening;
use super::index::Shaped;
use super::names::Names;
use super::shape::Shape;
use crate::base::id::FenceId;
use crate::base::time::Timestamp;
use crate::engine::presence::Thresholds;
use chrono_tz::Tz;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A named area of one project.
///
/// There are millions of them, most of them circles with nothing more than names: with the two counts of its `Arc` one takes 120 bytes.
#[derive(Debug, Clone)]
pub struct Geofence {
    pub id: FenceId,
    pub names: Names,
    pub shape: Shape,
    pub time_zone: Option<Tz>,
    /// None where they say nothing; boxed, since few have any.
    pub details: Option<Box<Details>>,
    /// Counts the edits: 1 is as drawn.
    pub version: i64,
    pub updated_at: Timestamp,
}

/// What only some geofences have.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Details {
    pub metadata: Map<String, Value>,
    /// Named sets of hours (`default`, `kitchen`, …) in the zone of the place.
    pub opening_hours: BTreeMap<String, Vec<Opening>>,
    /// Its own; without them those of the project count.
    pub thresholds: Option<Thresholds>,
}

impl Details {
    /// None where they say nothing.
    pub fn boxed(self) -> Option<Box<Self>> {
        (self != Self::default()).then(|| Box::new(self))
    }
}

impl Shaped for Arc<Geofence> {
    fn shape(&self) -> &Shape {
        &self.shape
    }
}

impl Geofence {
    /// What kind of place it is: `hotel`, `airport`, `store`.
    pub fn tag(&self) -> &str {
        self.names.tag()
    }

    pub fn external_id(&self) -> &str {
        self.names.external_id()
    }

    pub fn name(&self) -> &str {
        self.names.name()
    }

    /// Its details, or empty ones.
    pub fn details(&self) -> Details {
        self.details.as_deref().cloned().unwrap_or_default()
    }

    /// Its own rules of presence.
    pub fn thresholds(&self) -> Option<Thresholds> {
        self.details.as_ref()?.thresholds
    }

    /// Its hours under a name, in the zone of the place.
    pub fn opening_hours(&self, name: &str) -> Option<&[Opening]> {
        self.details.as_ref()?.opening_hours.get(name).map(Vec::as_slice)
    }
}
