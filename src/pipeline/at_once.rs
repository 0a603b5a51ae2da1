//! Stepping at once: fixes of somebody who is in memory and has nothing queued are stepped where they arrive.
//!
//! Nearly every fix changes nothing, and then there is nothing to commit and nobody to wait for: handing it to another task and
//! back would cost several times its step. What does change something goes on to the lane with its effects, in the user's order.

use super::lane::{Answer, Job};
use super::stepping::step_unbroken;
use super::{Pipeline, PipelineError};
use crate::engine::catalogue::Catalogue;
use crate::engine::step::{Effects, Given, Input};
use std::collections::BTreeSet;

/// No message was made by anybody else of the same batch: there is none.
static NOTHING_SPENT: BTreeSet<String> = BTreeSet::new();

/// What came of trying.
enum Tried {
    Done(Result<Answer, PipelineError>),
    /// It goes behind the others: its user is not in memory, or has inputs queued.
    NotNow(Box<Job>),
    /// It is in the lane with its effects.
    Queued(super::lane::Waiting),
}

/// What a step taken at once came to.
enum Stepped {
    NotNow,
    /// Nothing is to be committed.
    Quiet(Answer),
    Changed(Box<Effects>),
    Broken,
}

impl Pipeline {
    /// Steps records, and waits until what they change is durable.
    pub(super) async fn run_records(&self, job: Job) -> Result<Answer, PipelineError> {
        let Some(catalogue) = self.0.shared.catalogues.in_force(job.project_id) else {
            return Box::pin(self.run(job)).await;
        };
        // What nearly no fix needs stands in memory of its own: each request would carry the room for it.
        match self.try_at_once(job, &catalogue) {
            Tried::Done(answer) => answer,
            Tried::NotNow(job) => Box::pin(self.run(*job)).await,
            Tried::Queued(waiting) => Box::pin(self.answered(waiting)).await,
        }
    }

    fn try_at_once(&self, mut job: Job, catalogue: &Catalogue) -> Tried {
        let lane = self.lane_of(job.user_id);
        let Some(input @ Input::Records { records, .. }) = job.input() else {
            return Tried::NotNow(Box::new(job));
        };
        // What counts once is looked up in the store first.
        if lane.has_stopped() || records.iter().any(super::repeats::counts_once) {
            return Tried::NotNow(Box::new(job));
        }
        let key = job.key();
        // Held while the step is taken and, if need be, queued: whoever comes next for this user comes after it.
        let mut known = lane.subjects().lock(key);
        if known.is_queued(key) {
            return Tried::NotNow(Box::new(job));
        }
        let given = Given {
            catalogue,
            spent: &NOTHING_SPENT,
            now: self.now(),
            seed: job.seed,
        };
        let stepped = known.lend(key, |before| {
            if before.seldom.erased || before.seldom.merged_into.is_some() {
                return (Some(before), Stepped::NotNow);
            }
            match step_unbroken(before, input, given) {
                None => (None, Stepped::Broken),
                Some(effects) if effects.changed => (None, Stepped::Changed(Box::new(effects))),
                Some(effects) => {
                    self.0.shared.show(&job, &effects);
                    let answer = Answer {
                        moments: effects.moments,
                        refused: effects.refused,
                        ..Answer::default()
                    };
                    (Some(effects.subject), Stepped::Quiet(answer))
                }
            }
        });
        match stepped.unwrap_or(Stepped::NotNow) {
            Stepped::NotNow => Tried::NotNow(Box::new(job)),
            Stepped::Quiet(answer) => Tried::Done(Ok(answer)),
            Stepped::Broken => {
                drop(known);
                self.0.shared.broken(&mut job);
                Tried::Done(Err(PipelineError::StepBroken))
            }
            Stepped::Changed(effects) => {
                // Without room it is not done: the subject went with the effects, and is read again by whoever comes next.
                let Ok(room) = lane.room(job.project_id) else {
                    return Tried::NotNow(Box::new(job));
                };
                job.stepped = Some(effects);
                let (job, waiting) = job.awaited();
                known.queue(key);
                room.take(job);
                Tried::Queued(waiting)
            }
        }
    }
}
