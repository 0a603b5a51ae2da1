//! The distance to an edge against a search by exact geodesics.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

use super::*;
use geo::{Distance, Geodesic, Point};
use proptest::prelude::*;

/// The exact distance to an edge: samples along it, then halving around the best.
fn exact_m(p: Position, (a, b): Line) -> f64 {
    let gap = |part: f64| {
        let at = a + (b - a) * part;
        Geodesic.distance(Point::new(p.lng, p.lat), Point::new(at.x, at.y))
    };
    let best = (0..=40)
        .map(|step| f64::from(step) / 40.0)
        .min_by(|one, two| gap(*one).total_cmp(&gap(*two)))
        .unwrap();
    let (mut low, mut high) = ((best - 0.025).max(0.0), (best + 0.025).min(1.0));
    for _ in 0..60 {
        let third = (high - low) / 3.0;
        if gap(low + third) <= gap(high - third) {
            high -= third;
        } else {
            low += third;
        }
    }
    gap(f64::midpoint(low, high)).min(gap(best))
}

fn agrees(p: Position, edges: &[Line], part: f64) -> Result<(), TestCaseError> {
    let exact = edges.iter().map(|edge| exact_m(p, *edge)).fold(f64::INFINITY, f64::min);
    let ours = distance_m(p, || edges.iter().copied());
    prop_assert!(
        (ours - exact).abs() <= exact * part + 0.002,
        "{:?} {} {}",
        p,
        ours,
        exact
    );
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(160))]

    #[test]
    fn edges_below_100_km_are_within_half_a_thousandth(
        lat in -84.0..84.0_f64, lng in -180.0..180.0_f64,
        places in proptest::collection::vec((-0.45..0.45_f64, -0.45..0.45_f64), 4),
    ) {
        let wide = lat.to_radians().cos();
        let corners: Vec<Coord<f64>> = places.iter().map(|(x, y)| Coord { x: lng + x / wide, y: lat + y }).collect();
        let edges = [(corners[0], corners[1]), (corners[2], corners[3])];
        agrees(Position { lat, lng }, &edges, 5e-4)?;
    }

    /// Where the search is in space, a step too few along a long edge is metres beside it.
    #[test]
    fn edges_near_the_poles_are_as_near_as_they_are(
        lat in 75.0..84.0_f64, south in any::<bool>(), lng in -180.0..180.0_f64, part in 0.05..0.95_f64, away_m in 0.0..20.0_f64,
        dx in -1.5..1.5_f64, dy in 0.05..0.45_f64,
    ) {
        let lat = if south { -lat } else { lat };
        let along = Coord { x: dx, y: dy };
        let on = Coord { x: lng, y: lat + away_m / 111_000.0 };
        let edge = (on - along * part, on + along * (1.0 - part));
        agrees(Position { lat, lng }, &[edge], 1e-3)?;
    }

    #[test]
    fn far_edges_are_within_a_thousandth(
        lat in -89.9..89.9_f64, lng in -180.0..180.0_f64, ax in -180.0..180.0_f64, ay in -80.0..80.0_f64,
        dx in -3.0..3.0_f64, dy in -3.0..3.0_f64,
    ) {
        let a = Coord { x: ax, y: ay };
        agrees(Position { lat, lng }, &[(a, Coord { x: ax + dx, y: ay + dy })], 1e-3)?;
    }
}

/// [`local_m`] without leaving out any of the finalists.
fn local_of_all_m(p: Position, edges: &[Line]) -> f64 {
    let one = |edge: &Line| local_m(p, std::iter::once(*edge));
    edges.iter().map(one).fold(f64::INFINITY, f64::min)
}

proptest! {
    #[test]
    fn whichever_edge_is_left_out_was_not_the_nearest(
        lat in -75.0..75.0_f64, lng in -180.0..180.0_f64, size in -4.0..0.5_f64,
        places in proptest::collection::vec((-1.0..1.0_f64, -1.0..1.0_f64, -1.0..1.0_f64, -1.0..1.0_f64), 2..12),
    ) {
        let (size, wide) = (10.0_f64.powf(size), lat.to_radians().cos());
        let edges: Vec<Line> = places.iter().map(|(ax, ay, bx, by)| {
            let at = |x: f64, y: f64| Coord { x: lng + x * size / wide, y: lat + y * size };
            // Some short, some long: a long one is near where its ends are not.
            (at(*ax, *ay), at(ax + bx * ay.signum().max(0.1), ay + by))
        }).collect();
        let p = Position { lat, lng };
        let (ours, all) = (local_m(p, edges.iter().copied()), local_of_all_m(p, &edges));
        prop_assert!(ours.to_bits() == all.to_bits() || all > PLAIN_M_MAX, "{} of {}", ours, all);
    }
}

#[test]
fn a_parallel_round_the_globe_is_near_everywhere() {
    let edge = (Coord { x: -180.0, y: 40.0 }, Coord { x: 180.0, y: 40.0 });
    for lng in [-180.0, -90.0, 0.0, 33.3, 179.0] {
        let ours = distance_m(Position { lat: 40.5, lng }, || std::iter::once(edge));
        // Half a degree of the meridian at latitude 40.25.
        assert!((ours - 55_518.0).abs() < 30.0, "{lng}: {ours}");
    }
    assert!(distance_m(Position { lat: 0.0, lng: 0.0 }, std::iter::empty).is_infinite());
}
