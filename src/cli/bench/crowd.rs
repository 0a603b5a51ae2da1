//! The phones of the load: who is where at which fix, so that a fixed share of all fixes enters or leaves a geofence.

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};

/// How far from its place a phone waits, in degrees of latitude: 1.3 km, outside of every circle and no impossible jump.
const AWAY_DEG: f64 = 0.011_7;
/// A phone that stands still reports a slightly other place each time, in degrees: a metre.
const JITTER_DEG: f64 = 0.000_01;

/// What the fixes cause, in percent of them.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Mix {
    /// Fixes that enter or leave a geofence.
    pub transitions: f64,
    /// Fixes that cause a message.
    pub messages: f64,
}

impl Mix {
    /// Fixes of one visit and the absence after it: two of them are transitions.
    pub fn cycle(self) -> u64 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "clamped to what fits"
        )]
        let cycle = (200.0 / self.transitions.max(0.001)).round().clamp(6.0, 1e6) as u64;
        cycle
    }

    /// The share of arrivals that are greeted with a message.
    pub fn greeted(self) -> f64 {
        (self.messages / (self.transitions / 2.0)).clamp(0.0, 1.0)
    }
}

/// One phone.
#[derive(Debug)]
pub struct Phone {
    /// What comes after `Bearer `.
    pub token: String,
    /// As the API writes it.
    pub device_id: String,
    /// The centre of the circle it visits: latitude and longitude in degrees.
    pub place: (f64, f64),
    /// Its arrivals cause a message.
    pub greeted: bool,
    /// Fixes made so far.
    pub made: AtomicU64,
}

/// Where a phone is at one of its fixes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spot {
    Away,
    /// The first fix at the place after an absence.
    Arriving,
    There,
}

/// All phones, and how they move.
#[derive(Debug)]
pub struct Crowd {
    pub phones: Vec<Phone>,
    cycle: u64,
    /// With it nobody goes anywhere: the number of the fix at which each phone stands.
    standing: Option<Vec<u64>>,
    /// Begins every record id of this run, so that no other run has made it.
    run: String,
}

/// A request body and what it will cause.
#[derive(Debug)]
pub struct Made {
    pub body: Vec<u8>,
    /// It holds the first fix of a visit that is greeted.
    pub greeted: bool,
}

impl Crowd {
    pub fn new(phones: Vec<Phone>, mix: Mix, run: String) -> Self {
        Self {
            phones,
            cycle: mix.cycle(),
            standing: None,
            run,
        }
    }

    /// The same phones from their first fix on: what another server is sent must not move these.
    #[must_use]
    pub fn twin(&self) -> Self {
        let twin = |phone: &Phone| Phone {
            token: phone.token.clone(),
            device_id: phone.device_id.clone(),
            made: AtomicU64::new(0),
            ..*phone
        };
        Self {
            phones: self.phones.iter().map(twin).collect(),
            cycle: self.cycle,
            standing: self.standing.clone(),
            run: self.run.clone(),
        }
    }

    /// The same phones, each staying where its next fix will be: none of their fixes causes anything.
    #[must_use]
    pub fn at_rest(&self) -> Self {
        let stand = |(at, phone): (usize, &Phone)| {
            let next = phone.made.load(Ordering::Relaxed);
            // Who is about to arrive waits outside: the arrival is still to come.
            if self.spot(at, next) == Spot::Arriving {
                next + self.cycle - 1
            } else {
                next
            }
        };
        Self {
            standing: Some(self.phones.iter().enumerate().map(stand).collect()),
            run: format!("{}-rest", self.run),
            ..self.twin()
        }
    }

    /// Of so many fixes one enters or leaves a geofence.
    pub fn fixes_per_transition(&self) -> f64 {
        self.cycle as f64 / 2.0
    }

    /// Where this phone is at its fix `number`: half of the time away, the phones evenly spread over the cycle, and those that come
    /// after one another far apart in it: people do not arrive in rows.
    pub fn spot(&self, phone: usize, number: u64) -> Spot {
        // Fibonacci hashing: multiples of the golden ratio fill the circle evenly in any order (Knuth, TAOCP 3, 6.4).
        let shift = ((phone as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) % self.cycle;
        let phase = (number + shift) % self.cycle;
        match phase {
            phase if phase < self.cycle / 2 => Spot::Away,
            phase if phase == self.cycle / 2 => Spot::Arriving,
            _ => Spot::There,
        }
    }

    /// The next `count` fixes of a phone as one body of `POST /v1/track`; `at` is the time they say, RFC 3339.
    pub fn next(&self, phone: usize, count: usize, at: &str) -> Made {
        let it = &self.phones[phone];
        let first = it.made.fetch_add(count as u64, Ordering::Relaxed);
        let mut body = Vec::with_capacity(16 + count * 200);
        let mut greeted = false;
        body.extend_from_slice(b"{\"records\":[");
        for number in first..first + count as u64 {
            let spot = self.spot(phone, self.standing.as_ref().map_or(number, |standing| standing[phone]));
            greeted |= spot == Spot::Arriving && it.greeted;
            let away = if spot == Spot::Away { AWAY_DEG } else { 0.0 };
            let step = (number % 11) as f64 * JITTER_DEG;
            let (lat, lng) = (it.place.0 + away + step, it.place.1 - step);
            let comma = if number == first { "" } else { "," };
            // Writing into memory cannot fail.
            let _ = write!(
                body,
                "{comma}{{\"id\":\"{}-{phone:06x}-{number:010x}\",\"at\":\"{at}\",\"type\":\"fix\",\"lat\":{lat:.6},\
                 \"lng\":{lng:.6},\"accuracy_m\":8.0,\"speed_mps\":1.2,\"heading_deg\":90.0,\"source\":\"gps\"}}",
                self.run
            );
        }
        body.extend_from_slice(b"]}");
        Made { body, greeted }
    }
}

#[cfg(test)]
#[path = "crowd_tests.rs"]
mod tests;
