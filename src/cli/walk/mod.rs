//! Walks as files: read with what they include, led along tracks, saved, and their outcome as a table.

pub mod include;
pub mod table;
mod track;
mod write;

pub use include::{load, resolved};
pub(super) use track::follow;
pub(super) use write::save;
