//! Runs a walk: the production step over subjects in memory, time moving from step to step, timers firing in between.

use super::bounds::Bounds;
use super::format::{Act, BatchAct, CrossingAct, EventAct, FactAct, FixAct, Walk, WalkError, WalkStep};
use super::outcome::Outcome;
use super::path::{Steps, expand};
use super::stage::{SEED, Stage, wrong};
use crate::base::id::{DeviceId, UserId};
use crate::base::time::{Timestamp, truncated};
use crate::engine::fact::{Fact, FactRef};
use crate::engine::fix::{Body, Crossing, Envelope, RawBody, RawRecord, Record, validate};
use crate::engine::step::{DeviceNews, Effects, Given, Input, step};
use crate::engine::subject::{Consent, Profile, Subject};
use chrono::TimeDelta;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use uuid::Uuid;

/// People, their state, and what came out so far.
pub(super) struct Runner {
    pub(super) stage: Stage,
    pub(super) subjects: BTreeMap<UserId, Subject>,
    pub(super) wakes: BTreeMap<UserId, Timestamp>,
    /// Send keys that messages have taken: the unique index of the store.
    taken: BTreeSet<String>,
    /// Record ids of events and receipts: a repeat is dropped before it is stepped.
    known: HashSet<String>,
    facts: HashMap<FactRef, Fact>,
    /// Who held a device from when on: queued records belong to whoever held it then.
    pub(super) owners: BTreeMap<DeviceId, Vec<(Timestamp, UserId)>>,
    /// Who an anonymous user turned out to be.
    pub(super) merged: BTreeMap<UserId, UserId>,
    pub(super) news: BTreeMap<DeviceId, DeviceNews>,
    /// Devices whose push address the provider will call dead.
    gone: BTreeSet<DeviceId>,
    pub(super) now: Timestamp,
    stepped: u32,
    pub(super) outcome: Outcome,
}

/// Runs a walk from its first to its last step.
///
/// # Errors
/// What in `walk.json` does not fit together: an unknown device, a trigger that does not compile, steps out of order.
pub fn run(walk: &Walk) -> Result<Outcome, WalkError> {
    let bounds = Bounds::default();
    run_within(walk, &expand(walk, 1.0, bounds.steps)?, &bounds)
}

/// When the people of a walk are set up.
pub(super) fn start_of(walk: &Walk) -> Timestamp {
    let first = walk.steps.first().map(|step| step.at);
    let start = walk.starts_at.or(first.map(|at| at - TimeDelta::hours(1)));
    start.unwrap_or_default()
}

/// Runs the steps of a walk, whose paths are cut into fixes already, within bounds.
pub(super) fn run_within(walk: &Walk, steps: &Steps, bounds: &Bounds<'_>) -> Result<Outcome, WalkError> {
    let start = start_of(walk);
    bounds.check_span(start, steps)?;
    let mut runner = Runner {
        stage: Stage::build(walk, start)?,
        subjects: BTreeMap::new(),
        wakes: BTreeMap::new(),
        taken: BTreeSet::new(),
        known: HashSet::new(),
        facts: HashMap::new(),
        owners: BTreeMap::new(),
        merged: BTreeMap::new(),
        news: BTreeMap::new(),
        gone: BTreeSet::new(),
        now: start,
        stepped: 0,
        outcome: Outcome::default(),
    };
    for user in &walk.users {
        runner.meet(user);
    }
    let mut timers = 0;
    for (number, (written, step)) in steps.iter().enumerate() {
        timers += runner.fire_timers_until(step.at, bounds, timers)?;
        runner.now = truncated(step.at).max(runner.now);
        runner
            .act(number, step)
            .map_err(|error| error.at(format!("/steps/{written}")))?;
        bounds.check(&runner.outcome)?;
    }
    Ok(runner.outcome)
}

impl Runner {
    fn fire_timers_until(&mut self, at: Timestamp, bounds: &Bounds<'_>, before: usize) -> Result<usize, WalkError> {
        let mut fired = 0;
        while let Some((due, user_id)) = self.next_timer().filter(|(due, _)| *due <= at) {
            if before + fired == bounds.timers {
                let (user, most) = (self.stage.user_name(user_id), bounds.timers);
                let detail = format!("more than {most} timers fired; the last one for {user} at {due}");
                return Err(WalkError::new(detail).at("/steps"));
            }
            bounds.check(&self.outcome)?;
            fired += 1;
            self.now = self.now.max(due);
            self.wakes.remove(&user_id);
            self.step(user_id, &Input::Tick);
        }
        Ok(fired)
    }

    fn next_timer(&self) -> Option<(Timestamp, UserId)> {
        self.wakes.iter().map(|(user, at)| (*at, *user)).min()
    }

    fn act(&mut self, number: usize, step: &WalkStep) -> Result<(), WalkError> {
        match &step.act {
            Act::Fix(act) => self.fix(number, act)?,
            Act::Crossing(act) => self.crossing(number, act)?,
            Act::Batch(act) => self.batch(act)?,
            Act::Fact(act) => self.fact(act)?,
            Act::Event(act) => self.event(number, act),
            Act::Answer(act) => self.answer(number, act)?,
            Act::Consent(act) => {
                let user_id = self.user(&act.user);
                let at = self.now;
                let given = act
                    .purposes
                    .iter()
                    .map(|(purpose, granted)| (*purpose, Consent { granted: *granted, at }));
                self.step(user_id, &Input::Consents(given.collect()));
            }
            Act::Identify(act) => {
                let device_id = self.stage.device(&act.device)?;
                let user_id = self.user(&act.user);
                self.hand_over(device_id, user_id);
            }
            Act::SignOut(act) => {
                let device_id = self.stage.device(&act.device)?;
                let nobody = format!("anonymous on {} ({number})", act.device);
                let (user_id, _) = self.stage.user(&nobody);
                self.hand_over(device_id, user_id);
            }
            Act::Erase(act) => {
                let user_id = self.user(&act.user);
                let mut tombstone = Subject::new(user_id);
                tombstone.seldom.erased = true;
                self.subjects.insert(user_id, tombstone);
                self.wakes.remove(&user_id);
                self.outcome.forget(&act.user);
            }
            // Paths were cut into fixes before the first step.
            Act::Path(_) | Act::Tick(_) => {}
            Act::Publish(act) => {
                match &act.sentence {
                    Some(sentence) => self.stage.publish(sentence, self.now)?,
                    None => self.stage.pause(&act.trigger, false)?,
                }
                self.wake_for(&act.trigger);
            }
            Act::Pause(act) => self.stage.pause(&act.trigger, true)?,
            Act::Place(place) => self.stage.draw(place, self.now)?,
            Act::PublishJourney(journey) => self.stage.publish_journey(journey, self.now)?,
            Act::Instance(act) => self.order_instance(act)?,
            Act::TokenGone(act) => {
                let device_id = self.stage.device(&act.device)?;
                self.gone.insert(device_id);
            }
        }
        Ok(())
    }

    /// A trigger that waits for the clock reaches people who send nothing.
    fn wake_for(&mut self, trigger: &str) {
        if self.stage.needs_waking(trigger) {
            let living = self.subjects.iter().filter(|(_, subject)| !subject.seldom.erased);
            self.wakes.extend(living.map(|(user_id, _)| (*user_id, self.now)));
        }
    }

    /// The id of a user; a name heard for the first time makes a user of that name, as a fact over HTTP does.
    pub(super) fn user(&mut self, name: &str) -> UserId {
        let (user_id, new) = self.stage.user(name);
        if new {
            let profile = Profile {
                user_ref: Some(name.to_owned()),
                ..Profile::default()
            };
            self.step(user_id, &Input::Profile(profile));
        }
        user_id
    }

    fn fix(&mut self, number: usize, act: &FixAct) -> Result<(), WalkError> {
        let at = act.fixed_at.unwrap_or(self.now);
        self.single(&act.device, act.id.clone(), number, at, RawBody::Fix(act.fix.clone()))
    }

    fn crossing(&mut self, number: usize, act: &CrossingAct) -> Result<(), WalkError> {
        let body = RawBody::Crossing(Crossing {
            geofence_id: self.stage.place(&act.place)?,
            transition: act.transition,
        });
        let at = act.crossed_at.unwrap_or(self.now);
        self.single(&act.device, act.id.clone(), number, at, body)
    }

    /// A batch of one record.
    pub(super) fn single(
        &mut self,
        device: &str,
        id: Option<String>,
        number: usize,
        at: Timestamp,
        body: RawBody,
    ) -> Result<(), WalkError> {
        let record = RawRecord {
            id: id.unwrap_or_else(|| format!("step-{number}")),
            at: Some(at),
            mono_ms: None,
            boot_id: None,
            body,
        };
        let envelope = Envelope {
            sent_at: Some(self.now),
            ..Envelope::default()
        };
        self.batch(&BatchAct {
            device: device.to_owned(),
            envelope,
            records: vec![record],
        })
    }

    /// Every record goes to whoever held the device when it happened.
    fn batch(&mut self, act: &BatchAct) -> Result<(), WalkError> {
        let device_id = self.stage.device(&act.device)?;
        let mut of_owner: BTreeMap<UserId, Vec<Record>> = BTreeMap::new();
        for raw in &act.records {
            match validate(raw.clone(), &act.envelope, self.now) {
                Ok(record) if self.is_repeat(&record) => {}
                Ok(record) => {
                    let owners = self.owners.get(&device_id).map_or(&[][..], Vec::as_slice);
                    let held = owners
                        .iter()
                        .rev()
                        .find(|(since, _)| *since <= record.at)
                        .or(owners.first());
                    if let Some((_, owner)) = held {
                        let owner = self.merged.get(owner).unwrap_or(owner);
                        of_owner.entry(*owner).or_default().push(record);
                    }
                }
                Err(rejection) => self.refuse(&raw.id, rejection.code),
            }
        }
        for (user_id, records) in of_owner {
            self.step(user_id, &Input::Records { device_id, records });
        }
        Ok(())
    }

    fn is_repeat(&mut self, record: &Record) -> bool {
        match &record.body {
            Body::Event(_) | Body::Receipt(_) => !self.known.insert(record.id.clone()),
            Body::Fix(_) | Body::Crossing(_) | Body::Context(_) => false,
        }
    }

    fn event(&mut self, number: usize, act: &EventAct) {
        let record_id = act.id.clone().unwrap_or_else(|| format!("step-{number}"));
        if !self.known.insert(record_id.clone()) {
            return;
        }
        let user_id = self.user(&act.user);
        let input = Input::Event {
            record_id,
            name: act.name.clone(),
            properties: act.properties.clone(),
            occurred_at: act.occurred_at.unwrap_or(self.now).min(self.now),
        };
        self.step(user_id, &input);
    }

    /// A lower or equal seq changes nothing; whoever is no subject any more hears that, too.
    fn fact(&mut self, act: &FactAct) -> Result<(), WalkError> {
        let id = FactRef {
            kind: act.kind.clone(),
            key: act.key.clone(),
        };
        let before = self.facts.get(&id).cloned();
        if before.as_ref().is_some_and(|before| before.seq >= act.seq) {
            return Ok(());
        }
        let subjects: Vec<UserId> = act.subjects.iter().map(|name| self.user(name)).collect();
        let fact = Fact {
            id: id.clone(),
            seq: act.seq,
            subjects: subjects.clone(),
            lifecycle: act.lifecycle,
            valid_from: act.valid_from,
            valid_to: act.valid_to,
            sensitive: act.sensitive.clone(),
            properties: act.properties.clone(),
            changed_at: self.now,
        };
        let fact = self.stage.catalogue.admit(fact).map_err(|errors| {
            let all = errors
                .iter()
                .map(|error| format!("{}: {}", error.pointer, error.detail));
            wrong(all.collect::<Vec<_>>().join("; "))
        })?;
        self.facts.insert(id.clone(), fact.clone());
        for user_id in &subjects {
            self.step(*user_id, &Input::Fact(fact.clone()));
        }
        let former = before.into_iter().flat_map(|before| before.subjects);
        for user_id in former.filter(|user| !subjects.contains(user)) {
            self.step(user_id, &Input::FactGone(id.clone()));
        }
        Ok(())
    }

    /// One step of one subject, tried again with the send keys that turn out to be taken, as the committer does.
    pub(super) fn step(&mut self, user_id: UserId, input: &Input) {
        let subject = self.subjects.remove(&user_id).unwrap_or_else(|| Subject::new(user_id));
        self.stepped += 1;
        let mut spent = BTreeSet::new();
        let effects = loop {
            let given = Given {
                catalogue: &self.stage.catalogue,
                spent: &spent,
                now: self.now,
                seed: Uuid::new_v5(&SEED, &self.stepped.to_be_bytes()),
            };
            let effects = step(subject.clone(), input, given);
            let keys = effects.messages.iter().map(|message| message.send_key.clone());
            let clash: Vec<String> = keys
                .filter(|key| self.taken.contains(key) && !spent.contains(key))
                .collect();
            if clash.is_empty() {
                break effects;
            }
            spent.extend(clash);
        };
        self.commit(user_id, effects);
    }

    fn commit(&mut self, user_id: UserId, effects: Effects) {
        self.tell(user_id, &effects);
        self.taken
            .extend(effects.messages.iter().map(|message| message.send_key.clone()));
        self.wakes.remove(&user_id);
        if let Some(at) = effects.wake_at {
            self.wakes.insert(user_id, at);
        }
        let pushed = super::push::pushed(&effects);
        self.subjects.insert(user_id, *effects.subject);
        for told in effects.forwarded {
            self.step(told.to, &Input::Moment(told.moment));
        }
        for (message_id, device_id, silent) in pushed {
            if self.gone.remove(&device_id) {
                self.call_dead(user_id, message_id, device_id, silent);
            }
        }
    }
}

#[cfg(test)]
#[path = "run_tests.rs"]
mod tests;
