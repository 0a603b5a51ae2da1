//! Journeys in a walk: their versions on its stage, what a person does to an instance, and their names in the outcome.

use super::format::{InstanceAct, WalkError};
use super::outcome::SeenJourney;
use super::run::Runner;
use super::stage::{Stage, wrong};
use crate::base::id::JourneyId;
use crate::base::time::Timestamp;
use crate::engine::journey::{CompiledJourney, Journey};
use crate::engine::step::{Input, InstanceChange, InstanceOrder};
use std::sync::Arc;

impl Stage {
    /// A new version of a journey is live; open instances of the one before go on as it says.
    pub(super) fn publish_journey(&mut self, journey: &Journey, at: Timestamp) -> Result<(), WalkError> {
        let name = &journey.name;
        let triggers = journey.states.values().flat_map(|state| &state.triggers);
        for content in triggers.flat_map(|trigger| trigger.then.contents()) {
            if !self.catalogue.contents.contains_key(content) {
                return Err(wrong(format!("journey `{name}`: there is no content `{content}`")));
            }
        }
        let live = &mut self.catalogue.journeys;
        let former = live.iter().position(|live| live.sentence.name == *name);
        let former = former.map(|place| live.remove(place));
        let (id, version) = match &former {
            Some(former) => (former.id, former.version + 1),
            None => (self.ids.draw::<JourneyId>(), 1),
        };
        let mut compiled = CompiledJourney::compile(id, version, journey.clone(), Some(&self.catalogue.fact_types))
            .map_err(|errors| {
                let all: Vec<String> = errors.iter().map(ToString::to_string).collect();
                wrong(format!("journey `{name}`: {}", all.join("; ")))
            })?;
        compiled.set_live_since(Some(at));
        if let Some(former) = former {
            self.catalogue.retired_journeys.insert((id, former.version), former);
        }
        self.catalogue.journeys.push(Arc::new(compiled));
        self.catalogue
            .journeys
            .sort_by(|a, b| a.sentence.name.cmp(&b.sentence.name));
        Ok(())
    }

    fn journey_name(&self, id: JourneyId) -> String {
        let live = self.catalogue.live_journey(id);
        live.map_or_else(|| id.to_string(), |live| live.sentence.name.clone())
    }

    pub(super) fn seen_journey(&self, user: &str, change: &InstanceChange) -> SeenJourney {
        let instance = &change.instance;
        SeenJourney {
            at: change.at,
            user: user.to_owned(),
            journey: self.journey_name(instance.journey_id),
            key: instance.key.clone(),
            state: Some(instance.state.clone()).filter(|_| change.exit.is_none()),
            exit: change.exit.clone(),
        }
    }
}

impl Runner {
    pub(super) fn order_instance(&mut self, act: &InstanceAct) -> Result<(), WalkError> {
        let user_id = self.user(&act.user);
        let open = self
            .subjects
            .get(&user_id)
            .into_iter()
            .flat_map(|subject| &subject.seldom.journeys);
        let known = open
            .filter(|one| one.key == act.key)
            .find(|one| self.stage.journey_name(one.journey_id) == act.journey);
        let known = known.map(|one| one.id);
        let (journey, key) = (&act.journey, &act.key);
        let Some(instance_id) = known else {
            return Err(wrong(format!(
                "{} has no open `{journey}` with the key `{key}`",
                act.user
            )));
        };
        let order = match (&act.state, act.cancel) {
            (Some(state), false) => InstanceOrder::Move { state: state.clone() },
            (None, true) => InstanceOrder::Cancel,
            _ => return Err(wrong("an instance takes either `move` or `cancel`")),
        };
        self.step(user_id, &Input::Instance { instance_id, order });
        Ok(())
    }
}
