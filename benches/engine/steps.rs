//! Whole steps of one person: nothing new, a transition, a message, and a transition that a thousand triggers are asked about.

use super::world::{World, person};
use super::{each, tell, verdict};
use chrono::TimeDelta;
use std::collections::BTreeSet;
use std::time::Duration;
use usher::base::chance::{Entropy, SeededEntropy};
use usher::base::id::{DeviceId, IdSource};
use usher::cli::bench::workload::Workload;
use usher::engine::catalogue::Catalogue;
use usher::engine::fence::Position;
use usher::engine::fix::{Envelope, Fix, RawBody, RawRecord, validate};
use usher::engine::step::{Effects, Given, Input, step};
use usher::engine::subject::Subject;

static NOTHING_SPENT: BTreeSet<String> = BTreeSet::new();

/// Steps of one round.
const STEPS: usize = 20_000;
/// Fixes of one device before the next one starts, as the workload draws them.
const FIXES_PER_DEVICE: usize = 64;
/// Steps of one round that change something: they are slower.
const CHANGES: usize = 4_000;

pub fn run(world: &World) {
    let quiet = nothing_new(world);
    let transition = arrivals(world, &world.catalogue, &world.quiet, false);
    tell(
        "step with a transition",
        transition,
        &ratio_to("step without one", transition, quiet),
    );
    let message = arrivals(world, &world.catalogue, &world.greeted, true);
    tell(
        "step with a message",
        message,
        &ratio_to("step without one", message, quiet),
    );
    let crowded = arrivals(world, &world.crowded, &world.quiet, false);
    tell(
        "  the same transition, 1,000 triggers",
        crowded,
        &ratio_to("one trigger", crowded, transition),
    );
}

fn ratio_to(what: &str, took: Duration, of: Duration) -> String {
    format!("{:.1} x {what}", took.as_secs_f64() / of.as_secs_f64())
}

fn raw(number: usize, position: Position, at: usher::base::time::Timestamp) -> RawRecord {
    RawRecord {
        id: format!("r{number:012}"),
        at: Some(at),
        mono_ms: None,
        boot_id: None,
        body: RawBody::Fix(Fix {
            lat: position.lat,
            lng: position.lng,
            accuracy_m: Some(8.0),
            ..Fix::default()
        }),
    }
}

/// One step as the server takes it: from the raw record to the effects.
pub fn take(
    catalogue: &Catalogue,
    subject: Box<Subject>,
    device_id: DeviceId,
    raw: RawRecord,
    seed: &SeededEntropy,
) -> Effects {
    let now = raw.at.unwrap();
    let record = validate(raw, &Envelope::default(), now).unwrap();
    let input = Input::Records {
        device_id,
        records: vec![record],
    };
    let given = Given {
        catalogue,
        spent: &NOTHING_SPENT,
        now,
        seed: seed.seed(),
    };
    step(subject, &input, given)
}

/// Fixes in device order that meet no geofence: what nearly every fix does.
fn nothing_new(world: &World) -> Duration {
    let fixes = Workload::device_fixes(&world.drawn, STEPS * 2);
    // Whole ways of one device each: cut elsewhere, most fixes would be impossible jumps, and nothing but that.
    let ways = fixes.chunks_exact(FIXES_PER_DEVICE);
    let outside: Vec<Position> = ways
        .filter(|way| way.iter().all(|fix| world.catalogue.index.locate(*fix).is_empty()))
        .flatten()
        .copied()
        .take(STEPS)
        .collect();
    let bare = each(
        outside.len(),
        || (),
        |()| {
            outside
                .iter()
                .map(|fix| world.catalogue.index.locate(*fix).len())
                .sum::<usize>()
        },
    );
    tell("bare match, device order, outside", bare, "");
    let seed = SeededEntropy::new(3);
    let mut ids = IdSource::new(seed.seed(), world.now);
    let prepare = || {
        // A new person for each device, as a jump across the world would be implausible.
        let people = (0..=outside.len() / FIXES_PER_DEVICE).map(|_| person(&mut ids, world.now));
        let people: Vec<(Box<Subject>, DeviceId)> = people.collect();
        let records: Vec<RawRecord> = outside
            .iter()
            .zip(0_u32..)
            .map(|(fix, number)| {
                let at = world.now + TimeDelta::milliseconds(i64::from(number) * 100);
                raw(number as usize, *fix, at)
            })
            .collect();
        (people, records)
    };
    let round = |(people, records): (Vec<(Box<Subject>, DeviceId)>, Vec<RawRecord>)| {
        let mut changed = 0;
        let mut records = records.into_iter();
        for (mut subject, device) in people {
            for record in records.by_ref().take(FIXES_PER_DEVICE) {
                let effects = take(&world.catalogue, subject, device, record, &seed);
                assert!(
                    effects.moments.is_empty() && effects.fixes.is_empty(),
                    "nothing new was asked for"
                );
                changed += usize::from(effects.changed);
                subject = effects.subject;
            }
        }
        changed
    };
    let whole = each(outside.len(), prepare, round);
    let ratio = whole.as_secs_f64() / bare.as_secs_f64();
    tell(
        "whole step, no transition",
        whole,
        &verdict(ratio, ratio <= 3.0, "<= 3 x the bare match"),
    );
    whole
}

/// New people who come to places.
fn arrivals(world: &World, catalogue: &Catalogue, places: &[(f64, f64)], speak: bool) -> Duration {
    let seed = SeededEntropy::new(4);
    let mut ids = IdSource::new(seed.seed(), world.now);
    let prepare = || {
        let arrival = |number: usize| {
            let (lat, lng) = places[number % places.len()];
            let (subject, device) = person(&mut ids, world.now);
            (
                subject,
                device,
                raw(number, Position { lat, lng }, world.now + TimeDelta::seconds(1)),
            )
        };
        (0..CHANGES).map(arrival).collect::<Vec<_>>()
    };
    let round = |people: Vec<(Box<Subject>, DeviceId, RawRecord)>| {
        let mut spoken = 0;
        for (subject, device, record) in people {
            let effects = take(catalogue, subject, device, record, &seed);
            assert!(!effects.moments.is_empty(), "an arrival was asked for");
            spoken += effects.messages.len();
        }
        assert!(!speak || spoken >= CHANGES, "a message was asked for each time");
        spoken
    };
    each(CHANGES, prepare, round)
}

/// Effects of arrivals at greeted places, for the commit: each has a transition and a message.
pub fn effects(world: &World, count: usize) -> Vec<Effects> {
    let seed = SeededEntropy::new(5);
    let mut ids = IdSource::new(seed.seed(), world.now);
    (0..count)
        .map(|number| {
            let (lat, lng) = world.greeted[number % world.greeted.len()];
            let (subject, device) = person(&mut ids, world.now);
            let record = raw(number, Position { lat, lng }, world.now + TimeDelta::seconds(1));
            take(&world.catalogue, subject, device, record, &seed)
        })
        .collect()
}
