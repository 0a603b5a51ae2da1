//! What patches say is what the outline says.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

use super::super::geodesy::Position;
use super::super::grid::Square;
use super::super::positions::Positions;
use super::super::runs::runs_of;
use super::*;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn patches_say_what_the_outline_says(
        (column, row) in (0_i64..65_000, 2_000_i64..30_000),
        swing in prop::collection::vec(0.0..1.0, 3..40),
        (scale, lng, lat) in (0.1..3.0, 0.0..1.0, 0.0..1.0),
    ) {
        let level = Level::Cell;
        let corner = Coord { x: level.west(column), y: level.south(row) };
        let at = |x: f64, y: f64| Coord { x: corner.x + x * level.degrees(), y: corner.y + y * level.degrees() };
        let count = swing.len();
        let star = swing.iter().enumerate().map(|(index, swing)| {
            let angle = index as f64 / count as f64 * std::f64::consts::TAU;
            let radius = scale * (0.1 + swing);
            at(lng + radius * angle.cos(), lat + radius * angle.sin())
        });
        let coords = Positions::of(&star.collect::<Vec<_>>());
        let coords = coords.read();
        let edges: Vec<u16> = (0..u16::try_from(count).unwrap()).collect();
        // One run of all edges stands for nothing else.
        let whole = [Run::from_word(u32::try_from(count).unwrap())];
        let side = |at: Coord<f64>| side_of(coords, whole.iter().copied(), at) != Side::Outside;
        let middle = at(0.5, 0.5);
        prop_assume!(side_of(coords, whole.iter().copied(), middle) != Side::Edge);
        let runs = runs_of(coords, &edges, middle, side(middle)).unwrap();
        let patches = Patches::of(coords, &edges, &runs, corner);
        for step in 0..400 {
            let place = at(f64::from(step % 20) / 20.0 + 0.001, f64::from(step / 20) / 20.0 + 0.001);
            let patch = Square::patch_of(Position { lat: place.y, lng: place.x });
            let known = patches.holds(patch);
            prop_assert!(known.is_none_or(|known| known == side(place)), "{place:?}");
        }
        prop_assert_eq!(Patches::from_word(patches.word()), patches);
    }
}
