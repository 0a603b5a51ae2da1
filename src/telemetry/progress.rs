//! Progress of the loops: health follows what was done lately, not that a process exists.

use crate::base::time::Timestamp;
use chrono::TimeDelta;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// When each loop last did its work. Cheap to clone; all clones see the same.
#[derive(Debug, Clone, Default)]
pub struct Progress(Arc<Mutex<BTreeMap<&'static str, Beat>>>);

/// One loop as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Beat {
    /// The last turn that went well; none before the first.
    pub succeeded_at: Option<Timestamp>,
    /// When the loop was started.
    pub started_at: Timestamp,
    /// Turns that failed since the last one that went well.
    pub failures: u32,
    /// Longer than this without a good turn is no progress.
    #[serde(skip)]
    pub patience: TimeDelta,
}

impl Beat {
    pub fn is_stuck(&self, now: Timestamp) -> bool {
        now - self.succeeded_at.unwrap_or(self.started_at) > self.patience
    }
}

impl Progress {
    fn beats(&self) -> MutexGuard<'_, BTreeMap<&'static str, Beat>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn started(&self, name: &'static str, patience: TimeDelta, now: Timestamp) {
        let beat = Beat {
            succeeded_at: None,
            started_at: now,
            failures: 0,
            patience,
        };
        self.beats().insert(name, beat);
    }

    pub fn succeeded(&self, name: &'static str, now: Timestamp) {
        if let Some(beat) = self.beats().get_mut(name) {
            beat.succeeded_at = Some(now);
            beat.failures = 0;
        }
    }

    /// Counts a failed turn, and answers how many there were in a row.
    pub fn failed(&self, name: &'static str) -> u32 {
        self.beats().get_mut(name).map_or(1, |beat| {
            beat.failures = beat.failures.saturating_add(1);
            beat.failures
        })
    }

    /// Every loop, by name.
    pub fn loops(&self) -> BTreeMap<&'static str, Beat> {
        self.beats().clone()
    }

    /// The loops that have not done their work for too long; none when all is well.
    pub fn stuck(&self, now: Timestamp) -> Vec<&'static str> {
        self.beats().iter().filter(|(_, beat)| beat.is_stuck(now)).map(|(name, _)| *name).collect()
    }
}
