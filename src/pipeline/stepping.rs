//! The work of a lane: steps many inputs, commits their effects at once, and answers what is durable.

use super::commit::Committer;
use super::event_rows::event_rows;
use super::lane::{Answer, Job};
use super::repeats::Known;
use super::{PipelineError, Shared};
use crate::base::id::{ProjectId, UserId};
use crate::base::limits;
use crate::base::time::Timestamp;
use crate::engine::catalogue::Catalogue;
use crate::engine::fix::Body;
use crate::engine::step::{Effects, Given, Input, step};
use crate::engine::subject::Subject;
use crate::store::change::{Change, Row};
use crate::store::{CommitError, CommitSummary, StoreError};
use crate::telemetry::measure;
use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

pub(super) type Key = (ProjectId, UserId);

pub(super) struct Cached {
    pub(super) subject: Subject,
    used: u64,
}

/// Steps the users of one lane, and remembers those seen lately.
pub(super) struct Worker {
    pub(super) shared: Shared,
    committer: Committer,
    pub(super) subjects: HashMap<Key, Cached>,
    round: u64,
}

/// What a batch is stepped with.
struct Batch {
    catalogues: HashMap<ProjectId, Arc<Catalogue>>,
    known: Known,
    now: Timestamp,
}

/// A job whose step is done and whose effects are still to be committed.
struct Stepped {
    pending: Pending,
    change: Change,
}

/// A job that waits for its answer.
struct Pending {
    job: Job,
    /// How many of the rows came with the job; the others were made from its input.
    own_rows: usize,
    must_commit: bool,
    /// It repeats a record of another job of this batch, and is answered with it.
    leans: bool,
}

impl Stepped {
    fn key(&self) -> Key {
        (self.pending.job.project_id, self.pending.job.user_id)
    }

    /// The job as it was, to be stepped again.
    fn undone(mut self) -> Job {
        self.change.rows.truncate(self.pending.own_rows);
        self.pending.job.rows = self.change.rows;
        self.pending.job
    }
}

impl Worker {
    pub(super) fn new(shared: Shared, committer: Committer) -> Self {
        Self {
            shared,
            committer,
            subjects: HashMap::new(),
            round: 0,
        }
    }

    pub(super) async fn work(&mut self, mut jobs: Vec<Job>) {
        if jobs.is_empty() {
            return;
        }
        self.round += 1;
        match self.prepare(&jobs).await {
            Ok(batch) => self.step_and_commit(jobs, &batch).await,
            // One row that does not read must not silence the users beside it.
            Err(PipelineError::Store(error)) if jobs.len() > 1 && concerns_one(&error) => {
                for job in jobs {
                    Box::pin(self.work(vec![job])).await;
                }
            }
            Err(error) => {
                let text = error.to_string();
                tracing::error!(
                    error = text,
                    "inputs could not be prepared; they are answered as unavailable"
                );
                for job in &mut jobs {
                    self.shared.refuse(job, unavailable(&text));
                }
            }
        }
    }

    /// Loads what the steps need: catalogues, subjects not in memory, and what is known already.
    async fn prepare(&mut self, jobs: &[Job]) -> Result<Batch, PipelineError> {
        let now = self.shared.clock.now();
        let store = &self.shared.store;
        let mut catalogues = HashMap::new();
        let mut missing: HashMap<ProjectId, BTreeSet<UserId>> = HashMap::new();
        for job in jobs {
            if let Entry::Vacant(unread) = catalogues.entry(job.project_id) {
                unread.insert(self.shared.catalogues.get(store, job.project_id, now).await?);
            }
            match self.subjects.get_mut(&(job.project_id, job.user_id)) {
                Some(cached) => cached.used = self.round,
                None => {
                    missing.entry(job.project_id).or_default().insert(job.user_id);
                }
            }
        }
        for (project_id, users) in missing {
            let users: Vec<UserId> = users.into_iter().collect();
            for subject in store.load_subjects(project_id, &users).await? {
                let used = self.round;
                self.subjects
                    .insert((project_id, subject.user_id), Cached { subject, used });
            }
        }
        let known = Known::of(store, jobs).await?;
        Ok(Batch { catalogues, known, now })
    }

    /// Steps every job in order, answers those that have nothing to commit, and commits all other effects at once. A send key
    /// that turns out to be taken starts the others over.
    async fn step_and_commit(&mut self, mut jobs: Vec<Job>, batch: &Batch) {
        let mut leaning = batch.known.drop_repeats(&mut jobs);
        let mut taken = BTreeSet::new();
        for _ in 0..limits::STEPS_PER_INPUT_MAX {
            let (stepped, mut after) = self.step_all(jobs, batch, &taken, &leaning);
            let changing: HashSet<Key> = stepped
                .iter()
                .filter(|one| one.pending.must_commit)
                .map(Stepped::key)
                .collect();
            let (waiting, ready): (Vec<Stepped>, Vec<Stepped>) = stepped
                .into_iter()
                .partition(|one| one.pending.leans || changing.contains(&one.key()));
            for one in &ready {
                if let Some(subject) = after.remove(&one.key()) {
                    self.remember(one.key(), subject);
                }
            }
            self.finish(ready, &CommitSummary::default());
            if waiting.is_empty() {
                return;
            }
            let (waiting, result) = self.commit(waiting).await;
            match result {
                Ok(summary) => {
                    for (key, mut subject) in after {
                        subject.erased |= summary.erased.contains(&key.1);
                        self.remember(key, subject);
                    }
                    return self.finish(waiting, &summary);
                }
                Err(CommitError::SendKeysTaken(keys)) => {
                    taken.extend(keys);
                    leaning = waiting
                        .iter()
                        .enumerate()
                        .filter_map(|(index, one)| one.pending.leans.then_some(index))
                        .collect();
                    jobs = waiting.into_iter().map(Stepped::undone).collect();
                }
                Err(CommitError::Store(error)) => return self.fail(waiting, &error).await,
            }
        }
        tracing::error!(
            inputs = jobs.len(),
            "send keys kept colliding; the inputs are answered as unavailable"
        );
        for job in &mut jobs {
            self.shared.refuse(job, unavailable("send keys kept colliding"));
        }
    }

    /// Commits the effects and hands them back.
    async fn commit(&self, stepped: Vec<Stepped>) -> (Vec<Stepped>, Result<CommitSummary, CommitError>) {
        let (jobs, changes): (Vec<_>, Vec<_>) = stepped.into_iter().map(|one| (one.pending, one.change)).unzip();
        let (changes, result) = self.committer.commit(changes).await;
        let stepped = jobs.into_iter().zip(changes);
        (
            stepped.map(|(pending, change)| Stepped { pending, change }).collect(),
            result,
        )
    }

    /// The subjects in memory stay as they are until the commit: what is returned is what they will be.
    fn step_all(
        &self,
        jobs: Vec<Job>,
        batch: &Batch,
        taken: &BTreeSet<String>,
        leaning: &HashSet<usize>,
    ) -> (Vec<Stepped>, HashMap<Key, Subject>) {
        let mut after: HashMap<Key, Subject> = HashMap::new();
        let mut spent = taken.clone();
        let mut stepped = Vec::with_capacity(jobs.len());
        for (index, mut job) in jobs.into_iter().enumerate() {
            let key = (job.project_id, job.user_id);
            let before = after
                .remove(&key)
                .or_else(|| self.subjects.get(&key).map(|cached| cached.subject.clone()));
            let before = before.unwrap_or_else(|| Subject::new(job.user_id));
            if before.merged_into.is_some() {
                // Sent before the two were known to be one, it would come too late: sent again, it finds who they are.
                job.answer(Err(unavailable("this user has just turned out to be another one")));
                continue;
            }
            let Some(catalogue) = batch.catalogues.get(&job.project_id) else {
                self.shared.refuse(&mut job, unavailable("there is no catalogue"));
                continue;
            };
            let given = Given {
                catalogue,
                spent: &spent,
                now: batch.now,
                seed: job.seed,
            };
            let effects = step(before, job.input().unwrap_or(&Input::Tick), given);
            // Keys begin with a trigger's id, so those of two projects never meet.
            spent.extend(effects.messages.iter().map(|message| message.send_key.clone()));
            after.insert(key, effects.subject.clone());
            let mut rows = std::mem::take(&mut job.rows);
            let own_rows = rows.len();
            let must_commit = effects.changed || own_rows > 0 || job.inbox_done.is_some();
            rows.extend(event_rows(&job, batch.now));
            let change = Change {
                project_id: job.project_id,
                effects,
                rows,
                inbox_done: job.inbox_done,
            };
            let leans = leaning.contains(&index);
            let pending = Pending {
                job,
                own_rows,
                must_commit,
                leans,
            };
            stepped.push(Stepped { pending, change });
        }
        (stepped, after)
    }

    fn remember(&mut self, key: Key, subject: Subject) {
        let used = self.round;
        self.subjects.insert(key, Cached { subject, used });
    }

    /// Shows and answers what is durable.
    fn finish(&self, stepped: Vec<Stepped>, summary: &CommitSummary) {
        let mut queued = false;
        for Stepped { pending, change } in stepped {
            let mut job = pending.job;
            let effects = change.effects;
            if effects.subject.erased || summary.erased.contains(&job.user_id) {
                job.answer(Err(PipelineError::Erased));
                continue;
            }
            queued |= !(effects.messages.is_empty() && effects.redirected.is_empty());
            self.shared.stream.publish_effects(job.project_id, &effects);
            self.show_position(&job, &effects);
            count(&effects);
            // Batches of several lanes commit together: only who wrote a device asks who lost an address.
            let wrote_device = change.rows.iter().any(|row| matches!(row, Row::Device(_)));
            let lost = summary
                .unreachable
                .iter()
                .filter(|(project_id, ..)| wrote_device && *project_id == job.project_id);
            let unreachable = lost.map(|(_, user_id, device_id)| (*user_id, *device_id)).collect();
            let told = self.shared.tell(job.project_id, &effects);
            job.answer(Ok(Answer {
                moments: effects.moments,
                refused: effects.refused,
                unreachable,
                told,
                ..Answer::default()
            }));
        }
        if queued {
            self.shared.work_ready.notify_one();
        }
    }

    fn show_position(&self, job: &Job, effects: &Effects) {
        let Some(Input::Records { device_id, records }) = job.input() else {
            return;
        };
        if !self.shared.stream.is_watched() {
            return;
        }
        for record in records {
            if let Body::Fix(fix) = &record.body
                && effects.refused.iter().all(|refused| refused.record_id != record.id)
            {
                self.shared
                    .stream
                    .publish_position(job.project_id, &effects.subject, *device_id, record.at, fix);
            }
        }
    }

    /// Nothing was written, as far as we know: what memory holds is read again next time. Where the fault may lie with one
    /// input, each is tried by itself, so that it harms nobody but its sender.
    async fn fail(&mut self, stepped: Vec<Stepped>, error: &StoreError) {
        for one in &stepped {
            self.subjects.remove(&one.key());
        }
        let text = error.to_string();
        tracing::error!(error = text, inputs = stepped.len(), "a commit failed");
        let each = stepped.len() > 1 && concerns_one(error);
        for one in stepped {
            let leans = one.pending.leans;
            let mut job = one.undone();
            if each && !leans {
                Box::pin(self.work(vec![job])).await;
            } else {
                self.shared.refuse(&mut job, unavailable(&text));
            }
        }
    }

    /// Keeps the cache within its bound: the subjects unused for longest go.
    pub(super) fn forget_some(&mut self) {
        if self.subjects.len() <= limits::SUBJECTS_PER_LANE_MAX {
            return;
        }
        let mut rounds: Vec<u64> = self.subjects.values().map(|cached| cached.used).collect();
        rounds.sort_unstable();
        let median = rounds.get(rounds.len() / 2).copied().unwrap_or(self.round);
        self.subjects.retain(|_, cached| cached.used > median);
    }
}

/// May the fault lie with one row or value, so that others would fare better alone?
fn concerns_one(error: &StoreError) -> bool {
    match error {
        StoreError::Conflict(_) | StoreError::Corrupt(_) => true,
        StoreError::Unavailable(_) => false,
    }
}

fn unavailable(why: &str) -> PipelineError {
    PipelineError::Store(StoreError::Unavailable(why.to_owned()))
}

fn count(effects: &Effects) {
    for moment in &effects.moments {
        measure::moment(moment.kind.name());
    }
    for decision in &effects.decisions {
        measure::decision(decision.code);
    }
}
