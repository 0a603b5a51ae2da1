//! How fast a lane works off its inputs, to tell how long one more would wait.

use crate::base::clock::Clock;
use crate::base::time::Timestamp;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The time one input took lately, in nanoseconds; 0 before the first. A queue is bounded by what its callers will have to wait
/// as well as by its length: a slow disk fills it just as a crowd does.
#[derive(Debug, Default)]
pub(super) struct Pace(AtomicU64);

/// No input takes longer than this, 50 ms: what seems to have was a clock that was set, or a disk that stood still for once.
const EACH_NS_MAX: u64 = 50_000_000;

impl Pace {
    /// How long an input would wait behind so many others.
    pub(super) fn wait_for(&self, others: usize) -> Duration {
        let each = self.0.load(Ordering::Relaxed);
        Duration::from_nanos(each.saturating_mul(others as u64))
    }

    /// A batch of so many inputs took so long: it counts a quarter, the batches before it three.
    fn learn(&self, took: Duration, inputs: usize) {
        let Some(each) = u64::try_from(took.as_nanos())
            .unwrap_or(u64::MAX)
            .checked_div(inputs as u64)
        else {
            return;
        };
        let each = each.min(EACH_NS_MAX);
        let before = self.0.load(Ordering::Relaxed);
        let after = if before == 0 { each } else { before / 4 * 3 + each / 4 };
        self.0.store(after, Ordering::Relaxed);
    }
}

/// Takes the time of a lane's batches by the clock of the house.
pub(super) struct Stopwatch {
    clock: Arc<dyn Clock>,
    pace: Arc<Pace>,
}

impl Stopwatch {
    pub(super) fn new(clock: Arc<dyn Clock>, pace: Arc<Pace>) -> Self {
        Self { clock, pace }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(super) fn stop(&self, begun: Timestamp, inputs: usize) {
        // A clock that was set back took no time.
        let took = (self.clock.now() - begun).to_std().unwrap_or_default();
        self.pace.learn(took, inputs);
    }
}

#[cfg(test)]
mod tests {
    use super::Pace;
    use std::time::Duration;

    #[test]
    fn one_more_input_waits_as_long_as_those_before_it_take() {
        let pace = Pace::default();
        assert_eq!(pace.wait_for(4_096), Duration::ZERO, "nothing is known yet");
        pace.learn(Duration::from_millis(4), 4);
        assert_eq!(pace.wait_for(10), Duration::from_millis(10));
        for _ in 0..50 {
            pace.learn(Duration::from_millis(1), 10);
        }
        let learned = pace.wait_for(1_000);
        assert!(learned < Duration::from_millis(110), "{learned:?}");
        let jumped = Pace::default();
        jumped.learn(Duration::from_secs(86_400), 1);
        assert_eq!(jumped.wait_for(1), Duration::from_millis(50), "a clock was set");
        pace.learn(Duration::from_secs(1), 0);
        assert_eq!(pace.wait_for(1_000), learned, "an empty batch teaches nothing");
    }
}
