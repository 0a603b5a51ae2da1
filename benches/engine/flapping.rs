//! Somebody who stands at the edge of a geofence: how often the engine says that they came or went, against what a bare
//! comparison of each fix with the edge would say. It depends on how often the phone reports.

use super::steps::take;
use super::world::person;
use chacha20::ChaCha8Rng;
use chrono::TimeDelta;
use rand::SeedableRng;
use rand_distr::{Distribution, Normal};
use std::sync::Arc;
use usher::base::chance::{Entropy, SeededEntropy};
use usher::base::id::{IdSource, ProjectId};
use usher::base::time::Timestamp;
use usher::engine::catalogue::{Catalogue, Mode};
use usher::engine::fence::{Geofence, Names, Position, Shape, ShapeLimits};
use usher::engine::fix::{Fix, RawBody, RawRecord};
use usher::engine::moment::MomentKind;

/// Standard deviation of a reported place, to the east and to the north, in metres.
const NOISE_M: f64 = 8.0;
const ACCURACY_M: f64 = 10.0;
const RADIUS_M: f64 = 150.0;
const PEOPLE: u64 = 40;
/// Fixes of each person.
const FIXES: usize = 2_000;
/// Seconds between two fixes: from navigation to the rare fix of a phone that saves power.
const EVERY_S: [i64; 6] = [1, 5, 10, 30, 60, 300];
const METRES_PER_DEGREE: f64 = 111_194.93;
const CENTER: (f64, f64) = (48.2, 16.37);

/// Crossings that were told of.
#[derive(Default, Clone, Copy)]
struct Told {
    raw: usize,
    engine: usize,
}

pub fn run(now: Timestamp) {
    println!(
        "standing at the edge of a circle of {RADIUS_M} m, {NOISE_M} m of noise, {ACCURACY_M} m of accuracy reported:"
    );
    for every_s in EVERY_S {
        let Told { raw, engine } = (0..PEOPLE).fold(Told::default(), |sum, seed| {
            let one = stand(seed, every_s, now);
            Told {
                raw: sum.raw + one.raw,
                engine: sum.engine + one.engine,
            }
        });
        let verdict = if engine * 20 <= raw { "met" } else { "MISSED" };
        println!(
            "  a fix every {every_s:>3} s: {engine:>5} transitions, {raw} bare ones: {}  <= 1/20 {verdict}",
            if engine == 0 {
                "none".to_owned()
            } else {
                format!("1/{:.0}", raw as f64 / engine as f64)
            }
        );
    }
}

/// One person at the northern edge.
fn stand(seed: u64, every_s: i64, now: Timestamp) -> Told {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let noise = Normal::new(0.0, NOISE_M).unwrap();
    let entropy = SeededEntropy::new(seed);
    let mut ids = IdSource::new(entropy.seed(), now);
    let catalogue = one_circle(&mut ids, now);
    let (mut subject, device) = person(&mut ids, now);
    let (mut told, mut was_inside) = (Told::default(), None);
    for number in 0..FIXES {
        let (east, north) = (noise.sample(&mut rng), RADIUS_M + noise.sample(&mut rng));
        let is_inside = !catalogue.index.locate(place(east, north)).is_empty();
        told.raw += usize::from(was_inside.is_some_and(|was| was != is_inside));
        was_inside = Some(is_inside);
        let at = now + TimeDelta::seconds(every_s * i64::try_from(number).unwrap());
        let effects = take(
            &catalogue,
            subject,
            device,
            record(number, place(east, north), at),
            &entropy,
        );
        let crossings = effects
            .moments
            .iter()
            .filter(|moment| matches!(moment.kind, MomentKind::Entered { .. } | MomentKind::Exited { .. }));
        told.engine += crossings.count();
        subject = effects.subject;
    }
    assert!(
        told.raw > FIXES / 4,
        "somebody at the edge is inside of it every other time"
    );
    assert!(
        told.engine > 0,
        "somebody at the edge is taken to be inside sooner or later"
    );
    // The first arrival is none of the flapping.
    told.engine -= 1;
    told
}

fn one_circle(ids: &mut IdSource, now: Timestamp) -> Catalogue {
    let mut catalogue = Catalogue::empty(ids.draw::<ProjectId>(), Mode::Live);
    let shape = Shape::circle(place(0.0, 0.0), RADIUS_M, &ShapeLimits::default()).unwrap();
    let circle = Geofence {
        id: ids.draw(),
        names: Names::of("home", "h1", "Home"),
        shape,
        time_zone: None,
        details: None,
        version: 1,
        updated_at: now,
    };
    catalogue.edit_fences(vec![Arc::new(circle)], &[]);
    catalogue
}

/// A place so many metres from the centre.
fn place(east_m: f64, north_m: f64) -> Position {
    Position {
        lat: CENTER.0 + north_m / METRES_PER_DEGREE,
        lng: CENTER.1 + east_m / (METRES_PER_DEGREE * CENTER.0.to_radians().cos()),
    }
}

fn record(number: usize, at_place: Position, at: Timestamp) -> RawRecord {
    RawRecord {
        id: format!("s{number}"),
        at: Some(at),
        mono_ms: None,
        boot_id: None,
        body: RawBody::Fix(Fix {
            lat: at_place.lat,
            lng: at_place.lng,
            accuracy_m: Some(ACCURACY_M),
            ..Fix::default()
        }),
    }
}
