//! What a provider says of a delivery after it took it: that it got there, or that it never will.

use super::codec::from_word;
use super::connect::Store;
use super::contacts;
use super::error::StoreError;
use super::inbox as inbox_told;
use super::look_deliveries::delivery_row;
use crate::base::id::ProjectId;
use crate::base::time::Timestamp;
use crate::engine::delivery::{ChannelKind, DeliveryState};
use crate::store::change::{InboxEntry, InboxInput};
use ::entity::delivery;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

/// One word of a provider.
#[derive(Clone, PartialEq, Eq)]
pub struct ProviderWord {
    pub project_id: ProjectId,
    pub channel: ChannelKind,
    /// What the provider called the delivery when it took it.
    pub provider_id: String,
    pub said: ProviderSaid,
    pub at: Timestamp,
}

#[derive(Clone, PartialEq, Eq)]
pub enum ProviderSaid {
    /// It got to the phone or the mailbox.
    Received,
    /// It never will. The reason names no address; the address is named when nothing will ever get to it.
    Failed { why: String, dead: Option<String> },
}

impl Store {
    /// Moves the delivery forward and tells the engine, in one transaction. None when no delivery has this name, or when it has
    /// come further already: the same word once more changes nothing.
    pub async fn provider_said(&self, word: &ProviderWord, entry: Uuid) -> Result<Option<InboxEntry>, StoreError> {
        let txn = self.write_txn().await?;
        let model = delivery::Entity::find()
            .filter(delivery::Column::ProjectId.eq(word.project_id.uuid()))
            .filter(delivery::Column::ProviderId.eq(word.provider_id.as_str()))
            .filter(delivery::Column::Channel.eq(word.channel.as_str()))
            .order_by_asc(delivery::Column::Id)
            .lock_exclusive()
            .one(&txn)
            .await?;
        let Some(model) = model else { return Ok(None) };
        let state: DeliveryState = from_word("deliveries.state", &model.state)?;
        let next = match &word.said {
            ProviderSaid::Received => state.after_receipt(DeliveryState::Received),
            ProviderSaid::Failed { .. } if state == DeliveryState::Accepted => DeliveryState::Failed,
            ProviderSaid::Failed { .. } => state,
        };
        if next == state {
            return Ok(None);
        }
        let received = matches!(word.said, ProviderSaid::Received).then_some(word.at);
        let why = match &word.said {
            ProviderSaid::Received => model.why.clone(),
            ProviderSaid::Failed { why, .. } => Some(why.clone()),
        };
        delivery::Entity::update_many()
            .col_expr(delivery::Column::State, Expr::value(next.as_str()))
            .col_expr(delivery::Column::Why, Expr::value(why.clone()))
            .col_expr(
                delivery::Column::ReceivedAt,
                Expr::value(model.received_at.or(received)),
            )
            .col_expr(delivery::Column::UpdatedAt, Expr::value(word.at))
            .filter(delivery::Column::ProjectId.eq(model.project_id))
            .filter(delivery::Column::Id.eq(model.id))
            .exec(&txn)
            .await?;
        let row = delivery_row(model)?;
        if let ProviderSaid::Failed { dead: Some(dead), .. } = &word.said {
            let whose = (word.project_id, row.user_id);
            contacts::forget(&txn, &self.vault, whose, word.channel, dead).await?;
        }
        let input = match &word.said {
            ProviderSaid::Received => InboxInput::Reached {
                message_id: row.message_id,
            },
            ProviderSaid::Failed { .. } => InboxInput::Undelivered {
                message_id: row.message_id,
                device_id: row.device_id,
                channel: Some(row.channel),
                why: why.unwrap_or_default(),
            },
        };
        let entry = InboxEntry {
            id: entry,
            project_id: word.project_id,
            user_id: row.user_id,
            input,
        };
        inbox_told::add(&txn, &self.vault, std::slice::from_ref(&entry), word.at).await?;
        txn.commit().await?;
        Ok(Some(entry))
    }
}
