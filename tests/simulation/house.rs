//! The model of the house: the production step between the commits of `src/pipeline`, and a crash at the edge of any of them.

use super::database::due_at;
use super::fleet::{Fault, Fleet, Stop};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use usher::base::id::{DeviceId, UserId};
use usher::base::limits;
use usher::base::time::Timestamp;
use usher::engine::catalogue::Catalogue;
use usher::engine::delivery::Outcome;
use usher::engine::fact::Fact;
use usher::engine::fix::{Body, Record};
use usher::engine::moment::Moment;
use usher::engine::step::{DeviceNews, Given, Input, step};
use usher::engine::subject::{Consent, Purpose, Subject};
use usher::store::{Change, Claimed, DeviceRow, EventRow, InboxEntry, InboxInput, Row};
use uuid::Uuid;

/// What a process knows and a crash forgets.
pub struct House {
    pub catalogue: Arc<Catalogue>,
    pub subjects: BTreeMap<UserId, Subject>,
    pub flights: Vec<Flight>,
    /// Entries of the inbox that a lane could not take: the next tick does.
    pub inbox_left: bool,
}

/// A send under way.
pub struct Flight {
    pub claimed: Claimed,
    pub address: String,
    pub outcome: Outcome,
    pub begun_at: Timestamp,
    pub answers_at: Timestamp,
}

/// One input of one user on its way through a lane.
#[derive(Clone)]
pub struct Job {
    pub user_id: UserId,
    pub input: Option<Input>,
    pub rows: Vec<Row>,
    pub inbox_done: Option<Uuid>,
    pub seed: Uuid,
}

struct Stepped {
    index: usize,
    job: Job,
    change: Change,
    must_commit: bool,
    leans: bool,
}

const LANES: u128 = 2;

impl House {
    pub fn start(catalogue: Arc<Catalogue>) -> Self {
        Self {
            catalogue,
            subjects: BTreeMap::new(),
            flights: Vec::new(),
            inbox_left: false,
        }
    }
}

impl Fleet {
    /// The edge of a transaction: the process may die here.
    pub fn edge(&mut self, of: &str) -> Result<(), Stop> {
        if self.dice.in_1000(self.rates.crash) {
            self.note(|| format!("CRASH {of}"));
            return Err(Stop::Crash);
        }
        Ok(())
    }

    pub fn job(&mut self, user_id: UserId, input: Input) -> Job {
        Job {
            user_id,
            input: Some(input),
            rows: Vec::new(),
            inbox_done: None,
            seed: self.dice.uuid(),
        }
    }

    /// Takes jobs through the lanes; answers, for each, the moments it noticed. Whoever is told of them is stepped next.
    pub fn run(&mut self, jobs: Vec<Job>) -> Result<Vec<Vec<Moment>>, Stop> {
        let (answers, told) = self.run_lanes(jobs)?;
        self.hand_over_told(told)?;
        Ok(answers)
    }

    /// What was told in a commit, handed to the lanes of those it was told to; a full one leaves it to the next tick.
    fn hand_over_told(&mut self, told: Vec<InboxEntry>) -> Result<(), Stop> {
        let (mut left, mut taken) = (Vec::new(), Vec::new());
        for entry in told {
            let full = self.dice.in_1000(self.rates.full_lane);
            if full { &mut left } else { &mut taken }.push(entry);
        }
        self.house.inbox_left |= !left.is_empty();
        if taken.is_empty() {
            Ok(())
        } else {
            self.step_inbox(taken)
        }
    }

    /// All lanes step before the first one commits.
    fn run_lanes(&mut self, jobs: Vec<Job>) -> Result<(Vec<Vec<Moment>>, Vec<InboxEntry>), Stop> {
        let mut told = Vec::new();
        let mut answers = vec![Vec::new(); jobs.len()];
        let mut lanes: BTreeMap<u128, Vec<(usize, Job)>> = BTreeMap::new();
        for (index, job) in jobs.into_iter().enumerate() {
            let lane = job.user_id.uuid().as_u128() % LANES;
            lanes.entry(lane).or_default().push((index, job));
        }
        let mut stepped = Vec::new();
        for (_, mut jobs) in lanes {
            let leaning = self.drop_repeats(&mut jobs);
            stepped.push(self.step_all(jobs, &BTreeSet::new(), &leaning));
        }
        if self.dice.in_1000(500) {
            stepped.reverse();
        }
        for (jobs, after) in stepped {
            told.extend(self.commit_lane(jobs, after, &mut answers)?);
        }
        Ok((answers, told))
    }

    /// Takes out records that are stored, or come twice among these jobs, and inbox entries that were overtaken.
    fn drop_repeats(&self, jobs: &mut [(usize, Job)]) -> BTreeSet<usize> {
        let mut seen = BTreeSet::new();
        let (mut leaning, mut told) = (BTreeSet::new(), BTreeSet::new());
        let untold: BTreeSet<Uuid> = self.database.inbox.keys().map(|(_, id)| *id).collect();
        let counts_once = |record: &Record| matches!(record.body, Body::Event(_) | Body::Receipt(_));
        for (index, job) in jobs {
            let mut is_new = |id: &str| {
                if self.database.records.contains(id) && self.fault != Fault::CountsRepeats {
                    return false;
                }
                let first = seen.insert(id.to_owned());
                if !first {
                    leaning.insert(*index);
                }
                first
            };
            let user_id = job.user_id;
            let is_subject = |id| {
                let stored = self.database.facts.get(id);
                stored.is_some_and(|stored: &Fact| stored.subjects.contains(&user_id))
            };
            let overtaken = match &mut job.input {
                Some(Input::Records { records, .. }) => {
                    records.retain(|record| !counts_once(record) || is_new(&record.id));
                    false
                }
                Some(Input::Event { record_id, .. }) => !is_new(record_id),
                Some(Input::Fact(fact)) => job.inbox_done.is_some() && !is_subject(&fact.id),
                Some(Input::FactGone(id)) => job.inbox_done.is_some() && is_subject(id),
                Some(Input::Moment(_)) => {
                    let done = job.inbox_done;
                    done.is_some_and(|entry| !untold.contains(&entry) || !told.insert(entry))
                }
                _ => false,
            };
            if overtaken {
                job.input = None;
            }
        }
        leaning
    }

    fn step_all(
        &mut self,
        jobs: Vec<(usize, Job)>,
        taken: &BTreeSet<String>,
        leaning: &BTreeSet<usize>,
    ) -> (Vec<Stepped>, BTreeMap<UserId, Subject>) {
        let mut after: BTreeMap<UserId, Subject> = BTreeMap::new();
        let mut spent = taken.clone();
        let mut stepped = Vec::with_capacity(jobs.len());
        for (index, job) in jobs {
            let in_memory = after
                .remove(&job.user_id)
                .or_else(|| self.house.subjects.get(&job.user_id).cloned());
            let before = in_memory.unwrap_or_else(|| self.database.load(job.user_id));
            let given = Given {
                catalogue: &self.house.catalogue,
                spent: &spent,
                now: self.now,
                seed: job.seed,
            };
            let effects = step(before, job.input.as_ref().unwrap_or(&Input::Tick), given);
            self.steps += 1;
            spent.extend(effects.messages.iter().map(|message| message.send_key.clone()));
            after.insert(job.user_id, (*effects.subject).clone());
            let must_commit = effects.changed || !job.rows.is_empty() || job.inbox_done.is_some();
            let mut rows = job.rows.clone();
            rows.extend(event_rows(&job, self.now));
            let change = Change {
                project_id: self.house.catalogue.project_id,
                effects,
                rows,
                inbox_done: job.inbox_done,
                leased_until: None,
            };
            let leans = leaning.contains(&index);
            stepped.push(Stepped {
                index,
                job,
                change,
                must_commit,
                leans,
            });
        }
        (stepped, after)
    }

    /// Answers what has nothing to commit, and commits all other effects of a lane at once. Says what was told to others.
    fn commit_lane(
        &mut self,
        mut stepped: Vec<Stepped>,
        mut after: BTreeMap<UserId, Subject>,
        answers: &mut [Vec<Moment>],
    ) -> Result<Vec<InboxEntry>, Stop> {
        let mut taken = BTreeSet::new();
        for _ in 0..limits::STEPS_PER_INPUT_MAX {
            let committing = stepped.iter().filter(|one| one.must_commit);
            let changing: BTreeSet<UserId> = committing.map(|one| one.job.user_id).collect();
            let (waiting, ready): (Vec<_>, Vec<_>) = stepped
                .into_iter()
                .partition(|one| one.leans || changing.contains(&one.job.user_id));
            for one in ready {
                if let Some(subject) = after.remove(&one.job.user_id) {
                    self.house.subjects.insert(one.job.user_id, subject);
                }
                answers[one.index] = one.change.effects.moments;
            }
            if waiting.is_empty() {
                return Ok(Vec::new());
            }
            let changes: Vec<Change> = waiting.iter().map(|one| one.change.clone()).collect();
            let keys = self.commit(&changes)?;
            if keys.is_empty() {
                self.house.subjects.extend(after);
                let told = changes.iter().flat_map(|change| {
                    let told = change.effects.forwarded.iter();
                    told.map(|told| InboxEntry::telling(change.project_id, told))
                });
                let told = told.collect();
                for (one, change) in waiting.into_iter().zip(changes) {
                    answers[one.index] = change.effects.moments;
                }
                return Ok(told);
            }
            taken.extend(keys);
            let leaning = waiting.iter().filter(|one| one.leans).map(|one| one.index).collect();
            let jobs = waiting.into_iter().map(|one| (one.index, one.job)).collect();
            (stepped, after) = self.step_all(jobs, &taken, &leaning);
        }
        Err(Stop::Breach("send keys kept colliding".to_owned()))
    }

    /// One transaction. The keys that are taken, when nothing was written.
    fn commit(&mut self, changes: &[Change]) -> Result<BTreeSet<String>, Stop> {
        self.edge("before a commit")?;
        let taken = self.database.taken(changes);
        if !taken.is_empty() && self.fault != Fault::NoSendKeyIndex {
            return Ok(taken);
        }
        let messages = changes.iter().flat_map(|change| &change.effects.messages);
        let mut words = self.database.consents.clone();
        self.database.write_states(changes);
        if self.fault == Fault::HalfACommit && messages.count() > 0 {
            self.edge("in the middle of a commit")?;
        }
        self.database.write_messages(changes);
        for change in changes {
            self.ledger
                .committed(change, &mut words, &self.house.catalogue, self.now)?;
        }
        for change in changes {
            for decision in &change.effects.decisions {
                self.note(|| format!("{} {} -> {:?}", decision.user_id, decision.trigger, decision.code));
            }
        }
        self.edge("after a commit")?;
        Ok(BTreeSet::new())
    }

    /// A version of a fact: stored with its inbox entries in one transaction, then stepped for each subject.
    pub fn put_fact(&mut self, fact: &Fact) -> Result<(), Stop> {
        self.edge("before a fact")?;
        let dice = &mut self.dice;
        let Some(entries) = self.database.put_fact(fact, || dice.uuid()) else {
            return Ok(());
        };
        if self.fault == Fault::ForgetsTheInbox {
            self.database.inbox.clear();
        }
        self.edge("after a fact")?;
        self.step_inbox(entries)
    }

    pub fn step_inbox(&mut self, entries: Vec<InboxEntry>) -> Result<(), Stop> {
        let mut jobs = Vec::new();
        for entry in entries {
            let input = match entry.input {
                InboxInput::Fact { fact } => Input::Fact(fact),
                InboxInput::FactGone { fact } => Input::FactGone(fact),
                InboxInput::Moment { moment } => Input::Moment(*moment),
                InboxInput::Merge { subject } => Input::Merge(subject),
                InboxInput::Undelivered {
                    message_id,
                    device_id,
                    channel,
                    why,
                } => Input::Undelivered {
                    message_id,
                    device_id,
                    channel,
                    why,
                },
                InboxInput::Reached { message_id } => Input::Reached { message_id },
            };
            let mut job = self.job(entry.user_id, input);
            job.inbox_done = Some(entry.id);
            jobs.push(job);
        }
        self.run(jobs).map(|_| ())
    }

    /// The start of a process: nothing is remembered, and what a crash left in the inbox is stepped.
    pub fn restart(&mut self) -> Result<(), Stop> {
        self.house = House::start(Arc::clone(&self.database.catalogue));
        self.note(|| "the house starts".to_owned());
        self.recover()
    }

    fn recover(&mut self) -> Result<(), Stop> {
        let left: Vec<InboxEntry> = self.database.inbox.values().cloned().collect();
        self.step_inbox(left)
    }

    /// Takes up what the lanes left, and fires the timers that are due.
    pub fn tick(&mut self) -> Result<(), Stop> {
        if std::mem::take(&mut self.house.inbox_left) {
            self.recover()?;
        }
        let due = |subject: &&Subject| subject.wakes_at.is_some_and(|at| at.timestamp() <= self.now);
        let users: Vec<UserId> = self
            .database
            .subjects
            .values()
            .filter(due)
            .map(|subject| subject.user_id)
            .collect();
        if users.is_empty() {
            return Ok(());
        }
        let mut jobs = Vec::new();
        for user_id in users {
            jobs.push(self.job(user_id, Input::Tick));
        }
        self.run(jobs)?;
        super::ledger::Ledger::ticked(&self.database, self.now)
    }

    /// When the house has something to do by itself.
    pub fn next_due(&self) -> Option<Timestamp> {
        let wakes = self
            .database
            .subjects
            .values()
            .filter_map(|subject| subject.wakes_at.map(Timestamp::from));
        let wakes = wakes.filter(|_| self.fault != Fault::ForgetsWakes);
        let sends = self.database.deliveries.values().filter_map(due_at);
        let answers = self.house.flights.iter().map(|flight| flight.answers_at);
        let left = self.house.inbox_left.then_some(self.now);
        wakes.chain(sends).chain(answers).chain(left).min()
    }

    pub fn consent(&mut self, user_id: UserId, consents: Vec<(Purpose, Consent)>) -> Result<(), Stop> {
        let mut job = self.job(user_id, Input::Consents(consents.clone()));
        job.rows.push(Row::Consents {
            user_id,
            consents,
            source: "app".to_owned(),
        });
        self.run(vec![job]).map(|_| ())
    }

    pub fn update_device(&mut self, device: DeviceRow) -> Result<(), Stop> {
        let input = Input::Device {
            device_id: device.id,
            device: news_of(&device),
        };
        let mut job = self.job(device.user_id, input);
        job.rows.push(Row::Device(device));
        self.run(vec![job]).map(|_| ())
    }

    /// The device belongs to this user from now on; a crash in between leaves the former one with a device that is not theirs.
    pub fn hand_over(&mut self, device_id: DeviceId, to: UserId) -> Result<(), Stop> {
        let Some(row) = self.database.devices.get(&device_id).cloned() else {
            return Ok(());
        };
        if row.user_id == to {
            return Ok(());
        }
        let at = self.now;
        let input = Input::Device {
            device_id,
            device: news_of(&row),
        };
        let mut job = self.job(to, input);
        job.rows.push(Row::Owner {
            device_id,
            user_id: to,
            at,
        });
        self.run(vec![job])?;
        let leave = self.job(row.user_id, Input::DeviceGone(device_id));
        self.run(vec![leave]).map(|_| ())
    }

    /// The store knows something of this device that the engine has not heard.
    pub fn tell_device(&mut self, user_id: UserId, device_id: DeviceId) -> Result<(), Stop> {
        let input = match self.database.devices.get(&device_id) {
            Some(row) if row.user_id == user_id => Input::Device {
                device_id,
                device: news_of(row),
            },
            _ => Input::DeviceGone(device_id),
        };
        let job = self.job(user_id, input);
        self.run(vec![job]).map(|_| ())
    }

    /// An edit of the catalogue: stored, then in force, then answered.
    pub fn edit(&mut self, change: impl FnOnce(&mut Catalogue)) -> Result<(), Stop> {
        self.edge("before an edit")?;
        let mut catalogue = Catalogue::clone(&self.database.catalogue);
        change(&mut catalogue);
        self.database.catalogue = Arc::new(catalogue);
        self.edge("after an edit")?;
        self.house.catalogue = Arc::clone(&self.database.catalogue);
        Ok(())
    }
}

fn event_rows(job: &Job, received_at: Timestamp) -> Vec<Row> {
    let row = |device_id, record_id: &str, event: (&str, &serde_json::Map<String, serde_json::Value>), at| {
        Row::Event(EventRow {
            user_id: job.user_id,
            device_id,
            record_id: record_id.to_owned(),
            name: event.0.to_owned(),
            properties: event.1.clone(),
            occurred_at: at,
            received_at,
        })
    };
    match &job.input {
        Some(Input::Records { device_id, records }) => records
            .iter()
            .filter_map(|record| match &record.body {
                Body::Event(event) => {
                    let told = (event.name.as_str(), &event.properties);
                    Some(row(Some(*device_id), &record.id, told, record.at))
                }
                _ => None,
            })
            .collect(),
        Some(Input::Event {
            record_id,
            name,
            properties,
            occurred_at,
        }) => vec![row(None, record_id, (name.as_str(), properties), *occurred_at)],
        _ => Vec::new(),
    }
}

pub fn news_of(device: &DeviceRow) -> DeviceNews {
    DeviceNews {
        platform: device.platform.clone(),
        locale: device.locale.clone(),
        time_zone: device.time_zone.clone(),
        notifications: Some(device.notifications),
        channel: device.push.as_ref().map(|(channel, _)| *channel),
    }
}
