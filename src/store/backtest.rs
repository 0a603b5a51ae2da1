//! What a backtest reads: people page by page, each with everything that is stored of them.

use super::change::DeviceRow;
use super::codec::{IN_LIST_MAX, also};
use super::connect::Store;
use super::devices::{ConsentRow, consent_row, device_row};
use super::error::StoreError;
use super::people::user_row;
use super::sealed;
use crate::base::id::{ProjectId, UserId};
use crate::base::time::Timestamp;
use crate::engine::fact::Fact;
use crate::engine::moment::Moment;
use crate::engine::subject::Profile;
use ::entity::{consent, device, moment, user};
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect};
use std::collections::BTreeMap;
use uuid::Uuid;

/// Which moments are read: those noticed from `from` up to but not including `to`.
#[derive(Debug, Clone, Copy)]
pub struct Noticed {
    pub project_id: ProjectId,
    pub from: Timestamp,
    pub to: Timestamp,
}

/// One person with what is stored of them.
#[derive(Debug, Clone, Default)]
pub struct StoredPerson {
    pub profile: Profile,
    pub devices: Vec<DeviceRow>,
    pub facts: Vec<Fact>,
    pub consents: Vec<ConsentRow>,
    /// In the order in which they were noticed.
    pub moments: Vec<Moment>,
}

impl Store {
    /// How many moments there are.
    pub async fn count_moments(&self, noticed: &Noticed) -> Result<u64, StoreError> {
        let select = moment::Entity::find()
            .filter(moment::Column::ProjectId.eq(noticed.project_id.uuid()))
            .filter(moment::Column::NoticedAt.gte(noticed.from))
            .filter(moment::Column::NoticedAt.lt(noticed.to));
        Ok(select.count(&self.reader).await?)
    }

    /// How many users a project has.
    pub async fn count_users(&self, project: ProjectId) -> Result<u64, StoreError> {
        let select = user::Entity::find().filter(user::Column::ProjectId.eq(project.uuid()));
        Ok(select.count(&self.reader).await?)
    }

    /// How many people the moments are about.
    pub async fn count_noticed(&self, noticed: &Noticed) -> Result<u64, StoreError> {
        let count: Option<i64> = moment::Entity::find()
            .select_only()
            .expr(Expr::col(moment::Column::UserId).count_distinct())
            .filter(moment::Column::ProjectId.eq(noticed.project_id.uuid()))
            .filter(moment::Column::NoticedAt.gte(noticed.from))
            .filter(moment::Column::NoticedAt.lt(noticed.to))
            .into_tuple()
            .one(&self.reader)
            .await?;
        Ok(count.and_then(|count| u64::try_from(count).ok()).unwrap_or(0))
    }

    /// The next people the moments are about, each with how many there are, in the order of their ids.
    pub async fn users_noticed(
        &self,
        noticed: &Noticed,
        after: Option<UserId>,
        limit: u64,
    ) -> Result<Vec<(UserId, u64)>, StoreError> {
        let mut select = moment::Entity::find()
            .select_only()
            .column(moment::Column::UserId)
            .expr(moment::Column::Id.count())
            .filter(moment::Column::ProjectId.eq(noticed.project_id.uuid()))
            .filter(moment::Column::NoticedAt.gte(noticed.from))
            .filter(moment::Column::NoticedAt.lt(noticed.to));
        if let Some(after) = after {
            select = select.filter(moment::Column::UserId.gt(after.uuid()));
        }
        let rows: Vec<(Uuid, i64)> = select
            .group_by(moment::Column::UserId)
            .order_by_asc(moment::Column::UserId)
            .limit(limit)
            .into_tuple()
            .all(&self.reader)
            .await?;
        let row = |(user, count): (Uuid, i64)| (user.into(), u64::try_from(count).unwrap_or(0));
        Ok(rows.into_iter().map(row).collect())
    }

    /// The next users of a project, in the order of their ids.
    pub async fn users_after(
        &self,
        project: ProjectId,
        after: Option<UserId>,
        limit: u64,
    ) -> Result<Vec<UserId>, StoreError> {
        let mut select = user::Entity::find()
            .select_only()
            .column(user::Column::Id)
            .filter(user::Column::ProjectId.eq(project.uuid()));
        if let Some(after) = after {
            select = select.filter(user::Column::Id.gt(after.uuid()));
        }
        let rows: Vec<Uuid> = select
            .order_by_asc(user::Column::Id)
            .limit(limit)
            .into_tuple()
            .all(&self.reader)
            .await?;
        Ok(rows.into_iter().map(UserId::from).collect())
    }

    /// These people with everything that is stored of them. At most [`IN_LIST_MAX`] people at once.
    pub async fn people_then(
        &self,
        noticed: &Noticed,
        users: &[UserId],
    ) -> Result<BTreeMap<UserId, StoredPerson>, StoreError> {
        let (project, ids) = (noticed.project_id.uuid(), bare(users));
        let mut people: BTreeMap<UserId, StoredPerson> = BTreeMap::new();
        let models = user::Entity::find()
            .filter(also(user::Column::ProjectId, project))
            .filter(user::Column::Id.is_in(ids.clone()))
            .all(&self.reader)
            .await?;
        for model in models {
            let row = user_row(&self.vault, &model)?;
            people.entry(row.id).or_default().profile = row.profile;
        }
        let devices = device::Entity::find()
            .filter(device::Column::ProjectId.eq(project))
            .filter(device::Column::UserId.is_in(ids.clone()))
            .order_by_asc(device::Column::Id)
            .all(&self.reader)
            .await?;
        for model in devices {
            let row = device_row(&self.vault, model)?;
            people.entry(row.user_id).or_default().devices.push(row);
        }
        let consents = consent::Entity::find()
            .filter(consent::Column::ProjectId.eq(project))
            .filter(consent::Column::UserId.is_in(ids.clone()))
            .order_by_asc(consent::Column::At)
            .order_by_asc(consent::Column::Id)
            .all(&self.reader)
            .await?;
        for model in consents {
            let user = model.user_id.into();
            people.entry(user).or_default().consents.push(consent_row(model)?);
        }
        let moments = moment::Entity::find()
            .filter(moment::Column::ProjectId.eq(project))
            .filter(moment::Column::UserId.is_in(ids))
            .filter(moment::Column::NoticedAt.gte(noticed.from))
            .filter(moment::Column::NoticedAt.lt(noticed.to))
            .order_by_asc(moment::Column::NoticedAt)
            .order_by_asc(moment::Column::Id)
            .all(&self.reader)
            .await?;
        for model in moments {
            let moment: Moment = self.vault.open(model.project_id, sealed::MOMENT, &model.body)?;
            people.entry(model.user_id.into()).or_default().moments.push(moment);
        }
        for (user, version) in self.fact_versions_of(noticed.project_id, users, noticed.to).await? {
            people.entry(user).or_default().facts.push(version);
        }
        Ok(people)
    }
}

fn bare(users: &[UserId]) -> Vec<Uuid> {
    debug_assert!(users.len() <= IN_LIST_MAX, "pages of people are far smaller");
    users.iter().map(|user| user.uuid()).collect()
}
