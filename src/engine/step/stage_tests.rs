//! The stage of the step's tests: one hotel, one airport, one content, and a person whose time can be moved.
#![allow(clippy::unwrap_used, reason = "tests may panic")]
#![allow(
    clippy::needless_pass_by_value,
    reason = "a JSON literal reads better at the call than a reference to one"
)]

use super::*;
use crate::base::id::{FenceId, IdSource, ProjectId, UserId};
use crate::base::time::Span;
use crate::engine::catalogue::{Catalogue, Mode};
use crate::engine::fact::Lifecycle;
use crate::engine::fence::hours::Opening;
use crate::engine::fence::{Details, FenceIndex, Geofence, Names, Position, Shape, ShapeLimits};
use crate::engine::fix::{Body, Crossing, Quality, Transition};
use crate::engine::message::CompiledContent;
use crate::engine::subject::{About, Device};
use crate::engine::trigger::CompiledTrigger;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use uuid::Uuid;

pub(super) const HOTEL: (f64, f64) = (48.20480, 16.36960);
const METRES_PER_DEGREE: f64 = 111_194.3;

/// `14:55:30` on Monday 2026-05-04 in Vienna; `5 14:55` is the day after.
pub(super) fn at(text: &str) -> Timestamp {
    let (day, time) = text.split_once(' ').unwrap_or(("4", text));
    let seconds = if time.len() == 5 { ":00" } else { "" };
    format!("2026-05-{:02}T{time}{seconds}+02:00", day.parse::<u32>().unwrap())
        .parse()
        .unwrap()
}

pub(super) struct Stage {
    pub(super) catalogue: Catalogue,
    pub(super) ids: IdSource,
}

impl Stage {
    /// A live project with the hotel H1 (radius 120 m), a content `hello`, and these triggers.
    pub(super) fn with(triggers: &[Value]) -> Self {
        let mut ids = IdSource::new(Uuid::from_u128(7), at("00:00"));
        let mut catalogue = Catalogue::empty(ids.draw::<ProjectId>(), Mode::Live);
        catalogue.settings.time_zone = chrono_tz::Europe::Vienna;
        catalogue.project_name = "house".to_owned();
        let mut stage = Self { catalogue, ids };
        stage.say(json!({ "name": "hello", "default_locale": "en", "ttl": "PT2H",
            "locales": { "en": { "title": "Hello", "body": "there" } } }));
        let id = stage.ids.draw();
        stage.draw_fence(id, HOTEL, 120.0, 1, at("00:00"));
        for trigger in triggers {
            stage.publish(trigger.clone());
        }
        stage
    }

    pub(super) fn say(&mut self, content: Value) {
        let content: crate::engine::message::Content = serde_json::from_value(content).unwrap();
        let name = content.name.clone();
        let compiled = Arc::new(CompiledContent::compile(content).unwrap());
        self.catalogue.contents.insert(name, compiled);
    }

    /// The parts that a test leaves out are a service message `hello`.
    pub(super) fn publish(&mut self, trigger: Value) {
        let mut whole = json!({ "name": "greet", "class": "service", "then": { "content": "hello" } });
        whole
            .as_object_mut()
            .unwrap()
            .extend(trigger.as_object().unwrap().clone());
        let sentence = serde_json::from_value(whole).unwrap();
        let compiled = CompiledTrigger::compile(self.ids.draw(), 1, sentence).unwrap();
        self.catalogue.triggers.push(Arc::new(compiled));
    }

    pub(super) fn hotel(&self) -> FenceId {
        *self.catalogue.fences.keys().next().unwrap()
    }

    pub(super) fn draw_fence(&mut self, id: FenceId, centre: (f64, f64), radius_m: f64, version: i64, when: Timestamp) {
        let centre = Position::new(centre.0, centre.1).unwrap();
        let shape = Shape::circle(centre, radius_m, &ShapeLimits::default()).unwrap();
        let kitchen = Opening {
            days: Vec::new(),
            from: chrono::NaiveTime::from_hms_opt(6, 30, 0).unwrap(),
            to: chrono::NaiveTime::from_hms_opt(22, 30, 0).unwrap(),
        };
        let details = Details {
            opening_hours: BTreeMap::from([("kitchen".to_owned(), vec![kitchen])]),
            ..Details::default()
        };
        let fence = Geofence {
            id,
            names: Names::of("hotel", "H1", "Hotel One"),
            shape,
            time_zone: Some(chrono_tz::Europe::Vienna),
            details: details.boxed(),
            version,
            updated_at: when,
        };
        let fence = Arc::new(fence);
        self.catalogue.fences = [Arc::clone(&fence)].into_iter().collect();
        self.catalogue.index = FenceIndex::build(vec![(id, fence)]);
    }
}

/// One user with one phone that shows everything; remembers all that came out.
pub(super) struct Person {
    pub(super) subject: Subject,
    pub(super) device: DeviceId,
    pub(super) moments: Vec<Moment>,
    pub(super) decisions: Vec<Decision>,
    pub(super) messages: Vec<Message>,
    pub(super) wake_at: Option<Timestamp>,
    steps: u128,
}

impl Person {
    pub(super) fn new(number: u128) -> Self {
        let mut ids = IdSource::new(Uuid::from_u128(number), at("00:00"));
        let mut subject = Subject::new(ids.draw::<UserId>());
        let granted = Consent {
            granted: true,
            at: at("00:00"),
        };
        for purpose in [Purpose::Location, Purpose::Service, Purpose::Promo] {
            subject.consents.insert(purpose, granted);
        }
        subject.profile.user_ref = Some("ana".to_owned());
        let device = ids.draw();
        let about = About {
            channel: Some(ChannelKind::Tray),
            time_zone: Some("Europe/Vienna".to_owned()),
            ..About::default()
        };
        let held = Device {
            about: about.into(),
            last_seen_at: Some(at("00:00").into()),
            ..Device::default()
        };
        subject.devices.insert(device, held);
        Self {
            subject,
            device,
            moments: Vec::new(),
            decisions: Vec::new(),
            messages: Vec::new(),
            wake_at: None,
            steps: number << 64,
        }
    }

    pub(super) fn step(&mut self, stage: &Stage, now: Timestamp, input: &Input) -> Effects {
        self.steps += 1;
        let given = Given {
            catalogue: &stage.catalogue,
            spent: &BTreeSet::new(),
            now,
            seed: Uuid::from_u128(self.steps),
        };
        let effects = step(self.subject.clone(), input, given);
        self.subject.clone_from(&effects.subject);
        self.wake_at = effects.wake_at;
        self.moments.extend(effects.moments.clone());
        self.decisions.extend(effects.decisions.clone());
        self.messages.extend(effects.messages.clone());
        effects
    }

    /// Lets time pass: every timer fires at its own instant.
    pub(super) fn until(&mut self, stage: &Stage, now: Timestamp) {
        let mut fired = 0;
        while let Some(due) = self.wake_at.filter(|due| *due <= now) {
            self.step(stage, due, &Input::Tick);
            fired += 1;
            assert!(fired < 10_000, "a timer at {due} fires for ever");
        }
    }

    pub(super) fn fix(&mut self, stage: &Stage, now: &str, metres: f64) -> Effects {
        let record = fix(&format!("fix at {now}"), at(now), metres);
        self.records(stage, at(now), vec![record])
    }

    pub(super) fn records(&mut self, stage: &Stage, now: Timestamp, records: Vec<Record>) -> Effects {
        self.until(stage, now);
        let device_id = self.device;
        self.step(stage, now, &Input::Records { device_id, records })
    }

    pub(super) fn event(&mut self, stage: &Stage, now: &str, name: &str) -> Effects {
        self.until(stage, at(now));
        let input = Input::Event {
            record_id: format!("{name} at {now}"),
            name: name.to_owned(),
            properties: serde_json::Map::new(),
            occurred_at: at(now),
        };
        self.step(stage, at(now), &input)
    }

    pub(super) fn fact(&mut self, stage: &Stage, now: &str, fact: Fact) -> Effects {
        self.until(stage, at(now));
        let fact = Fact {
            changed_at: at(now),
            ..fact
        };
        self.step(stage, at(now), &Input::Fact(fact))
    }

    /// The codes so far, in order.
    pub(super) fn codes(&self) -> Vec<String> {
        self.decisions.iter().map(|decision| decision.code.as_str()).collect()
    }

    pub(super) fn kinds(&self) -> Vec<&'static str> {
        self.moments.iter().map(|moment| moment.kind.name()).collect()
    }
}

/// A fix so many metres north of the hotel's centre, accurate to 20 m.
pub(super) fn fix(id: &str, when: Timestamp, metres: f64) -> Record {
    let fix = Fix {
        lat: HOTEL.0 + metres / METRES_PER_DEGREE,
        lng: HOTEL.1,
        accuracy_m: Some(20.0),
        ..Fix::default()
    };
    record(id, when, Body::Fix(fix))
}

pub(super) fn crossing(id: &str, when: Timestamp, geofence_id: FenceId, transition: Transition) -> Record {
    let crossing = Crossing {
        geofence_id,
        transition,
    };
    record(id, when, Body::Crossing(crossing))
}

pub(super) fn record(id: &str, when: Timestamp, body: Body) -> Record {
    Record {
        id: id.to_owned(),
        at: when,
        quality: Quality::Exact,
        suspect: false,
        body,
    }
}

pub(super) fn stay(key: &str, seq: i64, properties: Value) -> Fact {
    Fact {
        id: FactRef {
            kind: "stay".to_owned(),
            key: key.to_owned(),
        },
        seq,
        subjects: Vec::new(),
        lifecycle: Lifecycle::Active,
        valid_from: None,
        valid_to: None,
        sensitive: Vec::new(),
        properties: properties.as_object().unwrap().clone(),
        changed_at: at("00:00"),
    }
}

pub(super) fn hours(count: i64) -> chrono::TimeDelta {
    Span::hours(count).delta()
}
