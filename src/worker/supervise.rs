//! One loop under supervision: it takes turns until it is told to end, and a failed turn delays the next one, never the last.

use crate::api::Progress;
use crate::base::clock::Clock;
use crate::telemetry::measure;
use chrono::TimeDelta;
use futures_util::FutureExt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// The longest pause after failures in a row: a database that is back is noticed soon.
const BACK_OFF_MAX: Duration = Duration::from_secs(5);

/// What is known of a loop.
pub(super) struct Loop {
    name: &'static str,
    every: Duration,
    patience: TimeDelta,
    clock: Arc<dyn Clock>,
    progress: Progress,
}

impl Loop {
    pub(super) fn new(
        name: &'static str,
        every: Duration,
        patience_s: i64,
        clock: &Arc<dyn Clock>,
        progress: &Progress,
    ) -> Self {
        let patience = TimeDelta::try_seconds(patience_s).unwrap_or(TimeDelta::MAX);
        // Starting counts as a word: the first turn gets as long as any other.
        progress.beat(name, clock.now(), patience);
        Self {
            name,
            every,
            patience,
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
    let mut failures = 0_u32;
    while !token.is_cancelled() {
        let outcome = AssertUnwindSafe(async { turn().await }).catch_unwind().await;
        let outcome = outcome.unwrap_or_else(|_| Err("the turn panicked".to_owned()));
        let pause = match outcome {
            Ok(()) => {
                of.progress.beat(of.name, of.clock.now(), of.patience);
                failures = 0;
                of.every
            }
            Err(why) => {
                failures = failures.saturating_add(1);
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
    of.progress.done(of.name);
}

/// Doubles with every failure in a row.
fn back_off(every: Duration, failures: u32) -> Duration {
    let doubled = every
        .max(Duration::from_millis(100))
        .saturating_mul(1 << failures.min(10));
    doubled.min(BACK_OFF_MAX.max(every))
}

#[cfg(test)]
#[path = "supervise_tests.rs"]
mod tests;
