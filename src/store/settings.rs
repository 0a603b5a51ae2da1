//! Where the data is kept and how carefully it is written.

use serde::{Deserialize, Serialize};

/// The `database` part of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// `sqlite://<path>` or `postgres://…`.
    pub url: String,
    /// SQLite only. `full` survives power loss; the group commit pays for it.
    pub synchronous: Synchronous,
    /// SQLite only: how long a statement waits for another process's lock, in milliseconds.
    pub busy_timeout_ms: u64,
    /// SQLite only: connections that read while the one writer writes.
    pub readers: u32,
    /// PostgreSQL only: connections of this process.
    pub connections: u32,
}

/// How SQLite waits for the disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Synchronous {
    /// What was committed survives power loss.
    #[default]
    Full,
    /// Survives a crash of the process; power loss may take the last commits.
    Normal,
    /// For experiments alone.
    Off,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            url: "sqlite://./data/usher.db".into(),
            synchronous: Synchronous::Full,
            busy_timeout_ms: 5_000,
            readers: 4,
            connections: 16,
        }
    }
}
