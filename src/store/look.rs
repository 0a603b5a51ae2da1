//! Looking back: moments, decisions and events, newest first.

use super::change::EventRow;
use super::codec::to_word;
use super::connect::Store;
use super::error::StoreError;
use super::paging::{Cursor, Page, PageAsk, at, newest_first};
use super::sealed;
use super::vault::Vault;
use crate::base::id::{DecisionId, DeviceId, MomentId, ProjectId, TriggerId, UserId};
use crate::engine::decision::{Decision, ReasonCode};
use crate::engine::moment::Moment;
use ::entity::{decision, event, moment};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

/// Which moments; what is not said is not asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MomentFilter {
    pub user_id: Option<UserId>,
    /// `entered`, `exited`, `dwelled`, `event` or `fact`.
    pub kind: Option<String>,
}

/// Which decisions; what is not said is not asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DecisionFilter {
    pub user_id: Option<UserId>,
    pub trigger_id: Option<TriggerId>,
    pub moment_id: Option<MomentId>,
    pub code: Option<ReasonCode>,
}

/// Which events; what is not said is not asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventFilter {
    pub user_id: Option<UserId>,
    pub name: Option<String>,
}

impl Store {
    /// Moments by the time they were noticed, newest first.
    pub async fn moments(
        &self,
        project: ProjectId,
        filter: &MomentFilter,
        ask: &PageAsk,
    ) -> Result<Page<Moment>, StoreError> {
        let mut select = moment::Entity::find().filter(moment::Column::ProjectId.eq(project.uuid()));
        if let Some(user) = filter.user_id {
            select = select.filter(moment::Column::UserId.eq(user.uuid()));
        }
        if let Some(kind) = &filter.kind {
            select = select.filter(moment::Column::Kind.eq(kind.as_str()));
        }
        let order = (moment::Column::NoticedAt, moment::Column::Id);
        let models = newest_first(&self.reader, select, order, ask).await?;
        Page::cut(
            models,
            ask,
            |model| at(model.noticed_at, model.id),
            |model| moment_row(&self.vault, model),
        )
    }

    pub async fn moment(&self, project: ProjectId, id: MomentId) -> Result<Option<Moment>, StoreError> {
        let select = moment::Entity::find_by_id(id.uuid()).filter(moment::Column::ProjectId.eq(project.uuid()));
        let model = select.one(&self.reader).await?;
        model.map(|model| moment_row(&self.vault, model)).transpose()
    }

    /// Decisions, newest first.
    pub async fn decisions(
        &self,
        project: ProjectId,
        filter: &DecisionFilter,
        ask: &PageAsk,
    ) -> Result<Page<Decision>, StoreError> {
        let mut select = decision::Entity::find().filter(decision::Column::ProjectId.eq(project.uuid()));
        if let Some(user) = filter.user_id {
            select = select.filter(decision::Column::UserId.eq(user.uuid()));
        }
        if let Some(trigger) = filter.trigger_id {
            select = select.filter(decision::Column::TriggerId.eq(trigger.uuid()));
        }
        if let Some(moment) = filter.moment_id {
            select = select.filter(decision::Column::MomentId.eq(moment.uuid()));
        }
        if let Some(code) = &filter.code {
            select = select.filter(decision::Column::Code.eq(to_word(code)?));
        }
        let order = (decision::Column::DecidedAt, decision::Column::Id);
        let models = newest_first(&self.reader, select, order, ask).await?;
        Page::cut(
            models,
            ask,
            |model| at(model.decided_at, model.id),
            |model| decision_row(&self.vault, model),
        )
    }

    pub async fn decision(&self, project: ProjectId, id: DecisionId) -> Result<Option<Decision>, StoreError> {
        let select = decision::Entity::find_by_id(id.uuid()).filter(decision::Column::ProjectId.eq(project.uuid()));
        let model = select.one(&self.reader).await?;
        model.map(|model| decision_row(&self.vault, model)).transpose()
    }

    /// Events by the time they happened, newest first.
    pub async fn events(
        &self,
        project: ProjectId,
        filter: &EventFilter,
        ask: &PageAsk,
    ) -> Result<Page<EventRow>, StoreError> {
        let mut select = event::Entity::find().filter(event::Column::ProjectId.eq(project.uuid()));
        if let Some(user) = filter.user_id {
            select = select.filter(event::Column::UserId.eq(user.uuid()));
        }
        if let Some(name) = &filter.name {
            select = select.filter(event::Column::Name.eq(name.as_str()));
        }
        let order = (event::Column::OccurredAt, event::Column::RecordId);
        let models = newest_first(&self.reader, select, order, ask).await?;
        let place = |model: &event::Model| Cursor {
            at: model.occurred_at,
            id: model.record_id.clone(),
        };
        Page::cut(models, ask, place, |model| event_row(&self.vault, model))
    }
}

/// Whose it is, the column says: it is another one's when its user turned out to be somebody known.
fn moment_row(vault: &Vault, model: moment::Model) -> Result<Moment, StoreError> {
    let mut noticed: Moment = vault.open(model.project_id, sealed::MOMENT, &model.body)?;
    noticed.user_id = model.user_id.into();
    Ok(noticed)
}

fn decision_row(vault: &Vault, model: decision::Model) -> Result<Decision, StoreError> {
    let mut decided: Decision = vault.open(model.project_id, sealed::DECISION, &model.body)?;
    decided.user_id = model.user_id.into();
    Ok(decided)
}

pub(super) fn event_row(vault: &Vault, model: event::Model) -> Result<EventRow, StoreError> {
    Ok(EventRow {
        user_id: model.user_id.into(),
        device_id: model.device_id.map(DeviceId::from),
        record_id: model.record_id,
        name: model.name,
        properties: vault.open(model.project_id, sealed::EVENT, &model.properties)?,
        occurred_at: model.occurred_at,
        received_at: model.received_at,
    })
}
