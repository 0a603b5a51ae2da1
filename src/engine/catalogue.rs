//! The catalogue: fences, triggers and contents of one project as an immutable snapshot, swapped whole.

use super::fact::{Fact, FactError, FactSchema, FactType, builtin};
use super::fence::hours::Opening;
use super::fence::{Change, FenceIndex, Geofence, Geofences};
use super::journey::CompiledJourney;
use super::message::CompiledContent;
use super::presence::Thresholds;
use super::trigger::{CompiledTrigger, LiveTriggers};
use crate::base::id::{EndpointId, FenceId, JourneyId, ProjectId, TriggerId};
use crate::base::time::Span;
use chrono_tz::Tz;
use foldhash::fast::FixedState;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use utoipa::ToSchema;

/// Test projects take simulated fixes as real ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    Test,
    Live,
}

/// Which fixes are stored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeepFixes {
    None,
    /// The fix behind each presence change.
    #[default]
    Evidence,
    All,
}

/// What a project says about itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ProjectSettings {
    /// Where neither user, device nor place says a zone. IANA name.
    #[schema(value_type = String, example = "Europe/Vienna")]
    pub time_zone: Tz,
    pub thresholds: Thresholds,
    /// Promo messages wait until they end; none to send at any hour.
    pub quiet_hours: Option<Opening>,
    pub keep_fixes: KeepFixes,
    /// Nothing is sent while it is set.
    pub paused: bool,
}

impl Default for ProjectSettings {
    fn default() -> Self {
        let quiet = (
            chrono::NaiveTime::from_hms_opt(22, 0, 0),
            chrono::NaiveTime::from_hms_opt(7, 0, 0),
        );
        let quiet_hours = match quiet {
            (Some(from), Some(to)) => Some(Opening {
                days: Vec::new(),
                from,
                to,
            }),
            _ => None,
        };
        Self {
            time_zone: Tz::UTC,
            thresholds: Thresholds::default(),
            quiet_hours,
            keep_fixes: KeepFixes::default(),
            paused: false,
        }
    }
}

/// One project as it is now.
#[derive(Debug, Clone)]
pub struct Catalogue {
    pub project_id: ProjectId,
    /// What a message without a public text says who it is from.
    pub project_name: String,
    pub mode: Mode,
    /// Salts the holdout draw, so that two projects hold out different people.
    pub salt: String,
    pub settings: ProjectSettings,
    /// Changed together with the index, by [`Catalogue::edit_fences`]; copies share what they have in common.
    pub fences: Geofences,
    pub index: FenceIndex<FenceId, Arc<Geofence>>,
    /// Live triggers, in the order they are judged: by name.
    pub triggers: LiveTriggers,
    /// Earlier published revisions that open waits may still refer to.
    pub retired: HashMap<(TriggerId, i64), Arc<CompiledTrigger>>,
    /// Live journeys, in the order they are judged: by name.
    pub journeys: Vec<Arc<CompiledJourney>>,
    /// Earlier published versions that open instances or their waits may still follow.
    pub retired_journeys: BTreeMap<(JourneyId, i64), Arc<CompiledJourney>>,
    pub contents: HashMap<String, Arc<CompiledContent>>,
    /// The types of facts that are described, by name: the project's own, and the built-in ones it has not replaced.
    pub fact_types: HashMap<String, Arc<FactType>>,
    /// Their schemas, compiled.
    pub fact_schemas: HashMap<String, Arc<FactSchema>>,
    /// Where messages to the business are posted to, oldest first, those that are switched off as well; none: to the tray.
    pub endpoints: Vec<EndpointId>,
}

impl Catalogue {
    pub fn empty(project_id: ProjectId, mode: Mode) -> Self {
        let mut catalogue = Self {
            project_id,
            project_name: String::new(),
            mode,
            salt: String::new(),
            settings: ProjectSettings::default(),
            fences: Geofences::default(),
            index: FenceIndex::default(),
            triggers: LiveTriggers::default(),
            retired: HashMap::new(),
            journeys: Vec::new(),
            retired_journeys: BTreeMap::new(),
            contents: HashMap::new(),
            fact_types: HashMap::new(),
            fact_schemas: HashMap::new(),
            endpoints: Vec::new(),
        };
        for (fact_type, schema) in builtin() {
            catalogue.describe(Arc::clone(fact_type), schema.clone());
        }
        catalogue
    }

    /// Takes fences, in place of those with their ids, and lets others go. Of two with one id the later one counts, and
    /// what comes counts before what goes.
    pub fn edit_fences(&mut self, put: Vec<Arc<Geofence>>, deleted: &[FenceId]) {
        let gone = deleted.iter().map(|id| (*id, None));
        let come = put.into_iter().map(|fence| (fence.id, Some(fence)));
        let news: Vec<(FenceId, Option<Arc<Geofence>>)> = gone.chain(come).collect();
        let last: HashMap<FenceId, usize, FixedState> =
            news.iter().zip(0..).map(|((id, _), place)| (*id, place)).collect();
        let mut changes = Vec::with_capacity(news.len());
        for (place, (key, fence)) in news.into_iter().enumerate() {
            if last.get(&key) != Some(&place) {
                continue;
            }
            let after = fence.clone();
            let before = match fence {
                Some(fence) => self.fences.insert(fence),
                None => self.fences.remove(&key),
            };
            changes.push(Change { key, before, after });
        }
        self.index.apply(&changes);
    }

    /// Takes a type of facts, in place of the one with its name.
    pub fn describe(&mut self, fact_type: Arc<FactType>, schema: Option<Arc<FactSchema>>) {
        match schema {
            Some(schema) => self.fact_schemas.insert(fact_type.kind.clone(), schema),
            None => self.fact_schemas.remove(&fact_type.kind),
        };
        self.fact_types.insert(fact_type.kind.clone(), fact_type);
    }

    /// A fact as its type wants it, or everything in which it contradicts its type.
    pub fn admit(&self, mut fact: Fact) -> Result<Fact, Vec<FactError>> {
        let schema = self.fact_schemas.get(&fact.id.kind);
        let errors = schema.map(|schema| schema.check(&fact.properties)).unwrap_or_default();
        if !errors.is_empty() {
            return Err(errors);
        }
        if let Some(fact_type) = self.fact_types.get(&fact.id.kind) {
            fact_type.apply(&mut fact);
        }
        Ok(fact)
    }

    /// The rules of presence for one fence: its own, or the project's.
    pub fn thresholds(&self, fence: &Geofence) -> Thresholds {
        fence.thresholds().unwrap_or(self.settings.thresholds)
    }

    /// The trigger revision a wait refers to, live or retired.
    pub fn revision(&self, trigger: TriggerId, revision: i64) -> Option<&Arc<CompiledTrigger>> {
        self.triggers
            .iter()
            .find(|live| live.id == trigger && live.revision == revision)
            .or_else(|| self.retired.get(&(trigger, revision)))
            .or_else(|| {
                self.all_journeys()
                    .filter(|journey| journey.version == revision)
                    .flat_map(|journey| journey.triggers())
                    .find(|inner| inner.id == trigger)
            })
    }

    /// Everything that listens to moments: live triggers, and the triggers, moves and starts of journeys that are followed.
    pub fn listeners(&self) -> impl Iterator<Item = &Arc<CompiledTrigger>> {
        self.triggers.iter().chain(self.listeners_in_journeys())
    }

    /// The triggers, moves and starts of journeys that are followed.
    pub fn listeners_in_journeys(&self) -> impl Iterator<Item = &Arc<CompiledTrigger>> {
        self.all_journeys().flat_map(|journey| journey.listeners())
    }

    /// The live version of a journey.
    pub fn live_journey(&self, id: JourneyId) -> Option<&Arc<CompiledJourney>> {
        self.journeys.iter().find(|live| live.id == id)
    }

    /// The version of a journey that an instance follows, live or retired.
    pub fn journey(&self, id: JourneyId, version: i64) -> Option<&Arc<CompiledJourney>> {
        self.live_journey(id)
            .filter(|live| live.version == version)
            .or_else(|| self.retired_journeys.get(&(id, version)))
    }

    fn all_journeys(&self) -> impl Iterator<Item = &Arc<CompiledJourney>> {
        self.journeys.iter().chain(self.retired_journeys.values())
    }

    /// Is there anybody who could ask how long people stay somewhere?
    pub fn may_ask_how_long(&self) -> bool {
        self.triggers.staying().next().is_some() || self.all_journeys().next().is_some()
    }

    /// Is there anybody who could ask for a time of day?
    pub fn may_ask_for_the_hour(&self) -> bool {
        self.triggers.scheduled().next().is_some() || self.all_journeys().next().is_some()
    }

    /// How long people must stay somewhere for some trigger to care, shortest first.
    pub fn dwell_spans(&self, fence: &Geofence) -> Vec<Span> {
        let listeners = self.triggers.staying().chain(self.listeners_in_journeys());
        let mut spans: Vec<Span> = listeners.flat_map(|trigger| trigger.dwell_spans(fence)).collect();
        spans.sort_unstable();
        spans.dedup();
        spans
    }
}

#[cfg(test)]
#[path = "catalogue_tests.rs"]
mod tests;
