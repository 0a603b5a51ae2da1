//! Journeys: a state machine whose states hold triggers; one instance per person and key (DESIGN.md 5.15).

mod sentence;

pub use sentence::{Journey, Limit, Move, Start, State, Versions};
