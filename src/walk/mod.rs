//! Walks: a story run through the production engine in memory, with its outcome told in names. Nothing is stored, nothing is sent.

mod answers;
pub mod bounds;
pub mod compare;
pub mod disturb;
pub mod format;
mod journeys;
pub mod outcome;
pub mod path;
mod people;
mod project;
mod push;
pub mod run;
mod stage;
mod tell;
pub mod trial;

pub use bounds::Bounds;
pub use compare::differences;
pub use disturb::Disturbance;
pub use format::{Walk, WalkError, parse};
pub use outcome::{Expected, Outcome};
pub use run::run;
pub use trial::{Trial, TrialError, Tried};
