//! What a load came to: latencies, answers, and each second of it.

use crate::base::time::Timestamp;
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// Longest latency that is told apart from longer ones: a minute, in microseconds.
const LATENCY_US_MAX: u64 = 60_000_000;

/// An empty histogram of microseconds, exact to three digits.
pub fn latencies() -> Histogram<u64> {
    Histogram::new_with_max(LATENCY_US_MAX, 3)
        .unwrap_or_else(|_| unreachable!("these bounds are constants that are taken"))
}

/// Counts one latency; longer than the longest counts as the longest.
pub fn count(histogram: &mut Histogram<u64>, took: Duration) {
    histogram.saturating_record(u64::try_from(took.as_micros()).unwrap_or(LATENCY_US_MAX));
}

/// One second of a load.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Second {
    /// Seconds since the load began.
    pub at_s: f64,
    pub fixes: u64,
    pub p50_ms: f64,
    pub p99_ms: f64,
    /// None where the system does not say.
    pub resident_mib: Option<f64>,
    /// Share of one core the server used.
    pub cores: Option<f64>,
}

/// A greeted arrival: which phone, and when its fix was due.
#[derive(Debug, Clone, Copy)]
pub struct Arrival {
    pub phone: usize,
    pub due: Timestamp,
}

/// Everything counted while a load was offered.
pub struct Taken {
    /// Requests that were due.
    pub due: u64,
    /// Answers by status.
    pub statuses: BTreeMap<u16, u64>,
    /// Requests that got no answer: the connection broke, or the load ended before.
    pub unanswered: u64,
    /// 429 and 503 without a word on when to come back.
    pub without_retry_after: u64,
    /// Records that were refused inside of good answers.
    pub rejected: u64,
    /// Moments in the answers.
    pub moments: u64,
    /// Fixes in requests that were answered well.
    pub fixes: u64,
    /// Due to answered, of the good answers.
    pub answers: Histogram<u64>,
    /// The same, of those that told of a moment: they waited for the disk.
    pub moving: Histogram<u64>,
    /// Sent to answered, of the good answers.
    pub served: Histogram<u64>,
    /// How late the generator itself was: from due to in the queue of a connection.
    pub lag: Histogram<u64>,
    pub arrivals: Vec<Arrival>,
    pub seconds: Vec<Second>,
    /// Requests due and not answered at the end of the load.
    pub backlog: u64,
    pub lasted: Duration,
    pub server_cpu: Option<Duration>,
    pub generator_cpu: Option<Duration>,
    /// The first thing that went wrong, in words.
    pub first_failure: Option<String>,
}

impl Default for Taken {
    fn default() -> Self {
        Self {
            due: 0,
            statuses: BTreeMap::new(),
            unanswered: 0,
            without_retry_after: 0,
            rejected: 0,
            moments: 0,
            fixes: 0,
            answers: latencies(),
            moving: latencies(),
            served: latencies(),
            lag: latencies(),
            arrivals: Vec::new(),
            seconds: Vec::new(),
            backlog: 0,
            lasted: Duration::ZERO,
            server_cpu: None,
            generator_cpu: None,
            first_failure: None,
        }
    }
}

impl Taken {
    pub fn good(&self) -> u64 {
        self.statuses.range(200..300).map(|(_, count)| count).sum()
    }

    /// Answers that are neither good nor "come back later".
    pub fn errors(&self) -> u64 {
        let told: u64 = self.statuses.values().sum();
        let later = self.statuses.get(&429).unwrap_or(&0) + self.statuses.get(&503).unwrap_or(&0);
        told - self.good() - later + self.unanswered
    }

    pub fn requests_per_s(&self) -> f64 {
        self.good() as f64 / self.lasted.as_secs_f64().max(1e-9)
    }

    pub fn fixes_per_s(&self) -> f64 {
        self.fixes as f64 / self.lasted.as_secs_f64().max(1e-9)
    }

    /// Processor time of the server for one fix, in microseconds.
    pub fn cpu_us_per_fix(&self) -> Option<f64> {
        let cpu = self.server_cpu?;
        (self.fixes > 0).then(|| cpu.as_secs_f64() * 1e6 / self.fixes as f64)
    }

    /// Share of one core that the generator used; near 1 it is the generator that was measured.
    pub fn generator_share(&self) -> Option<f64> {
        let cpu = self.generator_cpu?;
        Some(cpu.as_secs_f64() / self.lasted.as_secs_f64().max(1e-9))
    }
}

/// The value below which `share` of the samples are, in milliseconds.
pub fn at_ms(histogram: &Histogram<u64>, share: f64) -> f64 {
    histogram.value_at_quantile(share) as f64 / 1e3
}
