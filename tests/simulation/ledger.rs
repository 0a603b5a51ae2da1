//! The ledger of the invariants (DESIGN.md 4): what was promised, said, paused and seen, kept apart from the house's own books.

use super::database::Database;
use super::fleet::Stop;
use super::outbox::Screens;
use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{Hash, Hasher};
use usher::base::id::{DeliveryId, FenceId, MomentId, TriggerId, UserId};
use usher::base::time::Timestamp;
use usher::engine::catalogue::Catalogue;
use usher::engine::decision::ReasonCode;
use usher::engine::delivery::DeliveryState;
use usher::engine::fact::FactRef;
use usher::engine::moment::{Moment, MomentKind};
use usher::engine::subject::{Consent, Purpose};
use usher::engine::trigger::{Audience, Class, CompiledTrigger, When};
use usher::store::{Change, Claimed, Row};

type CaseKey = (MomentId, TriggerId, BTreeMap<String, FactRef>);
type Words = BTreeMap<UserId, BTreeMap<Purpose, Consent>>;

/// What was answered: it must be there after any crash.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Promise {
    Record(String),
    Moment(MomentId),
    Consent(UserId, Purpose, Timestamp),
    Fact(FactRef, i64),
}

#[derive(Default)]
pub struct Ledger {
    pub promises: BTreeSet<Promise>,
    /// Triggers whose pause was answered.
    pub paused: BTreeSet<TriggerId>,
    /// Addresses whose death is on record.
    pub dead: BTreeSet<String>,
    /// Every code that was decided.
    pub codes: BTreeSet<ReasonCode>,
    /// Stands for all decisions, in order, byte for byte.
    pub digest: u64,
    pub pushes: usize,
    keys: BTreeSet<String>,
    /// What each person was told, by which trigger and when, in that order.
    sends: BTreeMap<UserId, Vec<(TriggerId, Timestamp)>>,
    planned: usize,
    inside: BTreeMap<(UserId, FenceId), bool>,
    answers: HashMap<CaseKey, ReasonCode>,
    states: BTreeMap<DeliveryId, DeliveryState>,
}

fn hold(is: bool, breach: impl FnOnce() -> String) -> Result<(), Stop> {
    if is { Ok(()) } else { Err(Stop::Breach(breach())) }
}

fn granted(words: &Words, user: UserId, promo: bool) -> bool {
    let purpose = if promo { Purpose::Promo } else { Purpose::Service };
    let word = words.get(&user).and_then(|words| words.get(&purpose));
    word.is_some_and(|word| word.granted)
}

impl Ledger {
    /// One change of a commit. `words` is what everybody has consented to before it, and after it.
    pub fn committed(
        &mut self,
        change: &Change,
        words: &mut Words,
        catalogue: &Catalogue,
        now: Timestamp,
    ) -> Result<(), Stop> {
        let effects = &change.effects;
        let user_id = effects.subject.user_id;
        for row in &change.rows {
            let Row::Consents { user_id, consents, .. } = row else {
                continue;
            };
            let known = words.entry(*user_id).or_default();
            for (purpose, consent) in consents {
                if known.get(purpose).is_none_or(|known| known.at <= consent.at) {
                    known.insert(*purpose, *consent);
                }
            }
        }
        for message in &effects.messages {
            let may = message.to == Audience::Business || granted(words, user_id, message.promo);
            hold(may, || format!("decided without consent: {message:?}"))?;
            let is_new = self.keys.insert(message.send_key.clone());
            hold(is_new, || {
                format!("a second message with the send key {}", message.send_key)
            })?;
            let paused = self.paused.contains(&message.trigger_id);
            hold(!paused, || format!("said by a paused trigger: {message:?}"))?;
            self.planned += message.deliveries.len();
            // A question to the phone is said to nobody, and no cap counts it.
            if !message.silent {
                let said = self.sends.entry(user_id).or_default();
                said.push((message.trigger_id, message.created_at));
            }
        }
        self.planned += effects.redirected.len();
        for decision in &effects.decisions {
            let mut hasher = DefaultHasher::new();
            (self.digest, serde_json::to_string(decision).unwrap()).hash(&mut hasher);
            self.digest = hasher.finish();
            self.codes.insert(decision.code);
            let key = (decision.moment_id, decision.trigger_id, decision.facts.clone());
            self.answers.insert(key, decision.code);
        }
        for moment in &effects.moments {
            self.noticed(moment)?;
            for trigger in catalogue.triggers.iter().filter(|trigger| listens(trigger, moment)) {
                let mut decisions = effects.decisions.iter();
                let answered = decisions.any(|one| one.moment_id == moment.id && one.trigger_id == trigger.id);
                hold(answered, || {
                    format!("{} is silent about {moment:?}", trigger.sentence.name)
                })?;
            }
        }
        // A place that was left in silence: by a sign-out, or by consent that was withdrawn.
        let visits = &effects.subject.visits;
        self.inside.retain(|(user, fence), inside| {
            *user != user_id || !*inside || visits.get(fence).is_some_and(|visit| visit.left_at.is_none())
        });
        let late = effects.subject.waits.iter().find(|wait| wait.ends_at <= now);
        hold(late.is_none(), || format!("a wait outlives its limit: {late:?}"))
    }

    fn noticed(&mut self, moment: &Moment) -> Result<(), Stop> {
        let enters = matches!(moment.kind, MomentKind::Entered { .. });
        let crosses = enters || matches!(moment.kind, MomentKind::Exited { .. });
        let Some(place) = moment.kind.place().filter(|_| crosses) else {
            return Ok(());
        };
        if moment.evidence.simulated || moment.evidence.implausible {
            return Ok(());
        }
        let was = self.inside.insert((moment.user_id, place.id), enters);
        hold(was != Some(enters), || {
            format!("enter and exit do not alternate: {moment:?}")
        })
    }

    /// A push on its way to a provider.
    pub fn pushed(
        &mut self,
        claimed: &Claimed,
        address: &str,
        database: &Database,
        now: Timestamp,
    ) -> Result<(), Stop> {
        self.pushes += 1;
        let message = &claimed.message;
        let to_user = message.to == Audience::User;
        let may = !to_user || granted(&database.consents, message.user_id, message.promo);
        hold(may, || format!("sent without consent: {message:?}"))?;
        hold(!self.dead.contains(address), || {
            format!("sent to the dead address {address}: {message:?}")
        })?;
        hold(message.expires_at > now, || format!("sent after its life: {message:?}"))?;
        let paused = self.paused.contains(&message.trigger_id);
        hold(!paused, || format!("sent by a paused trigger: {message:?}"))?;
        let device = claimed.delivery.device_id.and_then(|id| database.devices.get(&id));
        let owner = device.map(|device| device.user_id);
        hold(!to_user || owner == Some(message.user_id), || {
            format!("sent to somebody else's phone: {message:?}")
        })
    }

    /// After a tick nobody waits beyond a limit.
    pub fn ticked(database: &Database, now: Timestamp) -> Result<(), Stop> {
        waits_within(database, now)
    }

    /// What holds at any instant, also while the house is down.
    pub fn sample(&mut self, database: &Database, now: Timestamp) -> Result<(), Stop> {
        // A house that was down for a while may be late, but not forgetful.
        waits_within(database, now - chrono::TimeDelta::minutes(30))?;
        let (mut delivered, mut failed, mut expired, mut waiting) = (0, 0, 0, 0);
        for row in database.deliveries.values() {
            match row.state {
                DeliveryState::Queued | DeliveryState::Sending => waiting += 1,
                DeliveryState::Failed | DeliveryState::Cancelled => failed += 1,
                DeliveryState::Expired => expired += 1,
                DeliveryState::Accepted
                | DeliveryState::Received
                | DeliveryState::Displayed
                | DeliveryState::Opened => delivered += 1,
            }
            let was = self.states.insert(row.id, row.state).unwrap_or(row.state);
            let forward = was.is_open() || was == row.state || (was < row.state && was <= DeliveryState::Opened);
            let legal = forward && (was < DeliveryState::Failed || was == row.state);
            hold(legal, || {
                format!("a delivery moves back, from {was:?} to {:?}: {row:?}", row.state)
            })?;
        }
        let sum = delivered + failed + expired + waiting;
        hold(sum == self.planned, || {
            format!("of {} deliveries {sum} are accounted for", self.planned)
        })
    }

    /// After a restart: what was answered is there, and every commit is there wholly or not at all.
    pub fn audit(&self, database: &Database) -> Result<(), Stop> {
        for promise in &self.promises {
            let kept = match promise {
                Promise::Record(id) => database.records.contains(id),
                Promise::Moment(id) => database.moments.contains_key(id),
                Promise::Consent(user, purpose, at) => {
                    let word = database.consents.get(user).and_then(|words| words.get(purpose));
                    word.is_some_and(|word| word.at >= *at)
                }
                Promise::Fact(id, seq) => database.facts.get(id).is_some_and(|fact| fact.seq >= *seq),
            };
            hold(kept, || format!("answered, and lost: {promise:?}"))?;
        }
        let mut told = BTreeSet::new();
        for decision in &database.decisions {
            let known = database.moments.contains_key(&decision.moment_id);
            hold(known, || format!("a decision about no moment: {decision:?}"))?;
            told.extend(decision.message_id);
        }
        let sent = database.subjects.values().flat_map(|subject| &subject.sent);
        let remembered: BTreeSet<_> = sent.map(|sent| sent.message_id).collect();
        // A question to the phone is said to nobody, and no state remembers it.
        let stored = database.messages.values().filter(|message| !message.silent);
        let stored: BTreeSet<_> = stored.map(|message| message.id).collect();
        hold(told == stored, || "decisions and messages do not agree".to_owned())?;
        hold(remembered == stored, || {
            "states and messages do not agree: half a commit".to_owned()
        })?;
        let open = database.instances.values().filter(|change| change.exit.is_none());
        let open: BTreeSet<_> = open.map(|change| change.instance.id).collect();
        let known = database.subjects.values().flat_map(|subject| &subject.seldom.journeys);
        let known: BTreeSet<_> = known.map(|instance| instance.id).collect();
        hold(open == known, || "states and instances do not agree".to_owned())?;
        let events = database.moments.values().filter_map(|moment| match &moment.kind {
            MomentKind::Event { .. } => moment.evidence.record_id.as_ref(),
            _ => None,
        });
        let mut counted = BTreeSet::new();
        for id in events {
            hold(counted.insert(id), || format!("the event {id} counts twice"))?;
            hold(database.records.contains(id), || {
                format!("the event {id} happened, and is not stored")
            })?;
        }
        Ok(())
    }

    /// Long after everything: nothing is open, every silence has its reason, and the screens show what was delivered.
    pub fn end(&self, database: &Database, screens: &Screens) -> Result<(), Stop> {
        self.audit(database)?;
        hold(database.inbox.is_empty(), || {
            format!("left in the inbox: {:?}", database.inbox)
        })?;
        for subject in database.subjects.values() {
            hold(subject.waits.is_empty(), || {
                format!("waits for ever: {:?}", subject.waits)
            })?;
        }
        for fact in database.facts.values() {
            for user in &fact.subjects {
                let known = database.subjects.get(user).and_then(|subject| subject.fact(&fact.id));
                hold(known.is_some_and(|known| known.seq == fact.seq), || {
                    format!("{user} knows another {fact:?}")
                })?;
            }
        }
        for (case, code) in &self.answers {
            hold(!code.is_waiting(), || format!("{case:?} ends with {code:?}"))?;
        }
        self.caps(&database.catalogue)?;
        for row in database.deliveries.values() {
            hold(!row.state.is_open(), || format!("still open: {row:?}"))?;
            let device = row.device_id;
            let shown = device.is_some_and(|id| screens.tags.contains_key(&(id, row.message_id)));
            let delivered = DeliveryState::Accepted <= row.state && row.state <= DeliveryState::Opened;
            hold(shown || device.is_none() || !delivered, || {
                format!("accepted, and never shown: {row:?}")
            })?;
        }
        for ((device, message), tags) in &screens.tags {
            hold(tags.len() == 1, || format!("{message} stands on {device} as {tags:?}"))?;
        }
        Ok(())
    }
}

impl Ledger {
    /// Whenever a promo spoke, less had been said in the windows of its caps than they allow.
    fn caps(&self, catalogue: &Catalogue) -> Result<(), Stop> {
        let known = |id: &TriggerId| catalogue.triggers.iter().find(|trigger| trigger.id == *id);
        for (user, sends) in &self.sends {
            for (number, (id, at)) in sends.iter().enumerate() {
                let Some(trigger) = known(id).filter(|trigger| trigger.sentence.class == Class::Promo) else {
                    continue;
                };
                for cap in &trigger.sentence.guards.caps {
                    let counts = |other: &TriggerId| match &cap.across {
                        Some(tag) => known(other).is_some_and(|other| other.sentence.tags.contains(tag)),
                        None => other == id,
                    };
                    let in_window =
                        |(other, then): &&(TriggerId, Timestamp)| counts(other) && *then > *at - cap.per.delta();
                    let over = sends[..number].iter().filter(in_window).count() >= cap.max as usize;
                    hold(!over, || {
                        format!("{} over {cap:?} for {user} at {at}: {sends:?}", trigger.sentence.name)
                    })?;
                }
            }
        }
        Ok(())
    }
}

/// Does this trigger have to answer this moment? A reading of the sentence that owes nothing to the engine's own.
fn listens(trigger: &CompiledTrigger, moment: &Moment) -> bool {
    let when = &trigger.sentence.when;
    let alternatives = if let When::Any(several) = when {
        several.as_slice()
    } else {
        std::slice::from_ref(when)
    };
    let tag = moment.kind.place().map(|place| place.tag.clone());
    alternatives.iter().any(|when| match (when, &moment.kind) {
        (When::Entered(wanted), MomentKind::Entered { .. }) | (When::Exited(wanted), MomentKind::Exited { .. }) => {
            wanted.tag == tag
        }
        (When::Dwelled { stayed, place: wanted }, MomentKind::Dwelled { stayed: noticed, .. }) => {
            wanted.tag == tag && stayed == noticed
        }
        (When::Event(wanted), MomentKind::Event { name, .. }) => wanted.name == *name && wanted.times.is_none(),
        (
            When::Fact(wanted),
            MomentKind::Fact {
                fact, becomes, fields, ..
            },
        ) => {
            let field = wanted.field.as_ref().is_none_or(|field| fields.contains(field));
            wanted.kind == fact.kind && wanted.becomes == *becomes && field
        }
        (When::Time(wanted), MomentKind::Reached { fact, time }) => {
            let kind = trigger
                .sentence
                .for_each
                .get(&wanted.fact)
                .map(usher::engine::trigger::Bind::kind);
            let is_ours = trigger.live_since.is_none_or(|since| since <= moment.occurred_at);
            is_ours && wanted.at == *time && kind == Some(fact.kind.as_str())
        }
        (When::Schedule(_), MomentKind::Scheduled { trigger_id, .. }) => *trigger_id == trigger.id,
        _ => false,
    })
}

/// No wait is open past its limit.
fn waits_within(database: &Database, limit: Timestamp) -> Result<(), Stop> {
    let mut waits = database.subjects.values().flat_map(|subject| &subject.waits);
    let late = waits.find(|wait| wait.ends_at <= limit);
    hold(late.is_none(), || format!("a wait past its limit {limit}: {late:?}"))
}
