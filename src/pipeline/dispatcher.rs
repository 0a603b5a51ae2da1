//! The dispatcher: claims what each route may take up now, or takes over what a commit has leased for it, lets it be sent side by
//! side, and settles what has ended in batches.

use super::dispatch::Sent;
use super::taking::Taken;
use super::turns::Turns;
use super::ways::{Leased, Place};
use super::{Pipeline, PipelineError};
use crate::base::id::DeviceId;
use crate::base::limits;
use crate::base::time::Timestamp;
use crate::store::{Claimed, StoreError};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::{Id, JoinError, JoinSet};

/// The outbox is looked at this often when no commit says that there is work: retries fall due by time alone.
const IDLE: Duration = Duration::from_millis(500);
/// The pace of a route is asked again no sooner than this.
const LOOK_MIN: Duration = Duration::from_millis(2);

/// What came of settling a batch.
struct Written {
    settled: Vec<Sent>,
    /// Not written, and to be tried again.
    left: Vec<Sent>,
    result: Result<(), PipelineError>,
}

/// Everything that is claimed and not settled yet. Its tasks go on between two turns; dropping it gives them up, and the leases
/// see to it that somebody takes up what they had.
///
/// Tasks of their own, not futures polled from one: a future that holds the writer's connection while its neighbour waits for
/// that very connection would never be polled again.
pub struct Dispatcher {
    pipeline: Pipeline,
    desk: Desk,
    /// Handed over, and not taken yet.
    leased: Vec<Leased>,
    took_over: bool,
    /// One look or one taking over at a time: what is sent to a device is sent in the order it was made.
    taking: JoinSet<Result<Taken, PipelineError>>,
    sending: JoinSet<Result<Sent, PipelineError>>,
    settling: JoinSet<Written>,
    telling: JoinSet<Result<(), PipelineError>>,
    ended: VecDeque<Sent>,
    turns: Turns,
    is_look_due: bool,
    is_more: bool,
    count: usize,
    result: Result<(), PipelineError>,
}

/// Where new deliveries come to as they are committed.
enum Desk {
    None,
    /// Once it is known what was there before.
    ToOpen,
    Open(UnboundedReceiver<Leased>),
}

impl Desk {
    /// The next of them; waits for ever where none can come.
    async fn next(&mut self) -> Option<Leased> {
        match self {
            Self::Open(desk) => desk.recv().await,
            Self::None | Self::ToOpen => std::future::pending().await,
        }
    }
}

impl Pipeline {
    /// Sends everything that may go now, also what falls due meanwhile, and returns when it is settled. Says how many deliveries
    /// were claimed.
    pub async fn dispatch(&self) -> Result<usize, PipelineError> {
        Dispatcher::new(self).run(None).await
    }

    /// When there may be something to dispatch again: when the next delivery is due, or a route that must wait may go on.
    pub async fn next_dispatch_at(&self) -> Result<Option<Timestamp>, PipelineError> {
        let (wake_at, now) = (self.0.ways.flow().wake_at(), self.now());
        let due = self.0.store.next_run_at().await?;
        Ok(match (wake_at, due) {
            (Some(wake_at), Some(due)) if due > now => Some(wake_at.min(due)),
            (Some(at), _) | (None, Some(at)) => Some(at),
            (None, None) => None,
        })
    }

    /// Nothing more is claimed from now on; sends under way have a few seconds to end.
    pub fn stop_sending(&self) {
        self.0.ways.close_desk();
        self.0.stopping.cancel();
    }

    /// Settles in one transaction; those that it could not settle come back. A batch that is refused for what one of them
    /// holds is settled one by one.
    async fn settle_all(self, sent: Vec<Sent>) -> Written {
        let settlements: Vec<_> = sent.iter().map(|sent| sent.settlement.clone()).collect();
        let mut result = Ok(());
        let states = match self.0.store.settle_deliveries(&settlements).await {
            Ok(states) => states,
            Err(error @ (StoreError::Unavailable(_) | StoreError::Full)) => {
                let (settled, result) = (Vec::new(), Err(error.into()));
                return Written {
                    settled,
                    left: sent,
                    result,
                };
            }
            Err(StoreError::Conflict(_) | StoreError::Corrupt(_)) => {
                let mut states = Vec::with_capacity(sent.len());
                for settlement in &settlements {
                    // One that cannot be settled keeps its lease and is taken up again when that ends; the others are done.
                    states.push(self.0.store.settle_delivery(settlement).await.unwrap_or_else(|error| {
                        tracing::error!(%error, delivery = %settlement.delivery_id, "a delivery cannot be settled");
                        result = Err(error.into());
                        None
                    }));
                }
                states
            }
        };
        let with_state = |(mut sent, state): (Sent, Option<_>)| {
            sent.state = state;
            sent
        };
        Written {
            settled: sent.into_iter().zip(states).map(with_state).collect(),
            left: Vec::new(),
            result,
        }
    }
}

impl Dispatcher {
    pub fn new(pipeline: &Pipeline) -> Self {
        Self {
            pipeline: pipeline.clone(),
            desk: Desk::None,
            leased: Vec::new(),
            took_over: false,
            taking: JoinSet::new(),
            sending: JoinSet::new(),
            settling: JoinSet::new(),
            telling: JoinSet::new(),
            ended: VecDeque::new(),
            turns: Turns::default(),
            is_look_due: true,
            is_more: false,
            count: 0,
            result: Ok(()),
        }
    }

    /// One that is there to stay: new deliveries whose way is free come to it without a claim.
    pub fn following(pipeline: &Pipeline) -> Self {
        Self {
            desk: Desk::ToOpen,
            ..Self::new(pipeline)
        }
    }

    /// Works until nothing more can be done now, or for as long as it is given: then what is under way stays so until the next
    /// turn. Says how many deliveries were claimed. What could not be settled is tried again at the next turn.
    pub async fn run(&mut self, turn: Option<Duration>) -> Result<usize, PipelineError> {
        (self.count, self.is_look_due, self.result) = (0, true, Ok(()));
        let over = async {
            match turn {
                Some(turn) => tokio::time::sleep(turn).await,
                None => std::future::pending().await,
            }
        };
        tokio::pin!(over);
        let stopping = self.pipeline.0.stopping.clone();
        loop {
            self.begin();
            let is_idle = self.is_idle();
            let ends = turn.is_none() || stopping.is_cancelled() || self.result.is_err();
            if (is_idle && ends) || (turn.is_some() && self.result.is_err()) {
                break;
            }
            let work_ready = Arc::clone(&self.pipeline.0.work_ready);
            let patience = self.patience();
            tokio::select! {
                Some(leased) = self.desk.next() => self.leased.push(leased),
                Some(taken) = self.taking.join_next() => self.took(taken.unwrap_or(Err(PipelineError::Stopping))),
                Some(sent) = self.sending.join_next_with_id() => self.sent(sent),
                Some(written) = self.settling.join_next() => match written {
                    Ok(written) => self.written(written),
                    Err(_) => self.note(Err(PipelineError::Stopping)),
                },
                Some(told) = self.telling.join_next() => self.told(told.unwrap_or(Err(PipelineError::Stopping))),
                () = work_ready.notified() => self.is_look_due = true,
                () = tokio::time::sleep(patience) => self.is_look_due = true,
                () = &mut over, if !stopping.is_cancelled() => break,
                () = stopping.cancelled(), if turn.is_some() && !stopping.is_cancelled() => {}
            }
        }
        std::mem::replace(&mut self.result, Ok(())).map(|()| self.count)
    }

    /// Starts what can be started: one taking and one settlement at a time, each of everything that came up meanwhile.
    fn begin(&mut self) {
        let is_well = self.result.is_ok();
        if is_well && self.taking.is_empty() {
            self.begin_taking();
        }
        if is_well && !self.ended.is_empty() && self.settling.is_empty() {
            let at_once = self.ended.len().min(limits::SETTLED_AT_ONCE_MAX);
            let batch: Vec<Sent> = self.ended.drain(..at_once).collect();
            self.settling.spawn(self.pipeline.clone().settle_all(batch));
        }
    }

    fn begin_taking(&mut self) {
        while let Desk::Open(desk) = &mut self.desk
            && let Ok(leased) = desk.try_recv()
        {
            self.leased.push(leased);
        }
        let is_stopping = self.pipeline.0.stopping.is_cancelled();
        let may_look = self.is_look_due && !is_stopping && !self.pipeline.0.ways.flow().is_full();
        let pipeline = self.pipeline.clone();
        // In turns: what falls due again does not wait for ever behind what is new.
        if may_look && (self.leased.is_empty() || self.took_over) {
            (self.is_look_due, self.took_over) = (false, false);
            self.taking.spawn(async move { pipeline.take_up().await });
        } else if !self.leased.is_empty() {
            self.took_over = true;
            let leased = std::mem::take(&mut self.leased);
            self.taking.spawn(async move { pipeline.take_over(leased).await });
        } else {
            return;
        }
        self.turns.claim_begins();
    }

    fn is_idle(&self) -> bool {
        let is_working = [
            self.taking.len(),
            self.sending.len(),
            self.settling.len(),
            self.telling.len(),
        ];
        let is_left = !(self.ended.is_empty() && self.leased.is_empty()) && self.result.is_ok();
        is_working.iter().all(|tasks| *tasks == 0) && !is_left
    }

    /// Until the next look at the outbox without being told.
    fn patience(&self) -> Duration {
        let wake_at = self.pipeline.0.ways.flow().wake_at();
        let until = wake_at.and_then(|at| (at - self.pipeline.now()).to_std().ok());
        until.map_or(IDLE, |until| until.clamp(LOOK_MIN, IDLE))
    }

    fn note(&mut self, result: Result<(), PipelineError>) {
        if self.result.is_ok() {
            self.result = result;
        }
    }

    fn took(&mut self, taken: Result<Taken, PipelineError>) {
        match taken {
            Ok(Taken { claimed, is_more }) => {
                if let Some(is_more) = is_more {
                    self.is_more = is_more;
                    // Whoever got a full share may have another one.
                    self.is_look_due |= is_more && !claimed.is_empty();
                    self.follow();
                }
                self.count += claimed.len();
                for (claimed, place) in self.turns.take_in(claimed) {
                    self.send(claimed, place);
                }
            }
            Err(error) => self.note(Err(error)),
        }
    }

    /// What was there before is known now: new deliveries may come by the short way.
    fn follow(&mut self) {
        if matches!(self.desk, Desk::ToOpen) {
            self.desk = Desk::Open(self.pipeline.0.ways.open_desk());
        }
    }

    fn send(&mut self, claimed: Claimed, place: Place) {
        let (pipeline, device) = (self.pipeline.clone(), claimed.delivery.device_id);
        let task = self
            .sending
            .spawn(async move { pipeline.deliver(claimed, place).await });
        self.turns.begun(task.id(), device);
    }

    fn sent(&mut self, sent: Result<(Id, Result<Sent, PipelineError>), JoinError>) {
        let mut next = Some(sent);
        while let Some(sent) = next {
            let (task, sent) = match sent {
                Ok((task, sent)) => (task, sent),
                Err(broken) => (broken.id(), Err(PipelineError::Stopping)),
            };
            let device = self.turns.ended(task);
            match sent {
                Ok(sent) => self.ended.push_back(sent),
                // It keeps its lease and is taken up again when that ends; the others are done.
                Err(error) => {
                    self.note(Err(error));
                    self.pass_turn(device, None);
                }
            }
            next = self.sending.try_join_next_with_id();
        }
    }

    /// Once it is written what became of a device's delivery, the next one for the device has its turn.
    fn written(&mut self, written: Written) {
        for sent in written.left.into_iter().rev() {
            self.ended.push_front(sent);
        }
        self.note(written.result);
        if written.settled.is_empty() {
            return;
        }
        for sent in &written.settled {
            let dead = sent.settlement.dead_address.as_ref().map(|dead| dead.address.as_str());
            self.pass_turn(sent.claimed.delivery.device_id, dead);
        }
        let pipeline = self.pipeline.clone();
        self.telling
            .spawn(async move { pipeline.tell_of(written.settled).await });
    }

    /// Places are free again, and only now: a look while they were taken may have found none.
    fn told(&mut self, told: Result<(), PipelineError>) {
        self.note(told);
        self.is_look_due |= self.is_more;
    }

    fn pass_turn(&mut self, device: Option<DeviceId>, dead: Option<&str>) {
        let next = device.and_then(|device| self.turns.pass(device, dead));
        if let Some((claimed, place)) = next {
            self.send(claimed, place);
        }
    }
}
