//! Forgetting what is old, in small steps, so that no purge holds the writer for long.

use super::codec::IN_LIST_MAX;
use super::connect::Store;
use super::error::StoreError;
use crate::base::limits;
use crate::base::time::Timestamp;
use ::entity::{
    decision, delivery, event, fix, idempotency_key as answer, journey_instance as instance,
    journey_passage as passage, message, moment, project, receipt,
};
use chrono::TimeDelta;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, TryGetable, Value};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// `[retention]`: how many days things are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Retention {
    /// Seconds from one look for what is old to the next.
    pub purge_every_s: u64,
    pub decisions_days: u32,
    pub moments_days: u32,
    /// Events, fixes and receipts, by when they happened.
    pub records_days: u32,
    /// Deliveries that ended, with their attempts.
    pub deliveries_days: u32,
    /// Messages, and with each the send key that no other message may have.
    pub messages_days: u32,
    /// Ways through journeys that are over.
    pub journeys_days: u32,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            purge_every_s: 3_600,
            decisions_days: 30,
            moments_days: 90,
            records_days: 90,
            deliveries_days: 90,
            messages_days: 400,
            journeys_days: 90,
        }
    }
}

/// One table's part in a step: rows of a project up to an instant, oldest first.
struct Old {
    project: Uuid,
    until: Timestamp,
    limit: u64,
}

impl Store {
    /// Removes at most about `limit` rows: answers past a day, all else past its keeping. Each table is a statement of its own.
    /// Call it until it says 0.
    pub async fn purge(&self, now: Timestamp, limit: u64, kept: &Retention) -> Result<u64, StoreError> {
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
            purged += self.purge_project(project, now, limit - purged, kept).await?;
        }
        Ok(purged)
    }

    async fn purge_project(
        &self,
        project: Uuid,
        now: Timestamp,
        limit: u64,
        kept: &Retention,
    ) -> Result<u64, StoreError> {
        let mut purged = 0;
        let of = |days: u32, purged: u64| Old {
            project,
            until: now - TimeDelta::days(i64::from(days.max(limits::KEPT_DAYS_MIN))),
            limit: limit.saturating_sub(purged).min(IN_LIST_MAX as u64),
        };
        macro_rules! purge {
            ($table:ident, $key:ident: $type:ty, $at:ident, $days:expr $(, $also:expr)?) => {{
                let columns = ($table::Column::ProjectId, $table::Column::$key, $table::Column::$at);
                let select = $table::Entity::find();
                $( let select = select.filter($also); )?
                let old = of($days, purged);
                if old.limit > 0 {
                    purged += self.purge_table::<$table::Entity, $type>(select, columns, &old).await?;
                }
            }};
        }
        let ended = delivery::Column::State.is_not_in(["queued", "sending"]);
        purge!(decision, Id: Uuid, DecidedAt, kept.decisions_days);
        purge!(moment, Id: Uuid, NoticedAt, kept.moments_days);
        purge!(event, RecordId: String, OccurredAt, kept.records_days);
        purge!(fix, Id: i64, At, kept.records_days);
        purge!(receipt, RecordId: String, At, kept.records_days);
        purge!(delivery, Id: Uuid, CreatedAt, kept.deliveries_days, ended);
        // Its deliveries went long ago, whatever was set: no message outlives its life by so much.
        purge!(message, Id: Uuid, CreatedAt, kept.messages_days.max(kept.deliveries_days));
        purge!(passage, InstanceId: Uuid, LeftAt, kept.journeys_days);
        purge!(instance, Id: Uuid, EndedAt, kept.journeys_days);
        Ok(purged)
    }

    /// Removes the oldest rows of one table: looked up beside the writer, so that it is held for the removal alone.
    async fn purge_table<E, K>(
        &self,
        select: sea_orm::Select<E>,
        (project, key, at): (E::Column, E::Column, E::Column),
        old: &Old,
    ) -> Result<u64, StoreError>
    where
        E: EntityTrait,
        K: TryGetable + Into<Value>,
    {
        let keys: Vec<K> = select
            .select_only()
            .column(key)
            .filter(project.eq(old.project))
            .filter(at.lte(old.until))
            .order_by_asc(at)
            .limit(old.limit)
            .into_tuple()
            .all(&self.reader)
            .await?;
        if keys.is_empty() {
            return Ok(0);
        }
        let delete = E::delete_many()
            .filter(project.eq(old.project))
            .filter(key.is_in(keys))
            .filter(at.lte(old.until));
        Ok(delete.exec(&self.writer).await?.rows_affected)
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
}

#[cfg(test)]
#[path = "retain_tests.rs"]
mod tests;
