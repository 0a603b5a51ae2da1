//! Looking at one case: its decision, what came before, the fix behind it and what the phone said.

use super::codec::{from_json, from_word};
use super::connect::Store;
use super::error::StoreError;
use super::sealed;
use crate::base::id::{MessageId, MomentId, ProjectId, TriggerId, UserId};
use crate::base::limits;
use crate::base::time::Timestamp;
use crate::engine::decision::Decision;
use crate::engine::explain::Heard;
use crate::engine::fix::Fix;
use crate::engine::moment::Moment;
use ::entity::{decision, fix, moment, receipt};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

impl Store {
    /// The newest decision of a trigger about a user, at or before an instant.
    pub async fn decision_at(
        &self,
        project: ProjectId,
        user: UserId,
        trigger: TriggerId,
        at: Timestamp,
    ) -> Result<Option<Decision>, StoreError> {
        let model = decision::Entity::find()
            .filter(decision::Column::ProjectId.eq(project.uuid()))
            .filter(decision::Column::UserId.eq(user.uuid()))
            .filter(decision::Column::TriggerId.eq(trigger.uuid()))
            .filter(decision::Column::DecidedAt.lte(at))
            .order_by_desc(decision::Column::DecidedAt)
            .order_by_desc(decision::Column::Id)
            .one(&self.reader)
            .await?;
        let body = |model: decision::Model| self.vault.open(model.project_id, sealed::DECISION, &model.body);
        model.map(body).transpose()
    }

    /// The answers a trigger gave for one moment of a user, oldest first; at most one page.
    pub async fn decisions_of_moment(
        &self,
        project: ProjectId,
        user: UserId,
        trigger: TriggerId,
        moment: MomentId,
    ) -> Result<Vec<Decision>, StoreError> {
        let models = decision::Entity::find()
            .filter(decision::Column::ProjectId.eq(project.uuid()))
            .filter(decision::Column::MomentId.eq(moment.uuid()))
            .filter(decision::Column::UserId.eq(user.uuid()))
            .filter(decision::Column::TriggerId.eq(trigger.uuid()))
            .order_by_asc(decision::Column::DecidedAt)
            .order_by_asc(decision::Column::Id)
            .limit(limits::PAGE_ROWS_MAX)
            .all(&self.reader)
            .await?;
        let body = |model: decision::Model| self.vault.open(model.project_id, sealed::DECISION, &model.body);
        models.into_iter().map(body).collect()
    }

    /// Moments of a user that were noticed between two instants, newest first; at most one page.
    pub async fn moments_between(
        &self,
        project: ProjectId,
        user: UserId,
        (from, to): (Timestamp, Timestamp),
    ) -> Result<Vec<Moment>, StoreError> {
        let models = moment::Entity::find()
            .filter(moment::Column::ProjectId.eq(project.uuid()))
            .filter(moment::Column::UserId.eq(user.uuid()))
            .filter(moment::Column::NoticedAt.between(from, to))
            .order_by_desc(moment::Column::NoticedAt)
            .limit(limits::PAGE_ROWS_MAX)
            .all(&self.reader)
            .await?;
        let body = |model: moment::Model| self.vault.open(model.project_id, sealed::MOMENT, &model.body);
        models.into_iter().map(body).collect()
    }

    /// The fix of this record of a user, when it was kept.
    pub async fn kept_fix(&self, project: ProjectId, user: UserId, record: &str) -> Result<Option<Fix>, StoreError> {
        let model = fix::Entity::find()
            .filter(fix::Column::ProjectId.eq(project.uuid()))
            .filter(fix::Column::UserId.eq(user.uuid()))
            .filter(fix::Column::RecordId.eq(record))
            .order_by_desc(fix::Column::At)
            .one(&self.reader)
            .await?;
        model.map(|model| from_json("fixes.body", &model.body)).transpose()
    }

    /// What phones said about a message, first to last.
    pub async fn receipts_of(&self, project: ProjectId, message: MessageId) -> Result<Vec<Heard>, StoreError> {
        let models = receipt::Entity::find()
            .filter(receipt::Column::ProjectId.eq(project.uuid()))
            .filter(receipt::Column::MessageId.eq(message.uuid()))
            .order_by_asc(receipt::Column::At)
            .limit(limits::PAGE_ROWS_MAX)
            .all(&self.reader)
            .await?;
        let heard = |model: receipt::Model| {
            Ok(Heard {
                status: from_word("receipts.status", &model.status)?,
                action: model.action,
                at: model.at,
            })
        };
        models.into_iter().map(heard).collect()
    }
}
