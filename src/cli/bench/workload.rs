//! Workload W: the seeded cities, geofences and fixes that every figure of `docs/PERFORMANCE.md` is measured on.
//!
//! Small circles crowd in cities as shops and hotels do, with polygons of buildings and quarters between them; fixes are either
//! anywhere (random) or of one device after the other, walking (device order). All of it follows from its seeds.

use crate::engine::fence::{Position, Shape, ShapeLimits};
use chacha20::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, StandardNormal};
use serde_json::json;
use std::f64::consts::TAU;

/// Metres of one degree on the sphere of radius 6,371,008.8 m.
const METRES_PER_DEGREE: f64 = 111_194.93;
const CITIES: usize = 2_000;
const CITIES_SEED: u64 = 7;
const FENCES_SEED: u64 = 42;
const RANDOM_SEED: u64 = 99;
const WALKING_SEED: u64 = 101;
/// Fixes of one device before the next one starts.
const STEPS_PER_DEVICE: usize = 64;
const STEP_M: f64 = 10.0;

/// Longitude and latitude in degrees.
type Place = (f64, f64);

struct City {
    at: Place,
    sigma_m: f64,
}

/// A generator of geofences and of the fixes that belong to them.
pub struct Workload {
    cities: Vec<City>,
    /// The sum of the weights up to and with each city.
    weights: Vec<f64>,
}

/// One geofence of the workload.
#[derive(Debug, Clone)]
pub enum Drawn {
    Circle {
        center: Position,
        radius_m: f64,
    },
    /// Corners in longitude and latitude; the ring is not closed.
    Polygon {
        center: Position,
        corners: Vec<Place>,
    },
}

impl Drawn {
    pub fn center(&self) -> Position {
        match self {
            Self::Circle { center, .. } | Self::Polygon { center, .. } => *center,
        }
    }

    /// The shape as an operator would have stored it.
    ///
    /// # Errors
    /// A polygon whose noise made it cross itself is refused, as an import would refuse it.
    pub fn shape(&self) -> Result<Shape, crate::engine::fence::GeometryError> {
        let limits = ShapeLimits::default();
        match self {
            Self::Circle { center, radius_m } => Shape::circle(*center, *radius_m, &limits),
            Self::Polygon { corners, .. } => {
                let mut ring = corners.clone();
                ring.extend(corners.first().copied());
                Shape::from_geojson(&json!({ "type": "Polygon", "coordinates": [ring] }), &limits)
            }
        }
    }
}

impl Default for Workload {
    fn default() -> Self {
        Self::new()
    }
}

impl Workload {
    pub fn new() -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(CITIES_SEED);
        let cities = (0..CITIES)
            .map(|_| City {
                at: (rng.random_range(-125.0..150.0), rng.random_range(-40.0..60.0)),
                sigma_m: log_uniform(&mut rng, 2_500.0, 15_000.0),
            })
            .collect();
        let mut sum = 0.0;
        let weights = (1..=CITIES).map(|rank| {
            sum += (rank as f64).powf(-0.6);
            sum
        });
        Self {
            cities,
            weights: weights.collect(),
        }
    }

    /// The first `count` geofences; those of a smaller number are the beginning of those of a larger one.
    pub fn fences(&self, count: usize) -> impl Iterator<Item = Drawn> {
        let mut rng = ChaCha8Rng::seed_from_u64(FENCES_SEED);
        (0..count).map(move |_| self.fence(&mut rng))
    }

    fn fence(&self, rng: &mut ChaCha8Rng) -> Drawn {
        let drawn = rng.random_range(0.0..self.weights[CITIES - 1]);
        let city = &self.cities[self.weights.partition_point(|sum| *sum <= drawn)];
        let at = scattered(rng, city.at, city.sigma_m);
        let center = position(at);
        match rng.random_range(0..100) {
            0..80 => Drawn::Circle {
                center,
                radius_m: log_uniform(rng, 50.0, 500.0),
            },
            80..99 => {
                let (mean_m, corners) = (log_uniform(rng, 100.0, 2_000.0), rng.random_range(8..=64));
                polygon(rng, center, mean_m, corners)
            }
            _ => {
                let (mean_m, corners) = (log_uniform(rng, 2_000.0, 10_000.0), rng.random_range(500..=2_000));
                polygon(rng, center, mean_m, corners)
            }
        }
    }

    /// Fixes anywhere: half of them within a kilometre or so of one of these geofences, half over the inhabited world.
    pub fn random_fixes(fences: &[Drawn], count: usize) -> Vec<Position> {
        let mut rng = ChaCha8Rng::seed_from_u64(RANDOM_SEED);
        (0..count).map(|_| position(start(&mut rng, fences))).collect()
    }

    /// Fixes in the order a busy server sees them: 64 steps of ten metres of one device, then the next device.
    pub fn device_fixes(fences: &[Drawn], count: usize) -> Vec<Position> {
        let mut rng = ChaCha8Rng::seed_from_u64(WALKING_SEED);
        let mut fixes = Vec::with_capacity(count + STEPS_PER_DEVICE);
        while fixes.len() < count {
            let mut at = start(&mut rng, fences);
            let mut heading = rng.random_range(0.0..TAU);
            for _ in 0..STEPS_PER_DEVICE {
                fixes.push(position(at));
                at = offset(at, STEP_M * heading.sin(), STEP_M * heading.cos());
                heading += 0.3 * normal(&mut rng);
            }
        }
        fixes.truncate(count);
        fixes
    }
}

fn start(rng: &mut ChaCha8Rng, fences: &[Drawn]) -> Place {
    if fences.is_empty() || rng.random_bool(0.5) {
        return (rng.random_range(-125.0..150.0), rng.random_range(-50.0..60.0));
    }
    let center = fences[rng.random_range(0..fences.len())].center();
    scattered(rng, (center.lng, center.lat), 1_000.0)
}

/// A star-shaped ring: its radius swings with five waves and some noise, so that it is concave and still simple.
fn polygon(rng: &mut ChaCha8Rng, center: Position, mean_m: f64, count: usize) -> Drawn {
    let waves: Vec<(f64, f64)> = (1..=5_u8)
        .map(|k| (rng.random_range(0.0..0.22) / f64::from(k), rng.random_range(0.0..TAU)))
        .collect();
    let noise = if count > 100 { 0.015 } else { 0.075 };
    let corners = (0..count)
        .map(|index| {
            let theta = (index as f64 + rng.random_range(0.0..0.8)) / count as f64 * TAU;
            let swing: f64 = waves
                .iter()
                .zip(1_u8..)
                .map(|((a, phi), k)| a * (f64::from(k) * theta + phi).cos())
                .sum();
            let radius_m = mean_m * (1.0 + swing + rng.random_range(-noise..noise)).max(0.25);
            offset((center.lng, center.lat), radius_m * theta.cos(), radius_m * theta.sin())
        })
        .collect();
    Drawn::Polygon { center, corners }
}

fn scattered(rng: &mut ChaCha8Rng, at: Place, sigma_m: f64) -> Place {
    let (east, north) = (normal(rng), normal(rng));
    offset(at, sigma_m * east, sigma_m * north)
}

fn normal(rng: &mut ChaCha8Rng) -> f64 {
    StandardNormal.sample(rng)
}

/// Uniform in the logarithm: as many between 50 and 500 as between 500 and 5,000.
fn log_uniform(rng: &mut ChaCha8Rng, low: f64, high: f64) -> f64 {
    rng.random_range(low.ln()..high.ln()).exp()
}

/// A place moved by metres to the east and to the north.
fn offset((lng, lat): Place, east_m: f64, north_m: f64) -> Place {
    let lng = lng + east_m / (METRES_PER_DEGREE * lat.to_radians().cos());
    (lng, lat + north_m / METRES_PER_DEGREE)
}

fn position((lng, lat): Place) -> Position {
    Position {
        lat: lat.clamp(-90.0, 90.0),
        lng: lng.clamp(-180.0, 180.0),
    }
}

#[cfg(test)]
#[path = "workload_tests.rs"]
mod tests;
