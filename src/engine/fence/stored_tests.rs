//! What is stored comes back as it was; what was not written here is refused, never taken for something else.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

use super::*;
use serde_json::json;

#[test]
fn a_circle_comes_back_as_it_was() {
    let center = Position::new(-48.123_456_789, 179.999_999_9).unwrap();
    let circle = Shape::circle(center, 123.4, &ShapeLimits::default()).unwrap();
    let stored = StoredShape::of(&circle);
    assert_eq!(
        format!("{:?}", StoredShape::from(stored.text().to_owned()).shape().unwrap()),
        format!("{circle:?}")
    );
    let (geometry, radius_m) = stored.geometry();
    assert_eq!(radius_m, Some(123.4));
    assert_eq!(
        geometry,
        json!({ "type": "Point", "coordinates": [center.lng, center.lat] })
    );
}

#[test]
fn an_area_is_drawn_as_it_is_stored() {
    let square = json!({ "type": "Polygon", "coordinates": [[[0, 0], [2, 0], [2, 2], [0, 2], [0, 0]]] });
    let shape = Shape::from_geojson(&square, &ShapeLimits::default()).unwrap();
    let stored = StoredShape::of(&shape);
    assert_eq!(stored.geometry(), (shape.to_geojson(), None));
    assert_eq!(StoredShape::of(&stored.shape().unwrap()), stored);
}

#[test]
fn what_was_not_written_here_is_refused() {
    let ring = json!([[0, 0], [2, 0], [2, 2], [0, 0]]);
    let far = json!([[0, 0], [200, 0], [2, 2], [0, 0]]);
    for strange in [
        json!(null),
        json!({}),
        json!({ "type": "Circle" }),
        json!({ "type": "Circle", "center": [16], "radius_m": 5 }),
        json!({ "type": "Circle", "center": [16, 95], "radius_m": 5 }),
        json!({ "type": "Circle", "center": [16, 48], "radius_m": -1 }),
        json!({ "type": "Point", "coordinates": [16, 48] }),
        json!({ "type": "Polygon", "coordinates": ring }),
        json!({ "type": "Polygon", "coordinates": [] }),
        json!({ "type": "Polygon", "coordinates": [far] }),
        json!({ "type": "Polygon", "coordinates": [[[0, 0], [1, 1], [0, 0]]] }),
        json!({ "type": "MultiPolygon", "coordinates": [ring] }),
        json!({ "type": "MultiPolygon", "coordinates": [] }),
    ] {
        let text = strange.to_string();
        assert!(StoredShape::from(text.clone()).shape().is_err(), "{text}");
    }
    assert!(StoredShape::from("{\"type\":".to_owned()).shape().is_err());
}
