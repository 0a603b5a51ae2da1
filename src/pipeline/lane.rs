//! A lane: steps its users' inputs one at a time, keeps their subjects in memory, and answers when the effects are durable.

use super::commit::Committer;
use super::{PipelineError, Shared};
use crate::base::id::{ProjectId, UserId};
use crate::base::limits;
use crate::base::time::Timestamp;
use crate::engine::catalogue::Catalogue;
use crate::engine::fix::Body;
use crate::engine::moment::Moment;
use crate::engine::step::{Effects, Given, Input, Refused, step};
use crate::engine::subject::Subject;
use crate::store::change::{Change, EventRow, Row};
use crate::store::{CommitError, StoreError};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

/// One input of one user, with the rows that are to be written along with its effects.
pub(super) struct Job {
    pub(super) project_id: ProjectId,
    pub(super) user_id: UserId,
    pub(super) input: Option<Input>,
    pub(super) rows: Vec<Row>,
    pub(super) inbox_done: Option<Uuid>,
    /// All ids of the step come from it; the same when the step has to be taken again.
    pub(super) seed: Uuid,
    /// Instead of a step: erase the user, in order with the inputs around it.
    pub(super) erase: bool,
    pub(super) reply: Option<oneshot::Sender<Result<Answer, PipelineError>>>,
}

/// What the caller of a job learns.
#[derive(Debug, Clone, Default)]
pub(super) struct Answer {
    pub(super) moments: Vec<Moment>,
    pub(super) refused: Vec<Refused>,
    pub(super) erased: bool,
}

enum Message {
    Job(Box<Job>),
    Stop(oneshot::Sender<()>),
}

/// The way into a lane.
pub(super) struct Lane {
    queue: mpsc::Sender<Message>,
}

/// Seconds a caller is asked to wait when a lane is full: a lane works off its queue in well under one.
const RETRY_AFTER_S: u64 = 1;

impl Lane {
    #[expect(
        clippy::disallowed_methods,
        reason = "ends when it is told to stop or when the pipeline is dropped"
    )]
    pub(super) fn start(shared: Shared, committer: Committer) -> Self {
        let (queue, inbox) = mpsc::channel(limits::INPUTS_QUEUED_PER_LANE_MAX);
        let worker = Worker {
            shared,
            committer,
            subjects: HashMap::new(),
            round: 0,
        };
        tokio::spawn(worker.run(inbox));
        Self { queue }
    }

    pub(super) fn submit(&self, job: Job) -> Result<(), PipelineError> {
        self.queue
            .try_send(Message::Job(Box::new(job)))
            .map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => PipelineError::Overloaded {
                    retry_after_s: RETRY_AFTER_S,
                },
                mpsc::error::TrySendError::Closed(_) => PipelineError::Stopping,
            })
    }

    pub(super) async fn stop(&self) {
        let (done, waiting) = oneshot::channel();
        if self.queue.send(Message::Stop(done)).await.is_ok() {
            let _ = waiting.await;
        }
    }
}

type Key = (ProjectId, UserId);

struct Cached {
    subject: Subject,
    used: u64,
}

struct Worker {
    shared: Shared,
    committer: Committer,
    subjects: HashMap<Key, Cached>,
    round: u64,
}

/// A job whose step is done and whose effects are still to be committed.
struct Stepped {
    job: Job,
    effects: Effects,
    must_commit: bool,
}

impl Worker {
    async fn run(mut self, mut inbox: mpsc::Receiver<Message>) {
        while let Some(message) = inbox.recv().await {
            let mut jobs = Vec::new();
            let mut stop = None;
            let mut next = Some(message);
            while let Some(message) = next {
                match message {
                    Message::Job(job) => jobs.push(*job),
                    Message::Stop(done) => stop = Some(done),
                }
                let full = jobs.len() >= limits::INPUTS_PER_LANE_BATCH_MAX || stop.is_some();
                next = if full { None } else { inbox.try_recv().ok() };
            }
            // An erasure stands between the inputs before and after it.
            while let Some(at) = jobs.iter().position(|job| job.erase) {
                let rest = jobs.split_off(at + 1);
                let erase = jobs.pop();
                self.work(std::mem::replace(&mut jobs, rest)).await;
                if let Some(job) = erase {
                    self.erase(job).await;
                }
            }
            self.work(jobs).await;
            self.forget_some();
            if let Some(done) = stop {
                let _ = done.send(());
                return;
            }
        }
    }

    async fn erase(&mut self, mut job: Job) {
        let now = self.shared.clock.now();
        let result = self.shared.store.erase_user(job.project_id, job.user_id, now).await;
        self.subjects.remove(&(job.project_id, job.user_id));
        reply(
            &mut job,
            result
                .map(|erased| Answer {
                    erased,
                    ..Answer::default()
                })
                .map_err(PipelineError::Store),
        );
    }

    async fn work(&mut self, jobs: Vec<Job>) {
        if jobs.is_empty() {
            return;
        }
        self.round += 1;
        match self.prepare(&jobs).await {
            Ok((catalogues, known)) => self.step_and_commit(jobs, &catalogues, &known).await,
            Err(error) => {
                let text = error.to_string();
                tracing::error!(
                    error = text,
                    "inputs could not be prepared; they are answered as unavailable"
                );
                for mut job in jobs {
                    reply(
                        &mut job,
                        Err(PipelineError::Store(StoreError::Unavailable(text.clone()))),
                    );
                }
            }
        }
    }

    /// Loads what the steps need: catalogues, subjects not in memory, and which event ids are known already.
    async fn prepare(
        &mut self,
        jobs: &[Job],
    ) -> Result<(HashMap<ProjectId, Arc<Catalogue>>, HashSet<(ProjectId, String)>), PipelineError> {
        let mut catalogues = HashMap::new();
        let mut missing: HashMap<ProjectId, BTreeSet<UserId>> = HashMap::new();
        let mut event_ids: HashMap<ProjectId, Vec<String>> = HashMap::new();
        for job in jobs {
            if !catalogues.contains_key(&job.project_id) {
                catalogues.insert(
                    job.project_id,
                    self.shared
                        .catalogues
                        .get(&self.shared.store, job.project_id, self.shared.clock.now())
                        .await?,
                );
            }
            match self.subjects.get_mut(&(job.project_id, job.user_id)) {
                Some(cached) => cached.used = self.round,
                None => {
                    missing.entry(job.project_id).or_default().insert(job.user_id);
                }
            }
            event_ids
                .entry(job.project_id)
                .or_default()
                .extend(unique_ids(job.input.as_ref()));
        }
        for (project_id, users) in missing {
            let users: Vec<UserId> = users.into_iter().collect();
            let subjects = self.shared.store.load_subjects(project_id, &users).await?;
            for subject in subjects {
                self.subjects.insert(
                    (project_id, subject.user_id),
                    Cached {
                        subject,
                        used: self.round,
                    },
                );
            }
        }
        let mut known = HashSet::new();
        for (project_id, ids) in event_ids {
            if !ids.is_empty() {
                known.extend(
                    self.shared
                        .store
                        .known_records(project_id, &ids)
                        .await?
                        .into_iter()
                        .map(|id| (project_id, id)),
                );
            }
        }
        Ok((catalogues, known))
    }

    /// Steps every job in order, then commits all effects at once. A send key that turns out to be taken starts it over.
    async fn step_and_commit(
        &mut self,
        mut jobs: Vec<Job>,
        catalogues: &HashMap<ProjectId, Arc<Catalogue>>,
        known: &HashSet<(ProjectId, String)>,
    ) {
        drop_repeats(&mut jobs, known);
        let now = self.shared.clock.now();
        let mut taken: HashMap<ProjectId, BTreeSet<String>> = HashMap::new();
        loop {
            let (stepped, after) = self.step_all(jobs, catalogues, &taken, now);
            let changes: Vec<Change> = stepped
                .iter()
                .filter(|stepped| stepped.must_commit)
                .map(|stepped| change_of(stepped, now))
                .collect();
            if changes.is_empty() {
                return self.finish(stepped, after, &[]);
            }
            match self.committer.commit(changes).await {
                Ok(summary) => return self.finish(stepped, after, &summary.erased),
                Err(CommitError::SendKeysTaken(keys)) => {
                    for stepped in &stepped {
                        taken
                            .entry(stepped.job.project_id)
                            .or_default()
                            .extend(keys.iter().cloned());
                    }
                    jobs = stepped.into_iter().map(|stepped| stepped.job).collect();
                }
                Err(CommitError::Store(error)) => return self.fail(stepped, &error),
            }
        }
    }

    /// The subjects in memory stay as they are until the commit: `after` holds what they will be.
    fn step_all(
        &self,
        jobs: Vec<Job>,
        catalogues: &HashMap<ProjectId, Arc<Catalogue>>,
        taken: &HashMap<ProjectId, BTreeSet<String>>,
        now: Timestamp,
    ) -> (Vec<Stepped>, HashMap<Key, Subject>) {
        let mut after: HashMap<Key, Subject> = HashMap::new();
        let mut spent = taken.clone();
        let mut stepped = Vec::with_capacity(jobs.len());
        for job in jobs {
            let key = (job.project_id, job.user_id);
            let before = after
                .remove(&key)
                .or_else(|| self.subjects.get(&key).map(|cached| cached.subject.clone()));
            let before = before.unwrap_or_else(|| Subject::new(job.user_id));
            let Some(catalogue) = catalogues.get(&job.project_id) else {
                continue;
            };
            let spent = spent.entry(job.project_id).or_default();
            let input = job.input.as_ref().unwrap_or(&Input::Tick);
            let effects = step(
                before,
                input,
                Given {
                    catalogue,
                    spent,
                    now,
                    seed: job.seed,
                },
            );
            spent.extend(effects.messages.iter().map(|message| message.send_key.clone()));
            after.insert(key, effects.subject.clone());
            // A tick that changes nothing must still move the stored wake-up on, or it would come again at once.
            let must_commit =
                effects.changed || !job.rows.is_empty() || job.inbox_done.is_some() || matches!(input, Input::Tick);
            stepped.push(Stepped {
                job,
                effects,
                must_commit,
            });
        }
        (stepped, after)
    }

    fn finish(&mut self, stepped: Vec<Stepped>, after: HashMap<Key, Subject>, erased: &[UserId]) {
        for (key, mut subject) in after {
            subject.erased |= erased.contains(&key.1);
            self.subjects.insert(
                key,
                Cached {
                    subject,
                    used: self.round,
                },
            );
        }
        let mut queued = false;
        for Stepped { mut job, effects, .. } in stepped {
            if erased.contains(&job.user_id) {
                reply(&mut job, Err(PipelineError::Erased));
                continue;
            }
            queued |= !effects.messages.is_empty();
            self.shared.stream.publish_effects(job.project_id, &effects);
            self.show_position(&job, &effects);
            count(&effects);
            reply(
                &mut job,
                Ok(Answer {
                    moments: effects.moments,
                    refused: effects.refused,
                    erased: false,
                }),
            );
        }
        if queued {
            self.shared.work_ready.notify_one();
        }
    }

    fn show_position(&self, job: &Job, effects: &Effects) {
        let Some(Input::Records { device_id, records }) = &job.input else {
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

    /// Nothing was written: what memory holds may be ahead of the store, so it is read again next time.
    fn fail(&mut self, stepped: Vec<Stepped>, error: &StoreError) {
        let text = error.to_string();
        tracing::error!(
            error = text,
            inputs = stepped.len(),
            "a commit failed; its inputs are answered as unavailable"
        );
        for Stepped { mut job, .. } in stepped {
            self.subjects.remove(&(job.project_id, job.user_id));
            reply(
                &mut job,
                Err(PipelineError::Store(StoreError::Unavailable(text.clone()))),
            );
        }
    }

    /// Keeps the cache within its bound: the subjects unused for longest go.
    fn forget_some(&mut self) {
        if self.subjects.len() <= limits::SUBJECTS_PER_LANE_MAX {
            return;
        }
        let mut rounds: Vec<u64> = self.subjects.values().map(|cached| cached.used).collect();
        rounds.sort_unstable();
        let median = rounds.get(rounds.len() / 2).copied().unwrap_or(self.round);
        self.subjects.retain(|_, cached| cached.used > median);
    }
}

fn reply(job: &mut Job, answer: Result<Answer, PipelineError>) {
    if let Some(reply) = job.reply.take() {
        // The caller may have hung up; what was committed stands.
        let _ = reply.send(answer);
    }
}

/// Ids of records that must count once even when state does not show that they were seen: events and receipts.
fn unique_ids(input: Option<&Input>) -> Vec<String> {
    match input {
        Some(Input::Records { records, .. }) => records
            .iter()
            .filter(|record| matches!(record.body, Body::Event(_) | Body::Receipt(_)))
            .map(|record| record.id.clone())
            .collect(),
        Some(Input::Event { record_id, .. }) => vec![record_id.clone()],
        _ => Vec::new(),
    }
}

/// Takes out events and receipts that are stored already or come twice in this batch.
fn drop_repeats(jobs: &mut [Job], known: &HashSet<(ProjectId, String)>) {
    let mut seen = HashSet::new();
    for job in jobs {
        let project_id = job.project_id;
        let mut is_new = |id: &str| {
            let key = (project_id, id.to_owned());
            !known.contains(&key) && seen.insert(key)
        };
        match &mut job.input {
            Some(Input::Records { records, .. }) => {
                records
                    .retain(|record| !matches!(record.body, Body::Event(_) | Body::Receipt(_)) || is_new(&record.id));
            }
            Some(Input::Event { record_id, .. }) => {
                if !is_new(record_id) {
                    job.input = None;
                }
            }
            _ => {}
        }
    }
}

fn change_of(stepped: &Stepped, now: Timestamp) -> Change {
    let mut rows = stepped.job.rows.clone();
    rows.extend(event_rows(&stepped.job, now));
    Change {
        project_id: stepped.job.project_id,
        effects: stepped.effects.clone(),
        rows,
        inbox_done: stepped.job.inbox_done,
    }
}

fn event_rows(job: &Job, received_at: Timestamp) -> Vec<Row> {
    let user_id = job.user_id;
    match &job.input {
        Some(Input::Records { device_id, records }) => records
            .iter()
            .filter_map(|record| match &record.body {
                Body::Event(event) => Some(Row::Event(EventRow {
                    user_id,
                    device_id: Some(*device_id),
                    record_id: record.id.clone(),
                    name: event.name.clone(),
                    properties: event.properties.clone(),
                    occurred_at: record.at,
                    received_at,
                })),
                Body::Fix(_) | Body::Crossing(_) | Body::Context(_) | Body::Receipt(_) => None,
            })
            .collect(),
        Some(Input::Event {
            record_id,
            name,
            properties,
            occurred_at,
        }) => vec![Row::Event(EventRow {
            user_id,
            device_id: None,
            record_id: record_id.clone(),
            name: name.clone(),
            properties: properties.clone(),
            occurred_at: *occurred_at,
            received_at,
        })],
        _ => Vec::new(),
    }
}

fn count(effects: &Effects) {
    metrics::counter!("usher_moments_total").increment(effects.moments.len() as u64);
    for decision in &effects.decisions {
        metrics::counter!("usher_decisions_total", "code" => decision.code.as_str()).increment(1);
    }
}
