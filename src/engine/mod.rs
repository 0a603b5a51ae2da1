//! Everything that decides, and nothing that acts.

pub mod message;
pub mod trigger;
