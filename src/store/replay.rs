//! Replays: a dead delivery is never opened again; a new one of the same message takes its place.

use super::connect::Store;
use super::error::StoreError;
use super::look_deliveries::{DeliveryRow, delivery_row};
use crate::base::id::{DeliveryId, EndpointId, ProjectId};
use crate::base::limits;
use crate::base::time::Timestamp;
use crate::engine::delivery::DeliveryState;
use ::entity::{delivery, message};
use sea_orm::sea_query::Query;
use sea_orm::{
    ColumnTrait, DatabaseTransaction, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect, Select,
};

/// States a delivery may be replayed from.
const DEAD: [DeliveryState; 2] = [DeliveryState::Failed, DeliveryState::Expired];

/// What became of a wish to replay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replay {
    /// Queued anew.
    Queued(DeliveryRow),
    /// It was replayed before, by this one.
    Before(DeliveryRow),
    /// There is no such delivery.
    Unknown,
    /// It is under way, got out, or was taken back.
    NotDead(DeliveryState),
    /// The life of its message is over: nothing is sent beyond it.
    Over,
    /// Another delivery of the message is under way or got out.
    Elsewhere(DeliveryId),
}

/// What became of an endpoint's dead letters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Replays {
    pub queued: u64,
    /// Their life is over.
    pub over: u64,
    /// There are more: ask again.
    pub has_more: bool,
}

impl Store {
    /// Queues the message of a dead delivery once more, to the same address; consent and everything else is asked again before
    /// it goes. `id` is the new delivery's.
    pub async fn replay_delivery(
        &self,
        project: ProjectId,
        dead: DeliveryId,
        id: DeliveryId,
        now: Timestamp,
    ) -> Result<Replay, StoreError> {
        let txn = self.write_txn().await?;
        let select = delivery::Entity::find_by_id(dead.uuid()).filter(delivery::Column::ProjectId.eq(project.uuid()));
        let Some(model) = select.lock_exclusive().one(&txn).await? else {
            return Ok(Replay::Unknown);
        };
        let before = delivery::Entity::find().filter(delivery::Column::ReplayOf.eq(model.id));
        if let Some(before) = before.one(&txn).await? {
            return Ok(Replay::Before(delivery_row(before)?));
        }
        let row = delivery_row(model.clone())?;
        if !DEAD.contains(&row.state) {
            return Ok(Replay::NotDead(row.state));
        }
        let message = message::Entity::find_by_id(model.message_id).one(&txn).await?;
        if message.is_none_or(|message| message.expires_at <= now) {
            return Ok(Replay::Over);
        }
        if let Some(other) = alive_elsewhere(&txn, &model).await? {
            return Ok(Replay::Elsewhere(other));
        }
        let model = again(model, id, now);
        delivery::Entity::insert(model.clone().into_active_model())
            .exec_without_returning(&txn)
            .await?;
        txn.commit().await?;
        Ok(Replay::Queued(delivery_row(model)?))
    }

    /// The same for the dead letters of one endpoint since a time, oldest first, up to [`limits::REPLAYS_PER_CALL_MAX`].
    pub async fn replay_endpoint(
        &self,
        project: ProjectId,
        endpoint: EndpointId,
        since: Timestamp,
        now: Timestamp,
        mut new_id: impl FnMut() -> DeliveryId + Send,
    ) -> Result<Replays, StoreError> {
        let txn = self.write_txn().await?;
        let alive = |is_alive: bool| {
            let end = message::Column::ExpiresAt;
            let lives = if is_alive { end.gt(now) } else { end.lte(now) };
            let messages = Query::select()
                .column(message::Column::Id)
                .from(message::Entity)
                .and_where(message::Column::ProjectId.eq(project.uuid()))
                .and_where(lives)
                .take();
            dead_letters(project, endpoint, since).filter(delivery::Column::MessageId.in_subquery(messages))
        };
        let over = sea_orm::PaginatorTrait::count(alive(false), &txn).await?;
        let mut models = alive(true)
            .order_by_asc(delivery::Column::CreatedAt)
            .order_by_asc(delivery::Column::Id)
            .limit(limits::REPLAYS_PER_CALL_MAX + 1)
            .all(&txn)
            .await?;
        let most = usize::try_from(limits::REPLAYS_PER_CALL_MAX).unwrap_or(usize::MAX);
        let has_more = models.len() > most;
        models.truncate(most);
        let queued = models.len() as u64;
        let models = models.into_iter().map(|model| again(model, new_id(), now));
        let models = models.map(IntoActiveModel::into_active_model).collect();
        super::codec::insert_all::<_, delivery::ActiveModel, _>(&txn, models, None).await?;
        txn.commit().await?;
        Ok(Replays { queued, over, has_more })
    }
}

/// Dead deliveries to an endpoint that nothing has followed yet. One endpoint has one delivery of a message at a time, so the
/// last of such a row is what became of it.
fn dead_letters(project: ProjectId, endpoint: EndpointId, since: Timestamp) -> Select<delivery::Entity> {
    let followed = Query::select()
        .column(delivery::Column::ReplayOf)
        .from(delivery::Entity)
        .and_where(delivery::Column::EndpointId.eq(endpoint.uuid()))
        .and_where(delivery::Column::ReplayOf.is_not_null())
        .take();
    delivery::Entity::find()
        .filter(delivery::Column::ProjectId.eq(project.uuid()))
        .filter(delivery::Column::EndpointId.eq(endpoint.uuid()))
        .filter(delivery::Column::State.is_in(DEAD.map(DeliveryState::as_str)))
        .filter(delivery::Column::CreatedAt.gte(since))
        .filter(delivery::Column::Id.not_in_subquery(followed))
}

/// Another delivery of the message, to the same reader, that is under way or got out: the reader must not see it twice.
async fn alive_elsewhere(txn: &DatabaseTransaction, model: &delivery::Model) -> Result<Option<DeliveryId>, StoreError> {
    let mut select = delivery::Entity::find()
        .filter(delivery::Column::ProjectId.eq(model.project_id))
        .filter(delivery::Column::MessageId.eq(model.message_id));
    if let Some(endpoint) = model.endpoint_id {
        select = select.filter(delivery::Column::EndpointId.eq(endpoint));
    }
    for other in select.all(txn).await? {
        let state = delivery_row(other.clone())?.state;
        let is_dead = DEAD.contains(&state) || state == DeliveryState::Cancelled;
        if !is_dead {
            return Ok(Some(other.id.into()));
        }
    }
    Ok(None)
}

/// A new delivery of the same message to the same address, due at once.
fn again(dead: delivery::Model, id: DeliveryId, now: Timestamp) -> delivery::Model {
    delivery::Model {
        id: id.uuid(),
        replay_of: Some(dead.id),
        state: DeliveryState::Queued.as_str().into(),
        attempts: 0,
        run_at: now,
        lease_until: None,
        why: None,
        provider_id: None,
        created_at: now,
        updated_at: now,
        ..dead
    }
}
