//! What a fence is made of: a circle or an area, within limits, and the questions asked of either.

use super::area::Area;
use super::build::{Drawn, area_of};
use super::error::{GeometryCode, GeometryError};
use super::geodesy::{Position, RADIUS_MIN_M, distance_m};
use super::geojson;
use super::ring::Extent;
use crate::base::limits;
use geo::{Coord, Destination, Geodesic, Point};
use serde_json::{Value, json};

/// How many corners the drawing of a circle has.
const OUTLINE_CORNERS: u32 = 64;

/// What a geometry may cost. The defaults are those of the house (DESIGN 5.5, RELIABILITY C1).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ShapeLimits {
    /// Most positions of one geometry.
    pub vertices_max: usize,
    /// Most bytes of the text of one geometry.
    pub bytes_max: usize,
    /// Deepest nesting of a text.
    pub depth_max: usize,
    /// Smallest radius of a circle in metres: below a metre no phone can tell inside from outside.
    pub radius_m_min: f64,
    /// Largest radius of a circle in metres.
    pub radius_m_max: f64,
    /// Most bytes of a collection to import; its JSON takes up to 16 times that in memory while it is read.
    pub collection_bytes_max: usize,
    /// Most features of a collection to import.
    pub features_max: usize,
}

impl Default for ShapeLimits {
    fn default() -> Self {
        Self {
            vertices_max: limits::FENCE_VERTICES_MAX,
            bytes_max: limits::FENCE_BYTES_MAX,
            depth_max: limits::JSON_DEPTH_MAX,
            radius_m_min: limits::FENCE_RADIUS_M_MIN,
            radius_m_max: limits::FENCE_RADIUS_M_MAX,
            collection_bytes_max: limits::IMPORT_BYTES_MAX,
            features_max: limits::FEATURES_PER_IMPORT_MAX,
        }
    }
}

/// A box of latitudes and longitudes in degrees that does not cross the antimeridian; its borders belong to it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    /// Lowest latitude.
    pub south: f64,
    /// Highest latitude.
    pub north: f64,
    /// Lowest longitude, at least -180.
    pub west: f64,
    /// Highest longitude, at most 180.
    pub east: f64,
}

/// All places within a distance of a centre, measured along the geodesic.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Circle {
    center: Position,
    radius_m: f64,
}

impl Circle {
    /// The centre.
    pub fn center(&self) -> Position {
        self.center
    }

    /// The radius in metres.
    pub fn radius_m(&self) -> f64 {
        self.radius_m
    }

    /// A box that holds the circle, a little larger than it, in longitudes that run on over 180: the angle is taken on the
    /// smallest sphere that touches the ellipsoid.
    pub(super) fn extent(&self) -> Extent {
        let angle = (self.radius_m / RADIUS_MIN_M * 1.001).to_degrees();
        let (south, north) = (
            (self.center.lat - angle).max(-90.0),
            (self.center.lat + angle).min(90.0),
        );
        // The widest longitude of a small circle: sin(width) = sin(angle) / cos(lat).
        let sin = angle.to_radians().sin() / self.center.lat.to_radians().cos();
        let (west, east) = if south <= -90.0 || north >= 90.0 || sin >= 1.0 {
            (-180.0, 180.0)
        } else {
            let width = sin.asin().to_degrees() * 1.001 + 1e-9;
            (self.center.lng - width, self.center.lng + width)
        };
        Extent {
            min: Coord { x: west, y: south },
            max: Coord { x: east, y: north },
        }
    }

    /// The circle as a ring of 64 corners for maps, cut at the antimeridian.
    fn outline(&self) -> Value {
        let center = Point::new(self.center.lng, self.center.lat);
        let corner = |number: u32| {
            let bearing = -360.0 * f64::from(number % OUTLINE_CORNERS) / f64::from(OUTLINE_CORNERS);
            let at = Geodesic.destination(center, bearing, self.radius_m);
            Coord {
                x: at.x().clamp(-180.0, 180.0),
                y: at.y().clamp(-90.0, 90.0),
            }
        };
        let ring = (0..=OUTLINE_CORNERS).map(corner).collect();
        // Corners of a circle a few centimetres wide may fall together; then its centre is all there is to draw.
        area_of(&[Drawn {
            base: String::new(),
            rings: vec![ring],
        }])
        .map_or_else(
            |_| json!({ "type": "Point", "coordinates": [center.x(), center.y()] }),
            |area| area.to_geojson(),
        )
    }
}

/// The geometry of a geofence.
#[derive(Clone, Debug)]
pub enum Shape {
    /// A centre and a radius.
    Circle(Circle),
    /// One or more polygons with holes; boxed, since most geofences are circles and need not weigh as much.
    Area(Box<Area>),
}

impl Shape {
    /// A circle; the radius in metres must lie within the limits.
    pub fn circle(center: Position, radius_m: f64, limits: &ShapeLimits) -> Result<Self, GeometryError> {
        if let Err(error) = Position::new(center.lat, center.lng) {
            return Err(GeometryError::new(
                GeometryCode::InvalidPosition,
                "/coordinates",
                error.to_string(),
                "give the centre as latitude and longitude in degrees",
            ));
        }
        if !(limits.radius_m_min..=limits.radius_m_max).contains(&radius_m) {
            return Err(GeometryError::new(
                GeometryCode::RadiusOutOfRange,
                "/radius_m",
                format!("the radius is {radius_m} m"),
                format!(
                    "give a radius from {} to {} metres",
                    limits.radius_m_min, limits.radius_m_max
                ),
            ));
        }
        Ok(Self::Circle(Circle { center, radius_m }))
    }

    /// A `Polygon` or `MultiPolygon` of RFC 7946. Rings may be wound either way, repeat positions, carry altitudes, and cross the
    /// antimeridian (by a jump, or by longitudes up to 360); a ring round a pole bounds the smaller of its two sides.
    ///
    /// # Errors
    /// The first thing wrong, with a JSON pointer into the geometry.
    ///
    /// ```
    /// use usher::engine::fence::{Position, Shape, ShapeLimits};
    /// let square = serde_json::json!({ "type": "Polygon", "coordinates": [[[0, 0], [2, 0], [2, 2], [0, 2], [0, 0]]] });
    /// let shape = Shape::from_geojson(&square, &ShapeLimits::default())?;
    /// assert!(shape.contains(Position { lat: 1.0, lng: 2.0 }), "edges count as inside");
    /// # Ok::<(), usher::engine::fence::GeometryError>(())
    /// ```
    pub fn from_geojson(geometry: &Value, limits: &ShapeLimits) -> Result<Self, GeometryError> {
        area_of(&geojson::polygons_of(geometry, limits)?).map(|area| Self::Area(Box::new(area)))
    }

    /// The same from text, which is measured before it is parsed.
    pub fn from_geojson_text(text: &[u8], limits: &ShapeLimits) -> Result<Self, GeometryError> {
        Self::from_geojson(&geojson::parse(text, limits.bytes_max, limits.depth_max)?, limits)
    }

    /// `GeoJSON` cut at the antimeridian: an area as polygons; a circle as its centre, since the format knows no radius.
    pub fn to_geojson(&self) -> Value {
        match self {
            Self::Circle(circle) => {
                json!({ "type": "Point", "coordinates": [circle.center.lng, circle.center.lat] })
            }
            Self::Area(area) => area.to_geojson(),
        }
    }

    /// `GeoJSON` polygons to draw on a map: an area as it is, a circle with 64 corners.
    pub fn outline(&self) -> Value {
        match self {
            Self::Circle(circle) => circle.outline(),
            Self::Area(area) => area.to_geojson(),
        }
    }

    /// Whether a place lies inside; edges count as inside.
    pub fn contains(&self, p: Position) -> bool {
        match self {
            Self::Circle(circle) => distance_m(circle.center, p) <= circle.radius_m,
            Self::Area(area) => area.contains(p),
        }
    }

    /// Metres to the edge, positive inside: within 0.05 % of the geodesic below 100 km. Never of the other sign than
    /// [`Shape::contains`] says.
    pub fn signed_distance_m(&self, p: Position) -> f64 {
        match self {
            Self::Circle(circle) => circle.radius_m - distance_m(circle.center, p),
            Self::Area(area) => {
                let distance = area.edge_distance_m(p);
                if area.contains(p) { distance } else { -distance }
            }
        }
    }

    /// [`Shape::signed_distance_m`] where the edge is nearer than this many metres; where it is not, any distance of at least as
    /// many with the right sign, which saves measuring thousands of edges that are far away. `holds`: [`Shape::contains`], which
    /// the index knows.
    pub fn signed_distance_up_to_m(&self, p: Position, most_m: f64, holds: bool) -> f64 {
        match self {
            Self::Circle(_) => self.signed_distance_m(p),
            Self::Area(area) => {
                let distance = area.edge_distance_up_to_m(p, most_m);
                if holds { distance } else { -distance }
            }
        }
    }

    /// The radius of the circle of the same area in metres (DESIGN 5.4).
    pub fn effective_radius_m(&self) -> f64 {
        match self {
            Self::Circle(circle) => circle.radius_m,
            Self::Area(area) => (area.area_m2().max(0.0) / std::f64::consts::PI).sqrt(),
        }
    }

    /// Boxes that hold the shape, one per part and two for a part that crosses the antimeridian.
    pub fn bounds(&self) -> Vec<Bounds> {
        match self {
            Self::Circle(circle) => super::area::boxes_of(circle.extent()),
            Self::Area(area) => area.bounds(),
        }
    }

    /// How many positions the shape has; a circle has one.
    pub fn vertices(&self) -> usize {
        match self {
            Self::Circle(_) => 1,
            Self::Area(area) => area.vertices(),
        }
    }
}

#[cfg(test)]
#[path = "shape_tests.rs"]
mod tests;
