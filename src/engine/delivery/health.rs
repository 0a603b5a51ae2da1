//! The health of a webhook endpoint: what failures in a row come to.

use crate::base::limits;
use crate::base::time::Timestamp;
use chrono::TimeDelta;

/// Failures further apart than this are sporadic, and no row.
const ONE_ROW: TimeDelta = TimeDelta::hours(24);

/// Since when an endpoint has answered nothing but failures.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Health {
    /// The first failure of the present row; none after a success.
    pub failing_since: Option<Timestamp>,
    /// The latest failure of that row.
    pub failed_at: Option<Timestamp>,
}

impl Health {
    /// After one more failure, and whether that is enough: failures every day, and nothing else, for
    /// [`limits::ENDPOINT_FAILS_FOR_MAX`].
    #[must_use]
    pub fn after_failure(self, at: Timestamp) -> (Self, bool) {
        let goes_on = self.failed_at.is_some_and(|last| at - last <= ONE_ROW);
        let since = self.failing_since.filter(|_| goes_on).unwrap_or(at);
        let health = Self {
            failing_since: Some(since),
            failed_at: Some(at),
        };
        (health, at - since >= limits::ENDPOINT_FAILS_FOR_MAX)
    }
}

#[cfg(test)]
#[path = "health_tests.rs"]
mod tests;
