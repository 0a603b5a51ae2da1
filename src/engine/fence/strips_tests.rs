//! Asking a strip is asking the ring, on edges and corners as well.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

use super::super::ring::side_of;
use super::*;
use proptest::prelude::*;

fn star(count: usize, swing: &[f64], scale: f64) -> Vec<Coord<f64>> {
    (0..count)
        .map(|index| {
            let angle = index as f64 / count as f64 * std::f64::consts::TAU;
            let radius = scale * (0.3 + swing[index % swing.len()]);
            Coord {
                x: 10.0 + radius * angle.cos(),
                y: 48.0 + radius * angle.sin(),
            }
        })
        .collect()
}

fn check(coords: &[Coord<f64>], places: impl Iterator<Item = Coord<f64>>) {
    let low = coords.iter().map(|at| at.y).fold(f64::INFINITY, f64::min);
    let high = coords.iter().map(|at| at.y).fold(f64::NEG_INFINITY, f64::max);
    let Some(strips) = Strips::of(coords, low, high) else {
        return;
    };
    assert!(strips.edges.len() <= coords.len() * ENTRIES_PER_EDGE_MAX);
    for at in places.filter(|at| low <= at.y && at.y <= high) {
        assert_eq!(strips.side_of(coords, at), side_of(coords, at), "{at:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_strip_says_what_the_ring_says(
        count in 24_usize..400,
        swing in proptest::collection::vec(0.0..1.0_f64, 7..40),
        parts in proptest::collection::vec((0.0..1.0_f64, 0.0..1.0_f64), 200),
    ) {
        let coords = star(count, &swing, 0.01);
        let inner = parts.iter().map(|(x, y)| Coord { x: 9.985 + 0.03 * x, y: 47.985 + 0.03 * y });
        let corners = coords.iter().copied();
        let beside = parts.iter().zip(&coords).map(|((x, _), at)| Coord { x: at.x + (x - 0.5) * 1e-2, y: at.y });
        let halves = edges(&coords).map(|(a, b)| (a + b) / 2.0).collect::<Vec<_>>();
        check(&coords, inner.chain(corners).chain(beside).chain(halves));
    }
}

#[test]
fn levels_and_zigzags_keep_their_edges() {
    // A comb: half the edges level, the others as high as the ring.
    let mut coords: Vec<Coord<f64>> = Vec::new();
    for tooth in 0..40_u8 {
        let x = f64::from(tooth);
        coords.extend([
            Coord { x, y: 1.0 },
            Coord { x, y: 3.0 },
            Coord { x: x + 0.5, y: 3.0 },
            Coord { x: x + 0.5, y: 1.0 },
        ]);
    }
    coords.extend([Coord { x: 40.0, y: 0.0 }, Coord { x: 0.0, y: 0.0 }]);
    let places = (0..2_000_u16).map(|number| Coord {
        x: f64::from(number % 164) / 4.0 - 0.5,
        y: f64::from(number / 164) / 4.0,
    });
    check(&coords, places);
}
