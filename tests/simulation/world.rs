//! The world around the house: people who move, phones that queue and repeat, a business that retries, operators who change their minds.

use super::dice::Rates;
use super::fleet::{Fault, Fleet, Stop};
use super::ledger::Promise;
use super::stage::{HOTEL, METRES_PER_DEGREE};
use chrono::TimeDelta;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use usher::base::id::{DeviceId, MessageId, UserId};
use usher::base::time::Timestamp;
use usher::engine::delivery::ChannelKind;
use usher::engine::fact::Fact;
use usher::engine::fix::{Body, DeviceContext, Envelope, Event, Fix, Permission, Receipt, ReceiptStatus, Record};
use usher::engine::fix::{RawBody, RawRecord, validate};
use usher::engine::moment::Moment;
use usher::engine::step::Input;
use usher::engine::subject::{Consent, Purpose};
use usher::store::DeviceRow;

/// Hours that people move and phones report.
pub const HOURS: i64 = 5;
/// Metres north of the hotel that people walk to: into it, to both sides of its edge and of the quarter's, and to the airport.
pub const GOALS: [f64; 8] = [0.0, 20.0, 105.0, 130.0, 300.0, 690.0, 900.0, 5_000.0];
const RECORDS_PER_UPLOAD: usize = 60;

/// Something that somebody does.
#[derive(Debug, Clone)]
pub enum Act {
    Walk(usize),
    Upload(usize),
    Fact(usize),
    Event {
        user_id: UserId,
        id: String,
        name: &'static str,
        properties: Value,
    },
    Trouble,
    Consent {
        user_id: UserId,
        purpose: Purpose,
        granted: bool,
        at: Timestamp,
    },
    Pause {
        trigger: usize,
        paused: bool,
    },
    Publish(usize),
    HandOver {
        phone: usize,
        to: UserId,
    },
    AddressDies(usize),
    NewAddress {
        phone: usize,
        address: String,
    },
}

impl Act {
    pub fn needs_the_house(&self) -> bool {
        !matches!(self, Self::Walk(_) | Self::Trouble | Self::AddressDies(_))
    }
}

#[derive(Default)]
pub struct World {
    pub walkers: Vec<Walker>,
    pub phones: Vec<Phone>,
    pub facts: Vec<Fact>,
    pub path: Vec<(f64, f64)>,
    pub ends_at: Timestamp,
    pub named: usize,
}

pub struct Walker {
    pub user_id: UserId,
    pub phones: Vec<usize>,
    pub metres: f64,
    pub goal: f64,
    pub speed_mps: f64,
    /// How far along the real path, for those who walk it.
    pub along: Option<usize>,
    pub seen_at: Timestamp,
}

pub struct Phone {
    pub device_id: DeviceId,
    pub address: String,
    pub clock_off: TimeDelta,
    pub monotonic: bool,
    pub offline_until: Timestamp,
    pub queue: Vec<RawRecord>,
    /// Answered, and still in the phone's memory.
    pub done: Vec<RawRecord>,
}

/// A batch of one phone on its way, by the users who held the phone.
struct Batch {
    phone: usize,
    sent: Vec<String>,
    by_owner: BTreeMap<UserId, Vec<Record>>,
}

impl Fleet {
    pub fn act(&mut self, act: Act) -> Result<(), Stop> {
        let again = act.clone();
        match act {
            Act::Walk(walker) => {
                self.walk(walker);
                return Ok(());
            }
            Act::Upload(phone) => return self.upload(phone),
            Act::Trouble => {
                self.trouble();
                return Ok(());
            }
            Act::AddressDies(phone) => {
                let address = self.world.phones[phone].address.clone();
                self.screens.living.remove(&address);
                return Ok(());
            }
            Act::Fact(index) => self.tell_fact(index)?,
            Act::Event {
                user_id,
                id,
                name,
                properties,
            } => self.tell_event(user_id, id, name, properties)?,
            Act::Consent {
                user_id,
                purpose,
                granted,
                at,
            } => {
                self.consent(user_id, vec![(purpose, Consent { granted, at })])?;
                self.ledger.promises.insert(Promise::Consent(user_id, purpose, at));
            }
            Act::Pause { trigger, paused } => self.pause(trigger, paused)?,
            Act::Publish(trigger) => self.publish(trigger)?,
            Act::HandOver { phone, to } => self.hand_over(self.world.phones[phone].device_id, to)?,
            Act::NewAddress { phone, address } => self.register(phone, address)?,
        }
        if self.dice.in_1000(self.rates.answer_lost) {
            // The client never hears of it, and does it all again.
            let later = self.now + self.dice.seconds(10, 90);
            self.plan(later, again);
        }
        Ok(())
    }

    fn walk(&mut self, number: usize) {
        let now = self.now;
        let goal = self.dice.pick(&GOALS);
        let turns = self.dice.in_1000(250);
        let walker = &mut self.world.walkers[number];
        let way = walker.speed_mps * (now - walker.seen_at).as_seconds_f64();
        walker.seen_at = now;
        walker.metres += (walker.goal - walker.metres).clamp(-way, way);
        if turns {
            walker.goal = goal;
        }
        let (lat, lng) = match &mut walker.along {
            Some(along) => {
                *along = (*along + 3) % self.world.path.len();
                self.world.path[*along]
            }
            None => (HOTEL.0 + walker.metres / METRES_PER_DEGREE, HOTEL.1),
        };
        for phone in walker.phones.clone() {
            let accuracy = self.dice.pick(&[5.0, 10.0, 20.0, 20.0, 65.0, 500.0]);
            let (off, simulated) = ((self.dice.share() - 0.5) * accuracy, self.dice.in_1000(5));
            let fix = Fix {
                lat: lat + off / METRES_PER_DEGREE,
                lng,
                accuracy_m: Some(accuracy),
                simulated,
                ..Fix::default()
            };
            self.record(phone, RawBody::Fix(fix));
            if self.dice.in_1000(60) {
                let name = self.dice.pick(&["tick", "key"]).to_owned();
                let properties = serde_json::Map::new();
                self.record(phone, RawBody::Event(Event { name, properties }));
            }
        }
        let next = now + self.dice.seconds(60, 480);
        if next < self.world.ends_at {
            self.plan(next, Act::Walk(number));
        }
    }

    /// The phone writes down what it saw, by its own clocks.
    fn record(&mut self, number: usize, body: RawBody) {
        self.world.named += 1;
        let phone = &mut self.world.phones[number];
        let started: Timestamp = super::START.parse().unwrap();
        phone.queue.push(RawRecord {
            id: format!("p{number}-{}", self.world.named),
            at: Some(self.now + phone.clock_off),
            mono_ms: phone
                .monotonic
                .then_some((self.now - started).num_milliseconds() as u64),
            boot_id: phone.monotonic.then(|| "boot".to_owned()),
            body,
        });
    }

    pub fn look_at_screens(&mut self) {
        for (device_id, message_id) in std::mem::take(&mut self.screens.fresh) {
            let Some(phone) = self.world.phones.iter().position(|phone| phone.device_id == device_id) else {
                continue;
            };
            self.receipt(phone, message_id, ReceiptStatus::Displayed);
            if self.dice.in_1000(300) {
                let status = self.dice.pick(&[ReceiptStatus::Opened, ReceiptStatus::Reply]);
                self.receipt(phone, message_id, status);
            }
        }
    }

    fn receipt(&mut self, phone: usize, message_id: MessageId, status: ReceiptStatus) {
        let (action, text) = (None, None);
        self.record(
            phone,
            RawBody::Receipt(Receipt {
                message_id,
                status,
                action,
                text,
            }),
        );
    }

    /// One phone uploads, sometimes another one at the same instant.
    fn upload(&mut self, number: usize) -> Result<(), Stop> {
        let mut phones = vec![number];
        let other = self.dice.below(self.world.phones.len());
        if other != number && self.dice.in_1000(300) {
            phones.push(other);
        }
        phones.retain(|phone| self.world.phones[*phone].offline_until <= self.now);
        let batches: Vec<Batch> = phones.into_iter().map(|phone| self.batch(phone)).collect();
        let (mut jobs, mut whose) = (Vec::new(), Vec::new());
        for (at, batch) in batches.iter().enumerate() {
            let device_id = self.world.phones[batch.phone].device_id;
            for (user_id, records) in &batch.by_owner {
                let records = records.clone();
                let job = self.job(*user_id, Input::Records { device_id, records });
                jobs.push(job);
                whose.push(at);
            }
            if self.fault == Fault::AnswersBeforeTheCommit {
                self.answered(batch, &[]);
            }
        }
        let answers = self.run(jobs)?;
        for (at, batch) in batches.iter().enumerate() {
            let moments = whose.iter().zip(&answers).filter(|(one, _)| **one == at);
            let moments: Vec<Moment> = moments.flat_map(|(_, moments)| moments.clone()).collect();
            if !self.dice.in_1000(self.rates.answer_lost) {
                self.answered(batch, &moments);
            }
        }
        if self.dice.in_1000(self.rates.offline) {
            self.world.phones[number].offline_until = self.now + self.dice.seconds(600, 7_200);
        }
        let next = self.now + self.dice.seconds(60, 900);
        if next < self.world.ends_at {
            self.plan(next, Act::Upload(number));
        }
        Ok(())
    }

    /// What a phone sends: all it has, some of it again, in any order; each record to who held the phone when it happened.
    fn batch(&mut self, number: usize) -> Batch {
        let phone = &self.world.phones[number];
        let mut raw: Vec<RawRecord> = phone.queue.iter().take(RECORDS_PER_UPLOAD).cloned().collect();
        let sent = raw.iter().map(|record| record.id.clone()).collect();
        if self.dice.in_1000(self.rates.repeated) && !phone.done.is_empty() {
            raw.push(self.dice.pick(&phone.done));
        }
        if self.dice.in_1000(400) {
            self.dice.shuffle(&mut raw);
        }
        let started: Timestamp = super::START.parse().unwrap();
        let envelope = Envelope {
            sent_at: Some(self.now + phone.clock_off),
            sent_mono_ms: phone
                .monotonic
                .then_some((self.now - started).num_milliseconds() as u64),
            boot_id: phone.monotonic.then(|| "boot".to_owned()),
        };
        let held = self.database.held.get(&phone.device_id).cloned().unwrap_or_default();
        let present = held.last().map(|last| last.user_id);
        let mut by_owner: BTreeMap<UserId, Vec<Record>> = BTreeMap::new();
        for raw in raw {
            let record = validate(raw, &envelope, self.now).unwrap();
            let mut times = held.iter().rev();
            let then = times.find(|held| held.from <= record.at && held.to.is_none_or(|to| record.at < to));
            if let Some(user_id) = then.map(|held| held.user_id).or(present) {
                by_owner.entry(user_id).or_default().push(record);
            }
        }
        Batch {
            phone: number,
            sent,
            by_owner,
        }
    }

    /// The phone forgets what was answered, and the answer holds the house to its word.
    fn answered(&mut self, batch: &Batch, moments: &[Moment]) {
        let phone = &mut self.world.phones[batch.phone];
        let queue = std::mem::take(&mut phone.queue).into_iter();
        let (done, left): (Vec<_>, Vec<_>) = queue.partition(|record| batch.sent.contains(&record.id));
        phone.queue = left;
        phone.done.extend(done);
        let surplus = phone.done.len().saturating_sub(20);
        phone.done.drain(..surplus);
        let records = batch.by_owner.values().flatten();
        let once = records.filter(|record| matches!(record.body, Body::Event(_) | Body::Receipt(_)));
        self.ledger
            .promises
            .extend(once.map(|record| Promise::Record(record.id.clone())));
        self.ledger
            .promises
            .extend(moments.iter().map(|moment| Promise::Moment(moment.id)));
    }

    fn tell_fact(&mut self, index: usize) -> Result<(), Stop> {
        let fact = Fact {
            changed_at: self.now,
            ..self.world.facts[index].clone()
        };
        self.note(|| format!("fact {} version {}", fact.id, fact.seq));
        self.put_fact(&fact)?;
        self.ledger.promises.insert(Promise::Fact(fact.id, fact.seq));
        Ok(())
    }

    fn tell_event(&mut self, user_id: UserId, id: String, name: &str, properties: Value) -> Result<(), Stop> {
        let input = Input::Event {
            record_id: id.clone(),
            name: name.to_owned(),
            properties: properties.as_object().cloned().unwrap_or_default(),
            occurred_at: self.now,
        };
        let job = self.job(user_id, input);
        let answers = self.run(vec![job])?;
        let moments = answers.into_iter().flatten().map(|moment| Promise::Moment(moment.id));
        self.ledger.promises.extend(moments);
        self.ledger.promises.insert(Promise::Record(id));
        Ok(())
    }

    /// Somebody changes their mind, and mostly back again later.
    fn trouble(&mut self) {
        let next = self.now + self.dice.seconds(300, 1_800);
        if next < self.world.ends_at {
            self.plan(next, Act::Trouble);
        }
        if !self.dice.in_1000(self.rates.restless * 4) {
            return;
        }
        let walker = self.dice.below(self.world.walkers.len());
        let user_id = self.world.walkers[walker].user_id;
        let phone = self.dice.pick(&self.world.walkers[walker].phones);
        let (now, later) = (self.now, self.now + self.dice.seconds(300, 5_000));
        match self.dice.below(6) {
            0 | 1 => {
                let purpose = self.dice.pick(&[Purpose::Location, Purpose::Service, Purpose::Promo]);
                for (at, granted) in [(now, false), (later, true)] {
                    let act = Act::Consent {
                        user_id,
                        purpose,
                        granted,
                        at,
                    };
                    self.plan(at, act);
                }
            }
            2 => {
                let trigger = self.dice.below(64);
                self.plan(now, Act::Pause { trigger, paused: true });
                self.plan(later, Act::Pause { trigger, paused: false });
            }
            3 => {
                let stranger = UserId::from(self.dice.uuid());
                self.plan(now, Act::HandOver { phone, to: stranger });
                self.plan(later, Act::HandOver { phone, to: user_id });
            }
            4 => {
                self.world.named += 1;
                let address = format!("token-{phone}-{}", self.world.named);
                self.plan(now, Act::AddressDies(phone));
                self.plan(later, Act::NewAddress { phone, address });
            }
            _ => {
                let context = DeviceContext {
                    time_zone: Some(
                        self.dice
                            .pick(&["Europe/Vienna", "Asia/Tokyo", "America/Lima"])
                            .to_owned(),
                    ),
                    notifications: Some(self.dice.pick(&[Permission::Granted, Permission::Denied])),
                    ..DeviceContext::default()
                };
                self.record(phone, RawBody::Context(context));
                self.plan(later, Act::Publish(self.world.named));
            }
        }
    }

    fn pause(&mut self, trigger: usize, paused: bool) -> Result<(), Stop> {
        let triggers = &self.database.catalogue.triggers;
        let id = triggers[trigger % triggers.len()].id;
        if !paused {
            // It may speak again as soon as the edit is stored, whether or not that is ever answered.
            self.ledger.paused.remove(&id);
        }
        self.edit(|catalogue| {
            let retired = catalogue.retired.values_mut();
            for revision in catalogue.triggers.iter_mut().chain(retired).filter(|one| one.id == id) {
                Arc::make_mut(revision).paused = paused;
            }
        })?;
        if paused {
            self.ledger.paused.insert(id);
        }
        Ok(())
    }

    fn publish(&mut self, trigger: usize) -> Result<(), Stop> {
        self.edit(|catalogue| {
            let number = trigger % catalogue.triggers.len();
            let live = &mut catalogue.triggers[number];
            let former = Arc::clone(live);
            Arc::make_mut(live).revision += 1;
            catalogue.retired.insert((former.id, former.revision), former);
        })
    }

    fn register(&mut self, phone: usize, address: String) -> Result<(), Stop> {
        let device_id = self.world.phones[phone].device_id;
        self.screens.living.insert(address.clone(), device_id);
        self.world.phones[phone].address.clone_from(&address);
        let Some(row) = self.database.devices.get(&device_id).cloned() else {
            return Ok(());
        };
        self.update_device(DeviceRow {
            push: Some((ChannelKind::Fcm, address)),
            ..row
        })
    }

    /// Everybody comes back online, says what is left to say, and every pause ends.
    pub fn finish_everything(&mut self) {
        debug_assert_eq!(self.rates.crash, Rates::CALM.crash);
        for number in 0..self.world.phones.len() {
            self.world.phones[number].offline_until = self.now;
            self.plan(self.now, Act::Upload(number));
        }
        for index in 0..self.world.facts.len() {
            self.plan(self.now, Act::Fact(index));
        }
        for trigger in 0..self.database.catalogue.triggers.len() {
            self.plan(self.now, Act::Pause { trigger, paused: false });
        }
    }
}
