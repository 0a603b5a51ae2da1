//! How journeys begin: a moment its start listens to, for each combination of facts, once per key (DESIGN.md 5.15).

use super::scene::Bound;
use super::stepper::Stepper;
use crate::base::limits;
use crate::engine::journey::CompiledJourney;
use crate::engine::moment::Moment;
use crate::engine::subject::Instance;

/// The most ways one moment can begin one journey: one for each combination of facts.
const BEGINNINGS_MAX: usize = 100;

impl Stepper<'_> {
    pub(super) fn begin_journeys(&mut self, moment: &Moment) {
        for journey in &self.given.catalogue.journeys {
            if self.listens(&journey.start, moment).is_none() {
                continue;
            }
            for bound in self.beginnings(journey, moment) {
                let Some(scene) = self.hears(&journey.start, moment, &bound, None) else {
                    continue;
                };
                let key = journey.start.once_per.as_ref();
                let key = key.and_then(|key| key.evaluate_text(&scene).ok());
                if let Some(key) = key.filter(|key| !key.is_empty()) {
                    self.begin(journey, key, bound);
                }
            }
        }
    }

    /// The combinations of facts that a journey could begin with.
    fn beginnings(&self, journey: &CompiledJourney, moment: &Moment) -> Vec<Bound> {
        let mut combinations = vec![Bound::new()];
        for (name, kind) in &journey.sentence.facts {
            let (active, _) = self.facts_to_bind(kind, &moment.kind);
            combinations = combinations
                .iter()
                .flat_map(|bound| {
                    active.iter().map(|fact| {
                        let mut bound = bound.clone();
                        bound.insert(name.clone(), fact.clone());
                        bound
                    })
                })
                .take(BEGINNINGS_MAX)
                .collect();
        }
        combinations
    }

    fn begin(&mut self, journey: &CompiledJourney, key: String, facts: Bound) {
        let mut known = self.subject.seldom.journeys.iter();
        if known.any(|open| open.journey_id == journey.id && open.key == key) {
            return;
        }
        let now = self.given.now;
        let state = &journey.sentence.start.goto;
        let Some(first) = journey.states.get(state) else { return };
        let instance = Instance {
            id: self.ids.draw(),
            journey_id: journey.id,
            version: journey.version,
            key,
            facts,
            state: state.clone(),
            passed: 0,
            started_at: now,
            since: now,
            ends_at: first.ends_at(now),
        };
        if self.subject.seldom.journeys.len() >= limits::INSTANCES_PER_USER_MAX {
            return self.tell_change(instance, None, Some("too_many"));
        }
        self.subject.seldom.journeys.push(instance.clone());
        self.notice_beginning(journey, &instance);
        self.tell_change(instance, None, None);
    }
}
