//! A shape as it is stored: a text that was written here of a shape that was valid, and is read back fast.

use super::build::{Drawn, stored_area_of};
use super::error::{GeometryCode, GeometryError};
use super::geodesy::Position;
use super::shape::{Shape, ShapeLimits};
use geo::Coord;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// The text of a shape: GeoJSON, or `{"type": "Circle", "center": [lng, lat], "radius_m": …}`, since GeoJSON has no circles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredShape(String);

const CIRCLE: &str = "Circle";

type Rings = Vec<Vec<[f64; 2]>>;

#[derive(Deserialize)]
struct Circular {
    center: [f64; 2],
    radius_m: f64,
}

/// `T`: [`Rings`] of one polygon, or of several.
#[derive(Deserialize)]
struct Coordinates<T> {
    coordinates: T,
}

impl From<String> for StoredShape {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl StoredShape {
    pub fn of(shape: &Shape) -> Self {
        let stored = match shape {
            Shape::Circle(circle) => {
                let center = circle.center();
                json!({ "type": CIRCLE, "center": [center.lng, center.lat], "radius_m": circle.radius_m() })
            }
            Shape::Area(_) => shape.to_geojson(),
        };
        Self(stored.to_string())
    }

    pub fn text(&self) -> &str {
        &self.0
    }

    /// The shape it is of. What was looked for when it was saved is not looked for again: rings that cross, above all.
    ///
    /// # Errors
    /// It was not written here.
    pub fn shape(&self) -> Result<Shape, GeometryError> {
        let polygons: Vec<Rings> = match self.kind() {
            CIRCLE => {
                let Circular {
                    center: [lng, lat],
                    radius_m,
                } = read(&self.0)?;
                return Shape::circle(Position { lat, lng }, radius_m, &ShapeLimits::default());
            }
            "Polygon" => vec![read::<Coordinates<Rings>>(&self.0)?.coordinates],
            "MultiPolygon" => read::<Coordinates<Vec<Rings>>>(&self.0)?.coordinates,
            kind => return Err(strange(format!("{kind:?} is no type of a stored shape"))),
        };
        if polygons.is_empty() {
            return Err(strange("it has no polygons".to_owned()));
        }
        let drawn: Vec<Drawn> = polygons.iter().map(drawn).collect::<Result<_, _>>()?;
        stored_area_of(&drawn).map(|area| Shape::Area(Box::new(area)))
    }

    /// Members are written in the order of their names, so the type is the last one; who asks for it before the rest need not
    /// make a tree of values of a hundred thousand corners, which weighs twenty times as much as they do.
    fn kind(&self) -> &str {
        let (_, kind) = self.0.rsplit_once("\"type\":\"").unwrap_or_default();
        kind.trim_end_matches("\"}")
    }

    /// For a map: plain GeoJSON; of a circle its centre, and its radius in metres.
    pub fn geometry(&self) -> (Value, Option<f64>) {
        let stored: Value = serde_json::from_str(&self.0).unwrap_or_default();
        match stored.get("radius_m").and_then(Value::as_f64) {
            Some(radius_m) => {
                let center = stored.get("center").cloned().unwrap_or_default();
                (json!({ "type": "Point", "coordinates": center }), Some(radius_m))
            }
            None => (stored, None),
        }
    }
}

fn read<T: DeserializeOwned>(text: &str) -> Result<T, GeometryError> {
    serde_json::from_str(text).map_err(|error| strange(error.to_string()))
}

fn drawn(rings: &Rings) -> Result<Drawn, GeometryError> {
    let position = |&[x, y]: &[f64; 2]| {
        let at = Position::new(y, x).map_err(|error| strange(error.to_string()))?;
        Ok(Coord { x: at.lng, y: at.lat })
    };
    let ring = |ring: &Vec<[f64; 2]>| ring.iter().map(position).collect::<Result<_, _>>();
    Ok(Drawn {
        base: "/coordinates".to_owned(),
        rings: rings.iter().map(ring).collect::<Result<_, _>>()?,
    })
}

fn strange(detail: String) -> GeometryError {
    GeometryError::new(GeometryCode::InvalidMember, "", detail, "save the geofence again")
}

#[cfg(test)]
#[path = "stored_tests.rs"]
mod tests;
