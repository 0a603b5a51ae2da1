//! Work shared out over the cores, for what a start or an import brings at once.

use std::num::NonZero;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{ScopedJoinHandle, available_parallelism, scope};

/// Fewer pieces than this are done where they are: starting threads would take longer.
const ALONE_MAX: usize = 64;

/// So many parts for each core: who is done sooner takes more of them.
const PARTS_PER_CORE: usize = 16;

/// How many cores there are; one where the system does not tell.
pub fn count() -> usize {
    available_parallelism().map_or(1, NonZero::get)
}

/// What becomes of each piece, in their order; so it does not matter how many cores there are.
pub fn shared_out<P: Sync, T: Send>(pieces: &[P], work: impl Fn(&P) -> T + Sync) -> Vec<T> {
    let cores = count();
    if pieces.len() <= ALONE_MAX || cores == 1 {
        return pieces.iter().map(work).collect();
    }
    let parts: Vec<&[P]> = pieces.chunks(pieces.len().div_ceil(cores * PARTS_PER_CORE)).collect();
    let next = AtomicUsize::new(0);
    let take_parts = || {
        let mut done = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(part) = parts.get(number) else { return done };
            done.push((number, part.iter().map(&work).collect::<Vec<T>>()));
        }
    };
    let mut done: Vec<(usize, Vec<T>)> = scope(|scope| {
        let threads: Vec<ScopedJoinHandle<'_, _>> = (0..cores).map(|_| scope.spawn(take_parts)).collect();
        let join = |thread: ScopedJoinHandle<'_, _>| thread.join().unwrap_or_else(|panic| resume_unwind(panic));
        threads.into_iter().flat_map(join).collect()
    });
    done.sort_unstable_by_key(|(number, _)| *number);
    done.into_iter().flat_map(|(_, made)| made).collect()
}

#[cfg(test)]
#[path = "cores_tests.rs"]
mod tests;
