//! Everything a catalogue is built from, read at one instant.

use super::codec::to_word;
use super::connect::Store;
use super::contents::{ContentRow, content_row};
use super::endpoints::endpoint_ids;
use super::error::StoreError;
use super::fact_kinds::{FactTypeRow, fact_types};
use super::geofences::{FenceRow, edited_since, fence_row, living};
use super::journeys::{VersionRow, version_row};
use super::projects::{ProjectRow, project_row};
use super::triggers::{RevisionRow, RevisionState, TriggerState, revision_row};
use crate::base::cores;
use crate::base::id::{EndpointId, FenceId, JourneyId, ProjectId, TriggerId};
use crate::base::limits;
use crate::base::time::Timestamp;
use ::entity::{
    content, geofence, journey, journey_instance as instance, journey_version as version, project, trigger,
    trigger_revision as revision,
};
use chrono::TimeDelta;
use futures_util::StreamExt;
use sea_orm::sea_query::Condition;
use sea_orm::{ColumnTrait, DatabaseTransaction, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use uuid::Uuid;

/// Versions asked for by one `OR`: SQLite takes a thousand alternatives.
const FOLLOWED_PER_QUERY: usize = 200;

/// Geofences that are read and made into something else at once.
const FENCES_PER_PIECE: usize = 1_024;

/// The rows of one catalogue.
#[derive(Debug, Clone, PartialEq)]
pub struct CatalogueRows<F> {
    /// With the version these rows stand for.
    pub project: ProjectRow,
    pub fences: FenceRows<F>,
    /// How many edits of its geofences the project has seen.
    pub fences_version: i64,
    pub contents: Vec<ContentRow>,
    /// The types of facts the project has defined.
    pub fact_types: Vec<FactTypeRow>,
    /// Published revisions of triggers that listen.
    pub live: Vec<RevisionRow>,
    /// Published revisions of paused triggers.
    pub paused: Vec<RevisionRow>,
    /// Revisions that a wait may still refer to: retired within the longest a wait can last.
    pub retired: Vec<RevisionRow>,
    /// When each trigger first went live, whatever became of that revision.
    pub live_since: HashMap<TriggerId, Timestamp>,
    pub journeys: JourneyRows,
    /// The webhook endpoints, oldest first.
    pub endpoints: Vec<EndpointId>,
}

/// The geofences of one catalogue: all of them, or what has changed since the edits that are known.
#[derive(Debug, Clone, PartialEq)]
pub struct FenceRows<F> {
    /// There are no others.
    pub all: bool,
    /// What was made of them, in the order in which they were written.
    pub put: Vec<F>,
    pub deleted: Vec<FenceId>,
}

/// The journeys of one catalogue.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct JourneyRows {
    /// Published versions, of paused journeys as well.
    pub live: Vec<VersionRow>,
    /// Versions that an open instance or a wait may still follow.
    pub retired: Vec<VersionRow>,
    pub paused: Vec<JourneyId>,
}

impl Store {
    /// None when there is no such project. Of geofences those come that later edits than the known ones have written, as what `make`
    /// makes of them, by all cores; all of them where none is known, or more than there are, as after a backup was put back.
    pub async fn load_catalogue_rows<F: Send + 'static>(
        &self,
        id: ProjectId,
        now: Timestamp,
        known_fences: Option<i64>,
        make: impl Fn(FenceRow) -> F + Send + Sync + 'static,
    ) -> Result<Option<CatalogueRows<F>>, StoreError> {
        let txn = self.read_txn().await?;
        let Some(model) = project::Entity::find_by_id(id.uuid()).one(&txn).await? else {
            return Ok(None);
        };
        let fences_version = model.fences_version;
        let known = known_fences.filter(|known| *known <= fences_version);
        let fences = fences(&txn, id, known, Arc::new(make)).await?;
        let contents = content::Entity::find()
            .filter(content::Column::ProjectId.eq(id.uuid()))
            .order_by_asc(content::Column::Name)
            .all(&txn)
            .await?;
        let fact_types = fact_types(&txn, id).await?;
        let resting = resting(&txn, id).await?;
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
        let live_since = first_published(&txn, id).await?;
        let journeys = journeys(&txn, id, now).await?;
        let endpoints = endpoint_ids(&txn, id).await?;
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
            fences,
            fences_version,
            contents: contents
                .into_iter()
                .map(|model| content_row(&model))
                .collect::<Result<_, _>>()?,
            fact_types,
            live: revisions(live)?,
            paused: revisions(paused)?,
            retired: revisions(retired)?,
            live_since,
            journeys,
            endpoints,
        }))
    }

    /// Each project with the version of its catalogue, by which who has it in force sees that it changed.
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

/// Triggers that are paused.
async fn resting(txn: &DatabaseTransaction, id: ProjectId) -> Result<HashSet<Uuid>, StoreError> {
    let paused: Vec<Uuid> = trigger::Entity::find()
        .select_only()
        .column(trigger::Column::Id)
        .filter(trigger::Column::ProjectId.eq(id.uuid()))
        .filter(trigger::Column::State.eq(to_word(&TriggerState::Paused)?))
        .into_tuple()
        .all(txn)
        .await?;
    Ok(paused.into_iter().collect())
}

/// Read in pieces, each let go when something is made of it: the rows of a million geofences weigh gigabytes. Two for each core
/// are on their way: while some are made into something, the next are read.
async fn fences<F: Send + 'static>(
    txn: &DatabaseTransaction,
    id: ProjectId,
    known: Option<i64>,
    make: Arc<impl Fn(FenceRow) -> F + Send + Sync + 'static>,
) -> Result<FenceRows<F>, StoreError> {
    let select = known.map_or_else(|| living(id), |version| edited_since(id, version));
    // As they lie on the disk, more or less: in the order of their ids a million rows are as many places to go to.
    let models = select.order_by_asc(geofence::Column::Edit).stream(txn).await?;
    let make_all = |piece: Vec<Result<geofence::Model, DbErr>>| {
        let make = Arc::clone(&make);
        let made = move || {
            let made = piece.into_iter().map(|model| made_of(model?, &*make));
            made.collect::<Result<Vec<Result<F, FenceId>>, StoreError>>()
        };
        tokio::task::spawn_blocking(made)
    };
    let mut pieces = models
        .chunks(FENCES_PER_PIECE)
        .map(make_all)
        .buffered(cores::count() * 2);
    let (mut put, mut deleted) = (Vec::new(), Vec::new());
    while let Some(made) = pieces.next().await {
        for one in made.map_err(|error| StoreError::Unavailable(error.to_string()))?? {
            match one {
                Ok(made) => put.push(made),
                Err(gone) => deleted.push(gone),
            }
        }
    }
    Ok(FenceRows {
        all: known.is_none(),
        put,
        deleted,
    })
}

/// What is made of a geofence, or which one is deleted.
fn made_of<F>(model: geofence::Model, make: impl Fn(FenceRow) -> F) -> Result<Result<F, FenceId>, StoreError> {
    if model.deleted_at.is_some() {
        return Ok(Err(model.id.into()));
    }
    fence_row(model).map(|row| Ok(make(row)))
}

/// When each trigger first went live.
async fn first_published(
    txn: &DatabaseTransaction,
    id: ProjectId,
) -> Result<HashMap<TriggerId, Timestamp>, StoreError> {
    let first: Vec<(Uuid, Option<Timestamp>)> = revision::Entity::find()
        .select_only()
        .column(revision::Column::TriggerId)
        .column_as(revision::Column::PublishedAt.min(), "first")
        .filter(revision::Column::ProjectId.eq(id.uuid()))
        .filter(revision::Column::PublishedAt.is_not_null())
        .group_by(revision::Column::TriggerId)
        .into_tuple()
        .all(txn)
        .await?;
    let first = first.into_iter().filter_map(|(id, at)| Some((id.into(), at?)));
    Ok(first.collect())
}

async fn journeys(txn: &DatabaseTransaction, id: ProjectId, now: Timestamp) -> Result<JourneyRows, StoreError> {
    let paused: Vec<Uuid> = journey::Entity::find()
        .select_only()
        .column(journey::Column::Id)
        .filter(journey::Column::ProjectId.eq(id.uuid()))
        .filter(journey::Column::State.eq(to_word(&TriggerState::Paused)?))
        .into_tuple()
        .all(txn)
        .await?;
    let followed: Vec<(Uuid, i64)> = instance::Entity::find()
        .select_only()
        .columns([instance::Column::JourneyId, instance::Column::Version])
        .filter(instance::Column::ProjectId.eq(id.uuid()))
        .filter(instance::Column::EndedAt.is_null())
        .group_by(instance::Column::JourneyId)
        .group_by(instance::Column::Version)
        .into_tuple()
        .all(txn)
        .await?;
    let in_state = |state: RevisionState| {
        let of_project = version::Entity::find().filter(version::Column::ProjectId.eq(id.uuid()));
        Ok::<_, StoreError>(of_project.filter(version::Column::State.eq(to_word(&state)?)))
    };
    let live = in_state(RevisionState::Live)?.all(txn).await?;
    // An instance that begins while this is read follows what is live now, which is retired lately at the earliest.
    let lately = now - TimeDelta::days(limits::WAIT_DAYS_MAX);
    let mut retired = in_state(RevisionState::Retired)?
        .filter(version::Column::RetiredAt.gte(lately))
        .all(txn)
        .await?;
    for chunk in followed.chunks(FOLLOWED_PER_QUERY) {
        let still = chunk.iter().map(|(journey, number)| {
            Condition::all()
                .add(version::Column::JourneyId.eq(*journey))
                .add(version::Column::Version.eq(*number))
        });
        let older = in_state(RevisionState::Retired)?.filter(version::Column::RetiredAt.lt(lately));
        retired.extend(
            older
                .filter(still.fold(Condition::any(), Condition::add))
                .all(txn)
                .await?,
        );
    }
    Ok(JourneyRows {
        live: live.iter().map(version_row).collect::<Result<_, _>>()?,
        retired: retired.iter().map(version_row).collect::<Result<_, _>>()?,
        paused: paused.into_iter().map(JourneyId::from).collect(),
    })
}
