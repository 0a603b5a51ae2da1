//! Faults are refused with their place, and oddities of real files are read.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

use super::super::{GeometryCode, Position, Shape, ShapeLimits};
use super::*;
use serde_json::json;

fn refused(geometry: &Value) -> (GeometryCode, String, String) {
    let error = Shape::from_geojson(geometry, &ShapeLimits::default()).unwrap_err();
    (error.code, error.pointer, error.hint)
}

fn square(corner: &Value) -> Value {
    json!({ "type": "Polygon", "coordinates": [[[0, 0], [1, 0], corner, [0, 1], [0, 0]]] })
}

#[test]
fn a_bad_position_is_named() {
    let cases = [
        (json!([1, 91]), GeometryCode::LatitudeOutOfRange),
        (json!([1, 1e308]), GeometryCode::LatitudeOutOfRange),
        (json!([1e308, 1]), GeometryCode::LongitudeOutOfRange),
        (json!([361, 1]), GeometryCode::LongitudeOutOfRange),
        (json!([1]), GeometryCode::InvalidPosition),
        (json!([]), GeometryCode::InvalidPosition),
        (json!(["1", 1]), GeometryCode::InvalidPosition),
        (json!([1, null]), GeometryCode::InvalidPosition),
        (json!(7), GeometryCode::InvalidCoordinates),
        (json!([[1, 1]]), GeometryCode::InvalidCoordinates),
    ];
    for (corner, code) in cases {
        assert_eq!(refused(&square(&corner)).0, code, "{corner}");
        assert_eq!(refused(&square(&corner)).1, "/coordinates/0/2", "{corner}");
    }
}

#[test]
fn swapped_positions_get_a_hint() {
    let swapped =
        json!({ "type": "Polygon", "coordinates": [[[37.6, -122.4], [37.7, -122.4], [37.7, -122.3], [37.6, -122.4]]] });
    let (code, pointer, hint) = refused(&swapped);
    assert_eq!(
        (code, pointer.as_str()),
        (GeometryCode::LatitudeOutOfRange, "/coordinates/0/0")
    );
    assert!(hint.contains("lat and lng look swapped"), "{hint}");
}

#[test]
fn rings_must_be_rings() {
    let ring = |ring: Value| refused(&json!({ "type": "Polygon", "coordinates": [ring] }));
    assert_eq!(
        ring(json!([[0, 0], [1, 0], [1, 1], [0, 1]])).0,
        GeometryCode::UnclosedRing
    );
    assert_eq!(ring(json!([[0, 0], [1, 0], [0, 0]])).0, GeometryCode::TooFewPositions);
    assert_eq!(
        ring(json!([[0, 0], [1, 0], [1, 0], [0, 0]])).0,
        GeometryCode::TooFewPositions
    );
    assert_eq!(ring(json!([[0, 0], [1, 1], [2, 2], [0, 0]])).0, GeometryCode::ZeroArea);
    assert_eq!(ring(json!([])).0, GeometryCode::TooFewPositions);
    assert_eq!(
        refused(&json!({ "type": "Polygon", "coordinates": [] })).0,
        GeometryCode::EmptyGeometry
    );
    assert_eq!(
        refused(&json!({ "type": "MultiPolygon", "coordinates": [] })).0,
        GeometryCode::EmptyGeometry
    );
    assert_eq!(refused(&Value::Null).0, GeometryCode::NullGeometry);
}

#[test]
fn only_wgs84_is_taken() {
    let mut geometry = square(&json!([1, 1]));
    for name in [
        "urn:ogc:def:crs:OGC:1.3:CRS84",
        "EPSG:4326",
        "urn:ogc:def:crs:EPSG::4326",
    ] {
        geometry["crs"] = json!({ "type": "name", "properties": { "name": name } });
        assert!(
            Shape::from_geojson(&geometry, &ShapeLimits::default()).is_ok(),
            "{name}"
        );
    }
    geometry["crs"] = json!({ "type": "name", "properties": { "name": "EPSG:3857" } });
    assert_eq!(refused(&geometry).0, GeometryCode::UnsupportedCrs);
}

#[test]
fn long_and_deep_texts_are_refused_before_they_are_parsed() {
    let limits = ShapeLimits::default();
    let bomb = [b"[".repeat(100_000), b"]".repeat(100_000)].concat();
    assert_eq!(
        Shape::from_geojson_text(&bomb, &limits).unwrap_err().code,
        GeometryCode::TooDeep
    );
    let long = vec![b' '; limits.bytes_max + 1];
    assert_eq!(
        Shape::from_geojson_text(&long, &limits).unwrap_err().code,
        GeometryCode::TooLarge
    );
    assert_eq!(
        Shape::from_geojson_text(b"{\"type\":", &limits).unwrap_err().code,
        GeometryCode::InvalidJson
    );
    assert_eq!(
        Shape::from_geojson_text(b"\xff", &limits).unwrap_err().code,
        GeometryCode::InvalidJson
    );
    assert_eq!(
        Shape::from_geojson_text(b"{\"type\": 1e999}", &limits)
            .unwrap_err()
            .code,
        GeometryCode::InvalidJson
    );
    assert_eq!(depth_of(br#"{"a": "[[[\"[[", "b": [1]}"#), 2);
}

#[test]
fn winding_repetition_and_altitude_do_not_matter() {
    let limits = ShapeLimits::default();
    let plain = Shape::from_geojson(&square(&json!([1, 1])), &limits).unwrap();
    let odd = json!({ "type": "Polygon", "coordinates": [[[0, 0, 5], [0, 1, 5, 7], [0, 1], [1, 1], [1, 0], [1, 0], [0, 0]]] });
    let odd = Shape::from_geojson(&odd, &limits).unwrap();
    assert_eq!(odd.vertices(), plain.vertices());
    for (lat, lng, inside) in [
        (0.5, 0.5, true),
        (0.0, 0.5, true),
        (1.0, 1.0, true),
        (1.000_001, 0.5, false),
    ] {
        let p = Position::new(lat, lng).unwrap();
        assert_eq!((plain.contains(p), odd.contains(p)), (inside, inside), "{p:?}");
    }
    assert_eq!(
        odd.to_geojson(),
        json!({ "type": "Polygon", "coordinates": [[[1.0, 0.0], [1.0, 1.0], [0.0, 1.0], [0.0, 0.0], [1.0, 0.0]]] })
    );
}
