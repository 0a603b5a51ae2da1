//! The circuit breaker of a route: a receiver that only fails is asked now and then, by one message, until it answers.

use crate::base::limits;
use crate::base::time::Timestamp;
use chrono::TimeDelta;

/// The first pause; it doubles with every probe that fails.
const PAUSE_MIN: TimeDelta = TimeDelta::seconds(10);
/// A receiver that is back is noticed within this time.
const PAUSE_MAX: TimeDelta = TimeDelta::seconds(60);

/// How a delivery that was taken up ended, as far as its receiver is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The receiver took it or refused this one message: it is there.
    Answered,
    /// No answer, a failure of its own, "not now", or "not with these credentials".
    Failed,
    /// Nothing was sent.
    NotTried,
}

/// Closed while all is well; open, and then half open, after too many failures in a row.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    failures: u32,
    /// Openings without an answer in between.
    trips: u32,
    open_until: Option<Timestamp>,
}

impl Breaker {
    /// Deliveries that may be taken up; one that is under way while the circuit is half open is the probe.
    pub(super) fn room(&self, now: Timestamp, under_way: usize) -> usize {
        match self.open_until {
            None => usize::MAX,
            Some(until) if now < until => 0,
            Some(_) => usize::from(under_way == 0),
        }
    }

    /// While it is open: when the next probe may go.
    pub(super) fn opens_again_at(&self, now: Timestamp) -> Option<Timestamp> {
        self.open_until.filter(|until| now < *until)
    }

    /// True when this ending opened it.
    pub(super) fn heard(&mut self, ending: Ending, now: Timestamp) -> bool {
        match ending {
            Ending::NotTried => false,
            Ending::Answered => {
                *self = Self::default();
                false
            }
            Ending::Failed => {
                self.failures = self.failures.saturating_add(1);
                let trips = match self.open_until {
                    None => self.failures >= limits::FAILURES_IN_A_ROW_MAX,
                    // What was under way when it opened tells nothing new.
                    Some(until) => now >= until,
                };
                if trips {
                    let pause = PAUSE_MIN * (1 << self.trips.min(6));
                    self.open_until = Some(now + pause.min(PAUSE_MAX));
                    self.trips = self.trips.saturating_add(1);
                }
                trips
            }
        }
    }

    pub(super) fn is_untroubled(&self) -> bool {
        self.failures == 0 && self.open_until.is_none()
    }
}
