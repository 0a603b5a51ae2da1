//! Publishing triggers, taking them back, and letting them rest.

use super::codec::{to_json, to_word};
use super::connect::Store;
use super::error::StoreError;
use super::projects::bump_catalogue;
use super::triggers::{RevisionRow, RevisionState, TriggerRow, TriggerState};
use super::triggers::{add_revision, find_revision, locked, newest, trigger_row};
use crate::base::id::{ProjectId, TriggerId};
use crate::base::time::Timestamp;
use crate::engine::lint::Accepted;
use ::entity::{trigger, trigger_revision as revision};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter};

impl Store {
    /// Makes a draft live and retires the revision that was; a paused trigger listens again. `accepted` is what the lint had
    /// found. None when there is no such draft.
    pub async fn publish_trigger(
        &self,
        project: ProjectId,
        id: TriggerId,
        number: i64,
        accepted: Option<&Accepted>,
        at: Timestamp,
    ) -> Result<Option<TriggerRow>, StoreError> {
        let txn = self.write_txn().await?;
        let Some(model) = locked(&txn, project, id).await? else {
            return Ok(None);
        };
        let draft = find_revision(&txn, project, id, number).await?;
        if draft.is_none_or(|draft| draft.state != RevisionState::Draft) {
            return Ok(None);
        }
        make_live(&txn, project, (id, number), accepted, at).await?;
        txn.commit().await?;
        let live = trigger::Model {
            state: to_word(&TriggerState::Live)?,
            live_revision: Some(number),
            ..model
        };
        trigger_row(live).map(Some)
    }

    /// Publishes an older revision again, as a new one: history only grows. None when there is no such revision.
    pub async fn rollback_trigger(
        &self,
        project: ProjectId,
        id: TriggerId,
        to: i64,
        accepted: Option<&Accepted>,
        at: Timestamp,
    ) -> Result<Option<RevisionRow>, StoreError> {
        let txn = self.write_txn().await?;
        if locked(&txn, project, id).await?.is_none() {
            return Ok(None);
        }
        let older = find_revision(&txn, project, id, to).await?;
        let Some(older) = older.filter(|older| older.published_at.is_some()) else {
            return Ok(None);
        };
        let number = newest(&txn, project, id).await?.map_or(0, |newest| newest.revision) + 1;
        let again = add_revision(&txn, project, (id, number), &older.definition, at).await?;
        make_live(&txn, project, (id, number), accepted, at).await?;
        txn.commit().await?;
        Ok(Some(RevisionRow {
            state: RevisionState::Live,
            published_at: Some(at),
            accepted: accepted.cloned(),
            ..again
        }))
    }

    /// A live trigger stops to listen; open waits stay. False when it is not live.
    pub async fn pause_trigger(&self, project: ProjectId, id: TriggerId) -> Result<bool, StoreError> {
        self.turn_trigger(project, id, TriggerState::Live, TriggerState::Paused)
            .await
    }

    /// A paused trigger listens again. False when it is not paused.
    pub async fn resume_trigger(&self, project: ProjectId, id: TriggerId) -> Result<bool, StoreError> {
        self.turn_trigger(project, id, TriggerState::Paused, TriggerState::Live)
            .await
    }

    async fn turn_trigger(
        &self,
        project: ProjectId,
        id: TriggerId,
        from: TriggerState,
        to: TriggerState,
    ) -> Result<bool, StoreError> {
        let txn = self.write_txn().await?;
        let updated = trigger::Entity::update_many()
            .col_expr(trigger::Column::State, Expr::value(to_word(&to)?))
            .filter(trigger::Column::ProjectId.eq(project.uuid()))
            .filter(trigger::Column::Id.eq(id.uuid()))
            .filter(trigger::Column::State.eq(to_word(&from)?))
            .exec(&txn)
            .await?;
        let turned = updated.rows_affected > 0;
        if turned {
            bump_catalogue(&txn, project).await?;
        }
        txn.commit().await?;
        Ok(turned)
    }
}

/// Retires whatever was live and puts this revision in its place.
async fn make_live(
    txn: &DatabaseTransaction,
    project: ProjectId,
    (id, number): (TriggerId, i64),
    accepted: Option<&Accepted>,
    at: Timestamp,
) -> Result<(), StoreError> {
    let accepted = accepted.map(to_json).transpose()?;
    revision::Entity::update_many()
        .col_expr(revision::Column::State, Expr::value(to_word(&RevisionState::Retired)?))
        .col_expr(revision::Column::RetiredAt, Expr::value(at))
        .filter(revision::Column::ProjectId.eq(project.uuid()))
        .filter(revision::Column::TriggerId.eq(id.uuid()))
        .filter(revision::Column::State.eq(to_word(&RevisionState::Live)?))
        .exec(txn)
        .await?;
    revision::Entity::update_many()
        .col_expr(revision::Column::State, Expr::value(to_word(&RevisionState::Live)?))
        .col_expr(revision::Column::PublishedAt, Expr::value(at))
        .col_expr(revision::Column::Accepted, Expr::value(accepted))
        .filter(revision::Column::ProjectId.eq(project.uuid()))
        .filter(revision::Column::TriggerId.eq(id.uuid()))
        .filter(revision::Column::Revision.eq(number))
        .exec(txn)
        .await?;
    trigger::Entity::update_many()
        .col_expr(trigger::Column::State, Expr::value(to_word(&TriggerState::Live)?))
        .col_expr(trigger::Column::LiveRevision, Expr::value(number))
        .filter(trigger::Column::ProjectId.eq(project.uuid()))
        .filter(trigger::Column::Id.eq(id.uuid()))
        .exec(txn)
        .await?;
    bump_catalogue(txn, project).await
}
