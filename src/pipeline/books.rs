//! The books as measures: counted now and then, so that a scrape costs nothing and counting never takes much of the time.

use super::{Pipeline, PipelineError};
use crate::base::limits;
use crate::telemetry::measure;
use chrono::TimeDelta;
use std::sync::atomic::{AtomicI64, Ordering};

/// When the books are to be counted again, in milliseconds since 1970.
#[derive(Debug, Default)]
pub(super) struct NextCount(AtomicI64);

impl Pipeline {
    /// Counts what became of all deliveries, unless that was done a moment ago. Counting many takes longer: it is done again
    /// after a hundred times as long as it took, so that it never takes more than a hundredth of the time.
    pub async fn count_books(&self) -> Result<bool, PipelineError> {
        let begun = self.now();
        if begun.timestamp_millis() < self.0.next_count.0.load(Ordering::Relaxed) {
            return Ok(false);
        }
        let books = self.0.store.delivery_books().await?;
        let took = (self.now() - begun).max(TimeDelta::zero());
        let pause = (took * limits::BOOKS_COUNTED_SHARE).max(limits::BOOKS_COUNTED_EVERY);
        let next = (begun + pause).timestamp_millis();
        self.0.next_count.0.store(next, Ordering::Relaxed);
        for (state, count) in [
            ("accepted", books.accepted),
            ("delivered", books.delivered),
            ("failed", books.failed),
            ("expired", books.expired),
            ("waiting", books.waiting),
        ] {
            measure::books(state, count);
        }
        Ok(true)
    }
}
