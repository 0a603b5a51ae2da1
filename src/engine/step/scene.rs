//! The scene: everything conditions and templates may read in one case, as one JSON object.

use super::judge::Case;
use super::stepper::Stepper;
use crate::base::compact::Number;
use crate::base::time::{Timestamp, local};
use crate::engine::catalogue::Catalogue;
use crate::engine::fact::{Fact, FactRef};
use crate::engine::moment::{MomentKind, Place};
use crate::engine::subject::{Device, Subject};
use chrono_tz::Tz;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The facts one case is judged for, by the name the trigger binds them to.
pub(super) type Bound = BTreeMap<String, FactRef>;

impl Stepper<'_> {
    pub(super) fn user_zone(&self) -> Tz {
        user_zone(&self.subject, self.given.catalogue)
    }

    pub(super) fn place_zone(&self, place: Option<&Place>) -> Tz {
        place_zone(&self.subject, self.given.catalogue, place)
    }

    /// What the user reads: what the business says, else the phone.
    pub(super) fn user_locale(&self) -> Option<String> {
        let device = self
            .subject
            .last_active_device()
            .and_then(|(_, device)| device.about.locale.clone());
        self.subject.profile.locale.clone().or(device)
    }

    pub(super) fn scene(&self, case: &Case<'_>) -> Map<String, Value> {
        let (moment, place) = (case.moment, case.place.as_ref());
        let mut scene = Map::new();
        scene.insert("now".into(), instant(self.given.now));
        scene.insert("user".into(), self.user_scene());
        let device = self.subject.last_active_device().map(|(_, device)| device);
        scene.insert("device".into(), device_scene(device));
        let wall = local(moment.occurred_at, self.place_zone(place));
        scene.insert(
            "moment".into(),
            json!({
                "id": moment.id,
                "kind": moment.kind.name(),
                "occurred_at": moment.occurred_at,
                "date": wall.format("%Y-%m-%d").to_string(),
                "month": wall.format("%Y-%m").to_string(),
                "time": wall.format("%H:%M").to_string(),
                // A text that says "now" after a wait reads otherwise than one that greets.
                "waited": case.occasion.ends_a_wait(),
            }),
        );
        if let Some(place) = place {
            scene.insert("place".into(), self.place_scene(place));
        }
        add_kind(&mut scene, &moment.kind);
        if let Some(instance) = self.instance(case.instance) {
            scene.insert(
                "journey".into(),
                json!({
                    "key": instance.key,
                    "state": instance.state,
                    "since": instance.since,
                    "started_at": instance.started_at,
                }),
            );
        }
        for (name, fact) in self.bound_facts(&case.bound) {
            // Texts that may speak of several facts at once find them under the plural, also when there is only one.
            scene.insert(format!("{name}s"), json!([fact.scene()]));
            scene.insert(name, fact.scene());
        }
        scene
    }

    fn user_scene(&self) -> Value {
        let profile = &self.subject.profile;
        let mut user = profile.attributes.clone();
        let inside: Vec<&Place> = self.subject.places_inside().map(|visit| &visit.place).collect();
        let places: Vec<&str> = inside.iter().map(|place| place.external_id.as_str()).collect();
        let tags: Vec<&str> = inside.iter().map(|place| place.tag.as_str()).collect();
        // Who they are never comes from free attributes.
        let name = profile
            .user_ref
            .clone()
            .unwrap_or_else(|| self.subject.user_id.to_string());
        user.insert("ref".into(), Value::String(name));
        user.insert("locale".into(), json!(self.user_locale()));
        user.insert("time_zone".into(), Value::String(self.user_zone().name().to_owned()));
        user.insert("places".into(), json!(places));
        user.insert("tags".into(), json!(tags));
        Value::Object(user)
    }

    fn place_scene(&self, place: &Place) -> Value {
        let metadata = self
            .given
            .catalogue
            .fences
            .get(&place.id)
            .and_then(|fence| Some(fence.details.as_ref()?.metadata.clone()))
            .unwrap_or_default();
        json!({ "id": place.id, "external_id": place.external_id, "tag": place.tag, "name": place.name, "metadata": metadata })
    }

    /// The facts of a case as they are now; one that is gone is left out.
    pub(super) fn bound_facts(&self, bound: &Bound) -> BTreeMap<String, Fact> {
        let known = bound
            .iter()
            .filter_map(|(name, id)| self.subject.fact(id).map(|fact| (name.clone(), fact.clone())));
        known.collect()
    }
}

/// The zone the user is in now: the last active device's, their own, or the project's.
pub(super) fn user_zone(subject: &Subject, catalogue: &Catalogue) -> Tz {
    let device = subject
        .last_active_device()
        .and_then(|(_, device)| device.about.time_zone.as_deref());
    [device, subject.profile.time_zone.as_deref()]
        .into_iter()
        .flatten()
        .find_map(|name| name.parse().ok())
        .unwrap_or(catalogue.settings.time_zone)
}

/// The zone of a place; where it has none or there is no place, the user's.
pub(super) fn place_zone(subject: &Subject, catalogue: &Catalogue, place: Option<&Place>) -> Tz {
    place
        .and_then(|place| catalogue.fences.get(&place.id))
        .and_then(|fence| fence.time_zone)
        .unwrap_or_else(|| user_zone(subject, catalogue))
}

/// The device heard from last; how fast it moves only where its last fix said so.
fn device_scene(device: Option<&Device>) -> Value {
    let mut scene = json!({
        "platform": device.map(|device| &device.about.platform),
        "locale": device.map(|device| &device.about.locale),
        "time_zone": device.map(|device| &device.about.time_zone),
    });
    let speed_mps = device
        .and_then(|device| device.last_fix)
        .and_then(|fix| fix.speed_mps)
        .map(Number::get);
    if let Some(speed_mps) = speed_mps {
        scene["speed_mps"] = json!(speed_mps);
    }
    scene
}

fn instant(at: Timestamp) -> Value {
    json!(at)
}

/// What only moments of some kinds have to tell.
fn add_kind(scene: &mut Map<String, Value>, kind: &MomentKind) {
    let (name, told) = match kind {
        MomentKind::Event { name, properties } => ("event", json!({ "name": name, "properties": properties })),
        MomentKind::Fact {
            becomes,
            fields,
            before,
            ..
        } => (
            "change",
            json!({ "becomes": becomes, "fields": fields, "before": before }),
        ),
        MomentKind::Answered {
            content,
            how,
            action,
            text,
            ..
        } => (
            "answer",
            json!({ "content": content, "how": how, "action": action, "text": text }),
        ),
        MomentKind::Entered { .. }
        | MomentKind::Exited { .. }
        | MomentKind::Dwelled { .. }
        | MomentKind::Reached { .. }
        | MomentKind::Scheduled { .. }
        | MomentKind::Begun { .. } => return,
    };
    scene.insert(name.to_owned(), told);
}
