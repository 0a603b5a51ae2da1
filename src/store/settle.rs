//! Settling a claimed delivery: its new state, the attempt, and an address that turned out dead.

use super::codec::from_word;
use super::connect::Store;
use super::devices::forget_address;
use super::error::StoreError;
use super::inbox as inbox_told;
use super::look_deliveries::AttemptRow;
use crate::base::id::{DeliveryId, DeviceId, ProjectId};
use crate::base::time::Timestamp;
use crate::engine::delivery::DeliveryState;
use crate::store::change::InboxEntry;
use ::entity::{attempt, delivery};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect};

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
    pub dead_address: Option<(DeviceId, String)>,
    /// What the engine is to hear when the delivery ends as failed.
    pub undelivered: Option<InboxEntry>,
}

impl Store {
    /// Writes the end of a claim, and says where the delivery stands now. None when the claim was lost meanwhile: then nothing
    /// is written.
    ///
    /// A receipt that came before its settlement has moved the delivery on already; it stays there.
    pub async fn settle_delivery(&self, settlement: &Settlement) -> Result<Option<DeliveryState>, StoreError> {
        let txn = self.write_txn().await?;
        let model = delivery::Entity::find_by_id(settlement.delivery_id.uuid())
            .filter(delivery::Column::ProjectId.eq(settlement.project_id.uuid()))
            .lock_exclusive()
            .one(&txn)
            .await?;
        let Some(model) = model else { return Ok(None) };
        let state: DeliveryState = from_word("deliveries.state", &model.state)?;
        if model.attempts != i64::from(settlement.attempts) || model.lease_until.is_none() {
            return Ok(None);
        }
        let state = if state == DeliveryState::Sending {
            settlement.state
        } else {
            state
        };
        // Only looking is no attempt: a delivery that was held back has all of its tries left.
        let held_back = settlement.attempt.is_none() && state == DeliveryState::Queued;
        let attempts = model.attempts - i64::from(held_back);
        delivery::Entity::update_many()
            .col_expr(delivery::Column::State, Expr::value(state.as_str()))
            .col_expr(delivery::Column::Attempts, Expr::value(attempts))
            .col_expr(
                delivery::Column::RunAt,
                Expr::value(settlement.run_at.unwrap_or(model.run_at)),
            )
            .col_expr(delivery::Column::LeaseUntil, Expr::value(None::<Timestamp>))
            .col_expr(delivery::Column::Why, Expr::value(settlement.why.clone()))
            .col_expr(
                delivery::Column::ProviderId,
                Expr::value(settlement.provider_id.clone().or(model.provider_id)),
            )
            .col_expr(delivery::Column::UpdatedAt, Expr::value(settlement.at))
            .filter(delivery::Column::ProjectId.eq(settlement.project_id.uuid()))
            .filter(delivery::Column::Id.eq(model.id))
            .exec(&txn)
            .await?;
        if let Some(tried) = &settlement.attempt {
            let model = attempt::Model {
                delivery_id: settlement.delivery_id.uuid(),
                number: i64::from(tried.number),
                at: tried.at,
                outcome: tried.outcome.clone(),
                detail: tried.detail.clone(),
                provider_id: tried.provider_id.clone(),
                duration_ms: tried.duration_ms,
            };
            attempt::Entity::insert(model.into_active_model())
                .exec_without_returning(&txn)
                .await?;
        }
        if let Some((device, address)) = &settlement.dead_address {
            forget_address(&txn, &self.vault, (settlement.project_id, *device), Some(address)).await?;
        }
        if let Some(entry) = settlement
            .undelivered
            .as_ref()
            .filter(|_| state == DeliveryState::Failed)
        {
            inbox_told::add(&txn, &self.vault, std::slice::from_ref(entry), settlement.at).await?;
        }
        txn.commit().await?;
        Ok(Some(state))
    }
}
