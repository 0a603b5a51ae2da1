//! One loop under supervision: it takes turns until it is told to end, and a failed turn delays the next one, never the last.

use crate::base::clock::Clock;
use crate::telemetry::{Progress, measure};
use chrono::TimeDelta;
use futures_util::FutureExt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// The longest pause after failures in a row: a database that is back is noticed soon.
const BACK_OFF_MAX: Duration = Duration::from_secs(10);

/// What is known of a loop.
pub(super) struct Loop {
    name: &'static str,
    every: Duration,
    clock: Arc<dyn Clock>,
    progress: Progress,
}

impl Loop {
    pub(super) fn new(name: &'static str, every: Duration, patience_s: i64, clock: &Arc<dyn Clock>, progress: &Progress) -> Self {
        progress.started(name, TimeDelta::try_seconds(patience_s).unwrap_or(TimeDelta::MAX), clock.now());
        Self {
            name,
            every,
            clock: Arc::clone(clock),
            progress: progress.clone(),
        }
    }
}

/// Takes turns until `token` is cancelled. A turn that panics is a failed turn: the loop goes on.
pub(super) async fn supervise<F, T>(of: Loop, token: CancellationToken, mut turn: F)
where
    F: FnMut() -> T,
    T: Future<Output = Result<(), String>>,
{
    while !token.is_cancelled() {
        let outcome = AssertUnwindSafe(turn()).catch_unwind().await.unwrap_or_else(|_| Err("the turn panicked".to_owned()));
        let pause = match outcome {
            Ok(()) => {
                of.progress.succeeded(of.name, of.clock.now());
                of.every
            }
            Err(why) => {
                let failures = of.progress.failed(of.name);
                measure::loop_failed(of.name);
                tracing::warn!(worker = of.name, failures, why, "a turn failed and will be tried again");
                back_off(of.every, failures)
            }
        };
        tokio::select! {
            () = token.cancelled() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Doubles with every failure in a row.
fn back_off(every: Duration, failures: u32) -> Duration {
    let doubled = every.max(Duration::from_millis(100)).saturating_mul(1 << failures.min(10));
    doubled.min(BACK_OFF_MAX.max(every))
}

#[cfg(test)]
#[path = "supervise_tests.rs"]
mod tests;
