//! What a process has used, as the operating system tells it, and what one write to the disk costs.

use super::page::Round;
use super::taken::{count, latencies};
use hdrhistogram::Histogram;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A clock tick of Linux, in which processor time is told.
const TICK: Duration = Duration::from_millis(10);
/// Writes that are waited for to learn what one costs.
const WRITES: usize = 60;

/// The clock of all measuring here.
#[expect(
    clippy::disallowed_methods,
    reason = "a benchmark reads clocks; nothing that decides does"
)]
pub fn instant() -> Instant {
    Instant::now()
}

/// Bytes this process has in memory; none where the system does not say.
pub fn resident_bytes(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024)
}

/// Time all threads of this process have spent on a core; none where the system does not say.
pub fn processor_time(pid: u32) -> Option<Duration> {
    ticks_in(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// The name of a process may hold blanks and brackets; what follows the last bracket does not.
fn ticks_in(stat: &str) -> Option<Duration> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_whitespace().skip(11);
    let user: u32 = fields.next()?.parse().ok()?;
    let system: u32 = fields.next()?.parse().ok()?;
    Some(TICK * (user + system))
}

/// The median time until a write of a page is on the disk that holds `folder`.
///
/// # Errors
/// The folder cannot be written.
pub fn median_sync(folder: &Path) -> std::io::Result<Duration> {
    let path = folder.join("sync.probe");
    let mut file = std::fs::File::create(&path)?;
    let mut took = Vec::with_capacity(WRITES);
    for _ in 0..WRITES {
        file.write_all(&[7; 4096])?;
        let begun = instant();
        file.sync_data()?;
        took.push(begun.elapsed());
    }
    std::fs::remove_file(&path)?;
    took.sort_unstable();
    Ok(took[WRITES / 2])
}

/// Writes a page now and then while a server is loaded: what the same disk takes by itself at that time.
pub struct Probe {
    stop: Arc<AtomicBool>,
    writes: JoinHandle<std::io::Result<Histogram<u64>>>,
}

impl Probe {
    /// Often enough for a percentile, too rarely to be in the server's way.
    const EVERY: Duration = Duration::from_millis(100);
    /// Of its file.
    const PAGES: usize = 64;

    /// # Errors
    /// No thread.
    #[expect(clippy::disallowed_methods, reason = "this thread has nothing to do but to wait")]
    pub fn start(folder: &Path) -> std::io::Result<Self> {
        let stop = Arc::<AtomicBool>::default();
        let (stopped, path) = (Arc::clone(&stop), folder.join("sync.probe"));
        let write = move || {
            let mut took = latencies();
            let mut round = Round::of(&path, Self::PAGES)?;
            while !stopped.load(Ordering::Relaxed) {
                round.write()?;
                let begun = instant();
                round.sync()?;
                count(&mut took, begun.elapsed());
                std::thread::sleep(Self::EVERY);
            }
            std::fs::remove_file(&path)?;
            Ok(took)
        };
        let writes = std::thread::Builder::new().name("disk".into()).spawn(write)?;
        Ok(Self { stop, writes })
    }

    /// How long the writes took; none when the folder could not be written.
    pub fn stop(self) -> Option<Histogram<u64>> {
        self.stop.store(true, Ordering::Relaxed);
        self.writes.join().ok()?.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_with_a_strange_name_is_read_all_the_same() {
        let stat = "42 (a) b) S 1 42 42 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 3 0 100 1 1";
        assert_eq!(ticks_in(stat), Some(Duration::from_secs(3)));
        assert_eq!(ticks_in("nothing"), None);
    }
}
