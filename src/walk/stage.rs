//! The stage of a walk: its catalogue, and ids for everything that has a name in the files.

use super::format::{Walk, WalkError, WalkPlace};
use crate::base::id::{DeviceId, FenceId, IdSource, ProjectId, TriggerId, UserId};
use crate::base::time::Timestamp;
use crate::engine::catalogue::Catalogue;
use crate::engine::fact::{FactSchema, FactType};
use crate::engine::fence::{Details, FenceIndex, Geofence, Names, Position, Shape, ShapeLimits};
use crate::engine::message::{CompiledContent, Content};
use crate::engine::trigger::{Around, CompiledTrigger, Trigger};
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

/// All walks draw their ids from one seed: the same files give the same outcome, byte for byte.
pub(super) const SEED: Uuid = Uuid::from_u128(0x7573_6865_7220_7761_6c6b_0000_0000_0001);

/// Everything that has a name.
pub(super) struct Stage {
    pub(super) catalogue: Catalogue,
    pub(super) ids: IdSource,
    /// In the order of their names, so that the outcome does not hang on a hash.
    pub(super) users: BTreeMap<String, UserId>,
    pub(super) devices: BTreeMap<String, DeviceId>,
    paused: BTreeMap<TriggerId, bool>,
    live: BTreeMap<String, (TriggerId, i64, Trigger)>,
}

pub(super) fn wrong(detail: impl Into<String>) -> WalkError {
    WalkError::new(detail)
}

impl Stage {
    pub(super) fn build(walk: &Walk, at: Timestamp) -> Result<Self, WalkError> {
        let mut ids = IdSource::new(SEED, at);
        let mut catalogue = Catalogue::empty(ids.draw::<ProjectId>(), walk.project.mode);
        catalogue.project_name.clone_from(&walk.project.name);
        catalogue.settings.clone_from(&walk.project.settings);
        walk.project.name.clone_into(&mut catalogue.salt);
        let mut stage = Self {
            catalogue,
            ids,
            users: BTreeMap::new(),
            devices: BTreeMap::new(),
            paused: BTreeMap::new(),
            live: BTreeMap::new(),
        };
        for (index, fact_type) in walk.fact_types.iter().enumerate() {
            stage
                .describe(fact_type)
                .map_err(|error| error.at(format!("/fact_types/{index}")))?;
        }
        for (index, content) in walk.contents.iter().enumerate() {
            stage
                .say(content)
                .map_err(|error| error.at(format!("/contents/{index}")))?;
        }
        for (index, place) in walk.places.iter().enumerate() {
            stage
                .add(place, at)
                .map_err(|error| error.at(format!("/places/{index}")))?;
        }
        stage.survey();
        for (index, trigger) in walk.triggers.iter().enumerate() {
            stage
                .publish(trigger, at)
                .map_err(|error| error.at(format!("/triggers/{index}")))?;
        }
        for (index, journey) in walk.journeys.iter().enumerate() {
            stage
                .publish_journey(journey, at)
                .map_err(|error| error.at(format!("/journeys/{index}")))?;
        }
        Ok(stage)
    }

    fn describe(&mut self, fact_type: &FactType) -> Result<(), WalkError> {
        let schema = fact_type.schema.as_ref().map(FactSchema::compile).transpose();
        let schema = schema.map_err(|error| wrong(format!("fact type `{}` at {error}", fact_type.kind)))?;
        self.catalogue
            .describe(Arc::new(fact_type.clone()), schema.map(Arc::new));
        Ok(())
    }

    fn say(&mut self, content: &Content) -> Result<(), WalkError> {
        let compiled = CompiledContent::compile(content.clone()).map_err(|error| {
            wrong(format!(
                "content `{}` at {}: {}",
                content.name, error.pointer, error.detail
            ))
        })?;
        self.catalogue.contents.insert(content.name.clone(), Arc::new(compiled));
        Ok(())
    }

    /// Draws a place, or redraws the one with the same tag and external id.
    pub(super) fn draw(&mut self, place: &WalkPlace, at: Timestamp) -> Result<(), WalkError> {
        self.add(place, at)?;
        self.survey();
        Ok(())
    }

    fn add(&mut self, place: &WalkPlace, at: Timestamp) -> Result<(), WalkError> {
        let shape = shape_of(place).map_err(|error| wrong(format!("place `{}`: {error}", place.external_id)))?;
        let known = self
            .catalogue
            .fences
            .values()
            .find(|fence| fence.tag() == place.tag && fence.external_id() == place.external_id);
        let (id, version) = known.map_or_else(
            || (place.id.unwrap_or_else(|| self.ids.draw::<FenceId>()), 1),
            |fence| (fence.id, fence.version + 1),
        );
        let details = Details {
            metadata: place.metadata.clone(),
            opening_hours: place.opening_hours.clone(),
            thresholds: place.thresholds,
        };
        let fence = Geofence {
            id,
            names: Names::of(&place.tag, &place.external_id, &place.name),
            shape,
            time_zone: place.time_zone,
            details: details.boxed(),
            version,
            updated_at: at,
        };
        self.catalogue.fences.insert(Arc::new(fence));
        Ok(())
    }

    /// Builds the index over all places drawn so far.
    fn survey(&mut self) {
        let shapes = self
            .catalogue
            .fences
            .values()
            .map(|fence| (fence.id, Arc::clone(fence)));
        self.catalogue.index = FenceIndex::build(shapes.collect());
    }

    /// A new revision of a trigger is live; open waits stay on the one before.
    pub(super) fn publish(&mut self, sentence: &Trigger, at: Timestamp) -> Result<(), WalkError> {
        let known = &self.catalogue.contents;
        if let Some(content) = sentence.then.contents().find(|name| !known.contains_key(*name)) {
            return Err(wrong(format!(
                "trigger `{}`: there is no content `{content}`",
                sentence.name
            )));
        }
        let (id, revision) = match self.live.get(&sentence.name) {
            Some((id, revision, _)) => (*id, revision + 1),
            None => (self.ids.draw(), 1),
        };
        let around = Around {
            fact_types: Some(&self.catalogue.fact_types),
            journey: None,
        };
        let mut compiled = CompiledTrigger::compile_in(id, revision, sentence.clone(), around).map_err(|errors| {
            let all: Vec<String> = errors.iter().map(ToString::to_string).collect();
            wrong(format!("trigger `{}`: {}", sentence.name, all.join("; ")))
        })?;
        compiled.live_since = Some(at);
        if let Some(place) = self.catalogue.triggers.iter().position(|live| live.id == id) {
            let former = self.catalogue.triggers.remove(place);
            compiled.live_since = former.live_since;
            self.catalogue.retired.insert((id, former.revision), former);
        }
        self.live
            .insert(sentence.name.clone(), (id, revision, sentence.clone()));
        self.catalogue.triggers.push(Arc::new(compiled));
        self.catalogue
            .triggers
            .sort_by(|a, b| a.sentence.name.cmp(&b.sentence.name));
        self.pause(&sentence.name, false)
    }

    pub(super) fn pause(&mut self, name: &str, paused: bool) -> Result<(), WalkError> {
        let (id, _, _) = self
            .live
            .get(name)
            .ok_or_else(|| wrong(format!("there is no trigger `{name}`")))?;
        self.paused.insert(*id, paused);
        let retired = self.catalogue.retired.values_mut();
        for trigger in self
            .catalogue
            .triggers
            .iter_mut()
            .chain(retired)
            .filter(|trigger| trigger.id == *id)
        {
            Arc::make_mut(trigger).paused = paused;
        }
        Ok(())
    }

    /// Must people be woken because this trigger is live now?
    pub(super) fn needs_waking(&self, name: &str) -> bool {
        let mut live = self.catalogue.triggers.iter();
        live.any(|trigger| trigger.sentence.name == name && trigger.needs_waking())
    }

    /// The id behind a user's name; a new one for a name that was not heard before.
    pub(super) fn user(&mut self, name: &str) -> (UserId, bool) {
        if let Some(known) = self.users.get(name) {
            return (*known, false);
        }
        let id = self.ids.draw();
        self.users.insert(name.to_owned(), id);
        (id, true)
    }

    pub(super) fn device(&self, name: &str) -> Result<DeviceId, WalkError> {
        let known: Vec<&str> = self.devices.keys().map(String::as_str).collect();
        let unknown = || {
            wrong(format!(
                "there is no device `{name}`; the walk has {}",
                known.join(", ")
            ))
        };
        self.devices.get(name).copied().ok_or_else(unknown)
    }

    pub(super) fn place(&self, external_id: &str) -> Result<FenceId, WalkError> {
        let known = self
            .catalogue
            .fences
            .values()
            .find(|fence| fence.external_id() == external_id);
        known
            .map(|fence| fence.id)
            .ok_or_else(|| wrong(format!("there is no place `{external_id}`")))
    }

    pub(super) fn user_name(&self, id: UserId) -> String {
        name_of(&self.users, id).unwrap_or_else(|| id.to_string())
    }

    pub(super) fn device_name(&self, id: DeviceId) -> String {
        name_of(&self.devices, id).unwrap_or_else(|| id.to_string())
    }
}

fn name_of<I: PartialEq + Copy>(names: &BTreeMap<String, I>, id: I) -> Option<String> {
    names
        .iter()
        .find(|(_, known)| **known == id)
        .map(|(name, _)| name.clone())
}

fn shape_of(place: &WalkPlace) -> Result<Shape, String> {
    let limits = ShapeLimits::default();
    match (&place.geometry, place.center, place.radius_m) {
        (Some(geometry), None, None) => Shape::from_geojson(geometry, &limits).map_err(|error| error.to_string()),
        (None, Some(center), Some(radius_m)) => {
            let center = Position::new(center.lat, center.lng).map_err(|error| error.to_string())?;
            Shape::circle(center, radius_m, &limits).map_err(|error| error.to_string())
        }
        _ => Err("give either `geometry` (GeoJSON polygons) or `center` and `radius_m`".to_owned()),
    }
}
