//! Contents: what is said, by name.

use super::codec::{from_json, to_json};
use super::connect::Store;
use super::error::StoreError;
use super::geofences::Upserted;
use super::paging::{Page, PageAsk, named};
use super::projects::bump_catalogue;
use crate::base::id::ProjectId;
use crate::base::time::Timestamp;
use crate::engine::message::Content;
use ::entity::content;
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect};

/// One content, as stored.
#[derive(Debug, Clone, PartialEq)]
pub struct ContentRow {
    pub project_id: ProjectId,
    pub content: Content,
    /// Counts the edits.
    pub version: i64,
    pub updated_at: Timestamp,
}

impl Store {
    /// Adds or replaces a content by its name; answers what it did and the version that is stored now.
    pub async fn put_content(
        &self,
        project: ProjectId,
        content: &Content,
        at: Timestamp,
    ) -> Result<(Upserted, i64), StoreError> {
        let txn = self.write_txn().await?;
        let key = (project.uuid(), content.name.clone());
        let stored = content::Entity::find_by_id(key).lock_exclusive().one(&txn).await?;
        let body = to_json(content)?;
        let version = stored.as_ref().map_or(0, |stored| stored.version) + 1;
        if let Some(stored) = &stored
            && stored.body == body
        {
            return Ok((Upserted::Same, stored.version));
        }
        let model = content::Model {
            project_id: project.uuid(),
            name: content.name.clone(),
            body,
            version,
            updated_at: at,
        };
        let outcome = if stored.is_some() {
            content::Entity::update(model.into_active_model().reset_all())
                .exec(&txn)
                .await?;
            Upserted::Updated
        } else {
            content::Entity::insert(model.into_active_model())
                .exec_without_returning(&txn)
                .await?;
            Upserted::Added
        };
        bump_catalogue(&txn, project).await?;
        txn.commit().await?;
        Ok((outcome, version))
    }

    pub async fn content(&self, project: ProjectId, name: &str) -> Result<Option<ContentRow>, StoreError> {
        let key = (project.uuid(), name.to_owned());
        content::Entity::find_by_id(key)
            .one(&self.reader)
            .await?
            .map(|model| content_row(&model))
            .transpose()
    }

    /// Contents of a project, by name.
    pub async fn contents(&self, project: ProjectId, ask: &PageAsk) -> Result<Page<ContentRow>, StoreError> {
        let mut select = content::Entity::find().filter(content::Column::ProjectId.eq(project.uuid()));
        if let Some(after) = &ask.after {
            select = select.filter(content::Column::Name.gt(after.id.as_str()));
        }
        let models = select
            .order_by_asc(content::Column::Name)
            .limit(ask.rows() + 1)
            .all(&self.reader)
            .await?;
        Page::cut(
            models,
            ask,
            |model| named(model.name.clone()),
            |model| content_row(&model),
        )
    }
}

pub(super) fn content_row(model: &content::Model) -> Result<ContentRow, StoreError> {
    Ok(ContentRow {
        project_id: model.project_id.into(),
        content: from_json("contents.body", &model.body)?,
        version: model.version,
        updated_at: model.updated_at,
    })
}
