//! What is seen while it runs: a bar on a terminal, a line every few seconds elsewhere, nothing with `--json`.

use super::meter::instant;
use crate::cli::out::{Failure, Out};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const BAR_EVERY: Duration = Duration::from_millis(200);
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Tells people how far it is.
#[derive(Debug, Clone, Copy)]
pub struct Show {
    out: Out,
    bars: bool,
}

impl Show {
    pub fn new(out: Out) -> Self {
        Self {
            out,
            bars: !out.json && std::io::stderr().is_terminal(),
        }
    }

    /// A line for people.
    ///
    /// # Errors
    /// The reader has gone.
    pub fn line(self, text: &str) -> Result<(), Failure> {
        self.out.note(text)
    }

    /// Runs something that takes about `lasts`, and shows how far it is and what `progress` counts.
    pub async fn during<T>(
        self,
        name: &str,
        lasts: Duration,
        progress: &Arc<AtomicU64>,
        work: impl Future<Output = T>,
    ) -> T {
        let bar = self.bar(lasts.as_millis().try_into().unwrap_or(u64::MAX), name);
        let begun = instant();
        let mut told = begun;
        let mut work = std::pin::pin!(work);
        loop {
            if let Ok(done) = tokio::time::timeout(BAR_EVERY, &mut work).await {
                bar.finish_and_clear();
                return done;
            }
            let (elapsed, count) = (begun.elapsed(), progress.load(Ordering::Relaxed));
            bar.set_position(elapsed.min(lasts).as_millis().try_into().unwrap_or(u64::MAX));
            bar.set_message(format!("{count} answered"));
            if !self.bars && told.elapsed() >= LINE_EVERY {
                told = instant();
                let (at, of) = (elapsed.as_secs(), lasts.as_secs());
                // A reader that has gone is noticed by the next line that matters.
                let _ = self.line(&format!("  {name}: {at} s of {of} s, {count} answered"));
            }
        }
    }

    /// A bar over `total`, hidden where none can be drawn.
    pub fn bar(self, total: u64, name: &str) -> ProgressBar {
        if !self.bars {
            return ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::hidden());
        }
        let bar = ProgressBar::new(total);
        if let Ok(style) = ProgressStyle::with_template("{prefix:28} {bar:32} {percent:>3} %  {msg}") {
            bar.set_style(style);
        }
        bar.set_prefix(name.to_owned());
        bar
    }
}
