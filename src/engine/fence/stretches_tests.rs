//! Asking stretches is asking the ring, on edges and corners as well.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

use super::super::positions::Positions;
use super::super::ring::{Crossings, Side};
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
    let positions = Positions::of(coords);
    let stretches = Stretches::of(positions.read());
    assert_eq!(stretches.0.is_empty(), coords.len() < EDGES_MIN);
    let side = |stretches: &Stretches, at: Coord<f64>| {
        let mut crossings = Crossings::of(at);
        if stretches.any(positions.read(), (at.y, at.y), |a, b| crossings.pass(a, b)) {
            return Side::Edge;
        }
        crossings.side()
    };
    for at in places {
        assert_eq!(side(&stretches, at), side(&Stretches::default(), at), "{at:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn stretches_say_what_the_ring_says(
        count in 24_usize..400,
        swing in proptest::collection::vec(0.0..1.0_f64, 7..40),
        parts in proptest::collection::vec((0.0..1.0_f64, 0.0..1.0_f64), 200),
    ) {
        let coords = star(count, &swing, 0.01);
        let inner = parts.iter().map(|(x, y)| Coord { x: 9.985 + 0.03 * x, y: 47.985 + 0.03 * y });
        let corners = coords.iter().copied();
        let beside = parts.iter().zip(&coords).map(|((x, _), at)| Coord { x: at.x + (x - 0.5) * 1e-2, y: at.y });
        let halves = coords.iter().zip(coords.iter().cycle().skip(1)).map(|(a, b)| (*a + *b) / 2.0).collect::<Vec<_>>();
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
