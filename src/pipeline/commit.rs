//! Group commit: everything queued while the last transaction was being written goes into the next one.

use crate::base::limits;
use crate::store::change::Change;
use crate::store::{CommitError, CommitSummary, Store, StoreError};
use std::collections::HashSet;
use tokio::sync::{mpsc, oneshot};

/// The effects of one lane's batch; they commit together.
struct Batch {
    changes: Vec<Change>,
    done: oneshot::Sender<Result<CommitSummary, CommitError>>,
}

/// The one writer of steps.
#[derive(Debug, Clone)]
pub(super) struct Committer {
    queue: mpsc::Sender<Batch>,
}

/// Batches of different lanes that may go into one transaction.
const BATCHES_PER_COMMIT_MAX: usize = 64;

impl Committer {
    #[expect(clippy::disallowed_methods, reason = "ends when the last lane drops its sender")]
    pub(super) fn start(store: Store) -> Self {
        let (queue, inbox) = mpsc::channel(BATCHES_PER_COMMIT_MAX);
        tokio::spawn(run(store, inbox));
        Self { queue }
    }

    /// Answers when the batch is durable, or not written at all.
    pub(super) async fn commit(&self, changes: Vec<Change>) -> Result<CommitSummary, CommitError> {
        let (done, waiting) = oneshot::channel();
        let stopped = || CommitError::Store(StoreError::Unavailable("the committer has stopped".into()));
        self.queue.send(Batch { changes, done }).await.map_err(|_| stopped())?;
        waiting.await.map_err(|_| stopped())?
    }
}

async fn run(store: Store, mut inbox: mpsc::Receiver<Batch>) {
    while let Some(first) = inbox.recv().await {
        let mut batches = vec![first];
        let mut rows = batches[0].changes.len();
        while batches.len() < BATCHES_PER_COMMIT_MAX && rows < limits::INPUTS_PER_LANE_BATCH_MAX {
            let Ok(next) = inbox.try_recv() else { break };
            rows += next.changes.len();
            batches.push(next);
        }
        commit_group(&store, batches).await;
    }
}

/// One transaction for the whole group; where send keys collide, one for each batch, so that the first to come wins.
async fn commit_group(store: &Store, batches: Vec<Batch>) {
    let alone = batches.len() == 1 || keys_collide(&batches);
    if !alone {
        let together: Vec<Change> = batches.iter().flat_map(|batch| batch.changes.iter().cloned()).collect();
        match store.commit(together).await {
            Ok(summary) => {
                for batch in batches {
                    let _ = batch.done.send(Ok(summary.clone()));
                }
                return;
            }
            Err(CommitError::SendKeysTaken(_)) => {}
            Err(CommitError::Store(error)) => {
                let text = error.to_string();
                for batch in batches {
                    let _ = batch
                        .done
                        .send(Err(CommitError::Store(StoreError::Unavailable(text.clone()))));
                }
                return;
            }
        }
    }
    for batch in batches {
        let result = store.commit(batch.changes).await;
        let _ = batch.done.send(result);
    }
}

/// Would two of these batches make a message with one send key?
fn keys_collide(batches: &[Batch]) -> bool {
    let mut seen = HashSet::new();
    let changes = batches.iter().flat_map(|batch| &batch.changes);
    changes
        .flat_map(|change| {
            change
                .effects
                .messages
                .iter()
                .map(move |message| (change.project_id, &message.send_key))
        })
        .any(|key| !seen.insert(key))
}
