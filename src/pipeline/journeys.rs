//! Journeys: stored, then in force before the answer goes; and what a person does to an instance.

use super::lane::Task;
use super::{Pipeline, PipelineError};
use crate::base::id::{InstanceId, JourneyId, ProjectId, UserId};
use crate::engine::catalogue::Catalogue;
use crate::engine::journey::{CompiledJourney, Journey};
use crate::engine::lint::{Finding, lint};
use crate::engine::step::{Input, InstanceOrder};
use crate::engine::trigger::TriggerError;
use crate::store::{JourneyRow, JourneyRows, VersionRow};
use std::sync::Arc;

/// Puts the journeys into a snapshot. One that does not build any more is left out and reported.
pub(super) fn add_journeys(catalogue: &mut Catalogue, rows: JourneyRows) {
    let JourneyRows { live, retired, paused } = rows;
    let compiled = |row: VersionRow| {
        let (id, version, since) = (row.journey_id, row.version, row.published_at);
        match CompiledJourney::compile(id, version, row.definition, Some(&catalogue.fact_types)) {
            Ok(mut journey) => {
                journey.set_live_since(since);
                journey.set_paused(paused.contains(&id));
                Some(Arc::new(journey))
            }
            Err(errors) => {
                tracing::error!(journey = %id, version, ?errors, "a stored journey does not build and is left out");
                None
            }
        }
    };
    let mut journeys: Vec<_> = live.into_iter().filter_map(&compiled).collect();
    journeys.sort_by(|a, b| (&a.sentence.name, a.id).cmp(&(&b.sentence.name, b.id)));
    let retired = retired.into_iter().filter_map(&compiled);
    let retired = retired
        .map(|journey| ((journey.id, journey.version), journey))
        .collect();
    catalogue.journeys = journeys;
    catalogue.retired_journeys = retired;
}

impl Pipeline {
    /// Saves a draft; nobody follows it before it is published.
    pub async fn put_journey(
        &self,
        project_id: ProjectId,
        journey: &Journey,
    ) -> Result<(JourneyRow, VersionRow), PipelineError> {
        let known = self.0.store.journey_by_name(project_id, &journey.name).await?;
        let id = known.map_or_else(|| self.new_id(), |row| row.id);
        Ok(self.0.store.put_journey(project_id, id, journey, self.now()).await?)
    }

    pub async fn publish_journey(
        &self,
        project_id: ProjectId,
        id: JourneyId,
        version: i64,
    ) -> Result<Option<JourneyRow>, PipelineError> {
        let now = self.now();
        let row = self.0.store.publish_journey(project_id, id, version, now).await?;
        self.reload(project_id).await?;
        self.wake_for_journey(project_id, id).await?;
        Ok(row)
    }

    /// A journey that hears the clock, or takes people over who are under way, must reach those who send nothing.
    async fn wake_for_journey(&self, project_id: ProjectId, id: JourneyId) -> Result<(), PipelineError> {
        let catalogue = self.catalogue(project_id).await?;
        let live = catalogue.live_journey(id);
        if live.is_some_and(|live| live.takes_over() || live.listeners().any(|one| one.needs_waking())) {
            self.0.store.wake_all(project_id, self.now()).await?;
        }
        Ok(())
    }

    /// Publishes an earlier version again, as a new one.
    pub async fn rollback_journey(
        &self,
        project_id: ProjectId,
        id: JourneyId,
        to: i64,
    ) -> Result<Option<VersionRow>, PipelineError> {
        let row = self.0.store.rollback_journey(project_id, id, to, self.now()).await?;
        self.reload(project_id).await?;
        self.wake_for_journey(project_id, id).await?;
        Ok(row)
    }

    pub async fn pause_journey(
        &self,
        project_id: ProjectId,
        id: JourneyId,
        paused: bool,
    ) -> Result<bool, PipelineError> {
        let done = self.0.store.pause_journey(project_id, id, paused).await?;
        self.reload(project_id).await?;
        Ok(done)
    }

    /// What the triggers of this journey should not go live with, each with its place in the journey; nothing while it has errors.
    pub async fn lint_journey(&self, project_id: ProjectId, journey: &Journey) -> Result<Vec<Finding>, PipelineError> {
        let catalogue = self.catalogue(project_id).await?;
        let compiled = CompiledJourney::compile(self.new_id(), 0, journey.clone(), Some(&catalogue.fact_types));
        let Ok(compiled) = compiled else {
            return Ok(Vec::new());
        };
        let mut findings = Vec::new();
        for (name, state) in &compiled.states {
            let at = crate::engine::journey::escaped(name);
            for (index, trigger) in state.triggers.iter().enumerate() {
                let found = lint(trigger, &catalogue).into_iter().map(|finding| Finding {
                    pointer: format!("/states/{at}/triggers/{index}{}", finding.pointer),
                    ..finding
                });
                findings.extend(found);
            }
        }
        Ok(findings)
    }

    /// Everything that keeps this journey from being published, each with its place; empty when it may.
    pub async fn check_journey(
        &self,
        project_id: ProjectId,
        journey: &Journey,
    ) -> Result<Vec<TriggerError>, PipelineError> {
        let catalogue = self.catalogue(project_id).await?;
        let compiled = CompiledJourney::compile(self.new_id(), 0, journey.clone(), Some(&catalogue.fact_types));
        let mut errors = compiled.err().unwrap_or_default();
        for (name, state) in &journey.states {
            let at = crate::engine::journey::escaped(name);
            for (index, trigger) in state.triggers.iter().enumerate() {
                let within = format!("/states/{at}/triggers/{index}");
                errors.extend(super::catalogue::unknown_contents(&catalogue, trigger, &within));
            }
        }
        Ok(errors)
    }

    /// Moves or ends an open instance; one that has ended meanwhile stays as it is.
    pub async fn order_instance(
        &self,
        project_id: ProjectId,
        user_id: UserId,
        instance_id: InstanceId,
        order: InstanceOrder,
    ) -> Result<(), PipelineError> {
        let mut job = self.job(project_id, user_id);
        job.task = Task::Step(Some(Input::Instance { instance_id, order }));
        self.run(job).await.map(|_| ())
    }
}
