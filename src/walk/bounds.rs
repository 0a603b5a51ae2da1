//! The bounds of one run of a walk, and the question whether anybody still waits for it.

use super::format::WalkError;
use super::outcome::Outcome;
use super::path::Steps;
use crate::base::limits;
use crate::base::time::Timestamp;
use chrono::TimeDelta;
use std::fmt;

/// How far a walk may go.
#[derive(Clone, Copy)]
pub struct Bounds<'a> {
    /// Steps, its paths cut into fixes.
    pub steps: usize,
    /// Timers that may fire between the steps.
    pub timers: usize,
    /// Moments, decisions, messages and refusals that may come out.
    pub rows: usize,
    /// From the start to the last step.
    pub span: TimeDelta,
    /// False once nobody waits for the outcome any more.
    pub goes_on: &'a (dyn Fn() -> bool + Sync),
}

impl fmt::Debug for Bounds<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (steps, timers, rows) = (self.steps, self.timers, self.rows);
        write!(f, "Bounds({steps} steps, {timers} timers, {rows} rows, {})", self.span)
    }
}

/// Those of a walk in files, whose reader has the machine to themselves.
impl Default for Bounds<'_> {
    fn default() -> Self {
        Self {
            steps: limits::STEPS_PER_WALK_MAX,
            timers: limits::TIMERS_PER_WALK_MAX,
            rows: usize::MAX,
            span: TimeDelta::MAX,
            goes_on: &|| true,
        }
    }
}

impl Bounds<'_> {
    /// Is there still a point in going on, and room for what comes out?
    pub(super) fn check(&self, outcome: &Outcome) -> Result<(), WalkError> {
        if !(self.goes_on)() {
            return Err(WalkError::new("nobody waits for the outcome any more"));
        }
        if outcome.rows() > self.rows {
            let detail = format!(
                "more than {} moments, decisions, messages and refusals came out; simulate a shorter time or fewer people",
                self.rows
            );
            return Err(WalkError::new(detail).at("/steps"));
        }
        Ok(())
    }

    /// Timers are cheap, but a walk of a thousand years has many.
    pub(super) fn check_span(&self, start: Timestamp, steps: &Steps) -> Result<(), WalkError> {
        let Some((written, last)) = steps.last() else {
            return Ok(());
        };
        if last.at - start > self.span {
            let days = self.span.num_days();
            let detail = format!("lies more than {days} days after the start; simulate a shorter time");
            return Err(WalkError::new(detail).at(format!("/steps/{written}")));
        }
        Ok(())
    }
}
