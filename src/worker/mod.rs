//! Supervised loops: time that passes, messages that leave, data that has grown old.

mod reseal;
mod supervise;

use crate::api::Progress;
use crate::base::clock::Clock;
use crate::base::limits;
use crate::pipeline::{Dispatcher, Pipeline, PipelineError};
use crate::store::{Retention, Store};
use crate::telemetry::measure::Measures;
use crate::wallet::Updates;
use reseal::Sealer;
use std::sync::Arc;
use std::time::Duration;
use supervise::{Loop, supervise};
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Timers are looked for this often: a dwell may fire this late.
const TICK_EVERY: Duration = Duration::from_millis(200);
/// The dispatcher says this often that it is alive; what it has under way goes on between two turns.
const DISPATCH_TURN: Duration = Duration::from_secs(1);
const DISPATCH_EVERY: Duration = Duration::from_millis(1);
/// How often SQLite's log is copied into its file.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(1);
/// Raw samples of the measures are sorted into their buckets this often.
const TIDY_EVERY: Duration = Duration::from_secs(5);
/// Whether the deliveries are to be counted is asked this often.
const BOOKS_EVERY: Duration = Duration::from_secs(5);
/// Passes in wallets whose facts changed are looked for this often.
const WALLETS_EVERY: Duration = Duration::from_secs(2);
/// Whether another process has changed a project is asked this often.
const FOLLOW_EVERY: Duration = Duration::from_secs(1);
/// Inputs that a crash left behind are taken care of at once; then this looks for what another process left.
const RECOVER_EVERY: Duration = Duration::from_mins(1);

/// The loops of one process.
pub struct Workers {
    token: CancellationToken,
    loops: JoinSet<()>,
    dispatcher: Arc<Mutex<Dispatcher>>,
}

impl Workers {
    /// Starts every loop on the current runtime. The last says what is old, and how often it is looked for.
    pub fn start(
        pipeline: &Pipeline,
        clock: &Arc<dyn Clock>,
        measures: &Measures,
        progress: &Progress,
        kept: Retention,
    ) -> Self {
        let mut workers = Self {
            token: CancellationToken::new(),
            loops: JoinSet::new(),
            dispatcher: Arc::new(Mutex::new(Dispatcher::following(pipeline))),
        };
        let dispatcher = Arc::clone(&workers.dispatcher);
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
        start(
            "dispatch",
            DISPATCH_EVERY,
            120,
            Turns::new(move || dispatch_for_a_while(Arc::clone(&dispatcher))),
        );
        let recover = pipeline.clone();
        start(
            "recover",
            RECOVER_EVERY,
            600,
            Turns::new(move || again_while_busy(recover.clone(), Work::Recover)),
        );
        let purge = pipeline.clone();
        let purge_every = Duration::from_secs(kept.purge_every_s.max(1));
        let purge_patience = i64::try_from(purge_every.as_secs())
            .unwrap_or(i64::MAX / 4_000)
            .saturating_mul(3);
        start(
            "purge",
            purge_every,
            purge_patience,
            Turns::new(move || purge_in_steps(purge.clone(), kept, stop.clone())),
        );
        start("books", BOOKS_EVERY, 600, counting(pipeline.clone()));
        start(
            "reseal",
            reseal::LOOK_EVERY,
            reseal::PATIENCE_S,
            Turns::new(move || sealer.clone().turn()),
        );
        start(
            "checkpoint",
            CHECKPOINT_EVERY,
            120,
            checkpoints(pipeline.store().clone()),
        );
        start("tidy", TIDY_EVERY, 60, tidying(measures.clone()));
        start(
            "catalogue",
            FOLLOW_EVERY,
            600,
            following(pipeline.clone(), progress.clone()),
        );
        workers
    }

    /// Tells wallets of what is new in the passes they hold.
    pub fn follow_wallets(&mut self, updates: Updates, clock: &Arc<dyn Clock>, progress: &Progress) {
        let turns = Turns::new(move || tell_wallets(updates.clone()));
        self.add(Loop::new("wallets", WALLETS_EVERY, 600, clock, progress), turns);
    }

    fn add(&mut self, supervised: Loop, turns: Turns) {
        self.loops.spawn(supervise(supervised, self.token.clone(), turns.0));
    }

    /// Ends every loop after its turn under way, and settles what was being sent; whatever still runs after `within` is cut off,
    /// which loses nothing, since every turn commits wholly or not at all. True when all ended by themselves.
    pub async fn stop(mut self, within: Duration) -> bool {
        self.token.cancel();
        let ended = async {
            while self.loops.join_next().await.is_some() {}
            if let Err(error) = self.dispatcher.lock().await.run(None).await {
                tracing::warn!(%error, "sends that ended could not be settled: they go out again when their leases end");
            }
        };
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

fn counting(pipeline: Pipeline) -> Turns {
    Turns::new(move || {
        let pipeline = pipeline.clone();
        async move {
            let counted = pipeline.count_books().await;
            counted.map(|_| ()).map_err(|error| error.to_string())
        }
    })
}

fn checkpoints(store: Store) -> Turns {
    Turns::new(move || {
        let store = store.clone();
        async move { store.checkpoint().await.map_err(|error| error.to_string()) }
    })
}

fn tidying(measures: Measures) -> Turns {
    Turns::new(move || {
        let measures = measures.clone();
        async move {
            measures.tidy();
            Ok(())
        }
    })
}

/// The first turn is part of the start: who is sent traffic does not read a million geofences before it answers.
fn following(pipeline: Pipeline, progress: Progress) -> Turns {
    const WORK: &str = "reading the geofences and triggers of every project";
    progress.ahead(WORK);
    Turns::new(move || {
        let (pipeline, progress) = (pipeline.clone(), progress.clone());
        async move {
            let followed = pipeline.follow_catalogues().await;
            // One project that cannot be read must not keep the others waiting.
            progress.behind(WORK);
            followed.map_err(|error| error.to_string())
        }
    })
}

/// What the pipeline is driven to do.
#[derive(Debug, Clone, Copy)]
enum Work {
    Tick,
    Recover,
}

/// Rounds of one turn: a backlog is worked off without pauses, but a turn must end so that progress shows.
const ROUNDS_PER_TURN_MAX: usize = 100;

/// Between two steps of retention: the writer is free for several times as long as a step takes.
const PURGE_PAUSE: Duration = Duration::from_millis(50);
/// Steps of one turn: some ten minutes.
const PURGE_STEPS_PER_TURN_MAX: usize = 10_000;

async fn dispatch_for_a_while(dispatcher: Arc<Mutex<Dispatcher>>) -> Result<(), String> {
    let result = dispatcher.lock().await.run(Some(DISPATCH_TURN)).await;
    result.map(drop).map_err(|error| error.to_string())
}

/// A round that was full is followed by another at once.
async fn tell_wallets(updates: Updates) -> Result<(), String> {
    for _ in 0..ROUNDS_PER_TURN_MAX {
        let told = updates.round().await.map_err(|error| error.to_string())?;
        if (told as u64) < limits::WALLETS_PER_ROUND_MAX {
            break;
        }
    }
    Ok(())
}

/// Removes what is old, step by step with pauses: commits in between do not wait for it.
async fn purge_in_steps(pipeline: Pipeline, kept: Retention, stop: CancellationToken) -> Result<(), String> {
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
