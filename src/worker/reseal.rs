//! The loop of the vault: takes new keys as they come, and seals anew what older ones sealed, a little at a time.

use crate::store::{Reseal, Store, StoreError, VaultError};
use crate::telemetry::measure;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

/// The file of the keys is looked at this often: a key that another process began to seal with is here soon.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(5);
/// One turn lasts some ten minutes at most.
pub(super) const PATIENCE_S: i64 = 3_600;
/// Between two steps: the writer is free for several times as long as a step takes.
const PAUSE: Duration = Duration::from_millis(50);
/// Steps of one turn.
const STEPS_PER_TURN_MAX: usize = 10_000;

/// Where sealing anew stands in this process.
#[derive(Clone)]
pub(super) struct Sealer {
    store: Store,
    stop: CancellationToken,
    at: Arc<Mutex<At>>,
}

/// What is remembered from one turn to the next.
struct At {
    stage: Stage,
    /// What is wrong with the file of the keys, told once and not every few seconds.
    told: Option<String>,
}

enum Stage {
    /// Nobody has looked yet.
    Unknown,
    /// A pass is under way.
    Under(Box<Reseal>),
    /// Nothing is left.
    Idle,
}

impl Sealer {
    pub(super) fn new(store: Store, stop: CancellationToken) -> Self {
        Self {
            store,
            stop,
            at: Arc::new(Mutex::new(At {
                stage: Stage::Unknown,
                told: None,
            })),
        }
    }

    pub(super) async fn turn(self) -> Result<(), String> {
        let mut at = self.at.lock().await;
        let At { stage, told } = &mut *at;
        match self.store.reload_keys().await {
            Ok(true) => {
                *told = None;
                tracing::info!(keys = %self.ids()?, "took new keys for the vault; sealing anew with the first of them");
                *stage = Stage::Under(Box::default());
            }
            Ok(false) => *told = None,
            Err(VaultError::Store(error)) => return Err(error.to_string()),
            // What is sealed is still read with the keys from before: only the change waits, and no work stands still for it.
            Err(error) => {
                let why = error.to_string();
                if told.as_ref() != Some(&why) {
                    tracing::error!(why, remedy = error.remedy(), "the keys of the vault stay as they were");
                    *told = Some(why);
                }
            }
        }
        if matches!(*stage, Stage::Unknown) {
            let needed = self.store.reseal_needed().await.map_err(|error| error.to_string())?;
            *stage = if needed {
                Stage::Under(Box::default())
            } else {
                Stage::Idle
            };
        }
        self.go_on(stage).await.map_err(|error| error.to_string())
    }

    async fn go_on(&self, stage: &mut Stage) -> Result<(), StoreError> {
        for _ in 0..STEPS_PER_TURN_MAX {
            let Stage::Under(pass) = stage else { break };
            let step = self.store.reseal_step(pass).await?;
            measure::resealed(step.count);
            measure::reseal_pending(true);
            if let Some(table) = step.finished {
                tracing::debug!(table, sealed = pass.sealed, "sealed anew");
            }
            if step.done {
                self.tell(pass)?;
                measure::reseal_pending(pass.unread > 0);
                *stage = Stage::Idle;
                break;
            }
            tokio::select! {
                () = self.stop.cancelled() => break,
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
        Ok(())
    }

    fn tell(&self, pass: &Reseal) -> Result<(), StoreError> {
        let keys = self.store.vault_keys()?;
        let Some((current, others)) = keys.split_first() else {
            return Ok(());
        };
        let (sealed, unread) = (pass.sealed, pass.unread);
        if unread > 0 {
            tracing::error!(key = %current, sealed, unread, "some values do not open and stay as they are: keep every key");
        } else if !others.is_empty() {
            tracing::info!(key = %current, sealed, may_go = %others.join(", "), "everything is sealed with the first key: when every process has it, the others may go");
        } else if sealed > 0 {
            tracing::info!(key = %current, sealed, "everything is sealed");
        }
        Ok(())
    }

    fn ids(&self) -> Result<String, String> {
        let keys = self.store.vault_keys().map_err(|error| error.to_string())?;
        Ok(keys.join(", "))
    }
}
