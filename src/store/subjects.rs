//! Subjects: loading them for the lanes, and finding those whose time has come.

use super::codec::IN_LIST_MAX;
use super::connect::Store;
use super::error::StoreError;
use super::sealed;
use crate::base::id::{ProjectId, UserId};
use crate::base::time::Timestamp;
use crate::engine::subject::Subject;
use ::entity::{event, receipt, subject, tombstone, user};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
};
use std::collections::{HashMap, HashSet};
use uuid::Uuid;

impl Store {
    /// One subject per id, in the order asked: a fresh one for an unknown user, an erased one where a tombstone stands.
    pub async fn load_subjects(&self, project: ProjectId, users: &[UserId]) -> Result<Vec<Subject>, StoreError> {
        let mut states: HashMap<Uuid, Subject> = HashMap::new();
        for chunk in users.chunks(IN_LIST_MAX) {
            let models = subject::Entity::find()
                .filter(subject::Column::ProjectId.eq(project.uuid()))
                .filter(subject::Column::UserId.is_in(chunk.iter().map(|user| user.uuid())))
                .all(&self.reader)
                .await?;
            for model in models {
                let state = self.vault.open(model.project_id, sealed::SUBJECT, &model.state)?;
                states.insert(model.user_id, state);
            }
        }
        let erased = erased_among(&self.reader, project, users).await?;
        Ok(users
            .iter()
            .map(|user| {
                let mut subject = states.get(&user.uuid()).cloned().unwrap_or_else(|| Subject::new(*user));
                if erased.contains(user) {
                    subject.seldom.erased = true;
                }
                subject
            })
            .collect())
    }

    /// Subjects that asked to be woken at or before `now`, earliest first.
    pub async fn wakes_due(&self, now: Timestamp, limit: u64) -> Result<Vec<(ProjectId, UserId)>, StoreError> {
        let rows: Vec<(Uuid, Uuid)> = subject::Entity::find()
            .select_only()
            .columns([subject::Column::ProjectId, subject::Column::UserId])
            .filter(subject::Column::WakeAt.lte(now))
            .order_by_asc(subject::Column::WakeAt)
            .limit(limit)
            .into_tuple()
            .all(&self.reader)
            .await?;
        Ok(rows
            .into_iter()
            .map(|(project, user)| (project.into(), user.into()))
            .collect())
    }

    /// Wakes every subject of a project; each says again when it wants to be woken next.
    pub async fn wake_all(&self, project: ProjectId, at: Timestamp) -> Result<(), StoreError> {
        let txn = self.write_txn().await?;
        // Who turned out to be somebody else is stepped no more: woken, they would be due for ever.
        let merged = user::Entity::find()
            .select_only()
            .column(user::Column::Id)
            .filter(user::Column::ProjectId.eq(project.uuid()))
            .filter(user::Column::MergedInto.is_not_null())
            .into_query();
        subject::Entity::update_many()
            .col_expr(subject::Column::WakeAt, Expr::value(at))
            .filter(subject::Column::ProjectId.eq(project.uuid()))
            .filter(subject::Column::UserId.not_in_subquery(merged))
            .exec(&txn)
            .await?;
        txn.commit().await?;
        Ok(())
    }

    /// When the next subject wants to be woken.
    pub async fn next_wake(&self) -> Result<Option<Timestamp>, StoreError> {
        let next: Option<Option<Timestamp>> = subject::Entity::find()
            .select_only()
            .column(subject::Column::WakeAt)
            .filter(subject::Column::WakeAt.is_not_null())
            .order_by_asc(subject::Column::WakeAt)
            .limit(1)
            .into_tuple()
            .one(&self.reader)
            .await?;
        Ok(next.flatten())
    }

    /// The record ids among these that are stored already, as events or receipts: repeats, to be dropped before a step.
    pub async fn known_records(&self, project: ProjectId, ids: &[String]) -> Result<HashSet<String>, StoreError> {
        let mut known = HashSet::new();
        for chunk in ids.chunks(IN_LIST_MAX) {
            let events: Vec<String> = event::Entity::find()
                .select_only()
                .column(event::Column::RecordId)
                .filter(event::Column::ProjectId.eq(project.uuid()))
                .filter(event::Column::RecordId.is_in(chunk))
                .into_tuple()
                .all(&self.reader)
                .await?;
            let receipts: Vec<String> = receipt::Entity::find()
                .select_only()
                .column(receipt::Column::RecordId)
                .filter(receipt::Column::ProjectId.eq(project.uuid()))
                .filter(receipt::Column::RecordId.is_in(chunk))
                .into_tuple()
                .all(&self.reader)
                .await?;
            known.extend(events.into_iter().chain(receipts));
        }
        Ok(known)
    }
}

/// Holds these subjects, sorted by id, until the end of the transaction: in one order, so that an erasure on another node comes
/// wholly before or after.
pub(super) async fn lock_subjects(
    txn: &DatabaseTransaction,
    project: ProjectId,
    users: &[UserId],
) -> Result<(), StoreError> {
    for chunk in users.chunks(IN_LIST_MAX) {
        let _: Vec<Uuid> = subject::Entity::find()
            .select_only()
            .column(subject::Column::UserId)
            .filter(subject::Column::ProjectId.eq(project.uuid()))
            .filter(subject::Column::UserId.is_in(chunk.iter().map(|user| user.uuid())))
            .order_by_asc(subject::Column::UserId)
            .lock_exclusive()
            .into_tuple()
            .all(txn)
            .await?;
    }
    Ok(())
}

/// Those of these users who have a tombstone.
pub(super) async fn erased_among(
    conn: &impl ConnectionTrait,
    project: ProjectId,
    users: &[UserId],
) -> Result<HashSet<UserId>, StoreError> {
    let mut erased = HashSet::new();
    for chunk in users.chunks(IN_LIST_MAX) {
        let rows: Vec<Uuid> = tombstone::Entity::find()
            .select_only()
            .column(tombstone::Column::UserId)
            .filter(tombstone::Column::ProjectId.eq(project.uuid()))
            .filter(tombstone::Column::UserId.is_in(chunk.iter().map(|user| user.uuid())))
            .into_tuple()
            .all(conn)
            .await?;
        erased.extend(rows.into_iter().map(UserId::from));
    }
    Ok(erased)
}
