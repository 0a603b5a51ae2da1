//! The snapshots of the catalogue in force, and how they are built from rows.

use super::PipelineError;
use super::journeys::add_journeys;
use crate::base::cores::shared_out;
use crate::base::id::{FenceId, ProjectId, TriggerId};
use crate::base::time::Timestamp;
use crate::engine::catalogue::Catalogue;
use crate::engine::fact::FactSchema;
use crate::engine::fence::{Details, Geofence, GeometryError, Names, Shape, ShapeLimits};
use crate::engine::message::CompiledContent;
use crate::engine::trigger::{Around, CompiledTrigger};
use crate::store::{CatalogueRows, FactTypeRow, FenceRow, FencesEdit, RevisionRow, Store, StoreError};
use foldhash::fast::FixedState;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::Mutex;

/// A catalogue in force.
#[derive(Clone)]
struct Snapshot {
    catalogue: Arc<Catalogue>,
    /// How many edits of the project's geofences it has seen.
    fences_version: i64,
}

/// The snapshots in force, one per project.
#[derive(Default)]
pub(super) struct Catalogues {
    current: RwLock<HashMap<ProjectId, Snapshot, FixedState>>,
    /// One change at a time: a snapshot read before an edit must never replace one read after it. Edits of geofences are written
    /// under it as well, so that each finds the snapshot of the one before.
    loading: Mutex<()>,
}

impl Catalogues {
    pub(super) async fn get(
        &self,
        store: &Store,
        project_id: ProjectId,
        now: Timestamp,
    ) -> Result<Arc<Catalogue>, PipelineError> {
        if let Some(known) = self.in_force(project_id) {
            return Ok(known);
        }
        let _one = self.loading.lock().await;
        match self.known(project_id) {
            Some(known) => Ok(known.catalogue),
            None => self.load(store, project_id, now).await,
        }
    }

    /// Writes an edit of geofences and brings it into the snapshot in force; answers what was written, and whether anything changed.
    ///
    /// A snapshot that has not seen the edit before this one, which another node has made then, is loaded anew.
    pub(super) async fn edit_fences<T>(
        &self,
        store: &Store,
        project_id: ProjectId,
        now: Timestamp,
        write: impl Future<Output = Result<(T, Option<FencesEdit>), StoreError>>,
    ) -> Result<(T, bool), PipelineError> {
        let _one = self.loading.lock().await;
        let (answer, edit) = write.await?;
        let Some(edit) = edit else { return Ok((answer, false)) };
        // What nobody has asked for yet is read when it is asked for.
        if let Some(known) = self.known(project_id) {
            if known.fences_version + 1 == edit.version {
                let mut catalogue = Catalogue::clone(&known.catalogue);
                change_fences(&mut catalogue, edit.put, edit.deleted);
                self.put(project_id, Arc::new(catalogue), edit.version);
            } else {
                self.load(store, project_id, now).await?;
            }
        }
        Ok((answer, true))
    }

    pub(super) async fn reload(
        &self,
        store: &Store,
        project_id: ProjectId,
        now: Timestamp,
    ) -> Result<(), PipelineError> {
        let _one = self.loading.lock().await;
        self.load(store, project_id, now).await.map(|_| ())
    }

    /// The snapshot in force; none when nobody has asked for it yet.
    pub(super) fn in_force(&self, project_id: ProjectId) -> Option<Arc<Catalogue>> {
        self.known(project_id).map(|known| known.catalogue)
    }

    fn known(&self, project_id: ProjectId) -> Option<Snapshot> {
        self.current
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&project_id)
            .cloned()
    }

    async fn load(
        &self,
        store: &Store,
        project_id: ProjectId,
        now: Timestamp,
    ) -> Result<Arc<Catalogue>, PipelineError> {
        let known = self.known(project_id);
        let known_fences = known.as_ref().map(|known| known.fences_version);
        let rows = store.load_catalogue_rows(project_id, now, known_fences).await?;
        let rows = rows.ok_or_else(|| StoreError::Corrupt(format!("there is no project {project_id}")))?;
        let fences_version = rows.fences_version;
        let known = known.map(|known| known.catalogue);
        let catalogue = Arc::new(build_catalogue(rows, known.as_deref()));
        self.put(project_id, Arc::clone(&catalogue), fences_version);
        Ok(catalogue)
    }

    fn put(&self, project_id: ProjectId, catalogue: Arc<Catalogue>, fences_version: i64) {
        let snapshot = Snapshot {
            catalogue,
            fences_version,
        };
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        current.insert(project_id, snapshot);
    }
}

/// Builds a snapshot from rows. What is unchanged since `before` is taken from there: parsing is the costly part.
///
/// Rows were checked when they were saved; one that does not build all the same is left out and reported, so that one bad row
/// cannot silence a whole project.
pub fn build_catalogue(rows: CatalogueRows, before: Option<&Catalogue>) -> Catalogue {
    let CatalogueRows {
        project,
        fences,
        fences_version: _,
        contents,
        fact_types,
        live,
        paused,
        retired,
        live_since,
        journeys,
        endpoints,
    } = rows;
    let mut catalogue = Catalogue::empty(project.id, project.mode);
    catalogue.project_name = project.name;
    catalogue.salt = project.salt;
    catalogue.settings = project.settings;
    catalogue.endpoints = endpoints;
    take_fences(&mut catalogue, fences, before);
    for row in fact_types {
        describe(&mut catalogue, row, before);
    }
    for row in contents {
        let name = row.content.name.clone();
        match CompiledContent::compile(row.content) {
            Ok(content) => {
                catalogue.contents.insert(name, Arc::new(content));
            }
            Err(error) => tracing::error!(content = name, %error, "a stored content does not build and is left out"),
        }
    }
    // A paused trigger still answers, with `paused`; the revisions its waits hold are silent with it.
    let silent: Vec<TriggerId> = paused.iter().map(|row| row.trigger_id).collect();
    catalogue.triggers = live
        .into_iter()
        .chain(paused)
        .filter_map(|row| trigger_of(row, &silent, &live_since, &catalogue))
        .collect();
    catalogue
        .triggers
        .sort_by(|a, b| (&a.sentence.name, a.id).cmp(&(&b.sentence.name, b.id)));
    catalogue.retired = retired
        .into_iter()
        .filter_map(|row| trigger_of(row, &silent, &live_since, &catalogue))
        .map(|trigger| ((trigger.id, trigger.revision), trigger))
        .collect();
    add_journeys(&mut catalogue, journeys);
    catalogue
}

/// The fences of `before`, brought to what the rows say; no rows mean that they are the same.
fn take_fences(catalogue: &mut Catalogue, rows: Option<Vec<FenceRow>>, before: Option<&Catalogue>) {
    if let Some(before) = before {
        catalogue.fences = before.fences.clone();
        catalogue.index = before.index.clone();
    }
    let Some(rows) = rows else { return };
    let known = &catalogue.fences;
    let mut deleted = Vec::new();
    if !known.is_empty() {
        let stored: HashSet<FenceId> = rows.iter().map(|row| row.id).collect();
        deleted.extend(known.keys().copied().filter(|id| !stored.contains(id)));
    }
    let is_new = |row: &FenceRow| known.get(&row.id).is_none_or(|fence| fence.version != row.version);
    let news: Vec<FenceRow> = rows.into_iter().filter(is_new).collect();
    change_fences(catalogue, news, deleted);
}

/// Brings rows into a snapshot. A fence that does not build is reported, and is not in force as it was before either.
fn change_fences(catalogue: &mut Catalogue, put: Vec<FenceRow>, mut deleted: Vec<FenceId>) {
    // The shapes are most of the work, and a start has a million of them.
    let shapes = shared_out(&put, |row| {
        Geofence::shape_from_stored(&row.shape, &ShapeLimits::default())
    });
    let build = |(row, shape): (FenceRow, Result<Shape, GeometryError>)| {
        let id = row.id;
        fence_of(row, shape)
            .map_err(|why| {
                tracing::error!(why, "a stored geofence does not build and is left out");
                deleted.push(id);
            })
            .ok()
    };
    let put = put.into_iter().zip(shapes).filter_map(build).map(Arc::new).collect();
    catalogue.edit_fences(put, &deleted);
}

fn fence_of(row: FenceRow, shape: Result<Shape, GeometryError>) -> Result<Geofence, String> {
    let shape = shape.map_err(|error| format!("{}: {error}", row.id))?;
    let details = Details {
        metadata: row.metadata,
        opening_hours: row.opening_hours,
        thresholds: row.thresholds,
    };
    Ok(Geofence {
        id: row.id,
        names: Names::of(&row.tag, &row.external_id, &row.name),
        shape,
        time_zone: row.time_zone,
        details: details.boxed(),
        version: row.version,
        updated_at: row.updated_at,
    })
}

fn describe(catalogue: &mut Catalogue, row: FactTypeRow, before: Option<&Catalogue>) {
    let kind = row.fact_type.kind.clone();
    let same = |known: &&Catalogue| {
        known
            .fact_types
            .get(&kind)
            .is_some_and(|known| **known == row.fact_type)
    };
    let compiled = match (before.filter(same), &row.fact_type.schema) {
        (_, None) => None,
        (Some(known), _) => known.fact_schemas.get(&kind).cloned(),
        (None, Some(schema)) => FactSchema::compile(schema)
            .map_err(|error| tracing::error!(kind, %error, "a stored fact type has a schema that does not compile"))
            .map(Arc::new)
            .ok(),
    };
    catalogue.describe(Arc::new(row.fact_type), compiled);
}

fn trigger_of(
    row: RevisionRow,
    silent: &[TriggerId],
    live_since: &HashMap<TriggerId, Timestamp>,
    catalogue: &Catalogue,
) -> Option<Arc<CompiledTrigger>> {
    let RevisionRow {
        trigger_id,
        revision,
        definition,
        ..
    } = row;
    let around = Around {
        fact_types: Some(&catalogue.fact_types),
        journey: None,
    };
    // What was published against the types of its day stays in force when they are told more precisely.
    let compiled = CompiledTrigger::compile_in(trigger_id, revision, definition.clone(), around)
        .or_else(|_| CompiledTrigger::compile(trigger_id, revision, definition));
    match compiled {
        Ok(mut trigger) => {
            trigger.paused = silent.contains(&trigger.id);
            trigger.live_since = live_since.get(&trigger.id).copied();
            Some(Arc::new(trigger))
        }
        Err(errors) => {
            tracing::error!(trigger = %trigger_id, revision, ?errors, "a stored trigger does not build and is left out");
            None
        }
    }
}

#[cfg(test)]
#[path = "snapshots_tests.rs"]
mod tests;
