//! Geofences on the wire: what a business sends, what it is given back, and the row in between.

use super::fields;
use super::problem::{ErrorCode, FieldError, Problem};
use crate::base::id::{FenceId, ProjectId};
use crate::base::limits;
use crate::base::time::Timestamp;
use crate::engine::fence::hours::Opening;
use crate::engine::fence::{GeometryError, Position, Shape, ShapeLimits, StoredShape};
use crate::engine::presence::Thresholds;
use crate::store::{FenceRow, Upserted};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A named area: a circle (`center` and `radius_m`, or a GeoJSON Point and `radius_m`) or GeoJSON polygons.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GeofenceBody {
    #[schema(min_length = 1, max_length = 128)]
    pub name: String,
    /// What kind of place it is: `hotel`, `airport`. With `external_id` it names the geofence.
    #[schema(min_length = 1, max_length = 128)]
    pub tag: String,
    #[schema(min_length = 1, max_length = 128)]
    pub external_id: String,
    /// A GeoJSON Polygon or `MultiPolygon` of at most 10,000 positions, or a Point with `radius_m`.
    #[schema(value_type = Option<Object>)]
    pub geometry: Option<Value>,
    pub center: Option<Center>,
    /// Metres.
    #[schema(minimum = 1, maximum = 1_000_000)]
    pub radius_m: Option<f64>,
    #[serde(default)]
    #[schema(value_type = Object)]
    pub metadata: Map<String, Value>,
    /// IANA name of the place's own zone.
    #[schema(max_length = 64)]
    pub time_zone: Option<String>,
    /// Named sets of hours (`default`, `kitchen`, …) in the zone of the place.
    #[serde(default)]
    pub opening_hours: BTreeMap<String, Vec<Opening>>,
    pub thresholds: Option<Thresholds>,
}

/// A point on WGS84, in degrees.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Center {
    #[schema(minimum = -90, maximum = 90)]
    pub lat: f64,
    #[schema(minimum = -180, maximum = 180)]
    pub lng: f64,
}

/// A geofence as it is stored.
#[derive(Debug, Serialize, ToSchema)]
pub struct GeofenceView {
    pub id: FenceId,
    pub name: String,
    pub tag: String,
    pub external_id: String,
    /// GeoJSON: a Point (with `radius_m` beside it), a Polygon or a `MultiPolygon`.
    #[schema(value_type = Object)]
    pub geometry: Value,
    /// Metres; with a Point.
    pub radius_m: Option<f64>,
    #[schema(value_type = Object)]
    pub metadata: Map<String, Value>,
    #[schema(value_type = Option<String>)]
    pub time_zone: Option<Tz>,
    pub opening_hours: BTreeMap<String, Vec<Opening>>,
    pub thresholds: Option<Thresholds>,
    /// Counts the edits: 1 is as drawn.
    pub version: i64,
    pub updated_at: DateTime<Utc>,
}

/// What became of a geofence that was put.
#[derive(Debug, Serialize, ToSchema)]
pub struct GeofencePut {
    pub id: FenceId,
    pub outcome: Upserted,
    pub version: i64,
}

impl GeofenceView {
    pub fn of(row: FenceRow) -> Self {
        let (geometry, radius_m) = row.shape.geometry();
        Self {
            id: row.id,
            name: row.name,
            tag: row.tag,
            external_id: row.external_id,
            geometry,
            radius_m,
            metadata: row.metadata,
            time_zone: row.time_zone,
            opening_hours: row.opening_hours,
            thresholds: row.thresholds,
            version: row.version,
            updated_at: row.updated_at,
        }
    }
}

impl GeofenceBody {
    /// Checks every bound and reads the geometry; costs up to some milliseconds for many vertices.
    pub fn row(self, project_id: ProjectId, id: FenceId, now: Timestamp) -> Result<FenceRow, Problem> {
        let shape = self.shape()?;
        row(
            Described {
                shape: &shape,
                body: self,
            },
            project_id,
            id,
            now,
        )
    }

    fn shape(&self) -> Result<Shape, Problem> {
        let limits = ShapeLimits::default();
        match (&self.geometry, self.center, self.radius_m) {
            (None, Some(center), Some(radius_m)) => circle(center.lat, center.lng, radius_m, "/center"),
            (None, Some(_), None) => Err(Problem::field("/radius_m", "a centre needs a radius in metres")),
            (Some(geometry), None, Some(radius_m)) => {
                let point = geometry.get("coordinates").and_then(Value::as_array);
                let number = |index: usize| point.and_then(|point| point.get(index)).and_then(Value::as_f64);
                match (geometry.get("type").and_then(Value::as_str), number(0), number(1)) {
                    (Some("Point"), Some(lng), Some(lat)) => circle(lat, lng, radius_m, "/geometry/coordinates"),
                    _ => Err(Problem::field(
                        "/radius_m",
                        "goes with a centre or a Point of two numbers only",
                    )),
                }
            }
            (Some(geometry), None, None) => {
                Shape::from_geojson(geometry, &limits).map_err(|error| geometry_problem(&error.under("/geometry")))
            }
            _ => Err(Problem::field(
                "/geometry",
                "give either `geometry`, or `center` and `radius_m`",
            )),
        }
    }
}

fn circle(lat: f64, lng: f64, radius_m: f64, pointer: &str) -> Result<Shape, Problem> {
    let center = Position::new(lat, lng).map_err(|error| Problem::field(pointer, error.to_string()))?;
    Shape::circle(center, radius_m, &ShapeLimits::default()).map_err(|error| geometry_problem(&error))
}

/// A fence with its shape read.
pub struct Described<'a> {
    pub shape: &'a Shape,
    pub body: GeofenceBody,
}

/// The row of a fence whose shape is read already.
pub fn row(
    Described { shape, body }: Described<'_>,
    project_id: ProjectId,
    id: FenceId,
    now: Timestamp,
) -> Result<FenceRow, Problem> {
    fields::name("/name", &body.name)?;
    fields::name("/tag", &body.tag)?;
    fields::name("/external_id", &body.external_id)?;
    fields::properties("/metadata", &body.metadata)?;
    let time_zone = fields::time_zone("/time_zone", body.time_zone.as_deref())?;
    let sets = &body.opening_hours;
    if sets.len() > limits::ENTRIES_PER_MAP_MAX || sets.values().any(|set| set.len() > limits::ENTRIES_PER_MAP_MAX) {
        let detail = format!("at most {0} sets of {0} openings", limits::ENTRIES_PER_MAP_MAX);
        return Err(Problem::field("/opening_hours", detail));
    }
    sets.keys().try_for_each(|name| fields::name("/opening_hours", name))?;
    if let Some(thresholds) = &body.thresholds {
        check_thresholds("/thresholds", thresholds)?;
    }
    Ok(FenceRow {
        id,
        project_id,
        name: body.name,
        tag: body.tag,
        external_id: body.external_id,
        shape: StoredShape::of(shape),
        metadata: body.metadata,
        time_zone,
        opening_hours: body.opening_hours,
        thresholds: body.thresholds,
        version: 0,
        updated_at: now,
    })
}

/// Probabilities are between 0 and 1.
pub fn check_thresholds(pointer: &str, thresholds: &Thresholds) -> Result<(), Problem> {
    for (field, value) in [("enter_p", thresholds.enter_p), ("exit_p", thresholds.exit_p)] {
        if !(0.0..=1.0).contains(&value) {
            return Err(Problem::field(format!("{pointer}/{field}"), "must be between 0 and 1"));
        }
    }
    Ok(())
}

pub fn geometry_problem(error: &GeometryError) -> Problem {
    let named = FieldError {
        code: error.code.as_str().to_owned(),
        pointer: error.pointer.clone(),
        detail: error.detail.clone(),
        position: None,
        hint: Some(error.hint.clone()),
    };
    Problem::new(ErrorCode::GeometryInvalid, &error.detail)
        .at(&error.pointer)
        .hint(&error.hint)
        .errors(vec![named])
}
