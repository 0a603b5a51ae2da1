//! Features to import: each becomes the draft of a fence or says why it cannot.

use super::error::{GeometryCode, GeometryError};
use super::geodesy::Position;
use super::geojson::{check_crs, kind_of, object_of, parse, position_of};
use super::shape::{Shape, ShapeLimits};
use serde_json::{Map, Value};

/// A feature that can become a geofence.
#[derive(Clone, Debug)]
pub struct FeatureDraft {
    /// Its place in the collection, from 0.
    pub index: usize,
    /// Its geometry; a Point with a numeric property `radius_m` (or `radius`, in metres) is a circle.
    pub shape: Shape,
    /// Its properties as they were.
    pub properties: Map<String, Value>,
    /// Its id, numbers written out.
    pub id: Option<String>,
}

/// A feature that cannot become a geofence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("feature {index}: {error}")]
pub struct FeatureError {
    /// Its place in the collection, from 0.
    pub index: usize,
    /// Its id where it has one that can be read.
    pub id: Option<String>,
    /// What is wrong; the pointer goes into the whole text.
    pub error: GeometryError,
}

/// Reads a `FeatureCollection`; a single Feature or a bare geometry counts as a collection of one.
///
/// # Errors
/// What is wrong with the text as a whole. What is wrong with single features stands in their places in the list.
pub fn parse_features(
    text: &[u8],
    limits: &ShapeLimits,
) -> Result<Vec<Result<FeatureDraft, FeatureError>>, GeometryError> {
    let value = parse(text, limits.collection_bytes_max, limits.depth_max)?;
    let (object, name) = object_of(&value)?;
    check_crs(object)?;
    match name {
        "FeatureCollection" => collection(object, limits),
        "Feature" => Ok(vec![feature(&value, 0, "", limits)]),
        "Point" | "MultiPoint" | "LineString" | "MultiLineString" | "Polygon" | "MultiPolygon"
        | "GeometryCollection" => {
            let shape = Shape::from_geojson(&value, limits);
            Ok(vec![match shape {
                Ok(shape) => Ok(FeatureDraft {
                    index: 0,
                    shape,
                    properties: Map::new(),
                    id: None,
                }),
                Err(error) => Err(FeatureError {
                    index: 0,
                    id: None,
                    error,
                }),
            }])
        }
        other => Err(GeometryError::new(
            GeometryCode::UnsupportedType,
            "/type",
            format!("{other:?} is not a GeoJSON type"),
            "use FeatureCollection, Feature or a geometry, spelt exactly so",
        )),
    }
}

fn collection(
    object: &Map<String, Value>,
    limits: &ShapeLimits,
) -> Result<Vec<Result<FeatureDraft, FeatureError>>, GeometryError> {
    let hint = "give the features as an array";
    let features = match object.get("features") {
        Some(Value::Array(features)) => features,
        Some(other) => {
            let detail = format!("features is {}", kind_of(other));
            return Err(GeometryError::new(
                GeometryCode::InvalidMember,
                "/features",
                detail,
                hint,
            ));
        }
        None => {
            let detail = "the collection has no features";
            return Err(GeometryError::new(
                GeometryCode::MissingMember,
                "/features",
                detail,
                hint,
            ));
        }
    };
    if features.len() > limits.features_max {
        return Err(GeometryError::new(
            GeometryCode::TooManyFeatures,
            "/features",
            format!("the collection has {} features", features.len()),
            format!("send at most {} at a time", limits.features_max),
        ));
    }
    Ok(features
        .iter()
        .enumerate()
        .map(|(index, value)| feature(value, index, &format!("/features/{index}"), limits))
        .collect())
}

fn feature(value: &Value, index: usize, base: &str, limits: &ShapeLimits) -> Result<FeatureDraft, FeatureError> {
    let id = value.get("id").and_then(readable_id);
    match draft(value, limits) {
        Ok((shape, properties)) => Ok(FeatureDraft {
            index,
            shape,
            properties,
            id,
        }),
        Err(error) => Err(FeatureError {
            index,
            id,
            error: error.under(base),
        }),
    }
}

fn readable_id(id: &Value) -> Option<String> {
    match id {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn draft(value: &Value, limits: &ShapeLimits) -> Result<(Shape, Map<String, Value>), GeometryError> {
    let (object, name) = object_of(value)?;
    if name != "Feature" {
        return Err(GeometryError::new(
            GeometryCode::UnsupportedType,
            "/type",
            format!("{name:?} stands where a Feature is needed"),
            "wrap the geometry in a Feature",
        ));
    }
    check_crs(object)?;
    if let Some(id) = object.get("id").filter(|id| !id.is_null() && readable_id(id).is_none()) {
        return Err(GeometryError::new(
            GeometryCode::InvalidMember,
            "/id",
            format!("the id is {}", kind_of(id)),
            "give a string or a number, or leave it out",
        ));
    }
    let properties = match object.get("properties") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(properties)) => properties.clone(),
        Some(other) => {
            return Err(GeometryError::new(
                GeometryCode::InvalidMember,
                "/properties",
                format!("the properties are {}", kind_of(other)),
                "give an object or null",
            ));
        }
    };
    let Some(geometry) = object.get("geometry") else {
        return Err(GeometryError::new(
            GeometryCode::MissingMember,
            "/geometry",
            "the feature has no geometry",
            "give a Polygon, a MultiPolygon, or a Point with a radius",
        ));
    };
    let shape = shape_of(geometry, &properties, limits)?;
    Ok((shape, properties))
}

fn shape_of(geometry: &Value, properties: &Map<String, Value>, limits: &ShapeLimits) -> Result<Shape, GeometryError> {
    let is_point = geometry.get("type").and_then(Value::as_str) == Some("Point");
    let radius = ["radius_m", "radius"]
        .into_iter()
        .find_map(|key| properties.get(key).map(|value| (key, value)));
    let (true, Some((key, radius))) = (is_point, radius) else {
        return Shape::from_geojson(geometry, limits).map_err(|error| error.under("/geometry"));
    };
    let Some(radius_m) = radius.as_f64() else {
        return Err(GeometryError::new(
            GeometryCode::RadiusOutOfRange,
            format!("/properties/{key}"),
            format!("the radius is {}", kind_of(radius)),
            "give the radius as a number of metres",
        ));
    };
    let center = center_of(geometry).map_err(|error| error.under("/geometry"))?;
    Shape::circle(center, radius_m, limits).map_err(|mut error| {
        let of_radius = error.code == GeometryCode::RadiusOutOfRange;
        error.pointer = if of_radius {
            format!("/properties/{key}")
        } else {
            format!("/geometry{}", error.pointer)
        };
        error
    })
}

fn center_of(geometry: &Value) -> Result<Position, GeometryError> {
    let Some(coordinates) = geometry.get("coordinates") else {
        return Err(GeometryError::new(
            GeometryCode::MissingMember,
            "/coordinates",
            "the point has no coordinates",
            "give them as [longitude, latitude]",
        ));
    };
    if let Some(object) = geometry.as_object() {
        check_crs(object)?;
    }
    let at = position_of(coordinates, "/coordinates")?;
    Ok(Position {
        lat: at.y,
        lng: super::geodesy::wrap_lng(at.x),
    })
}

#[cfg(test)]
#[path = "feature_tests.rs"]
mod tests;
