//! Walks: a story from files, run through the production engine in memory, with its outcome told in names.

pub mod compare;
pub mod format;
pub mod run;
mod stage;
pub mod table;

pub use compare::differences;
pub use format::{Expected, Outcome, Walk, WalkError, parse};
pub use run::run;

/// Timers that may fire in one walk: a story of a month with a timer a minute stays below; more is a loop.
const TIMERS_PER_WALK_MAX: usize = 50_000;
