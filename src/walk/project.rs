//! A project as the stage of a walk, written out: what is saved from it runs without the project.

use super::format::{Act, Walk, WalkCenter, WalkPlace, WalkProject, WalkStep};
use super::path::Steps;
use crate::base::time::Timestamp;
use crate::engine::catalogue::Catalogue;
use crate::engine::fence::{Geofence, Position, Shape};
use crate::engine::fix::{Fix, RawBody};
use crate::engine::trigger::Trigger;
use std::collections::BTreeSet;

/// Puts the project's name, settings, fact types, contents, triggers and journeys under the walk's own. A trigger that is paused is
/// paused in the walk, too, by a step ahead of all others.
pub(super) fn furnish(walk: &mut Walk, catalogue: &Catalogue, starts_at: Timestamp) {
    walk.project = WalkProject {
        name: catalogue.project_name.clone(),
        mode: catalogue.mode,
        settings: catalogue.settings.clone(),
    };
    walk.starts_at = Some(starts_at);
    let mut kinds: Vec<_> = catalogue.fact_types.values().map(|kind| (**kind).clone()).collect();
    kinds.retain(|kind| walk.fact_types.iter().all(|own| own.kind != kind.kind));
    kinds.sort_by(|a, b| a.kind.cmp(&b.kind));
    walk.fact_types.splice(0..0, kinds);
    let mut contents: Vec<_> = catalogue.contents.values().map(|known| known.content.clone()).collect();
    contents.retain(|content| walk.contents.iter().all(|own| own.name != content.name));
    contents.sort_by(|a, b| a.name.cmp(&b.name));
    walk.contents.splice(0..0, contents);
    let mut journeys: Vec<_> = catalogue.journeys.iter().map(|known| known.sentence.clone()).collect();
    journeys.retain(|journey| walk.journeys.iter().all(|own| own.name != journey.name));
    walk.journeys.splice(0..0, journeys);
    let live = catalogue.triggers.iter();
    let live: Vec<_> = live
        .filter(|known| walk.triggers.iter().all(|own| own.name != known.sentence.name))
        .collect();
    let paused = live.iter().filter(|known| known.paused).map(|known| WalkStep {
        at: starts_at,
        act: Act::Pause(super::format::TriggerName {
            trigger: known.sentence.name.clone(),
        }),
    });
    walk.steps.splice(0..0, paused);
    let sentences: Vec<Trigger> = live.iter().map(|known| known.sentence.clone()).collect();
    walk.triggers.splice(0..0, sentences);
}

/// Adds the project's places that the walk names, so that its crossings find them.
pub(super) fn add_named_places(walk: &mut Walk, catalogue: &Catalogue) {
    let mut named: BTreeSet<String> = BTreeSet::new();
    for step in &walk.steps {
        if let Act::Crossing(act) = &step.act {
            named.insert(act.place.clone());
        }
        if let Act::Place(place) = &step.act {
            named.insert(place.external_id.clone());
        }
    }
    let wanted = catalogue.fences.values();
    add(
        walk,
        wanted
            .filter(|fence| named.contains(fence.external_id()))
            .map(|fence| &**fence),
    );
}

/// Adds the project's places that some fix comes near: no other can change the outcome.
pub(super) fn add_places_near(walk: &mut Walk, catalogue: &Catalogue, steps: &Steps) {
    let mut near = BTreeSet::new();
    let mut look = |fix: &Fix| {
        if let Ok(position) = Position::new(fix.lat, fix.lng) {
            near.extend(catalogue.index.locate(position));
        }
    };
    for (_, step) in steps {
        if let Act::Fix(act) = &step.act {
            look(&act.fix);
        }
        if let Act::Batch(batch) = &step.act {
            for record in &batch.records {
                if let RawBody::Fix(fix) = &record.body {
                    look(fix);
                }
            }
        }
    }
    add(
        walk,
        near.iter()
            .filter_map(|id| catalogue.fences.get(id))
            .map(|fence| &**fence),
    );
}

/// What the walk draws itself goes before what the project has under the same name.
fn add<'a>(walk: &mut Walk, fences: impl Iterator<Item = &'a Geofence>) {
    let mut fences: Vec<&Geofence> = fences.collect();
    fences.sort_by_key(|fence| fence.id);
    for fence in fences {
        let known = |own: &WalkPlace| own.tag == fence.tag() && own.external_id == fence.external_id();
        if !walk.places.iter().any(known) {
            walk.places.push(written(fence));
        }
    }
}

fn written(fence: &Geofence) -> WalkPlace {
    let (geometry, center, radius_m) = match &fence.shape {
        Shape::Circle(circle) => {
            let Position { lat, lng } = circle.center();
            (None, Some(WalkCenter { lat, lng }), Some(circle.radius_m()))
        }
        Shape::Area(_) => (Some(fence.shape.to_geojson()), None, None),
    };
    let details = fence.details();
    WalkPlace {
        id: Some(fence.id),
        name: fence.name().to_owned(),
        tag: fence.tag().to_owned(),
        external_id: fence.external_id().to_owned(),
        geometry,
        center,
        radius_m,
        metadata: details.metadata,
        time_zone: fence.time_zone,
        opening_hours: details.opening_hours,
        thresholds: details.thresholds,
    }
}
