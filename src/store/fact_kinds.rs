//! Fact types: what a project says about the facts of one name.

use super::codec::{from_json, to_json};
use super::connect::Store;
use super::error::StoreError;
use super::geofences::Upserted;
use super::projects::bump_catalogue;
use crate::base::id::ProjectId;
use crate::base::time::Timestamp;
use crate::engine::fact::FactType;
use ::entity::fact_kind as fact_type;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
};

/// One type, as stored.
#[derive(Debug, Clone, PartialEq)]
pub struct FactTypeRow {
    pub fact_type: FactType,
    pub updated_at: Timestamp,
}

impl Store {
    /// Adds or replaces a type by its name.
    pub async fn put_fact_type(
        &self,
        project: ProjectId,
        fact_type: &FactType,
        at: Timestamp,
    ) -> Result<Upserted, StoreError> {
        let txn = self.write_txn().await?;
        let key = (project.uuid(), fact_type.kind.clone());
        let stored = fact_type::Entity::find_by_id(key).lock_exclusive().one(&txn).await?;
        let body = to_json(fact_type)?;
        if stored.as_ref().is_some_and(|stored| stored.body == body) {
            return Ok(Upserted::Same);
        }
        let model = fact_type::Model {
            project_id: project.uuid(),
            kind: fact_type.kind.clone(),
            body,
            updated_at: at,
        };
        let outcome = if stored.is_some() {
            fact_type::Entity::update(model.into_active_model().reset_all())
                .exec(&txn)
                .await?;
            Upserted::Updated
        } else {
            fact_type::Entity::insert(model.into_active_model())
                .exec_without_returning(&txn)
                .await?;
            Upserted::Added
        };
        bump_catalogue(&txn, project).await?;
        txn.commit().await?;
        Ok(outcome)
    }

    /// Takes a definition back; false when there is none.
    pub async fn delete_fact_type(&self, project: ProjectId, kind: &str) -> Result<bool, StoreError> {
        let txn = self.write_txn().await?;
        let key = (project.uuid(), kind.to_owned());
        let deleted = fact_type::Entity::delete_by_id(key).exec(&txn).await?.rows_affected > 0;
        if deleted {
            bump_catalogue(&txn, project).await?;
        }
        txn.commit().await?;
        Ok(deleted)
    }

    /// The types a project has defined, by name.
    pub async fn fact_types(&self, project: ProjectId) -> Result<Vec<FactTypeRow>, StoreError> {
        fact_types(&self.reader, project).await
    }
}

pub(super) async fn fact_types(
    conn: &impl ConnectionTrait,
    project: ProjectId,
) -> Result<Vec<FactTypeRow>, StoreError> {
    let models = fact_type::Entity::find()
        .filter(fact_type::Column::ProjectId.eq(project.uuid()))
        .order_by_asc(fact_type::Column::Kind)
        .all(conn)
        .await?;
    let row = |model: fact_type::Model| {
        Ok(FactTypeRow {
            fact_type: from_json("fact_types.body", &model.body)?,
            updated_at: model.updated_at,
        })
    };
    models.into_iter().map(row).collect()
}
