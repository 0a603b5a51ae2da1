//! The command line.

pub mod paint;
pub mod walk;
