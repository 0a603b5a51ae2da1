//! Where somebody on a path is at a given second, with the noise of a phone's receiver.

use crate::base::chance::{Entropy, SeededEntropy};

/// Metres of one degree of latitude, near enough for noise.
const METRES_PER_DEGREE: f64 = 111_320.0;

/// A point of a path: second, latitude, longitude.
pub(super) type Waypoint = (f64, f64, f64);

/// The place at second `t`: on the straight line between the waypoints around it; before the first and after the last, there.
pub(super) fn place_at(path: &[Waypoint], t: f64) -> (f64, f64) {
    let after = path.partition_point(|(at, _, _)| *at <= t);
    match (
        after.checked_sub(1).and_then(|before| path.get(before)),
        path.get(after),
    ) {
        (Some((t0, lat0, lng0)), Some((t1, lat1, lng1))) => {
            let share = (t - t0) / (t1 - t0);
            (lat0 + (lat1 - lat0) * share, lng0 + (lng1 - lng0) * share)
        }
        (Some((_, lat, lng)), None) | (None, Some((_, lat, lng))) => (*lat, *lng),
        (None, None) => (0.0, 0.0),
    }
}

/// Errors of a receiver, the same for the same seed.
pub(super) struct Noise(SeededEntropy);

impl Noise {
    pub(super) fn new(seed: u64) -> Self {
        Self(SeededEntropy::new(seed))
    }

    /// A place off by about `sigma_m` metres in each direction.
    pub(super) fn around(&self, (lat, lng): (f64, f64), sigma_m: f64) -> (f64, f64) {
        let north = self.normal() * sigma_m / METRES_PER_DEGREE;
        let east = self.normal() * sigma_m / (METRES_PER_DEGREE * lat.to_radians().cos().max(0.01));
        (lat + north, lng + east)
    }

    /// Nearly normal: the sum of twelve uniform draws less six has variance 1 (Irwin-Hall).
    fn normal(&self) -> f64 {
        let mut bytes = [0_u8; 24];
        self.0.fill(&mut bytes);
        let uniform = bytes
            .chunks_exact(2)
            .map(|pair| f64::from(u16::from_le_bytes([pair[0], pair[1]])) / 65_535.0);
        uniform.sum::<f64>() - 6.0
    }
}

#[cfg(test)]
#[path = "path_tests.rs"]
mod tests;
