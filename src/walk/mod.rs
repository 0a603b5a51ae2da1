//! Walks: a story run through the production engine in memory, with its outcome told in names. Nothing is stored, nothing is sent.

mod answers;
pub mod compare;
pub mod format;
mod journeys;
pub mod outcome;
mod people;
mod push;
pub mod run;
mod stage;
mod tell;

pub use compare::differences;
pub use format::{Walk, WalkError, parse};
pub use outcome::{Expected, Outcome};
pub use run::run;

/// Timers that may fire in one walk: a story of a month with a timer a minute stays below; more is a loop.
const TIMERS_PER_WALK_MAX: usize = 50_000;
