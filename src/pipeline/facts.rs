//! Facts: stored with one inbox entry per subject in one transaction, then stepped for each of them.

use super::lane::Job;
use super::{Pipeline, PipelineError};
use crate::base::id::IdSource;
use crate::base::limits;
use crate::store::change::{FactOutcome, FactPut, InboxEntry};
use std::sync::atomic::Ordering;

impl Pipeline {
    /// Takes a version of a fact. Answers when every subject has been stepped; should the process die in between, what is left
    /// in the inbox is stepped at the next start.
    pub async fn put_fact(&self, put: FactPut) -> Result<FactOutcome, PipelineError> {
        let catalogue = self.catalogue(put.project_id).await?;
        let fact = catalogue.admit(put.fact).map_err(PipelineError::FactInvalid)?;
        let put = FactPut { fact, ..put };
        let mut ids = IdSource::new(self.entropy().seed(), self.now());
        let (outcome, entries) = self.0.store.put_fact(put, &mut ids).await?;
        self.step_inbox(entries).await?;
        Ok(outcome)
    }

    /// Steps what a crash or a failed commit left in the inbox.
    pub async fn recover(&self) -> Result<usize, PipelineError> {
        let mut recovered = 0;
        for _ in 0..limits::RECOVERY_ROUNDS_MAX {
            let entries = self.0.store.inbox_pending(limits::TIMERS_PER_TICK_MAX).await?;
            if entries.is_empty() {
                return Ok(recovered);
            }
            recovered += entries.len();
            match self.step_inbox(entries).await {
                // One entry alone is to blame: it is tried again a few times, and the others went on.
                Ok(()) | Err(PipelineError::StepBroken) => {}
                Err(error) => return Err(error),
            }
        }
        self.0.inbox_left.store(true, Ordering::Relaxed);
        Ok(recovered)
    }

    pub(super) async fn step_inbox(&self, entries: Vec<InboxEntry>) -> Result<(), PipelineError> {
        let result = self.try_step_inbox(entries).await;
        if result.is_err() {
            self.0.inbox_left.store(true, Ordering::Relaxed);
        }
        result
    }

    async fn try_step_inbox(&self, entries: Vec<InboxEntry>) -> Result<(), PipelineError> {
        let mut waiting = Vec::with_capacity(entries.len());
        for entry in entries {
            waiting.push(self.submit(Job::of_inbox(entry, self.entropy().seed()))?);
        }
        let mut broken = Ok(());
        for answer in waiting {
            match self.answered(answer).await {
                // An erased subject has no part in the fact any more.
                Ok(_) | Err(PipelineError::Erased) => {}
                Err(PipelineError::StepBroken) => broken = Err(PipelineError::StepBroken),
                Err(error) => return Err(error),
            }
        }
        broken
    }
}
