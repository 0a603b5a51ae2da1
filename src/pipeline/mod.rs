//! The way of the data, as I/O around the engine: ingest, lanes, commit, tick, dispatch, settle, catalogue.

mod alone;
mod at_once;
mod backlog;
mod backtest;
mod books;
mod calling_back;
mod catalogue;
mod commit;
mod dispatch;
mod dispatcher;
mod endpoints;
mod error;
mod event_rows;
mod fact_kinds;
mod facts;
mod finishing;
mod holdings;
mod ingest;
mod journeys;
mod lane;
mod pace;
mod people;
mod repeats;
mod reports;
mod senders;
mod snapshots;
mod stepping;
mod stream;
mod subjects;
mod taking;
mod telling;
mod tick;
mod troubles;
mod turns;
mod verdict;
mod ways;

pub use backtest::{BacktestError, BacktestPlan, BacktestProgress};
pub use calling_back::CalledBack;
pub use dispatcher::Dispatcher;
pub use error::PipelineError;
pub use fact_kinds::TypePut;
pub use holdings::Holding;
pub use ingest::{Ack, AckStatus, ServerEvent, Tracked};
pub use senders::probe_stored;
pub use snapshots::{Snapshot, read_catalogue};
pub use stream::{Live, Stream};
pub use verdict::{Verdict, at_a_glance};

use crate::base::chance::Entropy;
use crate::base::clock::Clock;
use crate::base::id::{DeviceId, ProjectId, UserId, stamped};
use crate::base::limits;
use crate::base::time::Timestamp;
use crate::channel::Channels;
use crate::engine::flow::Flow;
use crate::engine::step::Input;
use crate::store::Store;
use chrono::TimeDelta;
use holdings::Holdings;
use lane::{Job, Lane, Task, Waiting};
use serde::{Deserialize, Serialize};
use snapshots::Catalogues;
use std::ops::Deref;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock, Weak};
use telling::lane_of;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use troubles::Troubles;
use uuid::Uuid;
use ways::Ways;

/// `[pipeline]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Lanes that step subjects side by side; 0 for one per core.
    pub lanes: usize,
    /// Seconds a claimed delivery belongs to its sender; longer than any channel takes for one attempt.
    pub lease_s: i64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { lanes: 0, lease_s: 60 }
    }
}

/// Everything between the API and the store. Cloning is cheap.
#[derive(Clone)]
pub struct Pipeline(Arc<Inner>);

/// What the lanes share, and the way to them.
struct Inner {
    shared: Shared,
    channels: Channels,
    senders: senders::Senders,
    lanes: Arc<Vec<Lane>>,
    troubles: Troubles,
    next_count: books::NextCount,
    /// Told that no more is to be claimed.
    stopping: CancellationToken,
}

impl Deref for Inner {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.shared
    }
}

/// What the lanes share with the pipeline.
#[derive(Clone)]
struct Shared {
    store: Store,
    clock: Arc<dyn Clock>,
    catalogues: Arc<Catalogues>,
    stream: Arc<Stream>,
    work_ready: Arc<Notify>,
    entropy: Arc<dyn Entropy>,
    /// All lanes, for what one tells another; they end with the pipeline, not with one another.
    others: Arc<OnceLock<Weak<Vec<Lane>>>>,
    /// An inbox entry failed to step: the next tick takes up what is left.
    inbox_left: Arc<AtomicBool>,
    /// Devices heard from lately: who changes a token or an owner forgets the device here.
    holdings: Arc<Holdings>,
    ways: Ways,
    /// How long a delivery belongs to whoever took it up.
    lease: TimeDelta,
}

impl Pipeline {
    /// Starts the lanes and the committer. Call [`Pipeline::recover`] before the first input.
    pub fn start(
        store: Store,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        channels: Channels,
        settings: Settings,
    ) -> Self {
        let committer = commit::Committer::start(store.clone());
        let shared = Shared {
            holdings: Arc::new(Holdings::of_store(store.is_shared())),
            store,
            clock,
            catalogues: Arc::default(),
            stream: Arc::default(),
            work_ready: Arc::default(),
            entropy,
            others: Arc::default(),
            inbox_left: Arc::default(),
            ways: Ways::new(Flow::new(limits::SENDS_AT_ONCE_MAX, channels.paces())),
            lease: TimeDelta::seconds(settings.lease_s.clamp(1, limits::LEASE_S_MAX)),
        };
        let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        let count = if settings.lanes == 0 { cores } else { settings.lanes };
        let count = count.clamp(1, limits::LANES_MAX);
        let lanes: Vec<Lane> = (0..count)
            .map(|_| Lane::start(shared.clone(), committer.clone()))
            .collect();
        let lanes = Arc::new(lanes);
        // It is set once, here: nobody has stepped anything yet.
        let _ = shared.others.set(Arc::downgrade(&lanes));
        Self(Arc::new(Inner {
            shared,
            channels,
            senders: senders::Senders::default(),
            lanes,
            troubles: Troubles::default(),
            next_count: books::NextCount::default(),
            stopping: CancellationToken::new(),
        }))
    }

    /// Finishes what is queued and takes nothing more.
    pub async fn stop(&self) {
        for lane in self.0.lanes.iter() {
            lane.stop().await;
        }
    }

    pub fn store(&self) -> &Store {
        &self.0.store
    }

    pub fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.0.clock)
    }

    pub fn entropy(&self) -> &dyn Entropy {
        self.0.entropy.as_ref()
    }

    pub fn stream(&self) -> &Stream {
        &self.0.stream
    }

    pub fn channels(&self) -> &Channels {
        &self.0.channels
    }

    /// Notified when deliveries were queued.
    pub fn work_ready(&self) -> &Notify {
        &self.0.work_ready
    }

    /// A new random id at the present time.
    pub fn new_id<T: From<Uuid>>(&self) -> T {
        T::from(stamped(self.0.entropy.seed(), self.now()))
    }

    /// Hands a job to the user's lane and waits until its effects are committed.
    async fn run(&self, job: Job) -> Result<lane::Answer, PipelineError> {
        let waiting = self.submit(job)?;
        self.answered(waiting).await
    }

    fn submit(&self, job: Job) -> Result<Waiting, PipelineError> {
        let (job, waiting) = job.awaited();
        self.lane_of(job.user_id).submit(job)?;
        Ok(waiting)
    }

    fn lane_of(&self, user_id: UserId) -> &Lane {
        lane_of(&self.0.lanes, user_id)
    }

    /// Waits until every input taken so far has been stepped and answered.
    async fn pass_lanes(&self) {
        futures_util::future::join_all(self.0.lanes.iter().map(Lane::pass)).await;
    }

    /// The store knows something of these devices that the engine has not heard. Nothing is lost when it cannot be told now:
    /// dispatch asks the store before every send, and tells again.
    async fn tell_devices(&self, project_id: ProjectId, devices: &[(UserId, DeviceId)]) {
        for (user_id, device_id) in devices {
            self.tell_of_store(project_id, *user_id, Task::TellDevice(*device_id))
                .await;
        }
    }

    async fn tell_of_store(&self, project_id: ProjectId, user_id: UserId, task: Task) {
        let mut job = self.job(project_id, user_id);
        job.task = task;
        match self.run(job).await {
            Ok(_) | Err(PipelineError::Erased) => {}
            Err(error) => tracing::warn!(%error, "the engine has yet to learn that an address is gone"),
        }
    }

    fn step(&self, project_id: ProjectId, user_id: UserId, input: Input) -> Job {
        let mut job = self.job(project_id, user_id);
        job.task = Task::Step(Some(input));
        job
    }

    fn job(&self, project_id: ProjectId, user_id: UserId) -> Job {
        Job {
            project_id,
            user_id,
            task: Task::Step(None),
            rows: Vec::new(),
            inbox_done: None,
            seed: self.0.entropy.seed(),
            stepped: None,
            reply: None,
            share: None,
        }
    }
}

#[cfg(test)]
#[path = "at_once_tests.rs"]
mod at_once_tests;
#[cfg(test)]
#[path = "backtest_tests.rs"]
mod backtest_tests;
#[cfg(test)]
#[path = "broken_tests.rs"]
mod broken_tests;
#[cfg(test)]
#[path = "crowd_tests.rs"]
mod crowd_tests;
#[cfg(test)]
#[path = "delivery_tests.rs"]
mod delivery_tests;
#[cfg(test)]
#[path = "family_tests.rs"]
mod family_tests;
#[cfg(test)]
#[path = "ladder_tests.rs"]
mod ladder_tests;
#[cfg(test)]
#[path = "mail_tests.rs"]
mod mail_tests;
#[cfg(test)]
#[path = "merge_tests.rs"]
mod merge_tests;
#[cfg(test)]
#[path = "people_tests.rs"]
mod people_tests;
#[cfg(test)]
#[path = "signals_tests.rs"]
mod signals_tests;
#[cfg(test)]
#[path = "pipeline_tests.rs"]
mod tests;
#[cfg(test)]
#[path = "tick_tests.rs"]
mod tick_tests;
#[cfg(test)]
#[path = "token_tests.rs"]
mod token_tests;
#[cfg(test)]
#[path = "verdict_tests.rs"]
mod verdict_tests;
#[cfg(test)]
#[path = "ways_tests.rs"]
mod ways_tests;
#[cfg(test)]
#[path = "world_tests.rs"]
mod world;
