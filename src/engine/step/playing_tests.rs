//! Plays a random history on the stage of `tests/simulation/stage.json`, with a witness who looks at every step.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use super::happening_tests::{Dice, Happening, Seen, Sight, Version, What, fact_of, fact_ref};
use super::stage_tests::{HOTEL, at, record};
use super::witness_tests::Witness;
use super::*;
use crate::base::id::{FenceId, IdSource, ProjectId};
use crate::base::time::Span;
use crate::engine::catalogue::{Catalogue, Mode};
use crate::engine::fence::{Details, FenceIndex, Geofence, Names, Position, Shape, ShapeLimits};
use crate::engine::fix::{Body, Crossing, DeviceContext, Event, Receipt};
use crate::engine::message::CompiledContent;
use crate::engine::subject::{About, Device};
use crate::engine::trigger::CompiledTrigger;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use uuid::Uuid;

const METRES_PER_DEGREE: f64 = 111_194.3;
const STAGE: &str = include_str!("../../../tests/simulation/stage.json");
/// Long enough for every wait to come to its limit, which is a day at most here; each further day is an evening more to judge.
const AFTERWARDS: Span = Span::hours(24 * 4);

/// Reading and writing the state costs more than the step: it is done before every so many of them.
const STORED_EVERY: usize = 5;

/// The project of the histories. Each one begins with it as it is here.
pub(super) struct House {
    catalogue: Catalogue,
    places: Vec<FenceId>,
}

impl House {
    pub(super) fn build() -> Self {
        let stage: Value = serde_json::from_str(STAGE).unwrap();
        let mut ids = IdSource::new(Uuid::from_u128(7), at("00:00"));
        let mut catalogue = Catalogue::empty(ids.draw::<ProjectId>(), Mode::Live);
        catalogue.settings.time_zone = chrono_tz::Europe::Vienna;
        "salt".clone_into(&mut catalogue.salt);
        for content in stage["contents"].as_array().unwrap() {
            let compiled = CompiledContent::compile(serde_json::from_value(content.clone()).unwrap()).unwrap();
            catalogue
                .contents
                .insert(compiled.content.name.clone(), Arc::new(compiled));
        }
        let mut places = Vec::new();
        for place in stage["places"].as_array().unwrap() {
            let fence = fence_of(place, ids.draw());
            places.push(fence.id);
            catalogue.fences.insert(Arc::new(fence));
        }
        for trigger in stage["triggers"].as_array().unwrap() {
            let sentence = serde_json::from_value(trigger.clone()).unwrap();
            let compiled = CompiledTrigger::compile(ids.draw(), 1, sentence).unwrap();
            catalogue.triggers.push(Arc::new(compiled));
        }
        catalogue.triggers.sort_by(|a, b| a.sentence.name.cmp(&b.sentence.name));
        reindex(&mut catalogue);
        Self { catalogue, places }
    }
}

fn fence_of(place: &Value, id: FenceId) -> Geofence {
    let limits = ShapeLimits::default();
    let shape = if let Some(geometry) = place.get("geometry") {
        Shape::from_geojson(geometry, &limits).unwrap()
    } else {
        let centre = &place["center"];
        let centre = Position::new(centre["lat"].as_f64().unwrap(), centre["lng"].as_f64().unwrap()).unwrap();
        Shape::circle(centre, place["radius_m"].as_f64().unwrap(), &limits).unwrap()
    };
    let text = |name: &str| place[name].as_str().unwrap_or_default().to_owned();
    let hours = place.get("opening_hours").cloned().unwrap_or_default();
    let details = Details {
        opening_hours: serde_json::from_value(hours).unwrap_or_default(),
        ..Details::default()
    };
    Geofence {
        id,
        names: Names::of(&text("tag"), &text("external_id"), &text("name")),
        shape,
        time_zone: place["time_zone"].as_str().map(|name| name.parse().unwrap()),
        details: details.boxed(),
        version: 1,
        updated_at: at("00:00"),
    }
}

fn reindex(catalogue: &mut Catalogue) {
    let shapes = catalogue.fences.values().map(|fence| (fence.id, Arc::clone(fence)));
    catalogue.index = FenceIndex::build(shapes.collect());
}

/// What a history came to.
#[derive(Debug, PartialEq)]
pub(super) struct Played {
    /// Of every step, in order.
    pub(super) told: Vec<Told>,
    pub(super) subject: Subject,
}

/// What came out of one step, but for the state.
#[derive(Debug, PartialEq)]
pub(super) struct Told {
    moments: Vec<Moment>,
    pub(super) decisions: Vec<Decision>,
    messages: Vec<Message>,
    cancelled: Vec<MessageId>,
    refused: Vec<Refused>,
    wake_at: Option<Timestamp>,
}

/// Plays a history to its end and long after. With `stored`, the state goes through its stored form before some of its steps.
pub(super) fn play(house: &House, history: &[Happening], stored: bool) -> Result<Played, String> {
    let mut player = Player::new(house, stored);
    for happening in history {
        player.now += Span::seconds(happening.after_s).delta();
        player.pass_time()?;
        player.live(&happening.what)?;
    }
    player.now += AFTERWARDS.delta();
    player.pass_time()?;
    player.witness.saw_the_end(&player.subject, &player.catalogue)?;
    Ok(Played {
        told: player.told,
        subject: player.subject,
    })
}

struct Player {
    catalogue: Catalogue,
    places: Vec<FenceId>,
    user_id: UserId,
    subject: Subject,
    devices: [DeviceId; 2],
    now: Timestamp,
    wake_at: Option<Timestamp>,
    witness: Witness,
    told: Vec<Told>,
    seqs: BTreeMap<FactRef, i64>,
    records: usize,
    stored: bool,
}

impl Player {
    fn new(house: &House, stored: bool) -> Self {
        let mut ids = IdSource::new(Uuid::from_u128(1), at("00:00"));
        let mut subject = Subject::new(ids.draw::<UserId>());
        let granted = Consent {
            granted: true,
            at: at("00:00"),
        };
        for purpose in [Purpose::Location, Purpose::Service] {
            subject.consents.insert(purpose, granted);
        }
        let devices = [ids.draw::<DeviceId>(), ids.draw()];
        let held = Device {
            about: About {
                channel: Some(ChannelKind::Tray),
                ..About::default()
            }
            .into(),
            last_seen_at: Some(at("00:00").into()),
            ..Device::default()
        };
        subject.devices.insert(devices[0], held);
        Self {
            catalogue: house.catalogue.clone(),
            places: house.places.clone(),
            witness: Witness::of(&subject),
            user_id: subject.user_id,
            subject,
            devices,
            now: at("09:00"),
            wake_at: None,
            told: Vec::new(),
            seqs: BTreeMap::new(),
            records: 0,
            stored,
        }
    }

    /// Every timer fires at its own instant.
    fn pass_time(&mut self) -> Result<(), String> {
        let until = self.now;
        for _ in 0..10_000 {
            let Some(due) = self.wake_at.filter(|due| *due <= until) else {
                self.now = until;
                return Ok(());
            };
            self.now = due;
            self.step(&Input::Tick)?;
        }
        Err(format!("a timer at {} fires for ever", self.now))
    }

    fn stepped(&self, input: &Input, before: Subject) -> Effects {
        let given = Given {
            catalogue: &self.catalogue,
            spent: &BTreeSet::new(),
            now: self.now,
            seed: Uuid::from_u128(self.told.len() as u128 + 1),
        };
        step(before, input, given)
    }

    fn step(&mut self, input: &Input) -> Result<(), String> {
        if self.stored && self.told.len().is_multiple_of(STORED_EVERY) {
            let stored = serde_json::to_string(&self.subject).unwrap();
            self.subject = serde_json::from_str(&stored).unwrap();
        }
        self.witness.about_to_see(&self.subject, input, &self.catalogue);
        let before = std::mem::replace(&mut self.subject, Subject::new(self.user_id));
        let effects = self.stepped(input, before);
        self.witness
            .saw(input, &effects, &self.catalogue, self.now)
            .map_err(|breach| format!("{breach}\nat {} in {input:?}\n{:#?}", self.now, effects.decisions))?;
        self.wake_at = effects.wake_at;
        self.told.push(Told {
            moments: effects.moments,
            decisions: effects.decisions,
            messages: effects.messages,
            cancelled: effects.cancelled,
            refused: effects.refused,
            wake_at: effects.wake_at,
        });
        self.subject = *effects.subject;
        Ok(())
    }

    fn live(&mut self, what: &What) -> Result<(), String> {
        let now = self.now;
        match what {
            What::Records { device, seen, mix } => return self.track(self.devices[*device], seen, *mix),
            What::Event { name, properties } => {
                self.records += 1;
                return self.step(&Input::Event {
                    record_id: format!("e{}", self.records),
                    name: (*name).to_owned(),
                    properties: properties.as_object().cloned().unwrap_or_default(),
                    occurred_at: now,
                });
            }
            What::Fact { kind, key, version, .. } => {
                let seq = self.seqs.entry(fact_ref(kind, *key)).or_insert(0);
                *seq += i64::from(*version == Version::Next || *seq == 0);
                let told = *seq - i64::from(*version == Version::Lower);
                return fact_of(what, told, now).map_or(Ok(()), |fact| self.step(&Input::Fact(fact)));
            }
            What::FactGone { kind, key } => return self.step(&Input::FactGone(fact_ref(kind, *key))),
            What::Consent {
                purpose,
                granted,
                late_s,
            } => {
                let said = Consent {
                    granted: *granted,
                    at: now - Span::seconds(*late_s).delta(),
                };
                return self.step(&Input::Consents(vec![(*purpose, said)]));
            }
            What::Zone(zone) => {
                let profile = Profile {
                    time_zone: zone.map(ToOwned::to_owned),
                    ..Profile::clone(&self.subject.profile)
                };
                return self.step(&Input::Profile(profile));
            }
            What::Device {
                device,
                zone,
                reached,
                notifications,
            } => {
                let device_id = self.devices[*device];
                let device = DeviceNews {
                    platform: Some("ios".to_owned()),
                    locale: Some("de".to_owned()),
                    time_zone: Some((*zone).to_owned()),
                    notifications: Some(*notifications),
                    channel: reached.then_some(ChannelKind::Tray),
                };
                return self.step(&Input::Device { device_id, device });
            }
            What::DeviceGone(device) => return self.step(&Input::DeviceGone(self.devices[*device])),
            What::Pause { trigger, paused } => self.pause(*trigger, *paused),
            What::MoveHotel(metres) => self.move_hotel(*metres),
            What::Publish(trigger) => self.publish(*trigger),
            What::Time => return self.step(&Input::Tick),
        }
        // A catalogue that was swapped is nobody's input: it is met at the next step.
        Ok(())
    }

    fn pause(&mut self, trigger: Option<usize>, paused: bool) {
        let Some(number) = trigger else {
            self.catalogue.settings.paused = paused;
            return;
        };
        let id = self.catalogue.triggers[number % self.catalogue.triggers.len()].id;
        let retired = self.catalogue.retired.values_mut();
        for revision in self.catalogue.triggers.iter_mut().chain(retired) {
            if revision.id == id {
                Arc::make_mut(revision).paused = paused;
            }
        }
    }

    fn publish(&mut self, trigger: usize) {
        let number = trigger % self.catalogue.triggers.len();
        let live = &mut self.catalogue.triggers[number];
        let former = Arc::clone(live);
        Arc::make_mut(live).revision += 1;
        self.catalogue.retired.insert((former.id, former.revision), former);
    }

    fn move_hotel(&mut self, metres: f64) {
        let id = self.places[0];
        let before = &self.catalogue.fences[&id];
        let centre = Position::new(HOTEL.0 + metres / METRES_PER_DEGREE, HOTEL.1).unwrap();
        let fence = Geofence {
            shape: Shape::circle(centre, 120.0, &ShapeLimits::default()).unwrap(),
            version: before.version + 1,
            updated_at: self.now,
            ..Geofence::clone(before)
        };
        self.catalogue.fences.insert(Arc::new(fence));
        reindex(&mut self.catalogue);
    }

    /// Sends a batch, and looks at what it would have done in another order, with records repeated, and sent once more.
    fn track(&mut self, device_id: DeviceId, seen: &[Seen], mix: u64) -> Result<(), String> {
        let records: Vec<Record> = seen.iter().filter_map(|seen| self.record_of(seen)).collect();
        let batch = |records| Input::Records { device_id, records };
        let now = self.now;
        let looks = !self.stored && records.len() > 1;
        let shuffled = looks.then(|| self.stepped(&batch(mixed(&records, mix)), self.subject.clone()));
        self.step(&batch(records.clone()))?;
        if let (Some(shuffled), Some(plain)) = (shuffled, self.told.last()) {
            let same = plain.moments == shuffled.moments
                && plain.decisions == shuffled.decisions
                && self.subject == *shuffled.subject;
            if !same {
                return Err(format!(
                    "another order of a batch gives something else at {now}: {records:#?}"
                ));
            }
        }
        if self.stored {
            return Ok(());
        }
        // The records of a place are known by their order; events and receipts are known by their ids, in the store.
        let placed = records
            .into_iter()
            .filter(|record| !matches!(record.body, Body::Event(_) | Body::Receipt(_)));
        let again = self.stepped(&batch(placed.collect()), self.subject.clone());
        if again.moments.is_empty() && again.decisions.is_empty() {
            return Ok(());
        }
        Err(format!("a batch sent once more at {now} gives {:#?}", again.moments))
    }

    fn record_of(&mut self, seen: &Seen) -> Option<Record> {
        self.records += 1;
        let body = match &seen.sight {
            Sight::Fix {
                metres,
                accuracy_m,
                simulated,
            } => Body::Fix(Fix {
                lat: (HOTEL.0 + metres / METRES_PER_DEGREE).min(90.0),
                lng: HOTEL.1,
                accuracy_m: Some(*accuracy_m),
                simulated: *simulated,
                ..Fix::default()
            }),
            Sight::Crossing(place, transition) => Body::Crossing(Crossing {
                geofence_id: self.places[place % self.places.len()],
                transition: *transition,
            }),
            Sight::Event(name) => Body::Event(Event {
                name: (*name).to_owned(),
                properties: Map::new(),
            }),
            Sight::Context(zone, notifications) => Body::Context(DeviceContext {
                time_zone: Some((*zone).to_owned()),
                notifications: Some(*notifications),
                ..DeviceContext::default()
            }),
            Sight::Receipt(status) => Body::Receipt(Receipt {
                message_id: self.subject.sent.last()?.message_id,
                status: *status,
                action: None,
                text: None,
            }),
        };
        let when = self.now - Span::seconds(seen.ago_s).delta();
        let suspect = seen.ago_s > 604_800;
        let whole = record(&format!("r{}", self.records), when, body);
        Some(Record { suspect, ..whole })
    }
}

/// The same records in another order, some of them twice.
fn mixed(records: &[Record], seed: u64) -> Vec<Record> {
    let dice = &mut Dice::new(seed);
    let mut mixed = records.to_vec();
    for _ in 0..records.len() {
        let again = mixed[dice.below(mixed.len())].clone();
        if dice.percent(50) {
            mixed.push(again);
        }
        let (one, other) = (dice.below(mixed.len()), dice.below(mixed.len()));
        mixed.swap(one, other);
    }
    mixed
}
