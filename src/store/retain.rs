//! Forgetting what is old, in small steps, so that no purge holds the writer for long.

use super::connect::Store;
use super::error::StoreError;
use crate::base::limits;
use crate::base::time::Timestamp;
use ::entity::{
    decision, delivery, event, fix, idempotency_key as answer, journey_instance as instance,
    journey_passage as passage, message, moment, project, receipt,
};
use chrono::TimeDelta;
use sea_orm::sea_query::{self, Condition, Expr};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait};
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
        let until = |days: u32| now - TimeDelta::days(i64::from(days.max(limits::KEPT_DAYS_MIN)));
        macro_rules! purge {
            ($table:ident, $at:ident, $days:expr $(, $also:expr)?) => {{
                let old = Condition::all()
                    .add($table::Column::ProjectId.eq(project))
                    .add($table::Column::$at.lte(until($days)));
                $( let old = old.add($also); )?
                if purged < limit {
                    purged += self.purge_table::<$table::Entity>(old, $table::Column::$at, limit - purged).await?;
                }
            }};
        }
        let ended = delivery::Column::State.is_not_in(["queued", "sending"]);
        purge!(decision, DecidedAt, kept.decisions_days);
        purge!(moment, NoticedAt, kept.moments_days);
        purge!(event, OccurredAt, kept.records_days);
        purge!(fix, At, kept.records_days);
        purge!(receipt, At, kept.records_days);
        purge!(delivery, CreatedAt, kept.deliveries_days, ended);
        // Its deliveries went long ago, whatever was set: no message outlives its life by so much.
        purge!(message, CreatedAt, kept.messages_days.max(kept.deliveries_days));
        purge!(passage, LeftAt, kept.journeys_days);
        purge!(instance, EndedAt, kept.journeys_days);
        Ok(purged)
    }

    /// Removes so many of the old rows of one table, oldest first, by where they lie. By their keys SQLite would go through all that
    /// is old instead: it takes that for a few rows, whatever there is, and the writer would be held for seconds.
    async fn purge_table<E: EntityTrait>(&self, old: Condition, at: E::Column, limit: u64) -> Result<u64, StoreError> {
        let place = || Expr::cust(if self.is_sqlite() { "rowid" } else { "ctid" });
        let oldest = E::find()
            .select_only()
            .expr(place())
            .filter(old)
            .order_by_asc(at)
            .limit(limit)
            .into_query();
        let delete = E::delete_many().filter(sea_query::ExprTrait::in_subquery(place(), oldest));
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
