//! A trial: a walk on its own stage or on that of a project, with drafts and a disturbance, run once and written out whole.

use super::bounds::Bounds;
use super::disturb::{DisturbError, Disturbance};
use super::format::{Walk, WalkError};
use super::outcome::Outcome;
use super::path::expand;
use super::project;
use super::run::{run_within, start_of};
use crate::engine::catalogue::Catalogue;
use crate::engine::trigger::Trigger;

/// What is to be tried.
#[derive(Debug, Clone)]
pub struct Trial<'a> {
    pub walk: Walk,
    /// The project whose places, contents and triggers are the stage; the walk's own go before them.
    pub stage: Option<&'a Catalogue>,
    /// Triggers that are live as well, in the place of those of the same name.
    pub drafts: Vec<Trigger>,
    pub disturb: Disturbance,
}

/// What came of it.
#[derive(Debug, Clone)]
pub struct Tried {
    pub outcome: Outcome,
    /// Everything that was tried, as one walk: it gives the same outcome wherever it is run.
    pub walk: Walk,
}

/// Which part of a trial cannot be run.
#[derive(Debug, Clone, thiserror::Error)]
pub enum TrialError {
    #[error("{0}")]
    Walk(#[from] WalkError),
    #[error("{0}")]
    Disturb(#[from] DisturbError),
}

impl Trial<'_> {
    /// Runs it with the production engine and a sender that sends nothing.
    ///
    /// # Errors
    /// What does not fit together in the walk or the disturbance, and whatever goes beyond the bounds.
    pub fn run(self, bounds: &Bounds<'_>) -> Result<Tried, TrialError> {
        let (mut walk, drafts) = (self.walk, self.drafts);
        self.disturb.check(&walk)?;
        // Paths are cut before the project adds steps of its own: an error names a step that the author wrote.
        let starts_at = start_of(&walk);
        let mut steps = expand(&walk, self.disturb.speed.unwrap_or(1.0), bounds.steps)?;
        let written = walk.steps.len();
        walk.triggers
            .retain(|trigger| drafts.iter().all(|draft| draft.name != trigger.name));
        walk.triggers.extend(drafts);
        if let Some(catalogue) = self.stage {
            project::furnish(&mut walk, catalogue, starts_at);
            let added = walk.steps.len() - written;
            steps.splice(0..0, walk.steps.iter().take(added).map(|step| (0, step.clone())));
            project::add_named_places(&mut walk, catalogue);
        }
        let steps = self.disturb.apply(&mut walk, steps);
        if let Some(catalogue) = self.stage {
            project::add_places_near(&mut walk, catalogue, &steps);
        }
        walk.starts_at = Some(starts_at);
        let outcome = run_within(&walk, &steps, bounds)?;
        walk.steps = steps.into_iter().map(|(_, step)| step).collect();
        Ok(Tried { outcome, walk })
    }
}

#[cfg(test)]
#[path = "trial_tests.rs"]
mod tests;
