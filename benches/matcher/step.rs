//! The whole step of one fix that changes nothing, beside the bare match.

use crate::designs::key;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;
use usher::base::id::{DeviceId, IdSource, ProjectId, UserId};
use usher::base::time::Timestamp;
use usher::engine::catalogue::{Catalogue, Mode};
use usher::engine::fence::{Geofence, Names, Position, Shape};
use usher::engine::fix::{Body, Fix, Quality, Record};
use usher::engine::step::{Given, Input, step};
use usher::engine::subject::{Consent, Device, Purpose, Subject};
use uuid::Uuid;

const SAMPLE: usize = 20_000;

/// Nanoseconds of a step, of the match alone, and of reading what the step must read of its subject, over the same fixes.
pub struct Took {
    whole: f64,
    matching: f64,
    reading: f64,
}

impl Took {
    pub fn told(&self, order: &str) -> Value {
        let Self {
            whole,
            matching,
            reading,
        } = self;
        println!(
            "  step without a change, {order}: {whole:.0} ns, {:.1}x the match alone ({matching:.0} ns); reading the subject {reading:.0} ns",
            whole / matching
        );
        json!({ "order": order, "step_ns": whole, "match_ns": matching, "read_ns": reading })
    }
}

pub fn catalogue(shapes: &[(usize, Arc<Shape>)]) -> Catalogue {
    catalogue_of(
        shapes
            .iter()
            .map(|(number, shape)| fence(*number, Shape::clone(shape)))
            .collect(),
    )
}

pub fn catalogue_of(fences: Vec<Arc<Geofence>>) -> Catalogue {
    let mut catalogue = Catalogue::empty(ProjectId::from(Uuid::from_u128(1)), Mode::Live);
    catalogue.edit_fences(fences, &[]);
    catalogue
}

pub fn fence(number: usize, shape: Shape) -> Arc<Geofence> {
    Arc::new(Geofence {
        id: key(number),
        names: Names::of("place", &format!("f{number}"), &format!("fence {number}")),
        shape,
        time_zone: None,
        details: None,
        version: 1,
        updated_at: at(0),
    })
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_timestamp(1_780_000_000 + seconds, 0).unwrap()
}

fn input(device_id: DeviceId, p: Position, when: i64) -> Input {
    let fix: Fix = serde_json::from_value(json!({ "lat": p.lat, "lng": p.lng, "accuracy_m": 8.0 })).unwrap();
    let record = Record {
        id: format!("r{when}"),
        at: at(when),
        quality: Quality::Exact,
        suspect: false,
        body: Body::Fix(fix),
    };
    let records = vec![record];
    Input::Records { device_id, records }
}

/// People who have been where they are for a minute say so again.
pub fn measure(catalogue: &Catalogue, fixes: &[Position]) -> Took {
    let spent = BTreeSet::new();
    let given = |when: i64| Given {
        catalogue,
        spent: &spent,
        now: at(when),
        seed: Uuid::from_u128(9),
    };
    let mut ids = IdSource::new(Uuid::from_u128(7), at(0));
    let mut people: Vec<(Option<Box<Subject>>, Input)> = Vec::with_capacity(SAMPLE);
    let sample = || fixes.iter().take(SAMPLE);
    for p in sample() {
        let mut subject = Subject::new(ids.draw::<UserId>());
        let device = ids.draw::<DeviceId>();
        for purpose in [Purpose::Location, Purpose::Service] {
            subject.consents.insert(
                purpose,
                Consent {
                    granted: true,
                    at: at(0),
                },
            );
        }
        subject.devices.insert(device, Device::default());
        let first = step(subject, &input(device, *p, 60), given(60));
        people.push((Some(first.subject), input(device, *p, 120)));
    }
    let mut keys = Vec::new();
    let began = Instant::now();
    let hits: usize = sample()
        .map(|p| {
            catalogue.index.locate_into(*p, &mut keys);
            keys.len()
        })
        .sum();
    let matching = began.elapsed().as_nanos() as f64 / people.len() as f64;
    let count = people.len() as f64;
    let began = Instant::now();
    std::hint::black_box(
        people
            .iter()
            .map(|(subject, _)| read(subject.as_ref().unwrap()))
            .sum::<i64>(),
    );
    let reading = began.elapsed().as_nanos() as f64 / count;
    let mut quiet = 0;
    // Kept until the time is taken: a server keeps its subjects, too.
    let mut kept = Vec::with_capacity(people.len());
    let began = Instant::now();
    for (subject, input) in &mut people {
        let effects = step(std::mem::take(subject).unwrap(), input, given(120));
        quiet += usize::from(effects.moments.is_empty());
        kept.push(effects.subject);
    }
    let whole = began.elapsed().as_nanos() as f64 / count;
    drop(kept);
    assert!(
        quiet as f64 > count * 0.9 && hits < 100 * SAMPLE,
        "{quiet} of {count} steps were quiet"
    );
    Took {
        whole,
        matching,
        reading,
    }
}

/// Something of all that a fix is held against, wherever that lies in memory.
fn read(subject: &Subject) -> i64 {
    let devices = subject.devices.values().map(|device| {
        let presence = device.presence.values().map(|inside| inside.evidence_at().timestamp());
        let newest = device.newest.iter();
        let newest = newest.map(|newest| newest.at.timestamp().timestamp());
        presence.chain(newest).sum::<i64>()
    });
    let visits = subject.visits.values();
    let visits = visits.map(|visit| visit.evidence_at.timestamp() + visit.place.version);
    let consents = subject.consents.values().map(|consent| i64::from(consent.granted));
    devices.chain(visits).chain(consents).sum()
}
