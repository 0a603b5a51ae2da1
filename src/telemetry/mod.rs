//! What Usher tells about itself: logs and measures.

pub mod log;
pub mod measure;
