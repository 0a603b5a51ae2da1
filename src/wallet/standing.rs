//! How a fact stands as a pass.

use crate::base::time::Timestamp;
use crate::engine::fact::{Fact, Lifecycle};

/// How a fact stands as a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    Good,
    Cancelled,
    Over,
}

impl Standing {
    pub fn of(fact: &Fact, now: Timestamp) -> Self {
        match fact.lifecycle {
            Lifecycle::Cancelled => Self::Cancelled,
            Lifecycle::Ended => Self::Over,
            Lifecycle::Active if fact.valid_to.is_some_and(|to| to <= now) => Self::Over,
            Lifecycle::Active => Self::Good,
        }
    }
}
