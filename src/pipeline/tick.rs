//! Ticks: timers that fell due, and what an earlier failure left to be done.

use super::{Pipeline, PipelineError};
use crate::base::limits;
use crate::engine::step::Input;
use crate::store::Retention;
use std::sync::atomic::Ordering;

impl Pipeline {
    /// Fires the timers that are due; says how many subjects were stepped.
    pub async fn tick(&self) -> Result<usize, PipelineError> {
        if self.0.inbox_left.swap(false, Ordering::Relaxed) {
            let recovered = self.recover().await;
            recovered.inspect_err(|_| self.0.inbox_left.store(true, Ordering::Relaxed))?;
        }
        let due = self.0.store.wakes_due(self.now(), limits::TIMERS_PER_TICK_MAX).await?;
        let mut waiting = Vec::with_capacity(due.len());
        for (project_id, user_id) in due {
            match self.submit(self.step(project_id, user_id, Input::Tick)) {
                Ok(answer) => waiting.push(answer),
                // The lanes are full: what is left is due at the next tick as well.
                Err(PipelineError::Overloaded { .. }) => break,
                Err(error) => return Err(error),
            }
        }
        let count = waiting.len();
        for answer in waiting {
            match self.answered(answer).await {
                Ok(_) | Err(PipelineError::Erased) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(count)
    }

    /// One small step of retention; says how many rows went.
    pub async fn purge(&self, kept: &Retention) -> Result<u64, PipelineError> {
        let store = &self.0.store;
        Ok(store.purge(self.now(), limits::PURGED_PER_STEP_MAX, kept).await?)
    }
}
