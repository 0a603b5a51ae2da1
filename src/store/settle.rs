//! Settling claimed deliveries: their new states, the attempts, and addresses that turned out dead.

use super::codec::from_word;
use super::connect::Store;
use super::contacts;
use super::devices::forget_address;
use super::error::StoreError;
use super::inbox as inbox_told;
use super::look_deliveries::AttemptRow;
use super::script::Script;
use crate::base::id::{DeliveryId, DeviceId, ProjectId, UserId};
use crate::base::time::Timestamp;
use crate::engine::delivery::{ChannelKind, DeliveryState};
use crate::store::change::InboxEntry;
use ::entity::{attempt, delivery};
use sea_orm::sea_query::OnConflict;
use sea_orm::{ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use std::collections::HashMap;
use uuid::Uuid;

/// An address that reaches nobody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadAddress {
    pub whose: Whose,
    pub address: String,
    /// Since when, if the provider said so: registered again after that, it lives on.
    pub since: Option<Timestamp>,
}

/// Whose address it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    Device(DeviceId),
    /// The person's own, for this channel.
    Person(UserId, ChannelKind),
}

/// What came of one claim.
#[derive(Debug, Clone, PartialEq)]
pub struct Settlement {
    pub project_id: ProjectId,
    pub delivery_id: DeliveryId,
    /// As claimed: a sender whose lease went to another one settles nothing.
    pub attempts: u32,
    pub at: Timestamp,
    pub state: DeliveryState,
    /// With `queued`: try again, not before this.
    pub run_at: Option<Timestamp>,
    pub why: Option<String>,
    pub provider_id: Option<String>,
    /// None when nothing was tried.
    pub attempt: Option<AttemptRow>,
    /// An address the provider called dead, on its first word.
    pub dead_address: Option<DeadAddress>,
    /// What the engine is to hear when the delivery ends as failed.
    pub undelivered: Option<InboxEntry>,
}

impl Store {
    /// As [`Store::settle_deliveries`], for one.
    pub async fn settle_delivery(&self, settlement: &Settlement) -> Result<Option<DeliveryState>, StoreError> {
        let states = self.settle_deliveries(std::slice::from_ref(settlement)).await?;
        Ok(states.into_iter().next().flatten())
    }

    /// Writes the ends of claims in one transaction, and says for each where its delivery stands now. None when the claim was
    /// lost meanwhile: then nothing is written of it.
    ///
    /// A receipt that came before its settlement has moved the delivery on already; it stays there.
    pub async fn settle_deliveries(
        &self,
        settlements: &[Settlement],
    ) -> Result<Vec<Option<DeliveryState>>, StoreError> {
        let txn = self.write_txn().await?;
        // In the order of their ids, so that two batches never wait for one another.
        let models = delivery::Entity::find()
            .filter(delivery::Column::Id.is_in(settlements.iter().map(|settlement| settlement.delivery_id.uuid())))
            .order_by_asc(delivery::Column::Id)
            .lock_exclusive()
            .all(&txn)
            .await?;
        let mut models: HashMap<Uuid, delivery::Model> = models.into_iter().map(|model| (model.id, model)).collect();
        let (mut states, mut changed, mut attempts, mut told) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for settlement in settlements {
            let model = models.remove(&settlement.delivery_id.uuid());
            let settled = model.map(|model| settled(settlement, model)).transpose()?.flatten();
            let Some((model, state)) = settled else {
                states.push(None);
                continue;
            };
            states.push(Some(state));
            changed.push(model);
            attempts.extend(
                settlement
                    .attempt
                    .as_ref()
                    .map(|tried| attempt_model(settlement, tried)),
            );
            let failed = state == DeliveryState::Failed;
            told.extend(
                settlement
                    .undelivered
                    .as_ref()
                    .filter(|_| failed)
                    .map(|entry| (entry, settlement.at)),
            );
            if let Some(dead) = &settlement.dead_address {
                self.forget_dead(&txn, settlement.project_id, dead).await?;
            }
        }
        if changed.is_empty() {
            return Ok(states);
        }
        let mut script = Script::new(txn.get_database_backend());
        script.insert(changed, Some(&rewritten()));
        script.insert(attempts, None);
        script.run(&txn).await?;
        for (entry, at) in told {
            inbox_told::add(&txn, &self.vault, std::slice::from_ref(entry), at).await?;
        }
        txn.commit().await?;
        Ok(states)
    }

    async fn forget_dead(
        &self,
        txn: &DatabaseTransaction,
        project: ProjectId,
        dead: &DeadAddress,
    ) -> Result<(), StoreError> {
        match dead.whose {
            Whose::Device(device) => {
                let address = Some(dead.address.as_str());
                forget_address(txn, &self.vault, (project, device), address, dead.since).await
            }
            Whose::Person(user, channel) => {
                contacts::forget(txn, &self.vault, (project, user), channel, &dead.address).await
            }
        }
    }
}

/// The row as it will be, and its state; none when the claim was lost.
fn settled(
    settlement: &Settlement,
    model: delivery::Model,
) -> Result<Option<(delivery::Model, DeliveryState)>, StoreError> {
    let is_its_claim = model.project_id == settlement.project_id.uuid()
        && model.attempts == i64::from(settlement.attempts)
        && model.lease_until.is_some();
    if !is_its_claim {
        return Ok(None);
    }
    let state: DeliveryState = from_word("deliveries.state", &model.state)?;
    let state = if state == DeliveryState::Sending {
        settlement.state
    } else {
        state
    };
    // Only looking is no attempt: a delivery that was held back has all of its tries left.
    let held_back = settlement.attempt.is_none() && state == DeliveryState::Queued;
    let handed_over = (settlement.state == DeliveryState::Accepted).then_some(settlement.at);
    let model = delivery::Model {
        state: state.as_str().to_owned(),
        attempts: model.attempts - i64::from(held_back),
        run_at: settlement.run_at.unwrap_or(model.run_at),
        lease_until: None,
        why: settlement.why.clone(),
        provider_id: settlement.provider_id.clone().or(model.provider_id),
        updated_at: settlement.at,
        accepted_at: model.accepted_at.or(handed_over),
        ..model
    };
    Ok(Some((model, state)))
}

/// Many rows, each with values of its own, in one statement: they are there, so every "insert" is an update.
fn rewritten() -> OnConflict {
    OnConflict::column(delivery::Column::Id)
        .update_columns([
            delivery::Column::State,
            delivery::Column::Attempts,
            delivery::Column::RunAt,
            delivery::Column::LeaseUntil,
            delivery::Column::Why,
            delivery::Column::ProviderId,
            delivery::Column::UpdatedAt,
            delivery::Column::AcceptedAt,
        ])
        .to_owned()
}

fn attempt_model(settlement: &Settlement, tried: &AttemptRow) -> attempt::Model {
    attempt::Model {
        delivery_id: settlement.delivery_id.uuid(),
        number: i64::from(tried.number),
        at: tried.at,
        outcome: tried.outcome.clone(),
        detail: tried.detail.clone(),
        provider_id: tried.provider_id.clone(),
        duration_ms: tried.duration_ms,
    }
}
