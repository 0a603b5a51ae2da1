//! Journeys: a state machine whose states hold triggers; one instance per person and key (DESIGN.md 5.15).

mod compiled;
mod sentence;
mod ways;

pub use compiled::{CompiledJourney, CompiledState, Listening};
pub use sentence::{Journey, Limit, Move, Start, State, Versions};
pub use ways::{Way, escaped};
