//! Group commit: everything queued while the last transaction was being written goes into the next one.

use crate::base::limits;
use crate::store::change::Change;
use crate::store::{CommitError, CommitSummary, Store, StoreError};
use std::collections::HashSet;
use tokio::sync::{mpsc, oneshot};

/// The effects of one lane's batch; they commit together, and go back to the lane.
struct Batch {
    changes: Vec<Change>,
    done: oneshot::Sender<Done>,
}

type Done = (Vec<Change>, Result<CommitSummary, CommitError>);

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

    /// Answers when the batch is durable, or not written at all. The changes come back in either case, unless the committer is
    /// gone: then nobody can be served any more.
    pub(super) async fn commit(&self, changes: Vec<Change>) -> Done {
        let (done, waiting) = oneshot::channel();
        let stopped = || CommitError::Store(StoreError::Unavailable("the committer has stopped".into()));
        if let Err(unsent) = self.queue.send(Batch { changes, done }).await {
            return (unsent.0.changes, Err(stopped()));
        }
        waiting.await.unwrap_or_else(|_| (Vec::new(), Err(stopped())))
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

/// One transaction for the whole group; where send keys collide, one for each batch, so that the first to come wins. Also
/// where the fault may lie with one of them, so that the others are not harmed.
async fn commit_group(store: &Store, batches: Vec<Batch>) {
    if batches.len() == 1 || keys_collide(&batches) {
        return commit_each(store, batches).await;
    }
    let mut together = Vec::new();
    let mut waiting = Vec::with_capacity(batches.len());
    for Batch { changes, done } in batches {
        waiting.push((changes.len(), done));
        together.extend(changes);
    }
    let result = store.commit(&together).await;
    let mut batches = Vec::with_capacity(waiting.len());
    for (length, done) in waiting.into_iter().rev() {
        let changes = together.split_off(together.len().saturating_sub(length));
        batches.push(Batch { changes, done });
    }
    batches.reverse();
    match result {
        Ok(summary) => answer_each(batches, || Ok(summary.clone())),
        Err(CommitError::Store(StoreError::Unavailable(why))) => {
            answer_each(batches, || Err(StoreError::Unavailable(why.clone()).into()));
        }
        Err(CommitError::Store(StoreError::Full)) => answer_each(batches, || Err(StoreError::Full.into())),
        Err(CommitError::SendKeysTaken(_) | CommitError::Store(StoreError::Conflict(_) | StoreError::Corrupt(_))) => {
            commit_each(store, batches).await;
        }
    }
}

/// All of them fared alike.
fn answer_each(batches: Vec<Batch>, result: impl Fn() -> Result<CommitSummary, CommitError>) {
    for Batch { changes, done } in batches {
        let _ = done.send((changes, result()));
    }
}

async fn commit_each(store: &Store, batches: Vec<Batch>) {
    for Batch { changes, done } in batches {
        let result = store.commit(&changes).await;
        let _ = done.send((changes, result));
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
