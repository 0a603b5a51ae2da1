//! The catalogue: what marketers write, stored first, then in force as a new snapshot before the answer goes.

use super::{Pipeline, PipelineError};
use crate::base::id::{FenceId, ProjectId, TriggerId};
use crate::engine::catalogue::{Catalogue, ProjectSettings};
use crate::engine::lint::{Accepted, Finding, lint};
use crate::engine::message::Content;
use crate::engine::trigger::{Around, CompiledTrigger, Trigger, TriggerError};
use crate::store::{FenceRow, FenceUpsert, FencesEdit, RevisionRow, StoreError, TriggerRow, Upserted};
use std::sync::Arc;

impl Pipeline {
    /// The snapshot in force.
    pub async fn catalogue(&self, project_id: ProjectId) -> Result<Arc<Catalogue>, PipelineError> {
        self.0.catalogues.get(&self.0.store, project_id, self.now()).await
    }

    /// Reads every project that is not in force as it is stored: all of them at a start, then those that another process has
    /// changed. Of those that cannot be read, the last one's error comes back.
    pub async fn follow_catalogues(&self) -> Result<(), PipelineError> {
        let mut followed = Ok(());
        for (project_id, version) in self.0.store.catalogue_versions().await? {
            if self.0.catalogues.version(project_id) == Some(version) {
                continue;
            }
            if let Err(error) = self.reload(project_id).await {
                followed = Err(error);
            } else if let Some(catalogue) = self.0.catalogues.in_force(project_id) {
                let (geofences, triggers) = (catalogue.fences.len(), catalogue.triggers.len());
                tracing::info!(project = %project_id, version, geofences, triggers, "read a project");
            }
        }
        followed
    }

    /// Puts the new snapshot in force: what is being stepped with the old one is done before the answer goes.
    pub(super) async fn reload(&self, project_id: ProjectId) -> Result<(), PipelineError> {
        self.0.catalogues.reload(&self.0.store, project_id, self.now()).await?;
        self.pass_lanes().await;
        Ok(())
    }

    /// Writes an edit of geofences and puts it in force; what else the snapshot holds is not read again.
    async fn edit_fences<T>(
        &self,
        project_id: ProjectId,
        write: impl Future<Output = Result<(T, Option<FencesEdit>), StoreError>>,
    ) -> Result<T, PipelineError> {
        let catalogues = &self.0.catalogues;
        let (answer, changed) = catalogues
            .edit_fences(&self.0.store, project_id, self.now(), write)
            .await?;
        if changed {
            self.pass_lanes().await;
        }
        Ok(answer)
    }

    /// Adds or changes geofences by tag and external id, all or none.
    pub async fn put_geofences(
        &self,
        project_id: ProjectId,
        rows: &[FenceRow],
        dry_run: bool,
    ) -> Result<Vec<FenceUpsert>, PipelineError> {
        let store = &self.0.store;
        if dry_run {
            return Ok(store.upsert_geofences(project_id, rows, true).await?.outcomes);
        }
        let write = async {
            let put = store.upsert_geofences(project_id, rows, false).await?;
            Ok((put.outcomes, put.edit))
        };
        self.edit_fences(project_id, write).await
    }

    pub async fn delete_geofence(&self, project_id: ProjectId, id: FenceId) -> Result<bool, PipelineError> {
        let write = async {
            let edit = self.0.store.delete_geofence(project_id, id, self.now()).await?;
            Ok((edit.is_some(), edit))
        };
        self.edit_fences(project_id, write).await
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
