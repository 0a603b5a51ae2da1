//! Walks: a story from files, run through the production engine in memory, with its outcome told in names.

pub mod compare;
pub mod format;
pub mod include;
pub mod outcome;
pub mod run;
mod stage;
pub mod table;
mod tell;

pub use compare::differences;
pub use format::{Walk, WalkError, parse};
pub use include::load;
pub use outcome::{Expected, Outcome};
pub use run::run;

/// Timers that may fire in one walk: a story of a month with a timer a minute stays below; more is a loop.
const TIMERS_PER_WALK_MAX: usize = 50_000;
