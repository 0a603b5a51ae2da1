//! Measures on the WGS84 ellipsoid: positions, distances, local scales, areas.

use geo::{Distance, Geodesic, Point};

/// Semi-major axis of WGS84 in metres.
pub(super) const SEMI_MAJOR_M: f64 = 6_378_137.0;
/// Flattening of WGS84.
const FLATTENING: f64 = 1.0 / 298.257_223_563;
/// First eccentricity squared.
const ECC2: f64 = FLATTENING * (2.0 - FLATTENING);
/// The smallest radius of curvature anywhere (the meridian at the equator, `a (1 - e^2)`): what is divided by it is never too small an angle.
pub(super) const RADIUS_MIN_M: f64 = SEMI_MAJOR_M * (1.0 - ECC2);

/// Beyond this latitude meridians converge too fast for local scales.
const NEAR_LAT_MAX: f64 = 80.0;
/// The mid-latitude formula is trusted up to here: its error grows with the cube of the distance.
const NEAR_M_MAX: f64 = 10_000.0;

/// A place on WGS84 in degrees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Position {
    /// Latitude in degrees, -90 to 90.
    pub lat: f64,
    /// Longitude in degrees, -180 to 180.
    pub lng: f64,
}

/// Why two numbers are not a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PositionError {
    /// One of them is NaN or infinite.
    #[error("latitude and longitude must be finite numbers")]
    NotFinite,
    /// The latitude is beyond 90 degrees.
    #[error("latitude must lie between -90 and 90 degrees")]
    Latitude,
    /// The longitude is beyond 180 degrees.
    #[error("longitude must lie between -180 and 180 degrees")]
    Longitude,
    /// The latitude is beyond 90 degrees, and the two would be a position the other way round.
    #[error("latitude must lie between -90 and 90 degrees; lat and lng look swapped")]
    Swapped,
}

impl Position {
    /// Takes latitude and longitude in degrees.
    pub fn new(lat: f64, lng: f64) -> Result<Self, PositionError> {
        if !lat.is_finite() || !lng.is_finite() {
            return Err(PositionError::NotFinite);
        }
        if lat.abs() > 90.0 {
            let swapped = lat.abs() <= 180.0 && lng.abs() <= 90.0;
            return Err(if swapped {
                PositionError::Swapped
            } else {
                PositionError::Latitude
            });
        }
        if lng.abs() > 180.0 {
            return Err(PositionError::Longitude);
        }
        Ok(Self { lat, lng })
    }
}

/// Brings a difference of longitudes (at most 720 degrees) into -180 to 180.
pub(super) fn wrap_lng(mut degrees: f64) -> f64 {
    while degrees > 180.0 {
        degrees -= 360.0;
    }
    while degrees < -180.0 {
        degrees += 360.0;
    }
    degrees
}

/// Metres per degree of latitude and of longitude at a latitude (radii of curvature M and N cos(lat); Snyder, Map Projections, 4-18 to 4-20).
pub(super) fn scale_m_per_degree(lat: f64) -> (f64, f64) {
    let (sin, cos) = lat.to_radians().sin_cos();
    let w2 = 1.0 - ECC2 * sin * sin;
    let normal = SEMI_MAJOR_M / w2.sqrt();
    let meridian = normal * (1.0 - ECC2) / w2;
    (meridian.to_radians(), (normal * cos).to_radians())
}

/// Distance in metres along the WGS84 geodesic.
///
/// Up to 10 km and 80 degrees of latitude it is the mid-latitude formula (below 4e-6 of the distance off, and below 1e-7 at
/// latitudes up to 45); everything else, near-antipodal pairs included, is Karney's exact method (nanometres).
pub fn distance_m(a: Position, b: Position) -> f64 {
    near_distance_m(a, b).unwrap_or_else(|| Geodesic.distance(Point::new(a.lng, a.lat), Point::new(b.lng, b.lat)))
}

/// Gauss's mid-latitude formula in its first order, where it is good enough.
fn near_distance_m(a: Position, b: Position) -> Option<f64> {
    let dlat = b.lat - a.lat;
    let dlng = wrap_lng(b.lng - a.lng);
    if dlat.abs() > 0.1 || dlng.abs() > 0.6 || a.lat.abs() > NEAR_LAT_MAX || b.lat.abs() > NEAR_LAT_MAX {
        return None;
    }
    let (lat_m, lng_m) = scale_m_per_degree(f64::midpoint(a.lat, b.lat));
    let half = dlng.to_radians() * 0.5;
    // cos(x) to the second order: x is below 0.006.
    let north = dlat * lat_m * (1.0 - half * half * 0.5);
    let east = dlng * lng_m;
    let distance = north.hypot(east);
    (distance <= NEAR_M_MAX).then_some(distance)
}

/// Earth-centred coordinates in metres of a place on the ellipsoid.
pub(super) fn ecef(lat: f64, lng: f64) -> [f64; 3] {
    let (sin_lat, cos_lat) = lat.to_radians().sin_cos();
    let (sin_lng, cos_lng) = lng.to_radians().sin_cos();
    let normal = SEMI_MAJOR_M / (1.0 - ECC2 * sin_lat * sin_lat).sqrt();
    [
        normal * cos_lat * cos_lng,
        normal * cos_lat * sin_lng,
        normal * (1.0 - ECC2) * sin_lat,
    ]
}

/// Area in square metres between the equator and a latitude per radian of longitude (Snyder, Map Projections, 3-12, times a^2/2).
pub(super) fn area_per_radian_m2(lat: f64) -> f64 {
    let ecc = ECC2.sqrt();
    let sin = lat.to_radians().sin();
    let q = (1.0 - ECC2) * (sin / (1.0 - ECC2 * sin * sin) + (ecc * sin).atanh() / ecc);
    0.5 * SEMI_MAJOR_M * SEMI_MAJOR_M * q
}

/// The area of the whole ellipsoid in square metres.
pub(super) fn globe_area_m2() -> f64 {
    4.0 * std::f64::consts::PI * area_per_radian_m2(90.0)
}

#[cfg(test)]
#[path = "geodesy_tests.rs"]
mod tests;
