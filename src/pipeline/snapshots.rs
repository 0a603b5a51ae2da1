//! The snapshots of the catalogue in force, and how they are built from rows.

use super::PipelineError;
use super::journeys::add_journeys;
use crate::base::cores::shared_out;
use crate::base::id::{FenceId, ProjectId, TriggerId};
use crate::base::time::Timestamp;
use crate::engine::catalogue::Catalogue;
use crate::engine::fact::FactSchema;
use crate::engine::fence::{Details, Geofence, Names};
use crate::engine::message::CompiledContent;
use crate::engine::trigger::{Around, CompiledTrigger};
use crate::store::{CatalogueRows, FactTypeRow, FenceRow, FenceRows, FencesEdit, RevisionRow, Store, StoreError};
use foldhash::fast::FixedState;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::Mutex;

/// A catalogue in force.
#[derive(Debug, Clone)]
pub struct Snapshot {
    pub catalogue: Arc<Catalogue>,
    /// How many changes of any kind it has seen.
    pub version: i64,
    /// How many edits of the project's geofences it has seen.
    pub fences_version: i64,
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
                let snapshot = Snapshot {
                    catalogue: Arc::new(catalogue),
                    // Of its own: what others changed beside it is still to be read.
                    version: known.version + 1,
                    fences_version: edit.version,
                };
                self.put(project_id, snapshot);
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

    /// How many changes the snapshot in force has seen.
    pub(super) fn version(&self, project_id: ProjectId) -> Option<i64> {
        self.known(project_id).map(|known| known.version)
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
        let snapshot = read_catalogue(store, project_id, now, self.known(project_id)).await?;
        let catalogue = Arc::clone(&snapshot.catalogue);
        self.put(project_id, snapshot);
        Ok(catalogue)
    }

    fn put(&self, project_id: ProjectId, snapshot: Snapshot) {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        current.insert(project_id, snapshot);
    }
}

/// Reads a snapshot. What is unchanged since `before` is taken from there: parsing is the costly part.
///
/// Rows were checked when they were saved; one that does not build all the same is left out and reported, so that one bad row
/// cannot silence a whole project.
///
/// # Errors
/// There is no such project, or the database cannot be read.
pub async fn read_catalogue(
    store: &Store,
    project_id: ProjectId,
    now: Timestamp,
    before: Option<Snapshot>,
) -> Result<Snapshot, PipelineError> {
    let (known_fences, before) = before.map(|known| (known.fences_version, known.catalogue)).unzip();
    let make = |row| fence_of(&row);
    let rows = store.load_catalogue_rows(project_id, now, known_fences, make).await?;
    let rows = rows.ok_or_else(|| StoreError::Corrupt(format!("there is no project {project_id}")))?;
    let (version, fences_version) = (rows.project.catalogue_version, rows.fences_version);
    // Seconds for a million geofences: requests of others are answered meanwhile.
    let built = tokio::task::spawn_blocking(move || Arc::new(build_catalogue(rows, before.as_deref())));
    Ok(Snapshot {
        catalogue: built.await.map_err(|_| PipelineError::Stopping)?,
        version,
        fences_version,
    })
}

fn build_catalogue(rows: CatalogueRows<Made>, before: Option<&Catalogue>) -> Catalogue {
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

/// What becomes of a stored geofence: one that does not build is named.
type Made = Result<Arc<Geofence>, FenceId>;

/// The fences that are stored: all of them, or those of `before` with what has changed since. One that does not build is not in
/// force as it was before either.
fn take_fences(catalogue: &mut Catalogue, stored: FenceRows<Made>, before: Option<&Catalogue>) {
    if let Some(before) = before.filter(|_| !stored.all) {
        catalogue.fences = before.fences.clone();
        catalogue.index = before.index.clone();
    }
    let mut deleted = stored.deleted;
    let put = built(stored.put, &mut deleted);
    catalogue.edit_fences(put, &deleted);
}

/// Brings rows into a snapshot.
fn change_fences(catalogue: &mut Catalogue, put: Vec<FenceRow>, mut deleted: Vec<FenceId>) {
    // The shapes are most of the work, and an import has thousands of them.
    let put = built(shared_out(&put, fence_of), &mut deleted);
    catalogue.edit_fences(put, &deleted);
}

/// Those that build; the others are put among those that are gone.
fn built(made: Vec<Made>, gone: &mut Vec<FenceId>) -> Vec<Arc<Geofence>> {
    let good = made
        .into_iter()
        .filter_map(|made| made.map_err(|id| gone.push(id)).ok());
    good.collect()
}

/// The geofence of a row.
fn fence_of(row: &FenceRow) -> Made {
    let shape = row.shape.shape().map_err(|error| {
        tracing::error!(geofence = %row.id, %error, "a stored geofence does not build and is left out");
        row.id
    })?;
    let details = Details {
        metadata: row.metadata.clone(),
        opening_hours: row.opening_hours.clone(),
        thresholds: row.thresholds,
    };
    Ok(Arc::new(Geofence {
        id: row.id,
        names: Names::of(&row.tag, &row.external_id, &row.name),
        shape,
        time_zone: row.time_zone,
        details: details.boxed(),
        version: row.version,
        updated_at: row.updated_at,
    }))
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
