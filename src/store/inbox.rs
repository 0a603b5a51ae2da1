//! The inbox: inputs that are durable before they are stepped, so that no crash loses what was said to one user about another.

use super::change::{Change, InboxEntry};
use super::codec::{IN_LIST_MAX, do_nothing, insert_all, one_more};
use super::connect::Store;
use super::error::StoreError;
use super::script::Script;
use super::sealed;
use super::vault::Vault;
use crate::base::limits;
use crate::base::time::Timestamp;
use ::entity::inbox;
use sea_orm::{ColumnTrait, DatabaseTransaction, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect};
use std::collections::HashSet;
use uuid::Uuid;

impl Store {
    /// Inputs that were accepted and not stepped yet, oldest first; those that failed too often stay aside.
    pub async fn inbox_pending(&self, limit: u64) -> Result<Vec<InboxEntry>, StoreError> {
        let models = inbox::Entity::find()
            .filter(inbox::Column::Failures.lt(limits::INBOX_TRIES_MAX))
            .order_by_asc(inbox::Column::CreatedAt)
            .order_by_asc(inbox::Column::Id)
            .limit(limit)
            .all(&self.reader)
            .await?;
        let (mut entries, mut unread) = (Vec::with_capacity(models.len()), Vec::new());
        for model in models {
            match self.vault.open(model.project_id, sealed::INBOX, &model.input) {
                Ok(input) => entries.push(InboxEntry {
                    id: model.id,
                    project_id: model.project_id.into(),
                    user_id: model.user_id.into(),
                    input,
                }),
                // The database or a key is away: nothing is wrong with the input.
                Err(error @ StoreError::Unavailable(_)) => return Err(error),
                Err(error) => {
                    tracing::error!(entry = %model.id, %error, "an input does not read");
                    unread.push(model.id);
                }
            }
        }
        self.inbox_failed(&unread).await?;
        Ok(entries)
    }

    /// Counts one failure of each of these entries; says which ones have failed too often now.
    pub async fn inbox_failed(&self, ids: &[Uuid]) -> Result<Vec<Uuid>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        inbox::Entity::update_many()
            .col_expr(inbox::Column::Failures, one_more(inbox::Column::Failures))
            .filter(inbox::Column::Id.is_in(ids.iter().copied()))
            .exec(&self.writer)
            .await?;
        let aside = inbox::Entity::find()
            .select_only()
            .column(inbox::Column::Id)
            .filter(inbox::Column::Id.is_in(ids.iter().copied()))
            .filter(inbox::Column::Failures.gte(limits::INBOX_TRIES_MAX))
            .into_tuple();
        Ok(aside.all(&self.writer).await?)
    }

    /// Those of these entries that are still to be stepped.
    pub async fn inbox_left(&self, ids: &[Uuid]) -> Result<HashSet<Uuid>, StoreError> {
        let mut left = HashSet::new();
        for chunk in ids.chunks(IN_LIST_MAX) {
            let found: Vec<Uuid> = inbox::Entity::find()
                .select_only()
                .column(inbox::Column::Id)
                .filter(inbox::Column::Id.is_in(chunk.iter().copied()))
                .into_tuple()
                .all(&self.reader)
                .await?;
            left.extend(found);
        }
        Ok(left)
    }
}

/// Adds entries to the inbox, in the transaction that causes them.
pub(super) async fn add(
    txn: &DatabaseTransaction,
    vault: &Vault,
    entries: &[InboxEntry],
    at: Timestamp,
) -> Result<(), StoreError> {
    let models = entries.iter().map(|entry| model_of(vault, entry, at));
    let models = models.collect::<Result<Vec<_>, _>>()?;
    insert_all(txn, models, Some(do_nothing())).await?;
    Ok(())
}

fn model_of(vault: &Vault, entry: &InboxEntry, at: Timestamp) -> Result<inbox::ActiveModel, StoreError> {
    let model = inbox::Model {
        id: entry.id,
        project_id: entry.project_id.uuid(),
        user_id: entry.user_id.uuid(),
        input: vault.seal(entry.project_id.uuid(), sealed::INBOX, &entry.input)?,
        created_at: at,
        failures: 0,
    };
    Ok(model.into_active_model())
}

/// What these steps tell to other users.
pub(super) fn write_told(script: &mut Script, vault: &Vault, changes: &[&Change]) -> Result<(), StoreError> {
    let mut models = Vec::new();
    for change in changes {
        for told in &change.effects.forwarded {
            let entry = InboxEntry::telling(change.project_id, told);
            models.push(model_of(vault, &entry, told.moment.noticed_at)?);
        }
    }
    script.insert(models, Some(&do_nothing()));
    Ok(())
}
