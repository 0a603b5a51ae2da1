//! Circles and areas answer inside, distance, size and bounds.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

use super::*;
use proptest::prelude::*;

fn at(lat: f64, lng: f64) -> Position {
    Position::new(lat, lng).unwrap()
}

fn area(coordinates: &Value) -> Shape {
    Shape::from_geojson(
        &json!({ "type": "Polygon", "coordinates": coordinates }),
        &ShapeLimits::default(),
    )
    .unwrap()
}

fn circle(lat: f64, lng: f64, radius_m: f64) -> Shape {
    Shape::circle(at(lat, lng), radius_m, &ShapeLimits::default()).unwrap()
}

#[test]
fn a_place_in_a_hole_is_outside_and_its_edge_inside() {
    let shape = area(&json!([
        [[0, 0], [4, 0], [4, 4], [0, 4], [0, 0]],
        [[1, 1], [3, 1], [3, 3], [1, 3], [1, 1]]
    ]));
    assert!(!shape.contains(at(2.0, 2.0)) && shape.contains(at(0.5, 0.5)) && shape.contains(at(1.0, 2.0)));
    assert!(shape.signed_distance_m(at(2.0, 2.0)) < -110_000.0);
    let ring_m2 = std::f64::consts::PI * shape.effective_radius_m().powi(2);
    assert!(
        (ring_m2 / 12.0 / (110_574.0 * 111_250.0) - 1.0).abs() < 1e-2,
        "{ring_m2}"
    );
}

#[test]
fn a_fence_over_the_antimeridian_holds_both_sides() {
    for shape in [
        circle(-17.0, 179.995, 5_000.0),
        area(&json!([[
            [179.9, -17.1],
            [-179.9, -17.1],
            [-179.9, -16.9],
            [179.9, -16.9],
            [179.9, -17.1]
        ]])),
    ] {
        for lng in [179.99, -179.99, 180.0, -180.0] {
            assert!(shape.contains(at(-17.0, lng)), "{lng}");
            assert!(shape.signed_distance_m(at(-17.0, lng)) > 1_000.0, "{lng}");
        }
        assert!(
            !shape.contains(at(-17.0, 179.0)) && !shape.contains(at(-17.0, -179.0)) && !shape.contains(at(-17.0, 0.0))
        );
        assert_eq!(shape.bounds().len(), 2);
    }
}

#[test]
fn a_pre_cut_multipolygon_has_no_edge_at_the_seam() {
    let halves = json!({ "type": "MultiPolygon", "coordinates": [
        [[[179, -1], [180, -1], [180, 1], [179, 1], [179, -1]]],
        [[[-180, -1], [-179, -1], [-179, 0.5], [-180, 0.5], [-180, -1]]] ] });
    let shape = Shape::from_geojson(&halves, &ShapeLimits::default()).unwrap();
    assert!(shape.signed_distance_m(at(-0.25, 180.0)) > 82_000.0);
    // Above half a degree the eastern half ends, so there the seam is an edge.
    assert!(shape.signed_distance_m(at(0.75, 179.999)) < 112.0);
    assert!(shape.contains(at(0.75, -180.0)) && !shape.contains(at(0.75, -179.999)));
}

#[test]
fn caps_round_the_poles() {
    let ring = |lat: f64| {
        (0..=36)
            .map(|step| json!([wrapped(f64::from(step) * 10.0), lat]))
            .collect::<Vec<_>>()
    };
    for sign in [1.0, -1.0] {
        for shape in [circle(sign * 90.0, 0.0, 500_000.0), area(&json!([ring(sign * 85.5)]))] {
            for lng in [-180.0, -90.0, 0.0, 77.0, 180.0] {
                assert!(shape.contains(at(sign * 90.0, lng)) && shape.contains(at(sign * 86.0, lng)));
                assert!(!shape.contains(at(sign * 85.0, lng)) && !shape.contains(at(-sign * 90.0, lng)));
                let depth_m = shape.signed_distance_m(at(sign * 90.0, lng));
                assert!((depth_m - 501_000.0).abs() < 2_500.0, "{depth_m}");
            }
            let radius_m = shape.effective_radius_m();
            assert!((radius_m - 501_000.0).abs() < 3_000.0, "{radius_m}");
            assert!(
                shape
                    .bounds()
                    .iter()
                    .any(|bounds| bounds.north.max(-bounds.south) >= 90.0)
            );
        }
    }
}

fn wrapped(lng: f64) -> f64 {
    if lng > 180.0 { lng - 360.0 } else { lng }
}

#[test]
fn a_hole_round_the_pole_leaves_a_band() {
    let ring = |lat: f64| {
        (0..=8)
            .map(|step| json!([wrapped(f64::from(step) * 45.0), lat]))
            .collect::<Vec<_>>()
    };
    let shape = area(&json!([ring(60.0), ring(80.0)]));
    assert!(shape.contains(at(70.0, 12.0)) && !shape.contains(at(85.0, 12.0)) && !shape.contains(at(90.0, 0.0)));
    assert!(shape.contains(at(80.0, 12.0)) && !shape.contains(at(59.0, 12.0)));
}

#[test]
fn overlapping_parts_count_once() {
    let parts = json!({ "type": "MultiPolygon", "coordinates": [
        [[[0, 0], [2, 0], [2, 2], [0, 2], [0, 0]]], [[[1, 0], [3, 0], [3, 2], [1, 2], [1, 0]]] ] });
    let shape = Shape::from_geojson(&parts, &ShapeLimits::default()).unwrap();
    let whole = area(&json!([[[0, 0], [3, 0], [3, 2], [0, 2], [0, 0]]]));
    assert!((shape.effective_radius_m() / whole.effective_radius_m() - 1.0).abs() < 1e-6);
    for p in [at(1.0, 1.0), at(1.0, 2.0), at(1.0, 1.5), at(1.0, 3.5)] {
        assert!(
            (shape.signed_distance_m(p) - whole.signed_distance_m(p)).abs() < 0.01,
            "{p:?}"
        );
    }
}

#[test]
fn a_circle_is_checked_and_drawn() {
    let limits = ShapeLimits::default();
    for radius_m in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e9] {
        assert_eq!(
            Shape::circle(at(0.0, 0.0), radius_m, &limits).unwrap_err().code,
            GeometryCode::RadiusOutOfRange
        );
    }
    let nowhere = Position {
        lat: f64::NAN,
        lng: 0.0,
    };
    assert_eq!(
        Shape::circle(nowhere, 5.0, &limits).unwrap_err().code,
        GeometryCode::InvalidPosition
    );
    for shape in [
        circle(52.5, 13.4, 200.0),
        circle(-17.0, 180.0, 5_000.0),
        circle(89.99, 10.0, 50_000.0),
    ] {
        let drawn = Shape::from_geojson(&shape.outline(), &limits).unwrap();
        // A polygon of 64 corners has 0.9984 of the circle's area; around a pole its edges bulge.
        let part = drawn.effective_radius_m() / shape.effective_radius_m();
        assert!((0.995..1.02).contains(&part), "{part}");
        assert_eq!(shape.to_geojson()["type"], "Point");
    }
}

proptest! {
    #[test]
    fn a_circle_is_round(lat in -89.0..89.0_f64, lng in -180.0..180.0_f64, radius_m in 5.0..90_000.0_f64, bearing in 0.0..360.0_f64) {
        let shape = circle(lat, lng, radius_m);
        for (part, inside) in [(0.9995, true), (1.0005, false)] {
            let end = Geodesic.destination(Point::new(lng, lat), bearing, radius_m * part);
            let p = at(end.y(), end.x().clamp(-180.0, 180.0));
            prop_assert_eq!(shape.contains(p), inside);
            prop_assert!((shape.signed_distance_m(p) - radius_m * (1.0 - part)).abs() < radius_m * 1e-5 + 1e-6);
            let held = shape.bounds().iter().any(|b| (b.south..=b.north).contains(&p.lat) && (b.west..=b.east).contains(&p.lng));
            prop_assert!(held || !inside, "{:?} outside the bounds", p);
        }
    }

    #[test]
    fn the_sign_of_the_distance_tells_inside(lat in -2.0..6.0_f64, lng in -2.0..6.0_f64, dent in 0.1..3.9_f64) {
        // A square with a notch from above: inside is known by arithmetic alone.
        let shape = area(&json!([[[0, 0], [4, 0], [4, 4], [2.5, 4], [2.5, dent], [1.5, dent], [1.5, 4], [0, 4], [0, 0]]]));
        let square = (0.0..=4.0).contains(&lat) && (0.0..=4.0).contains(&lng);
        let inside = square && !(lng > 1.5 && lng < 2.5 && lat > dent);
        let signed = shape.signed_distance_m(at(lat, lng));
        prop_assert_eq!(shape.contains(at(lat, lng)), inside);
        prop_assert!(if inside { signed >= 0.0 } else { signed <= 0.0 }, "{}", signed);
        // A step of a metre changes the distance by a metre at most.
        let step = shape.signed_distance_m(at(lat + 1.0 / 111_700.0, lng));
        prop_assert!((step - signed).abs() < 1.01, "{} {}", signed, step);
    }
}
