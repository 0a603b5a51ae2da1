//! Stepping at once: fixes of somebody who is in memory and has nothing queued are stepped where they arrive.
//!
//! Nearly every fix changes nothing, and then there is nothing to commit and nobody to wait for: handing it to another task and
//! back would cost several times its step. What does change something goes on to the lane with its effects, in the user's order.

use super::lane::{Answer, Job};
use super::stepping::step_unbroken;
use super::{Pipeline, PipelineError};
use crate::engine::catalogue::Catalogue;
use crate::engine::step::{Given, Input};
use std::collections::BTreeSet;

/// No message was made by anybody else of the same batch: there is none.
static NOTHING_SPENT: BTreeSet<String> = BTreeSet::new();

/// What came of trying.
enum Tried {
    Done(Result<Answer, PipelineError>),
    /// It goes behind the others: its user is not in memory, or has inputs queued.
    NotNow(Job),
    /// It is in the lane with its effects.
    Queued(super::lane::Waiting),
}

impl Pipeline {
    /// Steps records, and waits until what they change is durable.
    pub(super) async fn run_records(&self, job: Job) -> Result<Answer, PipelineError> {
        let Some(catalogue) = self.0.shared.catalogues.in_force(job.project_id) else {
            return self.run(job).await;
        };
        match self.try_at_once(job, &catalogue) {
            Tried::Done(answer) => answer,
            Tried::NotNow(job) => self.run(job).await,
            Tried::Queued(waiting) => self.answered(waiting).await,
        }
    }

    fn try_at_once(&self, mut job: Job, catalogue: &Catalogue) -> Tried {
        let lane = self.lane_of(job.user_id);
        let Some(input @ Input::Records { records, .. }) = job.input() else {
            return Tried::NotNow(job);
        };
        // What counts once is looked up in the store first.
        if records.iter().any(super::repeats::counts_once) {
            return Tried::NotNow(job);
        }
        // Room for the effects, should there be any: what is stepped must not be lost.
        let Ok(room) = lane.room(job.project_id) else {
            return Tried::NotNow(job);
        };
        let key = job.key();
        // Held while the step is taken and, if need be, queued: whoever comes next for this user comes after it.
        let mut known = lane.subjects().lock();
        if known.is_queued(key) {
            return Tried::NotNow(job);
        }
        let Some(before) = known.take(key) else {
            return Tried::NotNow(job);
        };
        if before.seldom.erased || before.seldom.merged_into.is_some() {
            known.put(key, before);
            return Tried::NotNow(job);
        }
        let given = Given {
            catalogue,
            spent: &NOTHING_SPENT,
            now: self.now(),
            seed: job.seed,
        };
        let Some(mut effects) = step_unbroken(before, input, given) else {
            drop(known);
            self.0.shared.broken(&mut job);
            return Tried::Done(Err(PipelineError::StepBroken));
        };
        if effects.changed {
            job.stepped = Some(Box::new(effects));
            let (job, waiting) = job.awaited();
            known.queue(key);
            room.take(job);
            return Tried::Queued(waiting);
        }
        self.0.shared.show(&job, &effects);
        known.put(key, effects.subject);
        Tried::Done(Ok(Answer {
            moments: std::mem::take(&mut effects.moments),
            refused: std::mem::take(&mut effects.refused),
            ..Answer::default()
        }))
    }
}
