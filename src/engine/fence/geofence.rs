//! A geofence: a named area with what the business knows about it.

use super::hours::Opening;
use super::shape::Shape;
use crate::base::id::FenceId;
use crate::base::time::Timestamp;
use crate::engine::presence::Thresholds;
use chrono_tz::Tz;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A named area of one project.
#[derive(Debug, Clone)]
pub struct Geofence {
    pub id: FenceId,
    pub name: String,
    /// What kind of place it is: `hotel`, `airport`, `store`. With `external_id` it names the fence to the business.
    pub tag: String,
    pub external_id: String,
    pub shape: Arc<Shape>,
    pub metadata: Map<String, Value>,
    pub time_zone: Option<Tz>,
    /// Named sets of hours (`default`, `kitchen`, …) in the zone of the place.
    pub opening_hours: BTreeMap<String, Vec<Opening>>,
    pub thresholds: Option<Thresholds>,
    /// Counts the edits: 1 is as drawn.
    pub version: i64,
    pub updated_at: Timestamp,
}
