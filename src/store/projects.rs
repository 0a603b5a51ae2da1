//! Projects: tenants and their settings.

use super::codec::{from_json, from_word, one_more, to_json, to_word};
use super::connect::Store;
use super::error::StoreError;
use crate::base::id::ProjectId;
use crate::base::time::Timestamp;
use crate::engine::catalogue::{Mode, ProjectSettings};
use ::entity::project;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder};

/// One tenant, as stored.
#[derive(Debug, Clone, PartialEq)]
pub struct ProjectRow {
    pub id: ProjectId,
    pub name: String,
    pub mode: Mode,
    /// Salts the holdout draw and the hashes of erased names.
    pub salt: String,
    pub settings: ProjectSettings,
    /// Counts every edit that a catalogue must follow.
    pub catalogue_version: i64,
    pub created_at: Timestamp,
}

impl Store {
    /// `Conflict` when the name is taken.
    pub async fn create_project(&self, row: &ProjectRow) -> Result<(), StoreError> {
        let model = project::Model {
            id: row.id.uuid(),
            name: row.name.clone(),
            mode: to_word(&row.mode)?,
            salt: row.salt.clone(),
            settings: to_json(&row.settings)?,
            catalogue_version: row.catalogue_version,
            fences_version: 0,
            created_at: row.created_at,
        };
        let insert = project::Entity::insert(model.into_active_model());
        insert.exec_without_returning(&self.writer).await?;
        Ok(())
    }

    pub async fn project(&self, id: ProjectId) -> Result<Option<ProjectRow>, StoreError> {
        project::Entity::find_by_id(id.uuid())
            .one(&self.reader)
            .await?
            .map(project_row)
            .transpose()
    }

    pub async fn project_by_name(&self, name: &str) -> Result<Option<ProjectRow>, StoreError> {
        let select = project::Entity::find().filter(project::Column::Name.eq(name));
        select.one(&self.reader).await?.map(project_row).transpose()
    }

    /// All projects, by name.
    pub async fn projects(&self) -> Result<Vec<ProjectRow>, StoreError> {
        let models = project::Entity::find()
            .order_by_asc(project::Column::Name)
            .all(&self.reader)
            .await?;
        models.into_iter().map(project_row).collect()
    }

    /// False when there is no such project. Running catalogues notice by the version.
    pub async fn update_settings(&self, id: ProjectId, settings: &ProjectSettings) -> Result<bool, StoreError> {
        let updated = project::Entity::update_many()
            .col_expr(project::Column::Settings, Expr::value(to_json(settings)?))
            .col_expr(
                project::Column::CatalogueVersion,
                one_more(project::Column::CatalogueVersion),
            )
            .filter(project::Column::Id.eq(id.uuid()))
            .exec(&self.writer)
            .await?;
        Ok(updated.rows_affected > 0)
    }
}

/// Says that something changed which the catalogue of this project holds.
pub(super) async fn bump_catalogue(conn: &impl ConnectionTrait, id: ProjectId) -> Result<(), StoreError> {
    project::Entity::update_many()
        .col_expr(
            project::Column::CatalogueVersion,
            one_more(project::Column::CatalogueVersion),
        )
        .filter(project::Column::Id.eq(id.uuid()))
        .exec(conn)
        .await?;
    Ok(())
}

pub(super) fn project_row(model: project::Model) -> Result<ProjectRow, StoreError> {
    Ok(ProjectRow {
        id: model.id.into(),
        mode: from_word("projects.mode", &model.mode)?,
        settings: from_json("projects.settings", &model.settings)?,
        name: model.name,
        salt: model.salt,
        catalogue_version: model.catalogue_version,
        created_at: model.created_at,
    })
}
