//! Work shared out over the cores, for what a start or an import brings at once.

use std::num::NonZero;
use std::panic::resume_unwind;
use std::thread::{ScopedJoinHandle, available_parallelism, scope};

/// Fewer pieces than this are done where they are: starting threads would take longer.
const ALONE_MAX: usize = 64;

/// What becomes of each piece, in their order; so it does not matter how many cores there are.
pub fn shared_out<P: Sync, T: Send>(pieces: &[P], work: impl Fn(&P) -> T + Sync) -> Vec<T> {
    let cores = available_parallelism().map_or(1, NonZero::get);
    if pieces.len() <= ALONE_MAX || cores == 1 {
        return pieces.iter().map(work).collect();
    }
    scope(|scope| {
        let work = &work;
        let start = |part| scope.spawn(move || <[P]>::iter(part).map(work).collect::<Vec<T>>());
        let threads: Vec<ScopedJoinHandle<'_, Vec<T>>> =
            pieces.chunks(pieces.len().div_ceil(cores)).map(start).collect();
        let join = |thread: ScopedJoinHandle<'_, Vec<T>>| thread.join().unwrap_or_else(|panic| resume_unwind(panic));
        threads.into_iter().flat_map(join).collect()
    })
}

#[cfg(test)]
#[path = "cores_tests.rs"]
mod tests;
