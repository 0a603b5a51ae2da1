//! Triggers and their revisions: every edit is a new draft.

use super::codec::{from_json, from_word, to_json, to_word};
use super::connect::Store;
use super::error::StoreError;
use super::paging::{Page, PageAsk, named};
use crate::base::id::{ProjectId, TriggerId};
use crate::base::time::Timestamp;
use crate::engine::lint::Accepted;
use crate::engine::trigger::Trigger;
use ::entity::{trigger, trigger_revision as revision};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect,
};
use serde::{Deserialize, Serialize};

/// Whether a trigger listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TriggerState {
    /// Never published.
    Draft,
    Live,
    Paused,
}

/// One trigger through all its revisions, as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TriggerRow {
    pub id: TriggerId,
    pub project_id: ProjectId,
    pub name: String,
    pub state: TriggerState,
    /// The published revision; none while it is a draft.
    pub live_revision: Option<i64>,
    pub created_at: Timestamp,
}

/// Where a revision is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RevisionState {
    Draft,
    Live,
    /// Another revision took its place; open waits may still refer to it.
    Retired,
}

/// One edit of a trigger, as stored.
#[derive(Debug, Clone, PartialEq)]
pub struct RevisionRow {
    pub trigger_id: TriggerId,
    pub revision: i64,
    pub definition: Trigger,
    pub state: RevisionState,
    pub created_at: Timestamp,
    pub published_at: Option<Timestamp>,
    pub retired_at: Option<Timestamp>,
    /// The findings of the lint it went live with; none when there were none.
    pub accepted: Option<Accepted>,
}

impl Store {
    /// Stores an edit as the newest draft of this trigger, which is made when it is new. The same words as in the newest
    /// revision are no edit. `Conflict` when another trigger of the project has the name.
    pub async fn put_draft(
        &self,
        project: ProjectId,
        id: TriggerId,
        definition: &Trigger,
        at: Timestamp,
    ) -> Result<(TriggerRow, RevisionRow), StoreError> {
        let txn = self.write_txn().await?;
        let stored = locked(&txn, project, id).await?;
        let row = match stored {
            Some(model) => renamed(&txn, model, &definition.name).await?,
            None => added(&txn, project, id, &definition.name, at).await?,
        };
        let newest = newest(&txn, project, id).await?;
        if let Some(newest) = &newest
            && newest.definition == *definition
        {
            txn.commit().await?;
            return Ok((row, newest.clone()));
        }
        let number = newest.map_or(0, |newest| newest.revision) + 1;
        let draft = add_revision(&txn, project, (id, number), definition, at).await?;
        txn.commit().await?;
        Ok((row, draft))
    }

    pub async fn trigger(&self, project: ProjectId, id: TriggerId) -> Result<Option<TriggerRow>, StoreError> {
        let select = trigger::Entity::find_by_id(id.uuid()).filter(trigger::Column::ProjectId.eq(project.uuid()));
        select.one(&self.reader).await?.map(trigger_row).transpose()
    }

    pub async fn trigger_by_name(&self, project: ProjectId, name: &str) -> Result<Option<TriggerRow>, StoreError> {
        let select = trigger::Entity::find()
            .filter(trigger::Column::ProjectId.eq(project.uuid()))
            .filter(trigger::Column::Name.eq(name));
        select.one(&self.reader).await?.map(trigger_row).transpose()
    }

    /// Triggers of a project, newest first.
    pub async fn triggers(&self, project: ProjectId, ask: &PageAsk) -> Result<Page<TriggerRow>, StoreError> {
        let mut select = trigger::Entity::find().filter(trigger::Column::ProjectId.eq(project.uuid()));
        if let Some(after) = &ask.after {
            let id = uuid::Uuid::try_parse(&after.id).unwrap_or_default();
            select = select.filter(trigger::Column::Id.lt(id));
        }
        let models = select
            .order_by_desc(trigger::Column::Id)
            .limit(ask.rows() + 1)
            .all(&self.reader)
            .await?;
        Page::cut(models, ask, |model| named(model.id.simple().to_string()), trigger_row)
    }

    /// All revisions of a trigger, newest first.
    pub async fn revisions(&self, project: ProjectId, id: TriggerId) -> Result<Vec<RevisionRow>, StoreError> {
        let models = revision::Entity::find()
            .filter(revision::Column::ProjectId.eq(project.uuid()))
            .filter(revision::Column::TriggerId.eq(id.uuid()))
            .order_by_desc(revision::Column::Revision)
            .all(&self.reader)
            .await?;
        models.into_iter().map(|model| revision_row(&model)).collect()
    }

    pub async fn revision(
        &self,
        project: ProjectId,
        id: TriggerId,
        number: i64,
    ) -> Result<Option<RevisionRow>, StoreError> {
        find_revision(&self.reader, project, id, number).await
    }
}

/// The trigger, held until the end of the transaction.
pub(super) async fn locked(
    txn: &DatabaseTransaction,
    project: ProjectId,
    id: TriggerId,
) -> Result<Option<trigger::Model>, StoreError> {
    let select = trigger::Entity::find_by_id(id.uuid()).filter(trigger::Column::ProjectId.eq(project.uuid()));
    Ok(select.lock_exclusive().one(txn).await?)
}

pub(super) async fn find_revision(
    conn: &impl ConnectionTrait,
    project: ProjectId,
    id: TriggerId,
    number: i64,
) -> Result<Option<RevisionRow>, StoreError> {
    let select = revision::Entity::find_by_id((id.uuid(), number));
    let select = select.filter(revision::Column::ProjectId.eq(project.uuid()));
    select.one(conn).await?.map(|model| revision_row(&model)).transpose()
}

pub(super) async fn newest(
    txn: &DatabaseTransaction,
    project: ProjectId,
    id: TriggerId,
) -> Result<Option<RevisionRow>, StoreError> {
    let select = revision::Entity::find()
        .filter(revision::Column::ProjectId.eq(project.uuid()))
        .filter(revision::Column::TriggerId.eq(id.uuid()))
        .order_by_desc(revision::Column::Revision);
    select.one(txn).await?.map(|model| revision_row(&model)).transpose()
}

async fn renamed(txn: &DatabaseTransaction, model: trigger::Model, name: &str) -> Result<TriggerRow, StoreError> {
    if model.name != name {
        trigger::Entity::update_many()
            .col_expr(trigger::Column::Name, Expr::value(name))
            .filter(trigger::Column::ProjectId.eq(model.project_id))
            .filter(trigger::Column::Id.eq(model.id))
            .exec(txn)
            .await?;
    }
    trigger_row(trigger::Model {
        name: name.to_owned(),
        ..model
    })
}

async fn added(
    txn: &DatabaseTransaction,
    project: ProjectId,
    id: TriggerId,
    name: &str,
    at: Timestamp,
) -> Result<TriggerRow, StoreError> {
    let model = trigger::Model {
        id: id.uuid(),
        project_id: project.uuid(),
        name: name.to_owned(),
        state: to_word(&TriggerState::Draft)?,
        live_revision: None,
        created_at: at,
    };
    trigger::Entity::insert(model.clone().into_active_model())
        .exec_without_returning(txn)
        .await?;
    trigger_row(model)
}

pub(super) async fn add_revision(
    txn: &DatabaseTransaction,
    project: ProjectId,
    (id, number): (TriggerId, i64),
    definition: &Trigger,
    at: Timestamp,
) -> Result<RevisionRow, StoreError> {
    let model = revision::Model {
        trigger_id: id.uuid(),
        revision: number,
        project_id: project.uuid(),
        definition: to_json(definition)?,
        state: to_word(&RevisionState::Draft)?,
        created_at: at,
        published_at: None,
        retired_at: None,
        accepted: None,
    };
    revision::Entity::insert(model.clone().into_active_model())
        .exec_without_returning(txn)
        .await?;
    revision_row(&model)
}

pub(super) fn trigger_row(model: trigger::Model) -> Result<TriggerRow, StoreError> {
    Ok(TriggerRow {
        id: model.id.into(),
        project_id: model.project_id.into(),
        state: from_word("triggers.state", &model.state)?,
        name: model.name,
        live_revision: model.live_revision,
        created_at: model.created_at,
    })
}

pub(super) fn revision_row(model: &revision::Model) -> Result<RevisionRow, StoreError> {
    Ok(RevisionRow {
        trigger_id: model.trigger_id.into(),
        revision: model.revision,
        definition: from_json("trigger_revisions.definition", &model.definition)?,
        state: from_word("trigger_revisions.state", &model.state)?,
        created_at: model.created_at,
        published_at: model.published_at,
        retired_at: model.retired_at,
        accepted: model
            .accepted
            .as_deref()
            .map(|text| from_json("trigger_revisions.accepted", text))
            .transpose()?,
    })
}
