//! Supervised loops: time that passes, messages that leave, data that has grown old.

mod reseal;
mod supervise;

use crate::api::Progress;
use crate::base::clock::Clock;
use crate::pipeline::{Pipeline, PipelineError};
use crate::store::Kept;
use crate::telemetry::measure::Measures;
use reseal::Sealer;
use std::sync::Arc;
use std::time::Duration;
use supervise::{Loop, supervise};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Timers are looked for this often: a dwell may fire this late.
const TICK_EVERY: Duration = Duration::from_millis(200);
/// Between two looks at the outbox: a burst of commits becomes a few claims.
const DISPATCH_EVERY: Duration = Duration::from_millis(5);
/// The outbox is looked at this often when no commit says that there is work: retries fall due by time alone.
const DISPATCH_IDLE: Duration = Duration::from_millis(500);
/// Raw samples of the measures are sorted into their buckets this often.
const TIDY_EVERY: Duration = Duration::from_secs(5);
/// Inputs that a crash left behind are taken care of at once; then this looks for what another process left.
const RECOVER_EVERY: Duration = Duration::from_mins(1);

/// The loops of one process.
pub struct Workers {
    token: CancellationToken,
    loops: JoinSet<()>,
}

impl Workers {
    /// Starts every loop on the current runtime. The last says how often old data is looked for, and what is old.
    pub fn start(
        pipeline: &Pipeline,
        clock: &Arc<dyn Clock>,
        measures: &Measures,
        progress: &Progress,
        (purge_every, kept): (Duration, Kept),
    ) -> Self {
        let mut workers = Self {
            token: CancellationToken::new(),
            loops: JoinSet::new(),
        };
        let stop = workers.token.clone();
        let sealer = Sealer::new(pipeline.store().clone(), stop.clone());
        let mut start =
            |name, every, patience_s, turn| workers.add(Loop::new(name, every, patience_s, clock, progress), turn);
        let tick = pipeline.clone();
        start(
            "tick",
            TICK_EVERY,
            30,
            Turns::new(move || again_while_busy(tick.clone(), Work::Tick)),
        );
        let dispatch = pipeline.clone();
        start(
            "dispatch",
            DISPATCH_EVERY,
            120,
            Turns::new(move || dispatch_when_ready(dispatch.clone())),
        );
        let recover = pipeline.clone();
        start(
            "recover",
            RECOVER_EVERY,
            600,
            Turns::new(move || again_while_busy(recover.clone(), Work::Recover)),
        );
        let purge = pipeline.clone();
        let purge_patience = i64::try_from(purge_every.as_secs())
            .unwrap_or(i64::MAX / 4_000)
            .saturating_mul(3);
        start(
            "purge",
            purge_every,
            purge_patience,
            Turns::new(move || purge_in_steps(purge.clone(), kept, stop.clone())),
        );
        start(
            "reseal",
            reseal::LOOK_EVERY,
            reseal::PATIENCE_S,
            Turns::new(move || sealer.clone().turn()),
        );
        let measures = measures.clone();
        start(
            "tidy",
            TIDY_EVERY,
            60,
            Turns::new(move || {
                let measures = measures.clone();
                async move {
                    measures.tidy();
                    Ok(())
                }
            }),
        );
        workers
    }

    fn add(&mut self, supervised: Loop, turns: Turns) {
        self.loops.spawn(supervise(supervised, self.token.clone(), turns.0));
    }

    /// Ends every loop after its turn under way; whatever still runs after `within` is cut off, which loses nothing, since
    /// every turn commits wholly or not at all. True when all ended by themselves.
    pub async fn stop(mut self, within: Duration) -> bool {
        self.token.cancel();
        let ended = async { while self.loops.join_next().await.is_some() {} };
        tokio::time::timeout(within, ended).await.is_ok()
    }
}

type Turn = futures_util::future::BoxFuture<'static, Result<(), String>>;

/// Makes the turns of one loop.
struct Turns(Box<dyn FnMut() -> Turn + Send>);

impl Turns {
    fn new<F, T>(mut turn: F) -> Self
    where
        F: FnMut() -> T + Send + 'static,
        T: Future<Output = Result<(), String>> + Send + 'static,
    {
        Self(Box::new(move || Box::pin(turn())))
    }
}

/// What the pipeline is driven to do.
#[derive(Debug, Clone, Copy)]
enum Work {
    Tick,
    Dispatch,
    Recover,
}

/// Rounds of one turn: a backlog is worked off without pauses, but a turn must end so that progress shows.
const ROUNDS_PER_TURN_MAX: usize = 100;

/// Between two steps of retention: the writer is free for several times as long as a step takes.
const PURGE_PAUSE: Duration = Duration::from_millis(50);
/// Steps of one turn: some ten minutes.
const PURGE_STEPS_PER_TURN_MAX: usize = 10_000;

async fn dispatch_when_ready(pipeline: Pipeline) -> Result<(), String> {
    // Whether woken or not: what was queued between two turns left its notice behind.
    let _ = tokio::time::timeout(DISPATCH_IDLE, pipeline.work_ready().notified()).await;
    again_while_busy(pipeline, Work::Dispatch).await
}

/// Removes what is old, step by step with pauses: commits in between do not wait for it.
async fn purge_in_steps(pipeline: Pipeline, kept: Kept, stop: CancellationToken) -> Result<(), String> {
    for _ in 0..PURGE_STEPS_PER_TURN_MAX {
        match pipeline.purge(&kept).await {
            Ok(0) | Err(PipelineError::Stopping) => return Ok(()),
            Ok(_) => {}
            Err(error) => return Err(error.to_string()),
        }
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(PURGE_PAUSE) => {}
        }
    }
    Ok(())
}

async fn again_while_busy(pipeline: Pipeline, work: Work) -> Result<(), String> {
    for _ in 0..ROUNDS_PER_TURN_MAX {
        let done = match work {
            Work::Tick => pipeline.tick().await.map(|count| count as u64),
            Work::Dispatch => pipeline.dispatch().await.map(|count| count as u64),
            Work::Recover => pipeline.recover().await.map(|count| count as u64),
        };
        match done {
            Ok(0) | Err(PipelineError::Stopping) => return Ok(()),
            Ok(_) => {}
            Err(error) => return Err(error.to_string()),
        }
    }
    Ok(())
}
