//! Crossings are found and named, and no outline can make the search long.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

use super::super::{GeometryCode, Position, Shape, ShapeLimits};
use serde_json::json;

fn star(corners: u32, spike: f64) -> Vec<[f64; 2]> {
    let mut ring: Vec<[f64; 2]> = (0..corners)
        .map(|corner| {
            let angle = std::f64::consts::TAU * f64::from(corner) / f64::from(corners);
            let radius = if corner % 2 == 0 { 1.0 } else { 1.0 - spike };
            [10.0 + radius * angle.cos(), 50.0 + radius * angle.sin()]
        })
        .collect();
    ring.push(ring[0]);
    ring
}

#[test]
fn ten_thousand_positions_are_accepted_and_one_more_is_not() {
    let limits = ShapeLimits::default();
    let most = json!({ "type": "Polygon", "coordinates": [star(9_998, 0.001)] });
    let shape = Shape::from_geojson(&most, &limits).unwrap();
    assert_eq!(shape.vertices(), 9_998);
    assert!(shape.contains(Position { lat: 50.0, lng: 10.0 }));
    let more = json!({ "type": "Polygon", "coordinates": [star(10_000, 0.001)] });
    assert_eq!(
        Shape::from_geojson(&more, &limits).unwrap_err().code,
        GeometryCode::TooManyVertices
    );
}

#[test]
fn an_outline_made_to_be_slow_is_given_up() {
    // Slanted teeth whose boxes all overlap: every pair of edges would have to be looked at.
    let mut ring: Vec<[f64; 2]> = Vec::new();
    for tooth in 0..4_900_u32 {
        let at = f64::from(tooth) * 1e-4;
        ring.push([at, at]);
        ring.push([at + 20.0 + 2e-5, at - 20.0 + 2e-5]);
    }
    ring.push([30.0, 30.0]);
    ring.push(ring[0]);
    let error = Shape::from_geojson(
        &json!({ "type": "Polygon", "coordinates": [ring] }),
        &ShapeLimits::default(),
    )
    .unwrap_err();
    assert!(
        matches!(error.code, GeometryCode::TooComplex | GeometryCode::SelfCrossing),
        "{error}"
    );
}

#[test]
fn polygons_that_form_a_fabric_are_given_up() {
    // A warp and a weft of a thousand strips each meet four million times.
    let strip = |number: u32, upright: bool| {
        let at = f64::from(number) * 0.02;
        let corners = [[0.0, at], [30.0, at], [30.0, at + 0.01], [0.0, at + 0.01], [0.0, at]];
        json!([if upright { corners.map(|[x, y]| [y, x]) } else { corners }])
    };
    let cloth = |threads: u32| {
        let strips: Vec<_> = (0..threads)
            .flat_map(|number| [strip(number, true), strip(number, false)])
            .collect();
        Shape::from_geojson(
            &json!({ "type": "MultiPolygon", "coordinates": strips }),
            &ShapeLimits::default(),
        )
    };
    assert_eq!(cloth(950).unwrap_err().code, GeometryCode::TooComplex);
    let net = cloth(20).unwrap();
    assert!(net.contains(Position { lat: 0.005, lng: 20.0 }) && !net.contains(Position { lat: 0.015, lng: 0.015 }));
}

#[test]
fn a_crossing_is_named_with_its_place() {
    let bow = json!({ "type": "Polygon", "coordinates": [[[0, 0], [2, 2], [2, 0], [0, 2], [0, 0]]] });
    let error = Shape::from_geojson(&bow, &ShapeLimits::default()).unwrap_err();
    assert_eq!(
        (error.code, error.pointer.as_str()),
        (GeometryCode::SelfCrossing, "/coordinates/0/2")
    );
    assert!(
        error.detail.contains("longitude 1.0000000, latitude 1.0000000"),
        "{}",
        error.detail
    );
}

#[test]
fn a_crossing_among_thousands_is_found_across_the_seam_too() {
    let mut ring = star(2_000, 0.01);
    ring.swap(500, 502);
    let error = Shape::from_geojson(
        &json!({ "type": "Polygon", "coordinates": [ring] }),
        &ShapeLimits::default(),
    )
    .unwrap_err();
    assert_eq!(error.code, GeometryCode::SelfCrossing);
    // Round the pole: the last edges cross the first ones, 360 degrees on.
    let round = json!({ "type": "Polygon", "coordinates":
        [[[0, 60], [90, 60], [180, 60], [-90, 60], [-10, 60], [20, 70], [15, 50], [0, 60]]] });
    let error = Shape::from_geojson(&round, &ShapeLimits::default()).unwrap_err();
    assert_eq!(error.code, GeometryCode::SelfCrossing);
}

#[test]
fn a_hole_must_lie_inside() {
    let shell = [[0, 0], [10, 0], [10, 10], [0, 10], [0, 0]];
    let code = |hole: [[i32; 2]; 5]| {
        let geometry = json!({ "type": "MultiPolygon", "coordinates": [[shell, hole]] });
        Shape::from_geojson(&geometry, &ShapeLimits::default())
            .map(|_| ())
            .map_err(|error| (error.code.as_str(), error.pointer))
    };
    assert_eq!(code([[1, 1], [2, 1], [2, 2], [1, 2], [1, 1]]), Ok(()));
    assert_eq!(
        code([[11, 1], [12, 1], [12, 2], [11, 2], [11, 1]]),
        Err(("hole_outside", "/coordinates/0/1".into()))
    );
    assert_eq!(
        code([[9, 1], [12, 1], [12, 2], [9, 2], [9, 1]]).unwrap_err().0,
        "hole_crossing"
    );
    assert_eq!(
        code([[0, 0], [10, 0], [10, 10], [0, 10], [0, 0]]).unwrap_err().0,
        "hole_crossing"
    );
}
