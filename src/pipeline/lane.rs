//! A lane: the queue that keeps its users' inputs in order, and the jobs that wait in it.

use super::backlog::{Backlog, Place, Waiters};
use super::commit::Committer;
use super::pace::{Pace, Stopwatch};
use super::stepping::Worker;
use super::subjects::{Key, Subjects};
use super::{PipelineError, Shared};
use crate::base::id::{DeviceId, ProjectId, UserId};
use crate::base::limits;
use crate::base::memory::Share;
use crate::engine::moment::Moment;
use crate::engine::step::{Effects, Input, Refused};
use crate::store::UserMerge;
use crate::store::change::{InboxEntry, InboxInput, Row};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

/// One input of one user, with the rows that are to be written along with its effects.
pub(super) struct Job {
    pub(super) project_id: ProjectId,
    pub(super) user_id: UserId,
    pub(super) task: Task,
    pub(super) rows: Vec<Row>,
    pub(super) inbox_done: Option<Uuid>,
    /// All ids of the step come from it; the same when the step has to be taken again.
    pub(super) seed: Uuid,
    /// The effects, when it was stepped before it was queued: they are still to be committed.
    pub(super) stepped: Option<Box<Effects>>,
    pub(super) reply: Option<oneshot::Sender<Result<Answer, PipelineError>>>,
    /// The memory that its request took: it is held as long as the input is.
    pub(super) share: Option<Arc<Share>>,
}

/// What is to be done for the user.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every task is a step, and a job travels in a box"
)]
pub(super) enum Task {
    /// A step. None when the input turned out to be a repeat: time still passes.
    Step(Option<Input>),
    /// Everything of theirs goes, in order with the inputs around it.
    Erase,
    /// The engine is told what the store knows of this device now.
    TellDevice(DeviceId),
    /// The engine is told by which addresses of their own the user is reached now.
    TellContact,
    /// This anonymous user turned out to be somebody known.
    Merge(UserMerge),
}

impl Job {
    /// The step that takes care of an entry of the inbox.
    pub(super) fn of_inbox(entry: InboxEntry, seed: Uuid) -> Self {
        let input = match entry.input {
            InboxInput::Fact { fact } => Input::Fact(fact),
            InboxInput::FactGone { fact } => Input::FactGone(fact),
            InboxInput::Moment { moment } => Input::Moment(*moment),
            InboxInput::Merge { subject } => Input::Merge(subject),
            InboxInput::Undelivered {
                message_id,
                device_id,
                channel,
                why,
            } => Input::Undelivered {
                message_id,
                device_id,
                channel,
                why,
            },
            InboxInput::Reached { message_id } => Input::Reached { message_id },
        };
        Self {
            project_id: entry.project_id,
            user_id: entry.user_id,
            task: Task::Step(Some(input)),
            rows: Vec::new(),
            inbox_done: Some(entry.id),
            seed,
            stepped: None,
            reply: None,
            share: None,
        }
    }

    /// The job, and where its answer will come.
    pub(super) fn awaited(mut self) -> (Self, Waiting) {
        let (reply, waiting) = oneshot::channel();
        self.reply = Some(reply);
        (self, waiting)
    }

    pub(super) fn key(&self) -> Key {
        (self.project_id, self.user_id)
    }

    pub(super) fn input(&self) -> Option<&Input> {
        match &self.task {
            Task::Step(input) => input.as_ref(),
            Task::Erase | Task::TellDevice(_) | Task::TellContact | Task::Merge(_) => None,
        }
    }

    /// What it is, for the log.
    pub(super) fn name(&self) -> &'static str {
        self.input().map_or("time", Input::name)
    }

    /// It reads or writes the store itself: what was queued before it must be committed, and what comes later must wait.
    fn stands_alone(&self) -> bool {
        match self.task {
            Task::Step(_) => false,
            Task::Erase | Task::TellDevice(_) | Task::TellContact | Task::Merge(_) => true,
        }
    }

    pub(super) fn answer(&mut self, answer: Result<Answer, PipelineError>) {
        if let Some(reply) = self.reply.take() {
            // The caller may have hung up; what was committed stands.
            let _ = reply.send(answer);
        }
    }
}

/// What the caller of a job learns.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) moments: Vec<Moment>,
    pub(super) refused: Vec<Refused>,
    pub(super) erased: bool,
    /// What was known of a user who was merged, on its way to who they are.
    pub(super) handed_over: Option<Box<InboxEntry>>,
    /// Devices whose push address went to the device of this job.
    pub(super) unreachable: Vec<(UserId, DeviceId)>,
    /// The steps of those who were told of it.
    pub(super) told: Vec<Waiting>,
}

/// Where the answer to a job will come.
pub(super) type Waiting = oneshot::Receiver<Result<Answer, PipelineError>>;

enum Message {
    Job(Box<Job>, Place),
    /// Answered when every job before it is done.
    Pass(oneshot::Sender<()>),
    /// The same, and nothing is taken any more.
    Stop(oneshot::Sender<()>),
}

/// The way into a lane.
pub(super) struct Lane {
    queue: mpsc::Sender<Message>,
    waiters: Waiters,
    subjects: Subjects,
    pace: Arc<Pace>,
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
        let (subjects, pace) = (Subjects::default(), Arc::<Pace>::default());
        let clock = Arc::clone(&shared.clock);
        let worker = Worker::new(shared, committer, subjects.clone());
        tokio::spawn(run(worker, inbox, Stopwatch::new(clock, Arc::clone(&pace))));
        Self {
            queue,
            waiters: Waiters::default(),
            subjects,
            pace,
        }
    }

    pub(super) fn submit(&self, job: Job) -> Result<(), PipelineError> {
        let room = self.room(job.project_id)?;
        self.subjects.lock(job.key()).queue(job.key());
        room.take(job);
        Ok(())
    }

    /// Room for one more input; none when too many wait already, or those that do will take too long.
    pub(super) fn room(&self, project: ProjectId) -> Result<Room<'_>, PipelineError> {
        let full = || PipelineError::Overloaded {
            retry_after_s: RETRY_AFTER_S,
        };
        let waiting = self.queue.max_capacity() - self.queue.capacity();
        if waiting >= limits::INPUTS_ALWAYS_QUEUED && self.pace.wait_for(waiting) > limits::INPUT_WAIT_MAX {
            return Err(full());
        }
        let place = self.waiters.place(project, limits::INPUTS_QUEUED_PER_PROJECT_MAX);
        let permit = self.queue.try_reserve().map_err(|error| match error {
            mpsc::error::TrySendError::Full(()) => full(),
            mpsc::error::TrySendError::Closed(()) => PipelineError::Stopping,
        })?;
        Ok(Room {
            permit,
            place: place.ok_or_else(full)?,
        })
    }

    /// Nothing is taken any more.
    pub(super) fn has_stopped(&self) -> bool {
        self.queue.is_closed()
    }

    /// Those who are in memory.
    pub(super) fn subjects(&self) -> &Subjects {
        &self.subjects
    }

    /// Waits until everything queued so far is done; a stopped lane has nothing queued.
    pub(super) async fn pass(&self) {
        self.wait_for(Message::Pass).await;
    }

    pub(super) async fn stop(&self) {
        self.wait_for(Message::Stop).await;
    }

    async fn wait_for(&self, message: fn(oneshot::Sender<()>) -> Message) {
        let (done, waiting) = oneshot::channel();
        if self.queue.send(message(done)).await.is_ok() {
            let _ = waiting.await;
        }
    }
}

/// Room for one input in the queue of a lane.
pub(super) struct Room<'a> {
    permit: mpsc::Permit<'a, Message>,
    place: Place,
}

impl Room<'_> {
    /// Queues it. Its user has been marked as queued before.
    pub(super) fn take(self, job: Job) {
        self.permit.send(Message::Job(Box::new(job), self.place));
    }
}

async fn run(mut worker: Worker, mut inbox: mpsc::Receiver<Message>, stopwatch: Stopwatch) {
    let mut backlog: Backlog<(Box<Job>, Place)> = Backlog::default();
    let (mut passed, mut stop) = (None, false);
    loop {
        let mut next = if backlog.len() == 0 && passed.is_none() {
            let Some(message) = inbox.recv().await else { return };
            Some(message)
        } else {
            None
        };
        // Whoever asks to be told waits for what came before; what comes after waits for its turn.
        while passed.is_none() {
            match next
                .take()
                .or_else(|| room_for_more(&backlog).then(|| inbox.try_recv().ok()).flatten())
            {
                Some(Message::Job(job, place)) => backlog.push(job.project_id, (job, place)),
                Some(Message::Pass(done)) => passed = Some(done),
                Some(Message::Stop(done)) => (passed, stop) = (Some(done), true),
                None => break,
            }
        }
        let batch = backlog.take(limits::INPUTS_PER_LANE_BATCH_MAX);
        let keys: Vec<Key> = batch.iter().map(|(job, _)| job.key()).collect();
        let begun = stopwatch.now();
        work_off(&mut worker, batch.into_iter().map(|(job, _)| *job).collect()).await;
        stopwatch.stop(begun, keys.len());
        worker.subjects.leave(&keys);
        if backlog.len() == 0
            && let Some(done) = passed.take()
        {
            let _ = done.send(());
            if stop {
                return;
            }
        }
    }
}

/// As much again as the queue holds, so that a project which floods it is seen beside the others.
fn room_for_more<T>(backlog: &Backlog<T>) -> bool {
    backlog.len() < limits::INPUTS_QUEUED_PER_LANE_MAX
}

async fn work_off(worker: &mut Worker, mut jobs: Vec<Job>) {
    while let Some(at) = jobs.iter().position(Job::stands_alone) {
        let rest = jobs.split_off(at + 1);
        let alone = jobs.pop();
        worker.work(std::mem::replace(&mut jobs, rest)).await;
        if let Some(job) = alone {
            worker.work_alone(job).await;
        }
    }
    worker.work(jobs).await;
    worker.subjects.forget_some();
}
