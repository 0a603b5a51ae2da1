//! Paths are followed in time, and noise is small and repeatable.
#![allow(clippy::float_cmp, reason = "the values are exact")]

use super::*;

#[test]
fn between_waypoints_the_way_is_straight_and_at_the_ends_nobody_moves() {
    let path = [(0.0, 10.0, 20.0), (10.0, 12.0, 24.0)];
    assert_eq!(place_at(&path, -1.0), (10.0, 20.0));
    assert_eq!(place_at(&path, 5.0), (11.0, 22.0));
    assert_eq!(place_at(&path, 11.0), (12.0, 24.0));
}

#[test]
fn noise_is_the_same_for_one_seed_and_stays_near() {
    let (one, other) = (Noise::new(7), Noise::new(7));
    for _ in 0..1_000 {
        let place = one.around((37.6, -122.4), 2.0);
        assert_eq!(place, other.around((37.6, -122.4), 2.0));
        assert!((place.0 - 37.6).abs() * METRES_PER_DEGREE <= 12.0);
    }
}
