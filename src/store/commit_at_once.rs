//! The commit of most steps on SQLite: one script from BEGIN to COMMIT, in one hand-over.
//!
//! A transaction of several hand-overs waits for the system's scheduler at each of them, twice, and while it waits nobody else
//! writes. What must be read first (who was erased, which send keys are taken) is asked within the script, in a way that fails where
//! there is anything to say: then nothing was written, and the commit is taken again step by step, which also says why.

use super::change::Change;
use super::codec::of_sqlx;
use super::commit::{CommitSummary, messages, owner, send_key_name, write_steps};
use super::connect::Store;
use super::error::StoreError;
use super::script::Script;
use crate::base::id::ProjectId;
use sea_orm::sqlx::pool::PoolConnection;
use sea_orm::sqlx::{self, AssertSqlSafe, Sqlite};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use uuid::Uuid;

/// Fails for the first of these users who has a tombstone: their id is no JSON.
pub(super) const NOBODY_ERASED: &str = "SELECT json('erased ' || hex(user_id)) FROM tombstones \
    WHERE project_id = unhex(?) AND user_id IN (SELECT unhex(value) FROM json_each(?))";
/// Fails for the first of these send keys that is stored.
pub(super) const NO_KEY_TAKEN: &str = "SELECT json('taken ' || hex(id)) FROM messages \
    WHERE project_id = unhex(?) AND send_key IN (SELECT value FROM json_each(?))";

/// Entries of the inbox that these steps have taken care of.
const DONE: &str = "DELETE FROM inbox WHERE project_id = unhex(?) AND id IN (SELECT unhex(value) FROM json_each(?))";

impl Store {
    /// None when it cannot be done like this; then nothing was written.
    pub(super) async fn commit_at_once(&self, changes: &[Change]) -> Result<Option<CommitSummary>, StoreError> {
        if !self.is_sqlite() || !changes.iter().all(is_plain) {
            return Ok(None);
        }
        let Some((script, summary)) = self.whole(changes)? else {
            return Ok(None);
        };
        let mut writer = Writer::of(self).await?;
        let is_written = writer.run(script).await;
        Ok(is_written.then_some(summary))
    }

    /// The script and what it will have written.
    fn whole(&self, changes: &[Change]) -> Result<Option<(Script, CommitSummary)>, StoreError> {
        let (mut users, mut keys) = (BTreeMap::<ProjectId, BTreeSet<Uuid>>::new(), HashSet::new());
        let mut script = Script::transaction();
        for (project, user) in changes.iter().map(owner) {
            users.entry(project).or_default().insert(user.uuid());
        }
        for (project, users) in users {
            let users = users.iter().map(|user| user.simple().to_string()).collect();
            script.add_text(NOBODY_ERASED, project, users);
        }
        let changes: Vec<&Change> = changes.iter().collect();
        let mut named: BTreeMap<ProjectId, Vec<String>> = BTreeMap::new();
        for (change, message) in messages(&changes) {
            let name = send_key_name(&self.vault, change.project_id, &message.send_key)?;
            // Twice in one batch: the longer way says so.
            if !keys.insert((change.project_id, name.clone())) {
                return Ok(None);
            }
            let names = named.entry(change.project_id).or_default();
            names.extend([name, message.send_key.clone()]);
        }
        for (project, names) in named {
            script.add_text(NO_KEY_TAKEN, project, names);
        }
        for change in &changes {
            if let Some(entry) = change.inbox_done {
                script.add_text(DONE, change.project_id, vec![entry.simple().to_string()]);
            }
        }
        let mut summary = CommitSummary::default();
        write_steps(&mut script, &self.vault, &changes, &mut summary)?;
        Ok(Some((script, summary)))
    }
}

/// Does it only add rows of its own? What changes rows of others is told by them how many there were.
fn is_plain(change: &Change) -> bool {
    let effects = &change.effects;
    let changes_none = effects.receipts.is_empty() && effects.cancelled.is_empty() && effects.superseded.is_empty();
    change.rows.is_empty() && changes_none
}

/// The connection that writes. One that is let go in the middle of a script is closed, which ends its transaction.
struct Writer {
    connection: PoolConnection<Sqlite>,
    is_at_rest: bool,
}

impl Writer {
    async fn of(store: &Store) -> Result<Self, StoreError> {
        let connection = store.writer.get_sqlite_connection_pool().acquire().await;
        Ok(Self {
            connection: connection.map_err(|error| of_sqlx(&error))?,
            is_at_rest: true,
        })
    }

    /// True when all of it is durable; else nothing of it was written.
    async fn run(&mut self, script: Script) -> bool {
        let Some((text, values)) = script.into_text() else {
            return false;
        };
        let mut query = sqlx::query(AssertSqlSafe(text));
        for value in values {
            query = query.bind(value);
        }
        self.is_at_rest = false;
        if query.execute(&mut *self.connection).await.is_ok() {
            self.is_at_rest = true;
            return true;
        }
        // Where SQLite has ended the transaction by itself this fails, and a fresh connection costs little.
        self.is_at_rest = sqlx::query("ROLLBACK").execute(&mut *self.connection).await.is_ok();
        false
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if !self.is_at_rest {
            self.connection.close_on_drop();
        }
    }
}
