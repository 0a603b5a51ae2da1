//! What Usher tells about itself: logs, measures, and whether its loops make progress.

pub mod log;
pub mod measure;
pub mod progress;

pub use progress::Progress;
