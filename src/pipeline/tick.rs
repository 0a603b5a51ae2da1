//! Ticks: timers that fell due, and what an earlier failure left to be done.

use super::{Pipeline, PipelineError};
use crate::base::limits;
use crate::engine::step::Input;
use std::sync::atomic::Ordering;

impl Pipeline {
    /// Fires the timers that are due; says how many subjects were stepped.
    pub async fn tick(&self) -> Result<usize, PipelineError> {
        if self.0.inbox_left.swap(false, Ordering::Relaxed) {
            self.recover().await?;
        }
        let due = self.0.store.wakes_due(self.now(), limits::TIMERS_PER_TICK_MAX).await?;
        let count = due.len();
        let mut waiting = Vec::with_capacity(count);
        for (project_id, user_id) in due {
            let mut job = self.job(project_id, user_id);
            job.input = Some(Input::Tick);
            match self.submit(job) {
                Ok(answer) => waiting.push(answer),
                // The lanes are full: what is left is due at the next tick as well.
                Err(PipelineError::Overloaded { .. }) => break,
                Err(error) => return Err(error),
            }
        }
        for answer in waiting {
            match answer.await.map_err(|_| PipelineError::Stopping)? {
                Ok(_) | Err(PipelineError::Erased) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(count)
    }

    /// One small step of retention; says how many rows went.
    pub async fn purge(&self) -> Result<u64, PipelineError> {
        Ok(self.0.store.purge(self.now(), limits::TIMERS_PER_TICK_MAX).await?)
    }
}
