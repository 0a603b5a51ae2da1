//! Telling: a moment that concerns other users is handed to their lanes. No lane ever waits for another one: what a lane cannot
//! take now stays in the inbox, where the next tick finds it.

use super::lane::{Answer, Job, Lane, Waiting};
use super::{Pipeline, PipelineError, Shared};
use crate::base::id::{ProjectId, UserId};
use crate::engine::step::Effects;
use crate::store::change::InboxEntry;
use std::sync::atomic::Ordering;

impl Shared {
    /// Hands over what a committed step tells to others; the answers are for a caller outside the lanes to wait for.
    pub(super) fn tell(&self, project_id: ProjectId, effects: &Effects) -> Vec<Waiting> {
        let told = effects.forwarded.iter();
        told.filter_map(|told| self.hand_over(InboxEntry::telling(project_id, told)))
            .collect()
    }

    fn hand_over(&self, entry: InboxEntry) -> Option<Waiting> {
        // They are gone when the process stops: then the next start finds the entry.
        let lanes = self.others.get().and_then(std::sync::Weak::upgrade)?;
        let user_id = entry.user_id;
        let (job, waiting) = Job::of_inbox(entry, self.entropy.seed()).awaited();
        let taken = lane_of(&lanes, user_id).submit(job).is_ok();
        if !taken {
            self.inbox_left.store(true, Ordering::Relaxed);
        }
        taken.then_some(waiting)
    }

    /// Answers a job that came to nothing. An entry of the inbox is then taken up by the next tick.
    pub(super) fn refuse(&self, job: &mut Job, error: PipelineError) {
        if job.inbox_done.is_some() {
            self.inbox_left.store(true, Ordering::Relaxed);
        }
        job.answer(Err(error));
    }
}

impl Pipeline {
    /// Waits for an answer, and until everybody who was told of it has heard. That somebody could not be told is no fault of
    /// who waits: their entry is in the inbox.
    pub(super) async fn answered(&self, waiting: Waiting) -> Result<Answer, PipelineError> {
        let mut answer = waiting.await.map_err(|_| PipelineError::Stopping)??;
        let mut told = std::mem::take(&mut answer.told);
        while let Some(next) = told.pop() {
            if let Ok(Ok(mut heard)) = next.await {
                told.append(&mut heard.told);
            }
        }
        Ok(answer)
    }
}

/// The lane a user belongs to: always the same one, so that a user's inputs keep their order.
pub(super) fn lane_of(lanes: &[Lane], user_id: UserId) -> &Lane {
    let spread = user_id.uuid().as_u128() % lanes.len() as u128;
    &lanes[spread as usize]
}
