//! The pace of a route: a provider's rate is approached along a line and left along the same line (RELIABILITY.md A6).

use crate::base::time::Timestamp;
use chrono::TimeDelta;

/// How fast a provider may be asked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limit {
    /// Messages a second at most.
    pub per_s: f64,
    /// Seconds from nothing to that.
    pub ramp_s: f64,
}

/// The rate changes once in this time.
const WINDOW: TimeDelta = TimeDelta::seconds(1);
/// How much of a second's messages may go at once.
const BURST: f64 = 0.1;
/// A rate that is used to this share is needed.
const NEEDED: f64 = 0.8;

/// A token bucket whose rate follows its use: a second in which the rate was needed makes the next one faster by what the line
/// rises in a second, one in which it was not makes it slower by as much. The rate of each second is that of the line in its middle.
#[derive(Debug)]
pub(super) struct Pace {
    limit: Limit,
    /// Messages a second in this window.
    rate: f64,
    /// Messages that may go now.
    tokens: f64,
    /// Messages that went in this window.
    used: f64,
    window_from: Timestamp,
    at: Timestamp,
}

impl Pace {
    pub(super) fn new(limit: Limit, now: Timestamp) -> Self {
        let mut pace = Self {
            limit,
            rate: 0.0,
            tokens: 0.0,
            used: 0.0,
            window_from: now,
            at: now,
        };
        pace.rate = pace.floor();
        pace.tokens = pace.burst();
        pace
    }

    /// What the line rises in a second.
    fn step(&self) -> f64 {
        self.limit.per_s / self.limit.ramp_s.max(1.0)
    }

    /// The rate of the first second: a single message never waits.
    fn floor(&self) -> f64 {
        self.step() / 2.0
    }

    fn burst(&self) -> f64 {
        (self.rate * BURST).max(1.0)
    }

    /// Lets time pass; a clock that steps back gives nothing.
    pub(super) fn advance(&mut self, now: Timestamp) {
        while now - self.window_from >= WINDOW && !self.is_at_floor_unused() {
            let ends = self.window_from + WINDOW;
            self.accrue(ends);
            let step = self.step();
            let changed = if self.used >= self.rate * NEEDED {
                self.rate + step
            } else {
                self.rate - step
            };
            self.rate = changed.clamp(self.floor(), self.limit.per_s);
            self.used = 0.0;
            self.window_from = ends;
        }
        if now - self.window_from >= WINDOW {
            self.window_from = now;
        }
        self.accrue(now);
    }

    fn is_at_floor_unused(&self) -> bool {
        self.used <= 0.0 && self.rate <= self.floor()
    }

    fn accrue(&mut self, until: Timestamp) {
        let passed_s = (until - self.at)
            .num_microseconds()
            .map_or(WINDOW.as_seconds_f64(), |us| us as f64 / 1e6);
        if passed_s > 0.0 {
            self.tokens = (self.tokens + passed_s * self.rate).min(self.burst());
            self.at = until;
        }
    }

    /// Messages that may go now.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between none and a burst"
    )]
    pub(super) fn room(&self) -> usize {
        self.tokens.max(0.0) as usize
    }

    pub(super) fn take(&mut self, count: usize) {
        self.tokens -= count as f64;
        self.used += count as f64;
    }

    /// When half a burst may go: asking for every single message would cost more than it gains.
    pub(super) fn wake_at(&self) -> Timestamp {
        let wanted = (self.burst() / 2.0).max(1.0);
        let missing_s = ((wanted - self.tokens) / self.rate).max(0.0);
        #[expect(clippy::cast_possible_truncation, reason = "at most seconds")]
        let missing = TimeDelta::microseconds((missing_s * 1e6).ceil() as i64 + 1);
        self.at + missing
    }

    pub(super) fn is_at_rest(&self, now: Timestamp) -> bool {
        self.is_at_floor_unused() && now - self.window_from >= WINDOW
    }
}
