//! The work of a lane: steps many inputs, commits their effects at once, and answers what is durable.

use super::commit::Committer;
use super::event_rows::event_rows;
use super::lane::Job;
use super::repeats::Known;
use super::subjects::{Key, Subjects};
use super::ways::Place;
use super::{PipelineError, Shared};
use crate::base::id::ProjectId;
use crate::base::limits;
use crate::base::time::Timestamp;
use crate::engine::catalogue::Catalogue;
use crate::engine::step::{Effects, Given, Input, step};
use crate::engine::subject::Subject;
use crate::store::change::{Change, Row};
use crate::store::{CommitError, CommitSummary, StoreError};
use crate::telemetry::measure;
use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use uuid::Uuid;

/// Steps the users of one lane, and remembers those seen lately.
pub(super) struct Worker {
    pub(super) shared: Shared,
    committer: Committer,
    /// A subject is taken out to be stepped and put back when its effects are durable: what did not get that far is read again.
    pub(super) subjects: Subjects,
    /// Entries of the inbox that failed through a fault of their own and are still to be counted.
    failed: Vec<Uuid>,
}

/// What a batch is stepped with.
struct Batch {
    catalogues: HashMap<ProjectId, Arc<Catalogue>>,
    known: Known,
    now: Timestamp,
}

/// A job whose step is done and whose effects are still to be committed.
pub(super) struct Stepped {
    pub(super) pending: Pending,
    pub(super) change: Change,
}

/// What stepping a batch came to.
#[derive(Default)]
struct Round {
    stepped: Vec<Stepped>,
    /// Jobs of users whose subject was lost to an input that broke its step: it is read again for them.
    later: Vec<Job>,
    /// An input broke its step: what leans on it has nothing to lean on.
    broke: bool,
}

/// A job that waits for its answer.
pub(super) struct Pending {
    pub(super) job: Job,
    /// How many of the rows came with the job; the others were made from its input.
    own_rows: usize,
    must_commit: bool,
    /// It repeats a record of another job of this batch, and is answered with it.
    pub(super) leans: bool,
    /// Of the deliveries that its commit has leased.
    pub(super) places: Vec<Place>,
}

impl Stepped {
    fn of(mut job: Job, effects: Effects, leans: bool, now: Timestamp) -> Self {
        let mut rows = std::mem::take(&mut job.rows);
        let own_rows = rows.len();
        let must_commit = effects.changed || own_rows > 0 || job.inbox_done.is_some();
        rows.extend(event_rows(&job, now));
        let change = Change {
            project_id: job.project_id,
            effects,
            rows,
            inbox_done: job.inbox_done,
            leased_until: None,
        };
        let pending = Pending {
            job,
            own_rows,
            must_commit,
            leans,
            places: Vec::new(),
        };
        Self { pending, change }
    }

    pub(super) fn key(&self) -> Key {
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
    pub(super) fn new(shared: Shared, committer: Committer, subjects: Subjects) -> Self {
        Self {
            shared,
            committer,
            subjects,
            failed: Vec::new(),
        }
    }

    pub(super) async fn work(&mut self, mut jobs: Vec<Job>) {
        if jobs.is_empty() {
            return;
        }
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
                let is_its_own = matches!(&error, PipelineError::Store(error) if concerns_one(error));
                for job in &mut jobs {
                    self.refuse_one(job, is_its_own, unavailable(&text));
                }
            }
        }
        self.count_failures().await;
    }

    /// Entries of the inbox that fail again and again are set aside, so that they are not stepped for ever.
    async fn count_failures(&mut self) {
        let failed = std::mem::take(&mut self.failed);
        if failed.is_empty() {
            return;
        }
        match self.shared.store.inbox_failed(&failed).await {
            Ok(aside) => {
                for entry in aside {
                    tracing::error!(%entry, "an input failed too often and was set aside; its row in `inbox` is kept");
                    measure::set_aside();
                }
            }
            Err(error) => tracing::warn!(%error, "failures of inputs could not be counted"),
        }
    }

    /// Loads what the steps need: catalogues, subjects not in memory, and what is known already.
    async fn prepare(&mut self, jobs: &[Job]) -> Result<Batch, PipelineError> {
        let now = self.shared.clock.now();
        let store = &self.shared.store;
        let mut catalogues = HashMap::new();
        for job in jobs {
            if let Entry::Vacant(unread) = catalogues.entry(job.project_id) {
                unread.insert(self.shared.catalogues.get(store, job.project_id, now).await?);
            }
        }
        self.subjects.load(store, jobs).await?;
        let known = Known::of(store, jobs).await?;
        Ok(Batch { catalogues, known, now })
    }

    /// Steps every job in order, answers those that have nothing to commit, and commits all other effects at once. A send key
    /// that turns out to be taken starts the others over.
    async fn step_and_commit(&mut self, mut jobs: Vec<Job>, batch: &Batch) {
        let mut leaning = batch.known.drop_repeats(&mut jobs);
        let (mut taken, mut later, mut broke) = (BTreeSet::new(), Vec::new(), false);
        for _ in 0..limits::STEPS_PER_INPUT_MAX {
            let mut round = self.step_all(jobs, batch, &taken, &leaning);
            (jobs, broke) = (Vec::new(), broke || round.broke);
            later.append(&mut round.later);
            let waits = |one: &Stepped| one.pending.must_commit || one.pending.leans;
            let changing: HashSet<Key> = round
                .stepped
                .iter()
                .filter(|one| waits(one))
                .map(Stepped::key)
                .collect();
            let parted = round.stepped.into_iter().partition(|one| changing.contains(&one.key()));
            let (waiting, ready): (Vec<Stepped>, Vec<Stepped>) = parted;
            self.finish(ready, &CommitSummary::default(), broke);
            if waiting.is_empty() {
                break;
            }
            let (waiting, result) = self.commit(waiting).await;
            match result {
                Ok(summary) => {
                    self.finish(waiting, &summary, broke);
                    break;
                }
                Err(CommitError::SendKeysTaken(keys)) => {
                    taken.extend(keys);
                    let leans = waiting.iter().enumerate().filter(|(_, one)| one.pending.leans);
                    leaning = leans.map(|(index, _)| index).collect();
                    jobs = waiting.into_iter().map(Stepped::undone).collect();
                    if let Err(error) = self.subjects.load(&self.shared.store, &jobs).await {
                        self.refuse_all(&mut jobs, &error.to_string());
                        break;
                    }
                }
                Err(CommitError::Store(error)) => {
                    self.fail(waiting, &error).await;
                    break;
                }
            }
        }
        self.refuse_all(&mut jobs, "send keys kept colliding");
        if !later.is_empty() {
            Box::pin(self.work(later)).await;
        }
    }

    /// Whoever sent it may send it again; an entry of the inbox that fails by itself is tried a few times only.
    fn refuse_one(&mut self, job: &mut Job, is_its_own: bool, refusal: PipelineError) {
        let entry = job.inbox_done.filter(|_| is_its_own);
        self.failed.extend(entry);
        self.shared
            .refuse(job, entry.map_or(refusal, |_| PipelineError::StepBroken));
    }

    fn refuse_all(&self, jobs: &mut Vec<Job>, why: &str) {
        if !jobs.is_empty() {
            tracing::error!(inputs = jobs.len(), why, "inputs are answered as unavailable");
        }
        for mut job in jobs.drain(..) {
            self.shared.refuse(&mut job, unavailable(why));
        }
    }

    /// Commits the effects and hands them back.
    async fn commit(&self, stepped: Vec<Stepped>) -> (Vec<Stepped>, Result<CommitSummary, CommitError>) {
        let (jobs, mut changes): (Vec<_>, Vec<_>) = stepped.into_iter().map(|one| (one.pending, one.change)).unzip();
        let now = self.shared.clock.now();
        let places = self.shared.ways.lease(&mut changes, now, now + self.shared.lease);
        let (changes, result) = self.committer.commit(changes).await;
        // Also when it failed: nobody knows how far it got.
        for row in changes.iter().flat_map(|change| &change.rows) {
            if let Row::Owner { device_id, .. } = row {
                self.shared.holdings.forget(*device_id);
            }
        }
        let with_places = |((pending, places), change)| Stepped {
            pending: Pending { places, ..pending },
            change,
        };
        let stepped = jobs.into_iter().zip(places).zip(changes);
        (stepped.map(with_places).collect(), result)
    }

    /// Steps these jobs on subjects taken out of memory. Only who has several jobs here is copied from one to the next.
    fn step_all(&mut self, jobs: Vec<Job>, batch: &Batch, taken: &BTreeSet<String>, leaning: &HashSet<usize>) -> Round {
        let mut latest: HashMap<Key, usize> = HashMap::new();
        let mut spent = taken.clone();
        let mut round = Round::default();
        for (index, mut job) in jobs.into_iter().enumerate() {
            let (key, leans) = ((job.project_id, job.user_id), leaning.contains(&index));
            if let Some(effects) = job.stepped.take() {
                spent.extend(effects.messages.iter().map(|message| message.send_key.clone()));
                latest.insert(key, round.stepped.len());
                round.stepped.push(Stepped::of(job, *effects, leans, batch.now));
                continue;
            }
            let Some(catalogue) = batch.catalogues.get(&job.project_id) else {
                self.shared.refuse(&mut job, unavailable("there is no catalogue"));
                continue;
            };
            let before = match latest.get(&key).and_then(|at| round.stepped.get(*at)) {
                Some(earlier) => Some(earlier.change.effects.subject.clone()),
                None => self.subjects.take(key),
            };
            let Some(before) = before else {
                if leans {
                    self.shared
                        .refuse(&mut job, unavailable("the record it repeats was not taken"));
                } else {
                    round.later.push(job);
                }
                continue;
            };
            if before.seldom.merged_into.is_some() {
                // Sent before the two were known to be one, it would come too late: sent again, it finds who they are.
                self.subjects.put(key, before);
                job.answer(Err(unavailable("this user has just turned out to be another one")));
                continue;
            }
            let given = Given {
                catalogue,
                spent: &spent,
                now: batch.now,
                seed: job.seed,
            };
            let input = job.input().unwrap_or(&Input::Tick);
            let Some(effects) = step_unbroken(before, input, given) else {
                round.broke = true;
                self.failed.extend(job.inbox_done);
                self.shared.broken(&mut job);
                continue;
            };
            // Keys begin with a trigger's id, so those of two projects never meet.
            spent.extend(effects.messages.iter().map(|message| message.send_key.clone()));
            latest.insert(key, round.stepped.len());
            round.stepped.push(Stepped::of(job, effects, leans, batch.now));
        }
        round
    }

    /// Nothing was written, as far as we know: what memory holds is read again next time. Where the fault may lie with one
    /// input, each is tried by itself, so that it harms nobody but its sender.
    async fn fail(&mut self, stepped: Vec<Stepped>, error: &StoreError) {
        let text = error.to_string();
        tracing::error!(error = text, inputs = stepped.len(), "a commit failed");
        let each = stepped.len() > 1 && concerns_one(error);
        for one in stepped {
            let leans = one.pending.leans;
            let mut job = one.undone();
            if each && !leans {
                Box::pin(self.work(vec![job])).await;
            } else {
                self.refuse_one(&mut job, concerns_one(error), refusal(error));
            }
        }
    }
}

/// Steps; none when the input broke it. A step is pure: what it leaves half done goes with its subject.
pub(super) fn step_unbroken(before: Box<Subject>, input: &Input, given: Given<'_>) -> Option<Effects> {
    catch_unwind(AssertUnwindSafe(|| {
        #[cfg(test)]
        super::broken_tests::break_if_told(input);
        step(before, input, given)
    }))
    .ok()
}

impl Shared {
    /// An input broke its step: it is answered as such, and the other inputs go on.
    pub(super) fn broken(&self, job: &mut Job) {
        let (project, user, entry) = (job.project_id, job.user_id, job.inbox_done);
        tracing::error!(%project, %user, ?entry, input = job.name(), "an input broke its step: please report it");
        measure::step_broken();
        self.refuse(job, PipelineError::StepBroken);
    }
}

/// May the fault lie with one row or value, so that others would fare better alone?
fn concerns_one(error: &StoreError) -> bool {
    match error {
        StoreError::Conflict(_) | StoreError::Corrupt(_) => true,
        StoreError::Unavailable(_) | StoreError::Full => false,
    }
}

/// What a sender is told of a commit that failed: that the disk is full is for somebody to see to, the rest may pass.
fn refusal(error: &StoreError) -> PipelineError {
    match error {
        StoreError::Full => StoreError::Full.into(),
        StoreError::Conflict(_) | StoreError::Corrupt(_) | StoreError::Unavailable(_) => {
            unavailable(&error.to_string())
        }
    }
}

pub(super) fn unavailable(why: &str) -> PipelineError {
    PipelineError::Store(StoreError::Unavailable(why.to_owned()))
}
