//! What is told of a place's surroundings is so when everything is measured.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

use super::super::{Shape, ShapeLimits};
use super::*;
use crate::engine::presence::Likelihood;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::f64::consts::TAU;
use std::sync::Arc;

/// A ring that swings round a middle, with a radius of so many degrees.
fn star(middle: Position, degrees: f64, corners: usize, swing: &[f64]) -> Value {
    let corner = |index: usize| {
        let angle = (index % corners) as f64 / corners as f64 * TAU;
        let radius = degrees * (0.5 + swing[index % corners % swing.len()]);
        let east = radius * angle.cos() / middle.lat.to_radians().cos();
        json!([middle.lng + east, middle.lat + radius * angle.sin()])
    };
    (0..=corners).map(corner).collect()
}

fn shapes(middle: Position, degrees: f64, corners: usize, swing: &[f64]) -> Vec<(usize, Arc<Shape>)> {
    let limits = ShapeLimits::default();
    let ring = |east: f64, degrees: f64| {
        let middle = Position {
            lng: middle.lng + east,
            ..middle
        };
        star(middle, degrees, corners, swing)
    };
    let polygons = [
        json!([[ring(0.0, degrees)]]),
        json!([[ring(0.0, degrees), ring(0.0, degrees * 0.2)]]),
        json!([[ring(0.0, degrees * 0.8)], [ring(degrees * 1.1, degrees * 0.8)]]),
        json!([[ring(0.0, degrees * 0.3)], [ring(degrees * 3.0, degrees * 0.3)]]),
    ];
    let areas = polygons.iter().filter_map(|polygons| {
        let geometry = json!({ "type": "MultiPolygon", "coordinates": polygons });
        Shape::from_geojson(&geometry, &limits).ok()
    });
    let circle = Shape::circle(middle, degrees * 100_000.0, &limits).unwrap();
    areas.chain([circle]).map(Arc::new).enumerate().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn whoever_is_deep_inside_is_as_likely_there_as_can_be(
        lat in -70.0..70.0_f64, lng in -179.0..179.0_f64, size in -2.5..-0.8_f64, corners in 5_usize..200,
        swing in proptest::collection::vec(0.0..1.0_f64, 5..30),
        parts in proptest::collection::vec((-1.5..1.5_f64, -1.5..1.5_f64, 0.5..2.5_f64), 60),
    ) {
        let (middle, degrees) = (Position { lat, lng }, 10.0_f64.powf(size));
        let shapes = shapes(middle, degrees, corners, &swing);
        let index = FenceIndex::build(shapes.clone());
        for (north, east, power) in parts {
            let p = Position { lat: lat + north * degrees, lng: (lng + east * degrees).clamp(-180.0, 180.0) };
            let accuracy_m = 10.0_f64.powf(power);
            let metres = Likelihood::edge_matters_within_m(accuracy_m);
            let found = index.at(p, metres);
            let held: Vec<_> = shapes.iter().filter(|(_, shape)| shape.contains(p)).collect();
            prop_assert_eq!(found.len(), held.len());
            for ((shape, deep), (_, known)) in found.into_iter().zip(held) {
                prop_assert!(Arc::ptr_eq(shape, known));
                let edge_m = shape.signed_distance_m(p);
                let seen = Likelihood::of(shape.effective_radius_m(), edge_m, accuracy_m);
                prop_assert!(!deep || edge_m > metres, "{} of {}", edge_m, metres);
                prop_assert!(!deep || seen == Likelihood::DEEP_INSIDE, "{:?}", seen);
            }
        }
    }

    #[test]
    fn measuring_near_edges_alone_is_measuring_all(
        lat in -76.0..76.0_f64, lng in -179.9..179.9_f64, size in -3.5..-0.5_f64, corners in 5_usize..300,
        swing in proptest::collection::vec(0.0..1.0_f64, 5..30),
        parts in proptest::collection::vec((-1.5..1.5_f64, -1.5..1.5_f64, 0.8..4.5_f64), 40),
    ) {
        let (middle, degrees) = (Position { lat, lng }, 10.0_f64.powf(size));
        for (_, shape) in shapes(middle, degrees, corners, &swing) {
            for (north, east, power) in &parts {
                let p = Position { lat: lat + north * degrees, lng: (lng + east * degrees).clamp(-180.0, 180.0) };
                let most_m = 10.0_f64.powf(*power);
                let (all, near) = (shape.signed_distance_m(p), shape.signed_distance_up_to_m(p, most_m, shape.contains(p)));
                if all.abs() < most_m {
                    prop_assert_eq!(all.to_bits(), near.to_bits(), "{} of {}", all, most_m);
                } else {
                    prop_assert!(near.abs() >= most_m && (near > 0.0) == (all > 0.0), "{} for {}", near, all);
                }
            }
        }
    }
}

#[test]
fn most_places_in_a_large_area_are_known_to_be_deep_inside() {
    let middle = Position { lat: 48.0, lng: 16.0 };
    let swing = [0.45, 0.5, 0.55, 0.5];
    let index = FenceIndex::build(shapes(middle, 0.05, 400, &swing));
    let places = (0..400_u16).map(|number| Position {
        lat: 48.0 - 0.02 + 0.002 * f64::from(number / 20),
        lng: 16.0 - 0.02 + 0.002 * f64::from(number % 20),
    });
    let told = places.map(|p| u32::from(index.at(p, 48.0).first().is_some_and(|(_, deep)| *deep)));
    assert_eq!(told.sum::<u32>(), 400);
}
