//! What goes in comes out, bit for bit, in as few words as it should.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

use super::*;
use proptest::prelude::*;

fn words_of_each(coords: &[Coord<f64>]) -> usize {
    let positions = Positions::of(coords);
    let bits = |at: Coord<f64>| (at.x.to_bits(), at.y.to_bits());
    assert_eq!(positions.len(), coords.len());
    let back: Vec<_> = positions.iter().map(bits).collect();
    assert_eq!(back, coords.iter().map(|at| bits(*at)).collect::<Vec<_>>());
    let row = positions.read();
    assert_eq!(row.before(0).map(bits), coords.last().map(|at| bits(*at)));
    assert_eq!(row.get(coords.len()), None);
    row.size
}

fn coords(places: &[(f64, f64)]) -> Vec<Coord<f64>> {
    places.iter().map(|(x, y)| Coord { x: *x, y: *y }).collect()
}

#[test]
fn decimals_take_two_words_and_others_three() {
    assert_eq!(
        words_of_each(&coords(&[(16.373_819_1, 48.208_174), (-16.4, 0.1), (180.0, -90.0)])),
        2
    );
    assert_eq!(
        words_of_each(&coords(&[(16.373_819_123_4, 48.208_174), (16.4, 48.1)])),
        3
    );
    assert_eq!(words_of_each(&coords(&[(1.0 / 3.0, 48.0), (0.34, 48.1)])), 3);
}

#[test]
fn what_is_no_multiple_of_a_common_part_stays_as_it_is() {
    for odd in [
        1e-300,
        f64::MIN_POSITIVE / 8.0,
        -0.0,
        1.0 / 3.0 * 1e-9,
        f64::MAX,
        f64::NAN,
    ] {
        assert_eq!(words_of_each(&coords(&[(odd, 48.0), (100.0 / 3.0, 48.1)])), 4, "{odd}");
    }
    assert_eq!(Positions::of(&[]).iter().count(), 0);
    assert_eq!(Positions::default().len(), 0);
}

proptest! {
    #[test]
    fn any_numbers_come_back(places in prop::collection::vec((any::<f64>(), any::<f64>()), 0..40)) {
        words_of_each(&coords(&places));
    }

    #[test]
    fn outlines_come_back(
        (lng, lat, scale) in (-180.0..540.0, -90.0..90.0, -7_i32..2),
        places in prop::collection::vec((-1.0..1.0, -1.0..1.0), 1..40),
    ) {
        let near = |(x, y): &(f64, f64)| (lng + x * 10.0_f64.powi(scale), lat + y * 10.0_f64.powi(scale));
        let drawn: Vec<(f64, f64)> = places.iter().map(near).collect();
        words_of_each(&coords(&drawn));
        let written = |value: f64| format!("{value:.7}").parse::<f64>().unwrap();
        let mapped: Vec<_> = drawn.iter().map(|(x, y)| (written(*x), written(*y))).collect();
        let is_minus_zero = |value: f64| value == 0.0 && value.is_sign_negative();
        if !mapped.iter().any(|(x, y)| is_minus_zero(*x) || is_minus_zero(*y)) && scale < 2 {
            prop_assert_eq!(words_of_each(&coords(&mapped)), 2);
        }
    }
}
