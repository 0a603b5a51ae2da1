//! Places for work that fills a core: so many at once in one process, and no more.

use super::problem::{ErrorCode, Problem};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// So many places, and how many of them are taken.
#[derive(Debug)]
pub struct Places {
    taken: Arc<AtomicUsize>,
    most: usize,
}

/// One of them, given back when it is dropped.
#[derive(Debug)]
pub struct Place(Arc<AtomicUsize>);

impl Places {
    pub fn new(most: usize) -> Self {
        Self {
            taken: Arc::default(),
            most,
        }
    }

    /// Takes a place, or says that all are taken by `what`.
    pub fn take(&self, what: &str) -> Result<Place, Problem> {
        let place = Place(Arc::clone(&self.taken));
        if self.taken.fetch_add(1, Ordering::AcqRel) < self.most {
            return Ok(place);
        }
        let detail = format!("{} {what} are under way already; send the same again later", self.most);
        Err(Problem::new(ErrorCode::Overloaded, detail))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
