//! The commit: the effects of many steps and the rows of their inputs, in one transaction (DESIGN.md 4, invariants 2 and 4).

use super::change::{Change, Row};
use super::codec::{IN_LIST_MAX, to_word};
use super::connect::Store;
use super::error::{CommitError, StoreError};
use super::script::Script;
use super::subjects::{erased_among, lock_subjects};
use super::vault::Vault;
use super::{commit_messages, commit_people, commit_records, inbox as inbox_told, instances, sealed};
use crate::base::id::{DeviceId, ProjectId, UserId};
use crate::engine::message::Message;
use crate::telemetry::measure;
use ::entity::{decision, inbox, message, moment, subject};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect,
};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What one commit wrote.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommitSummary {
    /// Events that were new; repeats are not counted.
    pub events: u64,
    pub moments: usize,
    pub decisions: usize,
    pub messages: usize,
    pub deliveries: usize,
    /// Receipts that were new.
    pub receipts: u64,
    /// Deliveries that were still queued and now are cancelled.
    pub cancelled: u64,
    /// Users with a tombstone: their changes were dropped whole.
    pub erased: Vec<UserId>,
    /// Devices that lost their push address to another one: the engine must hear of it.
    pub unreachable: Vec<(ProjectId, UserId, DeviceId)>,
}

impl Store {
    /// Writes all of these changes or none. Changes of one user stand in the order they were stepped: the last state wins.
    ///
    /// A subject is written when one of its changes says `changed`. When a send key is taken, by a stored message or by
    /// another one of this batch, nothing is written: step again, knowing it.
    pub async fn commit(&self, changes: impl AsRef<[Change]>) -> Result<CommitSummary, CommitError> {
        let changes = changes.as_ref();
        if changes.is_empty() {
            return Ok(CommitSummary::default());
        }
        if let Some(summary) = self.commit_at_once(changes).await? {
            return Ok(summary);
        }
        let txn = self.write_txn().await?;
        match self.write(&txn, changes).await {
            Ok((summary, hops)) => {
                txn.commit().await.map_err(StoreError::from)?;
                for (hop, took) in hops {
                    measure::hop(hop, took);
                }
                Ok(summary)
            }
            Err(error) => {
                // A full disk makes SQLite end the transaction by itself: the reason is what it said first.
                if txn.rollback().await.is_err() {
                    return Err(error);
                }
                Err(self.explained(error, changes).await)
            }
        }
    }

    async fn write(
        &self,
        txn: &DatabaseTransaction,
        changes: &[Change],
    ) -> Result<(CommitSummary, Vec<commit_records::Hop>), CommitError> {
        let mut summary = CommitSummary::default();
        if !self.is_sqlite() {
            for (project, users) in users_by_project(changes) {
                lock_subjects(txn, project, &users).await?;
            }
        }
        let erased = erased_users(txn, changes).await?;
        // Also those of an erased user: an entry that stays would be taken up for ever.
        let done: Vec<_> = changes.iter().filter_map(|change| change.inbox_done).collect();
        let changes: Vec<&Change> = changes
            .iter()
            .filter(|change| !erased.contains(&owner(change)))
            .collect();
        summary.erased = erased.into_iter().map(|(_, user)| user).collect();
        check_send_keys(txn, &self.vault, &changes).await?;
        summary.unreachable = commit_people::write(txn, &self.vault, &changes).await?;
        summary.events = commit_records::write_events(txn, &self.vault, &changes).await?;
        let mut script = Script::new(txn.get_database_backend());
        write_steps(&mut script, &self.vault, &changes, &mut summary)?;
        for chunk in done.chunks(IN_LIST_MAX) {
            script.add(&inbox::Entity::delete_many().filter(inbox::Column::Id.is_in(chunk.iter().copied())));
        }
        script.run(txn).await?;
        summary.cancelled = commit_messages::cancel(txn, &changes).await?;
        let hops;
        (summary.receipts, hops) = commit_records::write_receipts(txn, &self.vault, &changes).await?;
        Ok((summary, hops))
    }

    /// Another node may take a send key between our look and our insert: the unique index refuses it then, and the keys
    /// that are taken by now say so.
    async fn explained(&self, error: CommitError, changes: &[Change]) -> CommitError {
        if !matches!(error, CommitError::Store(StoreError::Conflict(_))) {
            return error;
        }
        let all: Vec<&Change> = changes.iter().collect();
        match check_send_keys(&self.reader, &self.vault, &all).await {
            Err(taken @ CommitError::SendKeysTaken(_)) => taken,
            _ => error,
        }
    }
}

/// What steps add by themselves.
pub(super) fn write_steps(
    script: &mut Script,
    vault: &Vault,
    changes: &[&Change],
    summary: &mut CommitSummary,
) -> Result<(), StoreError> {
    write_subjects(script, vault, changes)?;
    commit_records::write_fixes(script, changes)?;
    summary.moments = write_moments(script, vault, changes)?;
    summary.decisions = write_decisions(script, vault, changes)?;
    instances::write(script, changes);
    (summary.messages, summary.deliveries) = commit_messages::write(script, vault, changes)?;
    inbox_told::write_told(script, vault, changes)
}

/// Whose change it is.
pub(super) fn owner(change: &Change) -> (ProjectId, UserId) {
    (change.project_id, change.effects.subject.user_id)
}

fn users_by_project(changes: &[Change]) -> BTreeMap<ProjectId, Vec<UserId>> {
    let mut users: BTreeMap<ProjectId, BTreeSet<UserId>> = BTreeMap::new();
    for (project, user) in changes.iter().map(owner) {
        users.entry(project).or_default().insert(user);
    }
    users
        .into_iter()
        .map(|(project, users)| (project, users.into_iter().collect()))
        .collect()
}

async fn erased_users(
    txn: &DatabaseTransaction,
    changes: &[Change],
) -> Result<BTreeSet<(ProjectId, UserId)>, StoreError> {
    let mut erased = BTreeSet::new();
    for (project, users) in users_by_project(changes) {
        erased.extend(
            erased_among(txn, project, &users)
                .await?
                .into_iter()
                .map(|user| (project, user)),
        );
    }
    Ok(erased)
}

pub(super) fn messages<'a>(changes: &[&'a Change]) -> impl Iterator<Item = (&'a Change, &'a Message)> {
    let messages_of = |change: &'a Change| change.effects.messages.iter().map(move |message| (change, message));
    changes.iter().copied().flat_map(messages_of)
}

/// Refuses the batch when a send key of it is stored already or stands in it twice. What is stored is its name: a key is made
/// of values that may be sensitive. Those from before there was a vault stand as they were.
async fn check_send_keys(conn: &impl ConnectionTrait, vault: &Vault, changes: &[&Change]) -> Result<(), CommitError> {
    let mut taken = BTreeSet::new();
    let mut keys: BTreeMap<ProjectId, HashMap<String, &str>> = BTreeMap::new();
    for (change, message) in messages(changes) {
        let (project, key) = (change.project_id, message.send_key.as_str());
        let known = keys.entry(project).or_default();
        if known.insert(send_key_name(vault, project, key)?, key).is_some() {
            taken.insert(key.to_owned());
        }
        known.insert(key.to_owned(), key);
    }
    for (project, keys) in keys {
        let names: Vec<&str> = keys.keys().map(String::as_str).collect();
        for chunk in names.chunks(IN_LIST_MAX) {
            let stored: Vec<String> = message::Entity::find()
                .select_only()
                .column(message::Column::SendKey)
                .filter(message::Column::ProjectId.eq(project.uuid()))
                .filter(message::Column::SendKey.is_in(chunk.iter().copied()))
                .into_tuple()
                .all(conn)
                .await
                .map_err(StoreError::from)?;
            taken.extend(
                stored
                    .iter()
                    .filter_map(|name| keys.get(name))
                    .map(|key| (*key).to_owned()),
            );
        }
    }
    if taken.is_empty() {
        Ok(())
    } else {
        Err(CommitError::SendKeysTaken(taken.into_iter().collect()))
    }
}

/// What a send key is found by.
pub(super) fn send_key_name(vault: &Vault, project: ProjectId, key: &str) -> Result<String, StoreError> {
    Ok(URL_SAFE_NO_PAD.encode(vault.name(project.uuid(), sealed::SEND_KEY, key)?))
}

fn write_subjects(script: &mut Script, vault: &Vault, changes: &[&Change]) -> Result<(), StoreError> {
    let mut last: BTreeMap<(ProjectId, UserId), (&Change, bool)> = BTreeMap::new();
    for change in changes {
        let kept = last.entry(owner(change)).or_insert((change, false));
        *kept = (change, kept.1 || change.effects.changed);
    }
    let mut models = Vec::new();
    for ((project, user), (change, changed)) in last {
        if changed {
            models.push(subject::Model {
                project_id: project.uuid(),
                user_id: user.uuid(),
                state: vault.seal(project.uuid(), sealed::SUBJECT, &change.effects.subject)?,
                wake_at: change.effects.wake_at,
            });
        }
    }
    let newer = OnConflict::columns([subject::Column::ProjectId, subject::Column::UserId])
        .update_columns([subject::Column::State, subject::Column::WakeAt])
        .to_owned();
    script.insert::<_, subject::ActiveModel>(models, Some(&newer));
    Ok(())
}

fn write_moments(script: &mut Script, vault: &Vault, changes: &[&Change]) -> Result<usize, StoreError> {
    let mut models: Vec<moment::ActiveModel> = Vec::new();
    for change in changes {
        for noticed in &change.effects.moments {
            let model = moment::Model {
                id: noticed.id.uuid(),
                project_id: change.project_id.uuid(),
                user_id: noticed.user_id.uuid(),
                kind: noticed.kind.name().to_owned(),
                noticed_at: noticed.noticed_at,
                body: vault.seal(change.project_id.uuid(), sealed::MOMENT, noticed)?,
            };
            models.push(model.into_active_model());
        }
    }
    let count = models.len();
    script.insert(models, None);
    Ok(count)
}

fn write_decisions(script: &mut Script, vault: &Vault, changes: &[&Change]) -> Result<usize, StoreError> {
    let mut models: Vec<decision::ActiveModel> = Vec::new();
    for change in changes {
        for decided in &change.effects.decisions {
            let model = decision::Model {
                id: decided.id.uuid(),
                project_id: change.project_id.uuid(),
                user_id: decided.user_id.uuid(),
                moment_id: decided.moment_id.uuid(),
                trigger_id: decided.trigger_id.uuid(),
                code: to_word(&decided.code)?,
                decided_at: decided.decided_at,
                body: vault.seal(change.project_id.uuid(), sealed::DECISION, decided)?,
            };
            models.push(model.into_active_model());
        }
    }
    let count = models.len();
    script.insert(models, None);
    Ok(count)
}

/// The rows of all changes with the project and user they belong to.
pub(super) fn rows<'a>(changes: &[&'a Change]) -> impl Iterator<Item = (ProjectId, &'a Row)> {
    changes
        .iter()
        .flat_map(|change| change.rows.iter().map(|row| (change.project_id, row)))
}
