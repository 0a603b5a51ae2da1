//! Walks as files: read with what they include, and their outcome as a table.

pub mod include;
pub mod table;

pub use include::{load, resolved};
