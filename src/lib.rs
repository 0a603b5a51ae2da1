//! Usher notices the moment and says the right thing.

pub mod base;
pub mod engine;
