//! What people weigh: bytes asked of the allocator for subjects that the engine's own step has made, and of their stored text.
//!
//! `cargo bench --bench memory` takes seconds. What the allocator adds to what it is asked for is not in it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark prints, and stops at the first surprise"
)]
#![allow(
    clippy::unnecessary_box_returns,
    reason = "a subject lives in a box, and is weighed with it"
)]

use chrono::TimeDelta;
use serde_json::json;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;
use std::collections::BTreeSet;
use std::sync::Arc;
use usher::base::chance::{Entropy, SeededEntropy};
use usher::base::id::{DeviceId, FenceId, IdSource, UserId};
use usher::base::time::Timestamp;
use usher::engine::catalogue::{Catalogue, Mode};
use usher::engine::delivery::ChannelKind;
use usher::engine::fence::{Geofence, Names, Position, Shape, ShapeLimits};
use usher::engine::fix::{Envelope, Fix, RawBody, RawRecord, validate};
use usher::engine::message::CompiledContent;
use usher::engine::step::{DeviceNews, Given, Input, step};
use usher::engine::subject::{Consent, Purpose, Subject};
use usher::engine::trigger::CompiledTrigger;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const PEOPLE: usize = 10_000;
/// Those who are told things, and how many.
const TOLD: usize = 1_000;
const TOLD_EACH: usize = 60;
const FENCES_INSIDE: usize = 4;
const PLACE: (f64, f64) = (48.2048, 16.3696);

struct Stage {
    catalogue: Catalogue,
    ids: IdSource,
    entropy: SeededEntropy,
    now: Timestamp,
}

fn main() {
    let mut stage = Stage::build();
    println!("{:44} {:>8}  budget", "what", "bytes");
    let (mut idle, each) = stage.weigh(PEOPLE, |stage| stage.person(0.0));
    tell("memory: an idle subject with one phone", each, 300);
    let (_phones, phone) = stage.weigh_of(&idle, |subject| subject.devices.clone());
    told("  the person", each - phone);
    told("  the phone", phone);
    told("  its text in the store, before it is sealed", text(&idle) / PEOPLE);
    idle.truncate(TOLD);
    let told_things = weigh(&mut idle, |subject| stage.tell_things(subject));
    tell("memory: one remembered send", told_things / (TOLD * TOLD_EACH), 150);
    let before = text(&stage.people(TOLD));
    told("  its text in the store", (text(&idle) - before) / (TOLD * TOLD_EACH));
    let (inside, _) = stage.weigh(TOLD, |stage| stage.person(PLACE.0));
    let inside_all = |subject: &Subject| {
        subject
            .devices
            .values()
            .all(|phone| phone.presence.len() == FENCES_INSIDE)
    };
    assert!(
        inside.iter().all(|subject| inside_all(subject)),
        "four geofences were asked for"
    );
    let (_phones, each) = stage.weigh_of(&inside, |subject| subject.devices.clone());
    tell("memory: a phone inside four geofences", each, 256);
}

fn tell(what: &str, bytes: usize, budget: usize) {
    let verdict = if bytes <= budget { "met" } else { "MISSED" };
    println!("{what:44} {bytes:>8}  <= {budget}: {verdict}");
}

fn told(what: &str, bytes: usize) {
    println!("{what:44} {bytes:>8}");
}

/// What `change` adds to the memory that is held.
fn weigh<T>(these: &mut Vec<T>, change: impl FnMut(T) -> T) -> usize {
    let taken = std::mem::take(these);
    let mut changed = Vec::with_capacity(taken.len());
    let region = Region::new(ALLOCATOR);
    // One by one into room that is there already: only what they hold themselves is counted.
    changed.extend(taken.into_iter().map(change));
    let held = region.change();
    *these = changed;
    held.bytes_allocated.checked_sub(held.bytes_deallocated).unwrap()
}

fn text(subjects: &[Box<Subject>]) -> usize {
    subjects
        .iter()
        .map(|subject| serde_json::to_string(subject).unwrap().len())
        .sum()
}

impl Stage {
    /// A content, a trigger that says it at each event, and four geofences around one place.
    fn build() -> Self {
        let entropy = SeededEntropy::new(7);
        let now: Timestamp = "2026-05-04T10:00:00Z".parse().unwrap();
        let mut ids = IdSource::new(entropy.seed(), now);
        let mut catalogue = Catalogue::empty(ids.draw(), Mode::Live);
        let content = json!({ "name": "welcome", "default_locale": "en", "ttl": "PT1H",
            "locales": { "en": { "title": "Welcome", "body": "It is good to see you." } } });
        let content = CompiledContent::compile(serde_json::from_value(content).unwrap()).unwrap();
        catalogue.contents.insert("welcome".to_owned(), Arc::new(content));
        let trigger = json!({ "name": "greet", "class": "service", "tags": ["daily"],
            "when": { "event": { "name": "opened_app" } }, "then": { "content": "welcome" } });
        let trigger = CompiledTrigger::compile(ids.draw(), 1, serde_json::from_value(trigger).unwrap()).unwrap();
        catalogue.triggers.push(Arc::new(trigger));
        let fences = (0..FENCES_INSIDE).map(|number| circle(ids.draw(), number, now));
        catalogue.edit_fences(fences.collect(), &[]);
        Self {
            catalogue,
            ids,
            entropy,
            now,
        }
    }

    fn step(&self, subject: Box<Subject>, input: &Input, now: Timestamp) -> Box<Subject> {
        let given = Given {
            catalogue: &self.catalogue,
            spent: &BTreeSet::new(),
            now,
            seed: self.entropy.seed(),
        };
        step(subject, input, given).subject
    }

    /// Somebody who may be told things, with one phone that has said where it is.
    fn person(&mut self, lat: f64) -> Box<Subject> {
        let device_id: DeviceId = self.ids.draw();
        let granted = Consent {
            granted: true,
            at: self.now,
        };
        let consents = [Purpose::Location, Purpose::Service].map(|purpose| (purpose, granted));
        let device = DeviceNews {
            platform: Some("android".to_owned()),
            locale: Some("en".to_owned()),
            time_zone: Some("Europe/Vienna".to_owned()),
            channel: Some(ChannelKind::Fcm),
            ..DeviceNews::default()
        };
        let fix = Fix {
            lat,
            lng: PLACE.1,
            accuracy_m: Some(8.0),
            ..Fix::default()
        };
        let raw = RawRecord {
            id: uuid::Uuid::new_v4().to_string(),
            at: Some(self.now),
            mono_ms: None,
            boot_id: None,
            body: RawBody::Fix(fix),
        };
        let record = validate(raw, &Envelope::default(), self.now).unwrap();
        let inputs = [
            Input::Consents(consents.to_vec()),
            Input::Device { device_id, device },
            Input::Records {
                device_id,
                records: vec![record],
            },
        ];
        let new = Box::new(Subject::new(self.ids.draw::<UserId>()));
        inputs
            .iter()
            .fold(new, |subject, input| self.step(subject, input, self.now))
    }

    #[expect(clippy::vec_box, reason = "a subject lives in a box, and is weighed with it")]
    fn people(&mut self, count: usize) -> Vec<Box<Subject>> {
        (0..count).map(|_| self.person(0.0)).collect()
    }

    /// One message for each time an event happens to them, a minute apart.
    fn tell_things(&self, subject: Box<Subject>) -> Box<Subject> {
        let events = (0..TOLD_EACH).map(|number| {
            let at = self.now + TimeDelta::minutes(i64::try_from(number).unwrap());
            let input = Input::Event {
                record_id: format!("event-{number}"),
                name: "opened_app".to_owned(),
                properties: serde_json::Map::new(),
                occurred_at: at,
            };
            (at, input)
        });
        let subject = events.fold(subject, |subject, (at, input)| self.step(subject, &input, at));
        assert_eq!(subject.sent.len(), TOLD_EACH, "a message was asked for each time");
        subject
    }

    /// So many of what `make` makes, and the bytes of each.
    fn weigh<T>(&mut self, count: usize, mut make: impl FnMut(&mut Self) -> T) -> (Vec<T>, usize) {
        let mut made = vec![(); count];
        let mut kept = Vec::with_capacity(count);
        let bytes = weigh(&mut made, |()| kept.push(make(self)));
        (kept, bytes / count)
    }

    /// The bytes that a copy of what `part` takes of each of them takes beside its own place.
    fn weigh_of<T>(&mut self, of: &[Box<Subject>], part: impl Fn(&Subject) -> T) -> (Vec<T>, usize) {
        let mut of = of.iter();
        self.weigh(of.len(), |_| part(of.next().unwrap()))
    }
}

/// The first is the smallest.
fn circle(id: FenceId, number: usize, now: Timestamp) -> Arc<Geofence> {
    let centre = Position::new(PLACE.0, PLACE.1).unwrap();
    let radius_m = 100.0 * (number + 1) as f64;
    Arc::new(Geofence {
        id,
        names: Names::of("circle", &format!("C{number}"), &format!("Circle {number}")),
        shape: Shape::circle(centre, radius_m, &ShapeLimits::default()).unwrap(),
        time_zone: None,
        details: None,
        version: 1,
        updated_at: now,
    })
}
