//! What can go wrong on the way of the data.

use crate::engine::fact::FactError;
use crate::store::StoreError;

/// Why the pipeline did not do it. Nothing is half-done in any case.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// More is queued than memory should hold: come back later.
    #[error("too much is waiting; try again in {retry_after_s} s")]
    Overloaded { retry_after_s: u64 },
    /// The process is going down.
    #[error("the server is stopping")]
    Stopping,
    /// The user was erased: nothing more is taken.
    #[error("this user was erased")]
    Erased,
    /// The step of this input ended in a fault of ours; sending it again will not help.
    #[error("this input broke its step")]
    StepBroken,
    /// The fact contradicts its type; every violation, by place.
    #[error("the fact contradicts its type in {} place(s)", .0.len())]
    FactInvalid(Vec<FactError>),
}
