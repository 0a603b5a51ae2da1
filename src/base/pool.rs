//! Values of which many are equal: each is kept once, for as long as somebody has it.

use std::collections::HashSet;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

/// Fewer values than this are not looked through for those that nobody has any more.
const SWEPT_FROM: usize = 1_024;

/// Equal values share one piece of memory.
pub struct Pool<T>(Mutex<Known<T>>);

struct Known<T> {
    values: HashSet<Arc<T>>,
    /// The number of values at which those are let go that nobody has any more.
    swept_at: usize,
}

impl<T: Eq + Hash> Pool<T> {
    pub fn new() -> Self {
        Self(Mutex::new(Known {
            values: HashSet::new(),
            swept_at: SWEPT_FROM,
        }))
    }

    /// This value, shared with all that are equal.
    pub fn share(&self, value: T) -> Arc<T> {
        // Whoever stopped half-way left a set that is whole.
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(same) = known.values.get(&value) {
            return Arc::clone(same);
        }
        if known.values.len() >= known.swept_at {
            known.values.retain(|value| Arc::strong_count(value) > 1);
            // Twice what is left: letting go costs each new value the same, however many there are.
            known.swept_at = SWEPT_FROM.max(2 * known.values.len());
        }
        let value = Arc::new(value);
        known.values.insert(Arc::clone(&value));
        value
    }
}

impl<T: Eq + Hash> Default for Pool<T> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
#[path = "pool_tests.rs"]
mod tests;
