//! The catalogue: what marketers write, stored first, then in force as a new snapshot before the answer goes.

use super::journeys::add_journeys;
use super::{Pipeline, PipelineError};
use crate::base::id::{FenceId, ProjectId, TriggerId};
use crate::base::time::Timestamp;
use crate::engine::catalogue::{Catalogue, ProjectSettings};
use crate::engine::fact::FactSchema;
use crate::engine::fence::{FenceIndex, Geofence, ShapeLimits};
use crate::engine::lint::{Accepted, Finding, lint};
use crate::engine::message::{CompiledContent, Content};
use crate::engine::trigger::{Around, CompiledTrigger, Trigger, TriggerError};
use crate::store::{
    CatalogueRows, FactTypeRow, FenceRow, FenceUpsert, RevisionRow, Store, StoreError, TriggerRow, Upserted,
};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::Mutex;

/// The snapshots in force, one per project.
#[derive(Default)]
pub(super) struct Catalogues {
    current: RwLock<HashMap<ProjectId, Arc<Catalogue>>>,
    /// One load at a time: a snapshot read before an edit must never replace one read after it.
    loading: Mutex<()>,
}

impl Catalogues {
    pub(super) async fn get(
        &self,
        store: &Store,
        project_id: ProjectId,
        now: Timestamp,
    ) -> Result<Arc<Catalogue>, PipelineError> {
        if let Some(catalogue) = self.known(project_id) {
            return Ok(catalogue);
        }
        let _one = self.loading.lock().await;
        match self.known(project_id) {
            Some(catalogue) => Ok(catalogue),
            None => self.load(store, project_id, now).await,
        }
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

    fn known(&self, project_id: ProjectId) -> Option<Arc<Catalogue>> {
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
        let rows = store.load_catalogue_rows(project_id, now).await?;
        let rows = rows.ok_or_else(|| StoreError::Corrupt(format!("there is no project {project_id}")))?;
        let known = self.known(project_id);
        let catalogue = Arc::new(build_catalogue(rows, known.as_deref()));
        self.current
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(project_id, Arc::clone(&catalogue));
        Ok(catalogue)
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
        contents,
        fact_types,
        live,
        paused,
        retired,
        live_since,
        journeys,
    } = rows;
    let mut catalogue = Catalogue::empty(project.id, project.mode);
    catalogue.project_name = project.name;
    catalogue.salt = project.salt;
    catalogue.settings = project.settings;
    let known_fence = |row: &FenceRow| {
        before
            .and_then(|b| b.fences.get(&row.id))
            .filter(|fence| fence.version == row.version)
            .cloned()
    };
    for row in fences {
        match known_fence(&row).map_or_else(|| fence_of(row).map(Arc::new), Ok) {
            Ok(fence) => {
                catalogue.fences.insert(fence.id, fence);
            }
            Err(why) => tracing::error!(why, "a stored geofence does not build and is left out"),
        }
    }
    catalogue.index = FenceIndex::build(
        catalogue
            .fences
            .values()
            .map(|fence| (fence.id, Arc::clone(&fence.shape)))
            .collect(),
    );
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

fn fence_of(row: FenceRow) -> Result<Geofence, String> {
    let shape = Geofence::shape_from_stored(&row.shape, &ShapeLimits::default())
        .map_err(|error| format!("{}: {error}", row.id))?;
    Ok(Geofence {
        id: row.id,
        name: row.name,
        tag: row.tag,
        external_id: row.external_id,
        shape: Arc::new(shape),
        metadata: row.metadata,
        time_zone: row.time_zone,
        opening_hours: row.opening_hours,
        thresholds: row.thresholds,
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

impl Pipeline {
    /// The snapshot in force.
    pub async fn catalogue(&self, project_id: ProjectId) -> Result<Arc<Catalogue>, PipelineError> {
        self.0.catalogues.get(&self.0.store, project_id, self.now()).await
    }

    /// Puts the new snapshot in force: what is being stepped with the old one is done before the answer goes.
    pub(super) async fn reload(&self, project_id: ProjectId) -> Result<(), PipelineError> {
        self.0.catalogues.reload(&self.0.store, project_id, self.now()).await?;
        self.pass_lanes().await;
        Ok(())
    }

    /// Adds or changes geofences by tag and external id, all or none.
    pub async fn put_geofences(
        &self,
        project_id: ProjectId,
        rows: &[FenceRow],
        dry_run: bool,
    ) -> Result<Vec<FenceUpsert>, PipelineError> {
        let outcomes = self.0.store.upsert_geofences(project_id, rows, dry_run).await?;
        if !dry_run && outcomes.iter().any(|upsert| upsert.outcome != Upserted::Same) {
            self.reload(project_id).await?;
        }
        Ok(outcomes)
    }

    pub async fn delete_geofence(&self, project_id: ProjectId, id: FenceId) -> Result<bool, PipelineError> {
        let deleted = self.0.store.delete_geofence(project_id, id, self.now()).await?;
        self.reload(project_id).await?;
        Ok(deleted)
    }

    pub async fn put_content(
        &self,
        project_id: ProjectId,
        content: &Content,
    ) -> Result<(Upserted, i64), PipelineError> {
        let outcome = self.0.store.put_content(project_id, content, self.now()).await?;
        self.reload(project_id).await?;
        Ok(outcome)
    }

    /// Saves a draft; nothing is in force before it is published.
    pub async fn put_draft(
        &self,
        project_id: ProjectId,
        trigger: &Trigger,
    ) -> Result<(TriggerRow, RevisionRow), PipelineError> {
        let known = self.0.store.trigger_by_name(project_id, &trigger.name).await?;
        let id = known.map_or_else(|| self.new_id(), |row| row.id);
        Ok(self.0.store.put_draft(project_id, id, trigger, self.now()).await?)
    }

    pub async fn publish(
        &self,
        project_id: ProjectId,
        id: TriggerId,
        revision: i64,
        accepted: Option<&Accepted>,
    ) -> Result<Option<TriggerRow>, PipelineError> {
        let row = self
            .0
            .store
            .publish_trigger(project_id, id, revision, accepted, self.now())
            .await?;
        self.reload(project_id).await?;
        self.wake_for(project_id, id).await?;
        Ok(row)
    }

    /// A trigger that waits for the clock must reach people who send nothing, too: everybody is woken once, with the new
    /// catalogue in force, and says when to be woken next.
    async fn wake_for(&self, project_id: ProjectId, id: TriggerId) -> Result<(), PipelineError> {
        let catalogue = self.catalogue(project_id).await?;
        let mut live = catalogue.triggers.iter().filter(|trigger| trigger.id == id);
        if live.any(|trigger| trigger.needs_waking()) {
            self.0.store.wake_all(project_id, self.now()).await?;
        }
        Ok(())
    }

    pub async fn pause(&self, project_id: ProjectId, id: TriggerId, paused: bool) -> Result<bool, PipelineError> {
        let store = &self.0.store;
        let done = if paused {
            store.pause_trigger(project_id, id).await?
        } else {
            store.resume_trigger(project_id, id).await?
        };
        self.reload(project_id).await?;
        if !paused {
            self.wake_for(project_id, id).await?;
        }
        Ok(done)
    }

    /// Publishes an earlier revision again, as a new one.
    pub async fn rollback(
        &self,
        project_id: ProjectId,
        id: TriggerId,
        to: i64,
        accepted: Option<&Accepted>,
    ) -> Result<Option<RevisionRow>, PipelineError> {
        let store = &self.0.store;
        let row = store.rollback_trigger(project_id, id, to, accepted, self.now()).await?;
        self.reload(project_id).await?;
        self.wake_for(project_id, id).await?;
        Ok(row)
    }

    pub async fn update_settings(
        &self,
        project_id: ProjectId,
        settings: &ProjectSettings,
    ) -> Result<bool, PipelineError> {
        let done = self.0.store.update_settings(project_id, settings).await?;
        self.reload(project_id).await?;
        Ok(done)
    }

    /// What this sentence should not go live with; nothing while it has errors.
    pub async fn lint(&self, project_id: ProjectId, trigger: &Trigger) -> Result<Vec<Finding>, PipelineError> {
        let catalogue = self.catalogue(project_id).await?;
        let around = Around {
            fact_types: Some(&catalogue.fact_types),
            journey: None,
        };
        let compiled = CompiledTrigger::compile_in(self.new_id(), 0, trigger.clone(), around);
        Ok(compiled.map_or_else(|_| Vec::new(), |compiled| lint(&compiled, &catalogue)))
    }

    /// Everything that keeps this sentence from being published, each with its place; empty when it may.
    pub async fn check_trigger(
        &self,
        project_id: ProjectId,
        trigger: &Trigger,
    ) -> Result<Vec<TriggerError>, PipelineError> {
        let catalogue = self.catalogue(project_id).await?;
        let around = Around {
            fact_types: Some(&catalogue.fact_types),
            journey: None,
        };
        let mut errors = match CompiledTrigger::compile_in(self.new_id(), 0, trigger.clone(), around) {
            Ok(_) => Vec::new(),
            Err(errors) => errors,
        };
        errors.extend(unknown_contents(&catalogue, trigger, ""));
        Ok(errors)
    }
}

/// The contents a trigger names that are not there; `within` leads to the trigger.
pub(super) fn unknown_contents(catalogue: &Catalogue, trigger: &Trigger, within: &str) -> Vec<TriggerError> {
    let arms = trigger.then.arms.iter().enumerate();
    let arms = arms.map(|(index, arm)| (format!("/then/arms/{index}/content"), arm.content.as_str()));
    let replaced = trigger.then.replaces.as_ref();
    let replaced = replaced.map(|replaced| ("/then/replaces".to_owned(), replaced.content()));
    let named = std::iter::once(("/then/content".to_owned(), trigger.then.content.as_str()));
    named
        .chain(replaced)
        .chain(arms)
        .filter(|(_, name)| !catalogue.contents.contains_key(*name))
        .map(|(pointer, name)| TriggerError {
            code: "content_unknown".into(),
            pointer: format!("{within}{pointer}"),
            detail: format!("there is no content named `{name}`"),
            position: None,
            hint: Some("save the content first, with PUT /v1/contents/{name}".into()),
        })
        .collect()
}
