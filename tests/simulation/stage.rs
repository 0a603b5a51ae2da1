//! The project of the fleet: places, contents and triggers of `stage.json`, and the real paths some people walk.

use serde::Deserialize;
use std::sync::Arc;
use usher::base::id::{IdSource, ProjectId};
use usher::base::time::Timestamp;
use usher::engine::catalogue::{Catalogue, Mode};
use usher::engine::fence::{Details, FenceIndex, Geofence, Names, Position, Shape, ShapeLimits};
use usher::engine::message::{CompiledContent, Content};
use usher::engine::trigger::{CompiledTrigger, Trigger};
use usher::walk::format::WalkPlace;
use uuid::Uuid;

const STAGE: &str = include_str!("stage.json");
/// A real walk over hills, as it was recorded.
const PATH: &str = include_str!("../data/tracks/gpxpy/korita-zbevnica.gpx");
pub const HOTEL: (f64, f64) = (48.2048, 16.3696);
pub const METRES_PER_DEGREE: f64 = 111_194.3;

#[derive(Deserialize)]
struct Stage {
    places: Vec<WalkPlace>,
    contents: Vec<Content>,
    triggers: Vec<Trigger>,
}

/// The catalogue as every seed begins with it.
pub fn catalogue(at: Timestamp) -> Catalogue {
    let stage: Stage = serde_json::from_str(STAGE).unwrap();
    let mut ids = IdSource::new(Uuid::from_u128(7), at);
    let mut catalogue = Catalogue::empty(ids.draw::<ProjectId>(), Mode::Live);
    catalogue.settings.time_zone = chrono_tz::Europe::Vienna;
    "salt".clone_into(&mut catalogue.salt);
    for content in stage.contents {
        let compiled = CompiledContent::compile(content).unwrap();
        catalogue
            .contents
            .insert(compiled.content.name.clone(), Arc::new(compiled));
    }
    for place in stage.places {
        let fence = fence_of(place, ids.draw(), at);
        catalogue.fences.insert(Arc::new(fence));
    }
    for sentence in stage.triggers {
        let compiled = CompiledTrigger::compile(ids.draw(), 1, sentence).unwrap();
        catalogue.triggers.push(Arc::new(compiled));
    }
    catalogue.triggers.sort_by(|a, b| a.sentence.name.cmp(&b.sentence.name));
    let shapes = catalogue.fences.values().map(|fence| (fence.id, Arc::clone(fence)));
    catalogue.index = FenceIndex::build(shapes.collect());
    catalogue
}

fn fence_of(place: WalkPlace, id: usher::base::id::FenceId, at: Timestamp) -> Geofence {
    let limits = ShapeLimits::default();
    let shape = match (&place.geometry, place.center, place.radius_m) {
        (Some(geometry), _, _) => Shape::from_geojson(geometry, &limits),
        (None, Some(center), Some(radius_m)) => {
            Shape::circle(Position::new(center.lat, center.lng).unwrap(), radius_m, &limits)
        }
        _ => panic!("a place of the stage has no shape"),
    };
    let details = Details {
        metadata: place.metadata,
        opening_hours: place.opening_hours,
        thresholds: place.thresholds,
    };
    Geofence {
        id,
        names: Names::of(&place.tag, &place.external_id, &place.name),
        shape: shape.unwrap(),
        time_zone: place.time_zone,
        details: details.boxed(),
        version: 1,
        updated_at: at,
    }
}

/// The real path, moved so that its middle lies at the hotel: latitudes and longitudes.
pub fn path() -> Vec<(f64, f64)> {
    let number = |text: &str, name: &str| -> Option<f64> {
        let (_, rest) = text.split_once(name)?;
        rest.split('"').next()?.parse().ok()
    };
    let points = PATH.split("<trkpt").skip(1);
    let points: Vec<(f64, f64)> = points
        .filter_map(|point| Some((number(point, "lat=\"")?, number(point, "lon=\"")?)))
        .collect();
    let middle = points[points.len() / 2];
    let moved = points
        .iter()
        .map(|(lat, lng)| (lat - middle.0 + HOTEL.0, lng - middle.1 + HOTEL.1));
    moved.collect()
}
