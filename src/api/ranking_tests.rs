//! The order of regions, and the bubble around the phone.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use super::*;
use crate::engine::fence::ShapeLimits;
use serde_json::json;

fn at(key: u8, edge_m: f64, pinned: bool) -> Candidate<u8> {
    Candidate { key, edge_m, pinned }
}

fn keys(ranked: &[Candidate<u8>]) -> Vec<u8> {
    ranked.iter().map(|candidate| candidate.key).collect()
}

#[test]
fn inside_comes_first_then_pinned_then_the_nearest_edge() {
    let all = vec![
        at(1, -50.0, false),
        at(2, -90_000.0, true),
        at(3, 20.0, false),
        at(4, -10.0, false),
    ];
    let (ranked, _) = rank(all, 3);
    assert_eq!(keys(&ranked), [3, 2, 4]);
    assert_eq!(
        ranked.iter().map(Candidate::why).collect::<Vec<_>>(),
        [Why::Inside, Why::Pinned, Why::Near]
    );
}

#[test]
fn equal_distances_are_settled_by_the_key() {
    let (ranked, _) = rank(vec![at(9, -100.2, false), at(2, -99.8, false)], 2);
    assert_eq!(keys(&ranked), [2, 9]);
}

#[test]
fn the_bubble_ends_half_way_to_the_nearest_region_that_is_not_watched() {
    let radius = |edges: &[f64]| {
        let all = edges
            .iter()
            .zip(0_u8..)
            .map(|(edge, key)| at(key, -edge, false))
            .collect();
        rank(all, 1).1
    };
    assert!((radius(&[10.0, 2_000.0]) - 1_000.0).abs() < 1e-9);
    assert!((radius(&[10.0, 20.0]) - 100.0).abs() < 1e-9, "never smaller than 100 m");
    assert!(
        (radius(&[10.0, 900_000.0]) - 5_000.0).abs() < 1e-9,
        "never larger than 5 km"
    );
    assert!(
        (radius(&[10.0]) - 5_000.0).abs() < 1e-9,
        "nothing nearby must not disarm it"
    );
}

#[test]
fn a_region_found_twice_is_watched_once() {
    let (ranked, _) = rank(vec![at(1, -50.0, true), at(1, -50.0, true)], 5);
    assert_eq!(keys(&ranked), [1]);
}

#[test]
fn the_circle_of_an_area_holds_all_its_corners_also_over_the_antimeridian() {
    let limits = ShapeLimits::default();
    for (west, east) in [(16.0, 16.1), (179.9, 180.1)] {
        let ring = [[west, 48.0], [east, 48.0], [east, 48.1], [west, 48.1], [west, 48.0]];
        let shape = Shape::from_geojson(&json!({ "type": "Polygon", "coordinates": [ring] }), &limits).unwrap();
        let (center, radius_m) = covering_circle(&shape).unwrap();
        let corner = Position::new(48.0, if east > 180.0 { east - 360.0 } else { east }).unwrap();
        assert!(distance_m(center, corner) <= radius_m + 0.01);
        assert!(radius_m < 20_000.0, "{radius_m}");
    }
}
