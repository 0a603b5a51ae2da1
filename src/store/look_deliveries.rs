//! Looking at what was sent: messages, deliveries and their attempts.

use super::codec::{IN_LIST_MAX, also, from_word};
use super::connect::Store;
use super::error::StoreError;
use super::paging::{Page, PageAsk, at, newest_first};
use super::sealed;
use crate::base::id::{DeliveryId, DeviceId, EndpointId, MessageId, ProjectId, UserId};
use crate::base::time::Timestamp;
use crate::engine::delivery::{ChannelKind, DeliveryState, Planned};
use crate::engine::message::Message;
use ::entity::{attempt, delivery, device, message};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};
use std::collections::HashMap;

/// One message to one device by one channel, as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryRow {
    pub id: DeliveryId,
    pub project_id: ProjectId,
    pub message_id: MessageId,
    pub user_id: UserId,
    /// None for a message to the business.
    pub device_id: Option<DeviceId>,
    pub channel: ChannelKind,
    /// With a webhook: which of the business's endpoints.
    pub endpoint_id: Option<EndpointId>,
    /// The dead delivery this one repeats.
    pub replay_of: Option<DeliveryId>,
    pub state: DeliveryState,
    /// How often it was claimed.
    pub attempts: u32,
    /// While it is queued: not before.
    pub run_at: Timestamp,
    /// While it is being sent: whose claim ends when.
    pub lease_until: Option<Timestamp>,
    pub why: Option<String>,
    pub provider_id: Option<String>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// Why the message takes this further way; none for its first one.
    pub because: Option<String>,
    /// When it came to each point of its life.
    pub passed: Passed,
}

/// When a delivery came to each point of its life, as far as it is known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Passed {
    /// Handed over: the provider took it.
    pub accepted_at: Option<Timestamp>,
    /// What the device or the provider said, by the corrected clock of the device.
    pub received_at: Option<Timestamp>,
    pub displayed_at: Option<Timestamp>,
    pub opened_at: Option<Timestamp>,
}

/// One try of a delivery, as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptRow {
    /// The claim it was made under, from 1.
    pub number: u32,
    pub at: Timestamp,
    /// `accepted`, `retry`, `rejected`, `misconfigured` or `unregistered`.
    pub outcome: String,
    pub detail: Option<String>,
    pub provider_id: Option<String>,
    pub duration_ms: i64,
}

/// Which deliveries; what is not said is not asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeliveryFilter {
    pub user_id: Option<UserId>,
    pub message_id: Option<MessageId>,
    pub device_id: Option<DeviceId>,
    pub endpoint_id: Option<EndpointId>,
    pub state: Option<DeliveryState>,
}

impl Store {
    /// Deliveries, newest first.
    pub async fn deliveries(
        &self,
        project: ProjectId,
        filter: &DeliveryFilter,
        ask: &PageAsk,
    ) -> Result<Page<DeliveryRow>, StoreError> {
        let mut select = delivery::Entity::find().filter(delivery::Column::ProjectId.eq(project.uuid()));
        if let Some(user) = filter.user_id {
            select = select.filter(delivery::Column::UserId.eq(user.uuid()));
        }
        if let Some(message) = filter.message_id {
            select = select.filter(delivery::Column::MessageId.eq(message.uuid()));
        }
        if let Some(device) = filter.device_id {
            select = select.filter(delivery::Column::DeviceId.eq(device.uuid()));
        }
        if let Some(endpoint) = filter.endpoint_id {
            select = select.filter(delivery::Column::EndpointId.eq(endpoint.uuid()));
        }
        if let Some(state) = filter.state {
            select = select.filter(delivery::Column::State.eq(state.as_str()));
        }
        let order = (delivery::Column::CreatedAt, delivery::Column::Id);
        let models = newest_first(&self.reader, select, order, ask).await?;
        Page::cut(models, ask, |model| at(model.created_at, model.id), delivery_row)
    }

    /// A delivery with its attempts, first to last.
    pub async fn delivery(
        &self,
        project: ProjectId,
        id: DeliveryId,
    ) -> Result<Option<(DeliveryRow, Vec<AttemptRow>)>, StoreError> {
        let select = delivery::Entity::find_by_id(id.uuid()).filter(delivery::Column::ProjectId.eq(project.uuid()));
        let Some(model) = select.one(&self.reader).await? else {
            return Ok(None);
        };
        let attempts = self.attempts(project, &[id]).await?.remove(&id).unwrap_or_default();
        Ok(Some((delivery_row(model)?, attempts)))
    }

    /// The attempts of these deliveries, first to last each; a delivery of another project has none here.
    pub async fn attempts(
        &self,
        project: ProjectId,
        ids: &[DeliveryId],
    ) -> Result<HashMap<DeliveryId, Vec<AttemptRow>>, StoreError> {
        let mut attempts: HashMap<DeliveryId, Vec<AttemptRow>> = HashMap::new();
        for chunk in ids.chunks(IN_LIST_MAX) {
            let mine = sea_orm::sea_query::Query::select()
                .column(delivery::Column::Id)
                .from(delivery::Entity)
                .and_where(also(delivery::Column::ProjectId, project.uuid()))
                .and_where(delivery::Column::Id.is_in(chunk.iter().map(|id| id.uuid())))
                .take();
            let models = attempt::Entity::find()
                .filter(attempt::Column::DeliveryId.in_subquery(mine))
                .order_by_asc(attempt::Column::Number)
                .all(&self.reader)
                .await?;
            for model in models {
                attempts
                    .entry(model.delivery_id.into())
                    .or_default()
                    .push(attempt_row(model));
            }
        }
        Ok(attempts)
    }

    /// A message with its deliveries.
    pub async fn message(&self, project: ProjectId, id: MessageId) -> Result<Option<Message>, StoreError> {
        let select = message::Entity::find_by_id(id.uuid()).filter(message::Column::ProjectId.eq(project.uuid()));
        let Some(model) = select.one(&self.reader).await? else {
            return Ok(None);
        };
        let mut message: Message = self.vault.open(model.project_id, sealed::MESSAGE, &model.body)?;
        message.user_id = model.user_id.into();
        message.deliveries = planned(&self.reader, project, id).await?;
        Ok(Some(message))
    }

    /// The message, if it was for this device and the device still belongs to the person it was for.
    pub async fn message_for_device(
        &self,
        project: ProjectId,
        id: MessageId,
        device: DeviceId,
    ) -> Result<Option<Message>, StoreError> {
        let Some(message) = self.message(project, id).await? else {
            return Ok(None);
        };
        let owner = device::Entity::find_by_id(device.uuid())
            .filter(device::Column::ProjectId.eq(project.uuid()))
            .filter(device::Column::UserId.eq(message.user_id.uuid()))
            .one(&self.reader)
            .await?;
        let addressed = message
            .deliveries
            .iter()
            .any(|planned| planned.device_id == Some(device));
        Ok(if owner.is_some() && addressed {
            Some(message)
        } else {
            None
        })
    }
}

async fn planned(
    conn: &impl ConnectionTrait,
    project: ProjectId,
    message: MessageId,
) -> Result<Vec<Planned>, StoreError> {
    let models = delivery::Entity::find()
        .filter(delivery::Column::ProjectId.eq(project.uuid()))
        .filter(delivery::Column::MessageId.eq(message.uuid()))
        .order_by_asc(delivery::Column::Id)
        .all(conn)
        .await?;
    let plan = |model: delivery::Model| {
        let row = delivery_row(model)?;
        Ok(Planned {
            id: row.id,
            device_id: row.device_id,
            channel: row.channel,
            endpoint_id: row.endpoint_id,
            because: row.because,
        })
    };
    models.into_iter().map(plan).collect()
}

pub(super) fn delivery_row(model: delivery::Model) -> Result<DeliveryRow, StoreError> {
    Ok(DeliveryRow {
        id: model.id.into(),
        project_id: model.project_id.into(),
        message_id: model.message_id.into(),
        user_id: model.user_id.into(),
        device_id: model.device_id.map(DeviceId::from),
        channel: from_word("deliveries.channel", &model.channel)?,
        endpoint_id: model.endpoint_id.map(EndpointId::from),
        replay_of: model.replay_of.map(DeliveryId::from),
        state: from_word("deliveries.state", &model.state)?,
        attempts: u32::try_from(model.attempts).unwrap_or(u32::MAX),
        run_at: model.run_at,
        lease_until: model.lease_until,
        why: model.why,
        provider_id: model.provider_id,
        created_at: model.created_at,
        updated_at: model.updated_at,
        because: model.because,
        passed: Passed {
            accepted_at: model.accepted_at,
            received_at: model.received_at,
            displayed_at: model.displayed_at,
            opened_at: model.opened_at,
        },
    })
}

fn attempt_row(model: attempt::Model) -> AttemptRow {
    AttemptRow {
        number: u32::try_from(model.number).unwrap_or(u32::MAX),
        at: model.at,
        outcome: model.outcome,
        detail: model.detail,
        provider_id: model.provider_id,
        duration_ms: model.duration_ms,
    }
}
