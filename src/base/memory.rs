//! The memory that requests may take together: each has a share of it until nothing of it is left.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// So many bytes, for all requests under way. Clones are the same memory.
#[derive(Debug, Clone)]
pub struct Memory {
    taken: Arc<AtomicUsize>,
    most: usize,
}

/// What one request has of it, in bytes; given back when it is dropped.
#[derive(Debug)]
pub struct Share {
    of: Memory,
    bytes: usize,
}

impl Memory {
    pub fn new(most: usize) -> Self {
        Self {
            taken: Arc::default(),
            most,
        }
    }

    /// Nothing yet.
    pub fn share(&self) -> Share {
        Share {
            of: self.clone(),
            bytes: 0,
        }
    }

    /// Bytes taken now.
    pub fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }
}

impl Share {
    /// Takes more; false, and nothing taken, when there is not so much left.
    #[must_use]
    pub fn grow(&mut self, bytes: usize) -> bool {
        let fits = |taken: usize| taken.checked_add(bytes).filter(|taken| *taken <= self.of.most);
        let taken = self.of.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits);
        if taken.is_ok() {
            self.bytes += bytes;
        }
        taken.is_ok()
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.of.taken.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::Memory;

    #[test]
    fn what_is_dropped_is_there_for_others() {
        let memory = Memory::new(10);
        let (mut one, mut other) = (memory.share(), memory.share());
        assert!(one.grow(6) && other.grow(4));
        assert!(!other.grow(1), "it is full");
        drop(one);
        assert!(other.grow(6) && !other.grow(usize::MAX));
        assert_eq!(memory.taken(), 10);
        drop(other);
        assert_eq!(memory.taken(), 0);
    }
}
