//! Geofences: upserted by tag and external id, deleted softly, listed by id.

use super::codec::{IN_LIST_MAX, from_json, insert_all, one_more, same_as_stored, to_json};
use super::connect::Store;
use super::error::StoreError;
use super::paging::{Page, PageAsk, named};
use crate::base::id::{FenceId, ProjectId};
use crate::base::time::Timestamp;
use crate::engine::fence::StoredShape;
use crate::engine::fence::hours::Opening;
use crate::engine::presence::Thresholds;
use ::entity::{geofence, project};
use chrono_tz::Tz;
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect, Select,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashMap};
use uuid::Uuid;

/// One named area, as stored.
#[derive(Debug, Clone, PartialEq)]
pub struct FenceRow {
    pub id: FenceId,
    pub project_id: ProjectId,
    pub name: String,
    pub tag: String,
    pub external_id: String,
    pub shape: StoredShape,
    pub metadata: Map<String, Value>,
    pub time_zone: Option<Tz>,
    pub opening_hours: BTreeMap<String, Vec<Opening>>,
    pub thresholds: Option<Thresholds>,
    /// Counts the edits; what is given on the way in is ignored.
    pub version: i64,
    pub updated_at: Timestamp,
}

/// What became of a row that was put.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Upserted {
    Added,
    Updated,
    /// It said what was stored already: nothing changed.
    Same,
}

/// What became of one geofence of an upsert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FenceUpsert {
    pub id: FenceId,
    pub outcome: Upserted,
    pub version: i64,
}

/// What an upsert did.
#[derive(Debug, Clone, PartialEq)]
pub struct FencesPut {
    /// What became of each row, in their order.
    pub outcomes: Vec<FenceUpsert>,
    /// None when nothing changed, and for a dry run.
    pub edit: Option<FencesEdit>,
}

/// A committed change of some geofences of a project.
#[derive(Debug, Clone, PartialEq)]
pub struct FencesEdit {
    /// How many edits of its geofences the project has seen, with this one.
    pub version: i64,
    /// Added or changed, as they are now stored.
    pub put: Vec<FenceRow>,
    pub deleted: Vec<FenceId>,
}

impl Store {
    /// Adds or replaces geofences by tag and external id, in one transaction; of two rows with one name the later counts.
    /// A dry run answers the same and writes nothing.
    pub async fn upsert_geofences(
        &self,
        project: ProjectId,
        rows: &[FenceRow],
        dry_run: bool,
    ) -> Result<FencesPut, StoreError> {
        let txn = if dry_run {
            self.read_txn().await?
        } else {
            self.write_txn().await?
        };
        let mut stored = stored_by_name(&txn, project, rows).await?;
        let mut outcomes = Vec::with_capacity(rows.len());
        let mut changed: HashMap<Uuid, geofence::Model> = HashMap::new();
        for row in rows {
            let model = fence_model(project, row)?;
            let name = (model.tag.clone(), model.external_id.clone());
            let (outcome, model) = merged(stored.get(&name), model);
            outcomes.push(FenceUpsert {
                id: model.id.into(),
                outcome,
                version: model.version,
            });
            if outcome != Upserted::Same {
                changed.insert(model.id, model.clone());
            }
            stored.insert(name, model);
        }
        let mut edit = None;
        if !dry_run && !changed.is_empty() {
            let version = bump_fences(&txn, project).await?;
            let ids: Vec<Uuid> = changed.keys().copied().collect();
            let written = changed
                .into_values()
                .map(|model| geofence::Model { edit: version, ..model });
            let models: Vec<geofence::ActiveModel> = written.map(IntoActiveModel::into_active_model).collect();
            insert_all(&txn, models, Some(replace())).await?;
            edit = Some(FencesEdit {
                version,
                put: stored_by_id(&txn, project, &ids).await?,
                deleted: Vec::new(),
            });
        }
        txn.commit().await?;
        Ok(FencesPut { outcomes, edit })
    }

    /// Deletes softly: what happened there stays readable. None when there is no such geofence.
    pub async fn delete_geofence(
        &self,
        project: ProjectId,
        id: FenceId,
        at: Timestamp,
    ) -> Result<Option<FencesEdit>, StoreError> {
        let txn = self.write_txn().await?;
        let version = bump_fences(&txn, project).await?;
        let updated = geofence::Entity::update_many()
            .col_expr(geofence::Column::DeletedAt, Expr::value(at))
            .col_expr(geofence::Column::UpdatedAt, Expr::value(at))
            .col_expr(geofence::Column::Version, one_more(geofence::Column::Version))
            .col_expr(geofence::Column::Edit, Expr::value(version))
            .filter(geofence::Column::ProjectId.eq(project.uuid()))
            .filter(geofence::Column::Id.eq(id.uuid()))
            .filter(geofence::Column::DeletedAt.is_null())
            .exec(&txn)
            .await?;
        if updated.rows_affected == 0 {
            // Nothing was edited, and nothing is to be counted.
            txn.rollback().await?;
            return Ok(None);
        }
        txn.commit().await?;
        Ok(Some(FencesEdit {
            version,
            put: Vec::new(),
            deleted: vec![id],
        }))
    }

    pub async fn geofence(&self, project: ProjectId, id: FenceId) -> Result<Option<FenceRow>, StoreError> {
        let select = living(project).filter(geofence::Column::Id.eq(id.uuid()));
        select.one(&self.reader).await?.map(fence_row).transpose()
    }

    pub async fn geofence_by_external_id(
        &self,
        project: ProjectId,
        tag: &str,
        external_id: &str,
    ) -> Result<Option<FenceRow>, StoreError> {
        let select = living(project)
            .filter(geofence::Column::Tag.eq(tag))
            .filter(geofence::Column::ExternalId.eq(external_id));
        select.one(&self.reader).await?.map(fence_row).transpose()
    }

    /// Geofences newest first, of one tag or of all.
    pub async fn geofences(
        &self,
        project: ProjectId,
        tag: Option<&str>,
        ask: &PageAsk,
    ) -> Result<Page<FenceRow>, StoreError> {
        let mut select = living(project);
        if let Some(tag) = tag {
            select = select.filter(geofence::Column::Tag.eq(tag));
        }
        if let Some(after) = &ask.after {
            select = select.filter(geofence::Column::Id.lt(Uuid::try_parse(&after.id).unwrap_or_default()));
        }
        let models = select
            .order_by_desc(geofence::Column::Id)
            .limit(ask.rows() + 1)
            .all(&self.reader)
            .await?;
        Page::cut(models, ask, |model| named(model.id.simple().to_string()), fence_row)
    }
}

/// Counts an edit of geofences and answers the count. Counted before anything is written: the row is locked until the transaction
/// ends, so no count comes twice, and none is seen before a smaller one.
async fn bump_fences(conn: &impl ConnectionTrait, id: ProjectId) -> Result<i64, StoreError> {
    project::Entity::update_many()
        .col_expr(
            project::Column::CatalogueVersion,
            one_more(project::Column::CatalogueVersion),
        )
        .col_expr(project::Column::FencesVersion, one_more(project::Column::FencesVersion))
        .filter(project::Column::Id.eq(id.uuid()))
        .exec(conn)
        .await?;
    let select = project::Entity::find()
        .select_only()
        .column(project::Column::FencesVersion);
    let version = select
        .filter(project::Column::Id.eq(id.uuid()))
        .into_tuple()
        .one(conn)
        .await?;
    Ok(version.unwrap_or_default())
}

/// The geofences of a project that are not deleted.
pub(super) fn living(project: ProjectId) -> Select<geofence::Entity> {
    of_project(project).filter(geofence::Column::DeletedAt.is_null())
}

/// The geofences of a project that were written by later edits than the one given; some of them may be deleted.
pub(super) fn edited_since(project: ProjectId, version: i64) -> Select<geofence::Entity> {
    of_project(project).filter(geofence::Column::Edit.gt(version))
}

/// The geofences of a project, deleted ones included.
fn of_project(project: ProjectId) -> Select<geofence::Entity> {
    geofence::Entity::find().filter(geofence::Column::ProjectId.eq(project.uuid()))
}

type Named = HashMap<(String, String), geofence::Model>;

/// The stored rows, deleted ones included, that carry one of the names of an upsert.
async fn stored_by_name(
    conn: &impl ConnectionTrait,
    project: ProjectId,
    rows: &[FenceRow],
) -> Result<Named, StoreError> {
    // By the whole key: without its tag, an external id is looked for among all geofences of the project.
    let mut by_tag: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for row in rows {
        by_tag.entry(&row.tag).or_default().push(&row.external_id);
    }
    let mut stored = Named::new();
    for (tag, ids) in by_tag {
        for chunk in ids.chunks(IN_LIST_MAX) {
            let models = of_project(project)
                .filter(geofence::Column::Tag.eq(tag))
                .filter(geofence::Column::ExternalId.is_in(chunk.iter().copied()))
                .all(conn)
                .await?;
            let named = |model: geofence::Model| ((model.tag.clone(), model.external_id.clone()), model);
            stored.extend(models.into_iter().map(named));
        }
    }
    Ok(stored)
}

/// What an upsert has made of its rows; one whose id belongs to another project is not among them.
async fn stored_by_id(
    conn: &impl ConnectionTrait,
    project: ProjectId,
    ids: &[Uuid],
) -> Result<Vec<FenceRow>, StoreError> {
    let mut rows = Vec::with_capacity(ids.len());
    for chunk in ids.chunks(IN_LIST_MAX) {
        let select = living(project).filter(geofence::Column::Id.is_in(chunk.iter().copied()));
        for model in select.all(conn).await? {
            rows.push(fence_row(model)?);
        }
    }
    Ok(rows)
}

/// The row as it will be, and what that is against the stored one. A deleted one comes back under its old id.
fn merged(stored: Option<&geofence::Model>, news: geofence::Model) -> (Upserted, geofence::Model) {
    let Some(stored) = stored else {
        return (Upserted::Added, geofence::Model { version: 1, ..news });
    };
    let edited = geofence::Model {
        id: stored.id,
        version: stored.version,
        edit: stored.edit,
        ..news
    };
    let unchanged = geofence::Model {
        updated_at: edited.updated_at,
        ..stored.clone()
    } == edited;
    if unchanged {
        return (Upserted::Same, stored.clone());
    }
    let outcome = if stored.deleted_at.is_some() {
        Upserted::Added
    } else {
        Upserted::Updated
    };
    (
        outcome,
        geofence::Model {
            version: stored.version + 1,
            ..edited
        },
    )
}

fn replace() -> OnConflict {
    OnConflict::column(geofence::Column::Id)
        .update_columns([
            geofence::Column::Name,
            geofence::Column::Shape,
            geofence::Column::Metadata,
            geofence::Column::TimeZone,
            geofence::Column::OpeningHours,
            geofence::Column::Thresholds,
            geofence::Column::Version,
            geofence::Column::Edit,
            geofence::Column::UpdatedAt,
            geofence::Column::DeletedAt,
        ])
        .action_and_where(same_as_stored(geofence::Entity, geofence::Column::ProjectId))
        .to_owned()
}

fn fence_model(project: ProjectId, row: &FenceRow) -> Result<geofence::Model, StoreError> {
    Ok(geofence::Model {
        id: row.id.uuid(),
        project_id: project.uuid(),
        tag: row.tag.clone(),
        external_id: row.external_id.clone(),
        name: row.name.clone(),
        shape: row.shape.text().to_owned(),
        metadata: to_json(&row.metadata)?,
        time_zone: row.time_zone.map(|zone| zone.name().to_owned()),
        opening_hours: to_json(&row.opening_hours)?,
        thresholds: row.thresholds.as_ref().map(to_json).transpose()?,
        version: row.version,
        // That of the edit which writes it.
        edit: 0,
        updated_at: row.updated_at,
        deleted_at: None,
    })
}

pub(super) fn fence_row(model: geofence::Model) -> Result<FenceRow, StoreError> {
    let zone = |name: &String| {
        name.parse()
            .map_err(|_| StoreError::Corrupt("geofences.time_zone: not a zone".into()))
    };
    Ok(FenceRow {
        id: model.id.into(),
        project_id: model.project_id.into(),
        shape: model.shape.into(),
        metadata: from_json("geofences.metadata", &model.metadata)?,
        time_zone: model.time_zone.as_ref().map(zone).transpose()?,
        opening_hours: from_json("geofences.opening_hours", &model.opening_hours)?,
        thresholds: model
            .thresholds
            .as_deref()
            .map(|text| from_json("geofences.thresholds", text))
            .transpose()?,
        name: model.name,
        tag: model.tag,
        external_id: model.external_id,
        version: model.version,
        updated_at: model.updated_at,
    })
}
