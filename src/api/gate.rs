//! The door: how often one device and one project may come, so that nobody takes the place of the others.

use super::auth::Caller;
use super::problem::{ErrorCode, Problem};
use crate::base::clock::Clock;
use crate::base::limits;
use foldhash::fast::FixedState;
use governor::clock::Clock as _;
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};
use serde::{Deserialize, Serialize};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use uuid::Uuid;

/// `[rates]`: requests a second, and how many may come at once after a silence. 0 is no limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rates {
    /// Of one device.
    pub device_per_s: u32,
    pub device_burst: u32,
    /// Of one project, all its devices and servers together.
    pub project_per_s: u32,
    pub project_burst: u32,
}

impl Default for Rates {
    fn default() -> Self {
        Self {
            device_per_s: 20,
            device_burst: 1_000,
            project_per_s: 0,
            project_burst: 0,
        }
    }
}

/// The clock of the house, for the buckets.
#[derive(Clone)]
struct Since1970(Arc<dyn Clock>);

impl governor::clock::Clock for Since1970 {
    type Instant = Duration;

    fn now(&self) -> Duration {
        let micros = self.0.now().timestamp_micros();
        Duration::from_micros(u64::try_from(micros).unwrap_or(0))
    }
}

/// One bucket of tokens for each of many.
struct Buckets {
    limiter: RateLimiter<Uuid, DashMapStateStore<Uuid, FixedState>, Since1970, NoOpMiddleware<Duration>>,
    clock: Since1970,
    passed: AtomicUsize,
}

impl Buckets {
    fn new(per_s: u32, burst: u32, clock: &Since1970) -> Option<Self> {
        let per_s = NonZeroU32::new(per_s)?;
        let burst = NonZeroU32::new(burst).unwrap_or(per_s);
        let quota = Quota::per_second(per_s).allow_burst(burst);
        Some(Self {
            limiter: RateLimiter::new(quota, DashMapStateStore::default(), clock.clone()),
            clock: clock.clone(),
            passed: AtomicUsize::new(0),
        })
    }

    /// Seconds to wait, when the bucket of this one is empty.
    fn take(&self, key: Uuid) -> Result<(), u64> {
        // Full buckets are forgotten now and then, so that only who came lately has one.
        if self.passed.fetch_add(1, Ordering::Relaxed) % limits::BUCKETS_SWEPT_EVERY == limits::BUCKETS_SWEPT_EVERY - 1
        {
            self.limiter.retain_recent();
        }
        self.limiter.check_key(&key).map_err(|early| {
            let wait = early.wait_time_from(self.clock.now()).as_millis().div_ceil(1_000);
            u64::try_from(wait).unwrap_or(u64::MAX).max(1)
        })
    }
}

/// The buckets of devices and projects. An empty one is a 429 that says when to come again.
pub struct Gate {
    devices: Option<Buckets>,
    projects: Option<Buckets>,
}

impl Gate {
    pub fn new(rates: &Rates, clock: Arc<dyn Clock>) -> Self {
        let clock = Since1970(clock);
        Self {
            devices: Buckets::new(rates.device_per_s, rates.device_burst, &clock),
            projects: Buckets::new(rates.project_per_s, rates.project_burst, &clock),
        }
    }

    /// Lets a caller in, or says when to come again.
    pub fn pass(&self, caller: &Caller) -> Result<(), Problem> {
        let device = match caller {
            Caller::Key(_) => None,
            Caller::Device(row) => Some(row.id),
            Caller::Reporting(holding) => Some(holding.device_id),
        };
        if let (Some(buckets), Some(device)) = (&self.devices, device) {
            buckets
                .take(device.uuid())
                .map_err(|wait_s| too_often("this device", wait_s))?;
        }
        if let Some(buckets) = &self.projects {
            let project = caller.project_id().uuid();
            buckets
                .take(project)
                .map_err(|wait_s| too_often("this project", wait_s))?;
        }
        Ok(())
    }
}

fn too_often(who: &str, wait_s: u64) -> Problem {
    let detail =
        format!("{who} sends more requests than it may; send the same again later, and several records at once");
    Problem::new(ErrorCode::TooOften, detail).retry_after_s(wait_s)
}

#[cfg(test)]
#[path = "gate_tests.rs"]
mod tests;
