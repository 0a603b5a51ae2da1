//! Everything a catalogue is built from, read at one instant.

use super::codec::to_word;
use super::connect::Store;
use super::contents::{ContentRow, content_row};
use super::error::StoreError;
use super::fact_kinds::{FactTypeRow, fact_types};
use super::geofences::{FenceRow, fence_row, living};
use super::projects::{ProjectRow, project_row};
use super::triggers::{RevisionRow, RevisionState, TriggerState, revision_row};
use crate::base::id::ProjectId;
use crate::base::limits;
use crate::base::time::Timestamp;
use ::entity::{content, geofence, project, trigger, trigger_revision as revision};
use chrono::TimeDelta;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use std::collections::HashSet;
use uuid::Uuid;

/// The rows of one catalogue.
#[derive(Debug, Clone, PartialEq)]
pub struct CatalogueRows {
    /// With the version these rows stand for.
    pub project: ProjectRow,
    pub fences: Vec<FenceRow>,
    pub contents: Vec<ContentRow>,
    /// The types of facts the project has defined.
    pub fact_types: Vec<FactTypeRow>,
    /// Published revisions of triggers that listen.
    pub live: Vec<RevisionRow>,
    /// Published revisions of paused triggers.
    pub paused: Vec<RevisionRow>,
    /// Revisions that a wait may still refer to: retired within the longest a wait can last.
    pub retired: Vec<RevisionRow>,
}

impl Store {
    /// None when there is no such project.
    pub async fn load_catalogue_rows(
        &self,
        id: ProjectId,
        now: Timestamp,
    ) -> Result<Option<CatalogueRows>, StoreError> {
        let txn = self.read_txn().await?;
        let Some(model) = project::Entity::find_by_id(id.uuid()).one(&txn).await? else {
            return Ok(None);
        };
        let fences = living(id).order_by_asc(geofence::Column::Id).all(&txn).await?;
        let contents = content::Entity::find()
            .filter(content::Column::ProjectId.eq(id.uuid()))
            .order_by_asc(content::Column::Name)
            .all(&txn)
            .await?;
        let fact_types = fact_types(&txn, id).await?;
        let resting: HashSet<Uuid> = trigger::Entity::find()
            .select_only()
            .column(trigger::Column::Id)
            .filter(trigger::Column::ProjectId.eq(id.uuid()))
            .filter(trigger::Column::State.eq(to_word(&TriggerState::Paused)?))
            .into_tuple::<Uuid>()
            .all(&txn)
            .await?
            .into_iter()
            .collect();
        let published = revision::Entity::find()
            .filter(revision::Column::ProjectId.eq(id.uuid()))
            .filter(revision::Column::State.eq(to_word(&RevisionState::Live)?))
            .all(&txn)
            .await?;
        let retired = revision::Entity::find()
            .filter(revision::Column::ProjectId.eq(id.uuid()))
            .filter(revision::Column::State.eq(to_word(&RevisionState::Retired)?))
            .filter(revision::Column::RetiredAt.gte(now - TimeDelta::days(limits::WAIT_DAYS_MAX)))
            .all(&txn)
            .await?;
        txn.commit().await?;
        let (paused, live): (Vec<_>, Vec<_>) = published
            .into_iter()
            .partition(|model| resting.contains(&model.trigger_id));
        let revisions = |models: Vec<revision::Model>| {
            models
                .into_iter()
                .map(|model| revision_row(&model))
                .collect::<Result<_, _>>()
        };
        Ok(Some(CatalogueRows {
            project: project_row(model)?,
            fences: fences.into_iter().map(fence_row).collect::<Result<_, _>>()?,
            contents: contents
                .into_iter()
                .map(|model| content_row(&model))
                .collect::<Result<_, _>>()?,
            fact_types,
            live: revisions(live)?,
            paused: revisions(paused)?,
            retired: revisions(retired)?,
        }))
    }

    /// Each project with the version of its catalogue: what has changed is loaded again.
    pub async fn catalogue_versions(&self) -> Result<Vec<(ProjectId, i64)>, StoreError> {
        let rows: Vec<(Uuid, i64)> = project::Entity::find()
            .select_only()
            .columns([project::Column::Id, project::Column::CatalogueVersion])
            .order_by_asc(project::Column::Id)
            .into_tuple()
            .all(&self.reader)
            .await?;
        Ok(rows.into_iter().map(|(id, version)| (id.into(), version)).collect())
    }
}
