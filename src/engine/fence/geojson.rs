//! The polygons of a `GeoJSON` geometry, read strictly and refused with the place of the fault (RFC 7946).

use super::build::Drawn;
use super::error::{GeometryCode, GeometryError};
use super::shape::ShapeLimits;
use geo::Coord;
use serde_json::{Map, Value};

/// Longitudes beyond this are not a ring that runs on over the antimeridian, but a mistake.
const LNG_MAX: f64 = 360.0;

/// Parses JSON that is neither too long nor nested too deep, both of which are looked at before anything is built.
pub(super) fn parse(text: &[u8], bytes_max: usize, depth_max: usize) -> Result<Value, GeometryError> {
    if text.len() > bytes_max {
        return Err(GeometryError::new(
            GeometryCode::TooLarge,
            "",
            format!("the text has {} bytes", text.len()),
            format!("send at most {bytes_max} bytes; simplify the outline or send several fences"),
        ));
    }
    if depth_of(text) > depth_max {
        return Err(GeometryError::new(
            GeometryCode::TooDeep,
            "",
            format!("the text nests deeper than {depth_max} levels"),
            "send plain GeoJSON; a MultiPolygon in a collection has 9 levels",
        ));
    }
    serde_json::from_slice(text).map_err(|error| {
        GeometryError::new(
            GeometryCode::InvalidJson,
            "",
            error.to_string(),
            "send a JSON text in UTF-8",
        )
    })
}

/// How deep brackets nest outside strings.
fn depth_of(text: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0_usize);
    let (mut in_string, mut escaped) = (false, false);
    for byte in text {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'[' | b'{' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// The name of what a value is, for messages.
pub(super) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// The members of a `GeoJSON` object and its `type`.
pub(super) fn object_of(value: &Value) -> Result<(&Map<String, Value>, &str), GeometryError> {
    let Some(object) = value.as_object() else {
        return Err(GeometryError::new(
            GeometryCode::InvalidMember,
            "",
            format!("{} stands where a GeoJSON object is needed", kind_of(value)),
            "give an object with a type",
        ));
    };
    match object.get("type") {
        Some(Value::String(name)) => Ok((object, name)),
        None => Err(GeometryError::new(
            GeometryCode::MissingMember,
            "/type",
            "the object has no type",
            "give a type such as Polygon, Feature or FeatureCollection",
        )),
        Some(other) => Err(GeometryError::new(
            GeometryCode::InvalidMember,
            "/type",
            format!("the type is {}", kind_of(other)),
            "give a type such as Polygon, Feature or FeatureCollection",
        )),
    }
}

/// Refuses a `crs` that names anything but WGS84; the old standard allowed it, RFC 7946 does not.
pub(super) fn check_crs(object: &Map<String, Value>) -> Result<(), GeometryError> {
    let Some(crs) = object.get("crs").filter(|crs| !crs.is_null()) else {
        return Ok(());
    };
    let name = crs
        .pointer("/properties/name")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if name.ends_with("CRS84") || name.ends_with("EPSG::4326") || name.ends_with("EPSG:4326") {
        return Ok(());
    }
    Err(GeometryError::new(
        GeometryCode::UnsupportedCrs,
        "/crs",
        format!("the coordinates are said to be in {name:?}"),
        "convert them to WGS84 longitude and latitude and leave crs out",
    ))
}

/// The polygons of a `Polygon` or `MultiPolygon`, every position checked.
pub(super) fn polygons_of(geometry: &Value, limits: &ShapeLimits) -> Result<Vec<Drawn>, GeometryError> {
    if geometry.is_null() {
        return Err(GeometryError::new(
            GeometryCode::NullGeometry,
            "",
            "the geometry is null",
            "give a Polygon, a MultiPolygon, or a Point with a radius",
        ));
    }
    let (object, name) = object_of(geometry)?;
    check_crs(object)?;
    check_type(name)?;
    let Some(coordinates) = object.get("coordinates") else {
        return Err(GeometryError::new(
            GeometryCode::MissingMember,
            "/coordinates",
            "the geometry has no coordinates",
            "give the rings of the polygon as coordinates",
        ));
    };
    let mut reader = Reader {
        left: limits.vertices_max,
        limits,
    };
    let polygons = if name == "Polygon" {
        vec![reader.polygon(coordinates, "/coordinates".to_owned())?]
    } else {
        let all = array_of(coordinates, "/coordinates", "polygons")?;
        all.iter()
            .enumerate()
            .map(|(number, polygon)| reader.polygon(polygon, format!("/coordinates/{number}")))
            .collect::<Result<_, _>>()?
    };
    if polygons.iter().all(|polygon| polygon.rings.is_empty()) {
        return Err(GeometryError::new(
            GeometryCode::EmptyGeometry,
            "/coordinates",
            "the geometry has no rings",
            "give at least one ring of four positions",
        ));
    }
    Ok(polygons)
}

fn check_type(name: &str) -> Result<(), GeometryError> {
    let unsupported =
        |detail: String, hint: &str| Err(GeometryError::new(GeometryCode::UnsupportedType, "/type", detail, hint));
    match name {
        "Polygon" | "MultiPolygon" => Ok(()),
        "Point" => Err(GeometryError::new(
            GeometryCode::PointNeedsRadius,
            "",
            "a point alone encloses nothing",
            "give a radius in metres with it (property radius_m of a Feature) to make a circle",
        )),
        "GeometryCollection" => unsupported(
            "a GeometryCollection cannot be a fence".to_owned(),
            "send its polygons as one MultiPolygon, or as features of a FeatureCollection",
        ),
        "LineString" | "MultiLineString" | "MultiPoint" => unsupported(
            format!("a {name} encloses nothing"),
            "draw a Polygon around it, or give circles as Points with a radius",
        ),
        "Feature" | "FeatureCollection" => unsupported(
            format!("a {name} is not a geometry"),
            "send its geometry here, or the whole of it to the import",
        ),
        other => unsupported(
            format!("{other:?} is not a GeoJSON geometry"),
            "use Polygon or MultiPolygon, spelt exactly so",
        ),
    }
}

fn array_of<'a>(value: &'a Value, pointer: &str, of: &str) -> Result<&'a Vec<Value>, GeometryError> {
    value.as_array().ok_or_else(|| {
        GeometryError::new(
            GeometryCode::InvalidCoordinates,
            pointer,
            format!("{} stands where an array of {of} is needed", kind_of(value)),
            "nest a Polygon as [ring, ...] and a MultiPolygon as [[ring, ...], ...], a ring as [[lng, lat], ...]",
        )
    })
}

/// Reads positions and counts them against the limit.
struct Reader<'a> {
    left: usize,
    limits: &'a ShapeLimits,
}

impl Reader<'_> {
    fn polygon(&mut self, value: &Value, base: String) -> Result<Drawn, GeometryError> {
        let mut rings = Vec::new();
        for (number, ring) in array_of(value, &base, "rings")?.iter().enumerate() {
            rings.push(self.ring(ring, &format!("{base}/{number}"))?);
        }
        Ok(Drawn { base, rings })
    }

    fn ring(&mut self, value: &Value, base: &str) -> Result<Vec<Coord<f64>>, GeometryError> {
        let positions = array_of(value, base, "positions")?;
        if positions.len() > self.left {
            return Err(GeometryError::new(
                GeometryCode::TooManyVertices,
                base,
                format!("the geometry has more than {} positions", self.limits.vertices_max),
                "simplify the outline or draw it as several fences",
            ));
        }
        self.left -= positions.len();
        positions
            .iter()
            .enumerate()
            .map(|(number, value)| match sound_position(value) {
                Some(at) => Ok(at),
                None => position_of(value, &format!("{base}/{number}")),
            })
            .collect()
    }
}

/// The position that nothing is wrong with. Asked first, since the words for what may be wrong cost more than the reading.
fn sound_position(value: &Value) -> Option<Coord<f64>> {
    let numbers = value
        .as_array()
        .filter(|numbers| numbers.iter().all(Value::is_number))?;
    let (x, y) = (numbers.first()?.as_f64()?, numbers.get(1)?.as_f64()?);
    (x.abs() <= LNG_MAX && y.abs() <= 90.0).then_some(Coord { x, y })
}

/// A position as longitude (x) and latitude (y); altitude and whatever follows is left out.
pub(super) fn position_of(value: &Value, pointer: &str) -> Result<Coord<f64>, GeometryError> {
    let bad = |detail: String| {
        GeometryError::new(
            GeometryCode::InvalidPosition,
            pointer,
            detail,
            "give positions as [longitude, latitude] in degrees",
        )
    };
    let Some(numbers) = value.as_array() else {
        return Err(GeometryError {
            code: GeometryCode::InvalidCoordinates,
            ..bad(format!("{} stands where a position is needed", kind_of(value)))
        });
    };
    if let Some(odd) = numbers.iter().find(|number| !number.is_number()) {
        let nested = odd.is_array();
        let error = bad(format!("the position holds {}", kind_of(odd)));
        return Err(if nested {
            GeometryError {
                code: GeometryCode::InvalidCoordinates,
                ..error
            }
        } else {
            error
        });
    }
    let (Some(lng), Some(lat)) = (
        numbers.first().and_then(Value::as_f64),
        numbers.get(1).and_then(Value::as_f64),
    ) else {
        return Err(bad(format!("the position has {} numbers", numbers.len())));
    };
    if lat.abs() > 90.0 || !lat.is_finite() {
        let swapped = lat.abs() <= 180.0 && lng.abs() <= 90.0;
        let hint = if swapped {
            "lat and lng look swapped: GeoJSON wants [longitude, latitude]"
        } else {
            "give WGS84 degrees as [longitude, latitude]; metres of a map projection must be converted first"
        };
        let detail = format!("latitude {lat} is not between -90 and 90");
        return Err(GeometryError::new(
            GeometryCode::LatitudeOutOfRange,
            pointer,
            detail,
            hint,
        ));
    }
    if lng.abs() > LNG_MAX || !lng.is_finite() {
        return Err(GeometryError::new(
            GeometryCode::LongitudeOutOfRange,
            pointer,
            format!("longitude {lng} is beyond 360 degrees"),
            "give WGS84 degrees as [longitude, latitude]; metres of a map projection must be converted first",
        ));
    }
    Ok(Coord { x: lng, y: lat })
}

#[cfg(test)]
#[path = "geojson_tests.rs"]
mod tests;
