//! Forgetting what is old, in small steps, so that no purge holds the writer for long.

use super::connect::Store;
use super::error::StoreError;
use crate::base::limits;
use crate::base::time::Timestamp;
use ::entity::{decision, idempotency_key as answer, project};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

impl Store {
    /// Removes at most about `limit` rows: answers past a day, decisions past their keeping. Call it until it says 0.
    pub async fn purge(&self, now: Timestamp, limit: u64) -> Result<u64, StoreError> {
        let mut purged = self.purge_answers(now, limit).await?;
        let projects: Vec<Uuid> = project::Entity::find()
            .select_only()
            .column(project::Column::Id)
            .into_tuple()
            .all(&self.reader)
            .await?;
        for project in projects {
            if purged >= limit {
                break;
            }
            purged += self.purge_decisions(project, now, limit - purged).await?;
        }
        Ok(purged)
    }

    async fn purge_answers(&self, now: Timestamp, limit: u64) -> Result<u64, StoreError> {
        let old: Vec<(Uuid, String)> = answer::Entity::find()
            .select_only()
            .columns([answer::Column::ProjectId, answer::Column::Key])
            .filter(answer::Column::CreatedAt.lte(now - limits::ANSWER_KEPT))
            .order_by_asc(answer::Column::CreatedAt)
            .limit(limit)
            .into_tuple()
            .all(&self.reader)
            .await?;
        if old.is_empty() {
            return Ok(0);
        }
        let txn = self.write_txn().await?;
        for key in &old {
            answer::Entity::delete_by_id(key.clone()).exec(&txn).await?;
        }
        txn.commit().await?;
        Ok(old.len() as u64)
    }

    async fn purge_decisions(&self, project: Uuid, now: Timestamp, limit: u64) -> Result<u64, StoreError> {
        let old: Vec<Uuid> = decision::Entity::find()
            .select_only()
            .column(decision::Column::Id)
            .filter(decision::Column::ProjectId.eq(project))
            .filter(decision::Column::DecidedAt.lte(now - limits::DECISION_KEPT))
            .order_by_asc(decision::Column::DecidedAt)
            .limit(limit.min(super::codec::IN_LIST_MAX as u64))
            .into_tuple()
            .all(&self.reader)
            .await?;
        if old.is_empty() {
            return Ok(0);
        }
        let delete = decision::Entity::delete_many()
            .filter(decision::Column::ProjectId.eq(project))
            .filter(decision::Column::Id.is_in(old));
        Ok(delete.exec(&self.writer).await?.rows_affected)
    }
}
