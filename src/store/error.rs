//! What can go wrong with the store; not found is `None`, not an error.

/// Why the store could not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A unique key is taken.
    #[error("conflict: {0}")]
    Conflict(String),
    /// There is no room on the disk of the database: nothing was written.
    #[error("the disk of the database is full")]
    Full,
    /// The database cannot be reached or is busy: try again later.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// A stored row does not read back: the operator must look.
    #[error("a stored row cannot be read: {0}")]
    Corrupt(String),
}

/// Why a commit was refused.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// Messages with these send keys exist already: step again, knowing it.
    #[error("send keys are taken: {0:?}")]
    SendKeysTaken(Vec<String>),
    #[error(transparent)]
    Store(#[from] StoreError),
}
