//! Positions are validated, and the short formula keeps its promise.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

use super::*;
use proptest::prelude::*;

#[test]
fn a_position_is_finite_and_in_range() {
    assert_eq!(Position::new(f64::NAN, 0.0), Err(PositionError::NotFinite));
    assert_eq!(Position::new(0.0, f64::INFINITY), Err(PositionError::NotFinite));
    assert_eq!(Position::new(-122.38, 37.62), Err(PositionError::Swapped));
    assert_eq!(Position::new(1e308, 200.0), Err(PositionError::Latitude));
    assert_eq!(Position::new(10.0, -180.1), Err(PositionError::Longitude));
    assert_eq!(Position::new(-90.0, 180.0), Ok(Position { lat: -90.0, lng: 180.0 }));
}

#[test]
fn the_area_of_the_globe_is_that_of_wgs84() {
    // 510,065,621.724 km2 (Moritz, Geodetic Reference System 1980, differs only beyond that).
    assert!((globe_area_m2() / 510_065_621_724_088.0 - 1.0).abs() < 1e-12);
}

#[test]
fn a_degree_has_its_known_length() {
    let (lat_m, lng_m) = scale_m_per_degree(45.0);
    assert!(
        (lat_m - 111_131.78).abs() < 0.01 && (lng_m - 78_846.84).abs() < 0.01,
        "{lat_m} {lng_m}"
    );
}

proptest! {
    #[test]
    fn short_distances_agree_with_karney(
        lat in -79.9..79.9_f64, lng in -180.0..180.0_f64, north in -9_000.0..9_000.0_f64, east in -9_000.0..9_000.0_f64,
    ) {
        let (lat_m, lng_m) = scale_m_per_degree(lat);
        let a = Position { lat, lng };
        let b = Position { lat: (lat + north / lat_m).clamp(-79.9, 79.9), lng: wrap_lng(lng + east / lng_m) };
        let exact = Geodesic.distance(Point::new(a.lng, a.lat), Point::new(b.lng, b.lat));
        let part = if lat.abs() <= 45.0 { 2e-7 } else { 8e-6 };
        prop_assert!((distance_m(a, b) - exact).abs() <= exact * part + 1e-7, "{} {exact}", distance_m(a, b));
    }
}
