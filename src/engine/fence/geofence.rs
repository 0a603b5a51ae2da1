//! A geofence: a named area with what the business knows about it.

use super::error::{GeometryCode, GeometryError};
use super::geodesy::Position;
use super::hours::Opening;
use super::index::Shaped;
use super::shape::{Shape, ShapeLimits};
use crate::base::id::FenceId;
use crate::base::time::Timestamp;
use crate::engine::presence::Thresholds;
use chrono_tz::Tz;
use serde_json::{Map, Value, json};
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
    pub shape: Shape,
    pub metadata: Map<String, Value>,
    pub time_zone: Option<Tz>,
    /// Named sets of hours (`default`, `kitchen`, …) in the zone of the place.
    pub opening_hours: BTreeMap<String, Vec<Opening>>,
    /// Its own; boxed, since few have them.
    pub thresholds: Option<Box<Thresholds>>,
    /// Counts the edits: 1 is as drawn.
    pub version: i64,
    pub updated_at: Timestamp,
}

impl Shaped for Arc<Geofence> {
    fn shape(&self) -> &Shape {
        &self.shape
    }
}

/// A circle as it is stored; every other shape is stored as GeoJSON.
const CIRCLE: &str = "Circle";

impl Geofence {
    /// The shape as it is stored: GeoJSON, or `{"type": "Circle", "center": [lng, lat], "radius_m": …}`.
    pub fn shape_to_stored(shape: &Shape) -> Value {
        match shape {
            Shape::Circle(circle) => {
                let center = circle.center();
                json!({ "type": CIRCLE, "center": [center.lng, center.lat], "radius_m": circle.radius_m() })
            }
            Shape::Area(_) => shape.to_geojson(),
        }
    }

    /// Reads [`Geofence::shape_to_stored`] back, and nothing else: it was checked when it was saved.
    pub fn shape_from_stored(stored: &Value, limits: &ShapeLimits) -> Result<Shape, GeometryError> {
        if stored.get("type").and_then(Value::as_str) != Some(CIRCLE) {
            return Shape::from_stored_geojson(stored, limits);
        }
        let number = |value: Option<&Value>| value.and_then(Value::as_f64).unwrap_or(f64::NAN);
        let center = stored.get("center");
        let (lng, lat) = (
            number(center.and_then(|at| at.get(0))),
            number(center.and_then(|at| at.get(1))),
        );
        let position = Position::new(lat, lng).map_err(|error| GeometryError {
            code: GeometryCode::InvalidPosition,
            pointer: "/center".to_owned(),
            detail: error.to_string(),
            hint: "longitude first, then latitude".to_owned(),
        })?;
        Shape::circle(position, number(stored.get("radius_m")), limits)
    }
}
