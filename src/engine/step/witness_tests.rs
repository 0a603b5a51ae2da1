//! The witness of a history: knows by itself what was allowed, paused, said and seen, and holds every step against it.

use super::*;
use crate::base::id::{DecisionId, FenceId, MomentId, TriggerId};
use crate::base::sorted::SortedMap;
use crate::base::time::local;
use crate::engine::catalogue::Catalogue;
use crate::engine::moment::{MomentKind, Place};
use crate::engine::subject::KeyHash;
use crate::engine::trigger::{Class, CompiledTrigger, When};
use std::collections::{BTreeMap, BTreeSet, HashMap};

type CaseKey = (MomentId, TriggerId, BTreeMap<String, FactRef>);

/// What the witness has seen so far.
#[derive(Default)]
pub(super) struct Witness {
    consents: SortedMap<Purpose, Consent>,
    /// Inside, outside, or not known since something silent happened.
    inside: BTreeMap<FenceId, bool>,
    versions: BTreeMap<FenceId, i64>,
    keys: BTreeSet<KeyHash>,
    moments: BTreeSet<MomentId>,
    decisions: BTreeSet<DecisionId>,
    last_answers: HashMap<CaseKey, ReasonCode>,
    sends: BTreeMap<TriggerId, Vec<Timestamp>>,
}

fn hold(is: bool, breach: impl FnOnce() -> String) -> Result<(), String> {
    if is { Ok(()) } else { Err(breach()) }
}

impl Witness {
    pub(super) fn of(subject: &Subject) -> Self {
        Self {
            consents: subject.consents.clone(),
            ..Self::default()
        }
    }

    /// What is silent by design is not known afterwards: withdrawn consent, a sign-out, an edited fence.
    pub(super) fn about_to_see(&mut self, before: &Subject, input: &Input, catalogue: &Catalogue) {
        self.hear(input);
        for fence in catalogue.fences.values() {
            let was = self.versions.insert(fence.id, fence.version);
            // A device that was not seen since the edit may turn out to be inside without having crossed anything.
            let unsettled = |device: &crate::engine::subject::Device| {
                fence.version > 1
                    && device
                        .last_fix
                        .is_some_and(|fix| fix.at.timestamp() <= fence.updated_at)
            };
            if was.is_some_and(|was| was != fence.version) || before.devices.values().any(unsettled) {
                self.inside.remove(&fence.id);
            }
        }
        if matches!(input, Input::DeviceGone(_)) || !self.granted(Purpose::Location) {
            self.inside.clear();
        }
    }

    /// One step: what went in, and what came out.
    pub(super) fn saw(
        &mut self,
        input: &Input,
        effects: &Effects,
        catalogue: &Catalogue,
        now: Timestamp,
    ) -> Result<(), String> {
        self.saw_places(input, effects)?;
        self.saw_decisions(effects, catalogue)?;
        // A question to the phone shows nothing and spends nothing: it is said to nobody.
        for message in effects.messages.iter().filter(|message| !message.silent) {
            self.saw_message(message, effects, catalogue, now)?;
        }
        for wait in &effects.subject.waits {
            let over = wait.ends_at <= now || wait.due_at.is_some_and(|due| due <= now);
            hold(!over, || format!("a wait outlives its time: {wait:?}"))?;
        }
        hold(effects.wake_at.is_none_or(|at| at > now), || {
            format!("wakes in the past: {:?}", effects.wake_at)
        })
    }

    /// The last word by the time it was said; of two at one time the later to come.
    fn hear(&mut self, input: &Input) {
        let Input::Consents(said) = input else { return };
        for (purpose, consent) in said {
            let known = self.consents.get(purpose);
            if known.is_none_or(|known| known.at <= consent.at) {
                self.consents.insert(*purpose, *consent);
            }
        }
    }

    fn granted(&self, purpose: Purpose) -> bool {
        self.consents.get(&purpose).is_some_and(|consent| consent.granted)
    }

    /// Enter and exit alternate, as far as they are told.
    fn saw_places(&mut self, input: &Input, effects: &Effects) -> Result<(), String> {
        for moment in &effects.moments {
            hold(self.moments.insert(moment.id), || format!("a moment twice: {moment:?}"))?;
            if moment.evidence.simulated || moment.evidence.implausible {
                continue;
            }
            let enters = matches!(moment.kind, MomentKind::Entered { .. });
            if !enters && !matches!(moment.kind, MomentKind::Exited { .. }) {
                continue;
            }
            let Some(Place { id, .. }) = moment.kind.place() else {
                continue;
            };
            let allowed = self.granted(Purpose::Location) || matches!(input, Input::Consents(_));
            hold(allowed, || format!("a place without consent to location: {moment:?}"))?;
            let was = self.inside.insert(*id, enters);
            hold(was != Some(enters), || {
                format!("enter and exit do not alternate: {moment:?}")
            })?;
        }
        let silent = effects
            .subject
            .visits
            .iter()
            .filter(|(_, visit)| visit.silent && visit.left_at.is_none());
        self.inside.extend(silent.map(|(id, _)| (*id, true)));
        if !self.granted(Purpose::Location) {
            self.inside.clear();
        }
        Ok(())
    }

    /// Every silence has a reason: whoever listens to a moment answers it in the same step.
    fn saw_decisions(&mut self, effects: &Effects, catalogue: &Catalogue) -> Result<(), String> {
        for decision in &effects.decisions {
            hold(self.decisions.insert(decision.id), || {
                format!("a decision twice: {decision:?}")
            })?;
            let key = (decision.moment_id, decision.trigger_id, decision.facts.clone());
            self.last_answers.insert(key, decision.code);
            let says_sent = decision.code == ReasonCode::Sent;
            let is_sent = effects
                .messages
                .iter()
                .any(|message| decision.message_id == Some(message.id));
            hold(says_sent == is_sent, || {
                format!("it says {:?}, but: {:?}", decision.code, decision.message_id)
            })?;
        }
        for moment in &effects.moments {
            for trigger in catalogue.triggers.iter().filter(|trigger| listens(trigger, moment)) {
                let mut answers = effects.decisions.iter();
                let answered = answers.any(|one| one.moment_id == moment.id && one.trigger_id == trigger.id);
                hold(answered, || {
                    format!("{} is silent about {moment:?}", trigger.sentence.name)
                })?;
            }
        }
        Ok(())
    }

    fn saw_message(
        &mut self,
        message: &Message,
        effects: &Effects,
        catalogue: &Catalogue,
        now: Timestamp,
    ) -> Result<(), String> {
        let sent = effects.subject.sent.iter().find(|sent| sent.message_id == message.id);
        let special = sent.and_then(|sent| sent.special.as_deref());
        let also = special.map(|special| special.also_spends.clone()).unwrap_or_default();
        let mut keys = if also.is_empty() {
            vec![KeyHash::of(&message.send_key)]
        } else {
            also
        };
        keys.dedup();
        for key in keys {
            hold(self.keys.insert(key), || {
                format!("a second message with the key of {message:?}")
            })?;
        }
        let mut decisions = effects.decisions.iter();
        let Some(decision) = decisions.find(|one| one.message_id == Some(message.id)) else {
            return Err(format!("a message without a decision: {message:?}"));
        };
        let Some(trigger) = catalogue.revision(message.trigger_id, decision.revision) else {
            return Err(format!("a message of nobody: {message:?}"));
        };
        let promo = trigger.sentence.class == Class::Promo;
        let purpose = if promo { Purpose::Promo } else { Purpose::Service };
        hold(self.granted(purpose), || format!("said without consent: {message:?}"))?;
        let paused = catalogue.settings.paused || trigger.paused;
        hold(!paused, || format!("said by a paused trigger: {message:?}"))?;
        for planned in &message.deliveries {
            let device = planned.device_id.and_then(|id| effects.subject.devices.get(&id));
            let about = device.map(|device| &device.about);
            let may =
                about.is_some_and(|it| it.notifications != Permission::Denied && it.channel == Some(planned.channel));
            hold(may, || format!("goes where it may not: {message:?}"))?;
        }
        let sends = self.sends.entry(trigger.id).or_default();
        let cooldown = trigger.sentence.guards.cooldown;
        let cool = cooldown.is_none_or(|cooldown| sends.last().is_none_or(|last| *last + cooldown.delta() <= now));
        hold(cool, || format!("said before it cooled down: {message:?}"))?;
        sends.push(now);
        hold(!promo || !is_quiet(trigger, &effects.subject, catalogue, now), || {
            format!("said at night: {message:?}")
        })
    }

    /// After everything: nothing waits, every wait came to a reason, and no window holds more than its cap.
    pub(super) fn saw_the_end(&self, subject: &Subject, catalogue: &Catalogue) -> Result<(), String> {
        hold(subject.waits.is_empty(), || {
            format!("waits for ever: {:?}", subject.waits)
        })?;
        for (case, code) in &self.last_answers {
            hold(!code.is_waiting(), || format!("{case:?} ends with {code:?}"))?;
        }
        for trigger in &catalogue.triggers {
            let sends = self.sends.get(&trigger.id).map(Vec::as_slice).unwrap_or_default();
            let caps = trigger.sentence.guards.caps.iter().filter(|cap| cap.across.is_none());
            for cap in caps.filter(|_| trigger.sentence.class == Class::Promo) {
                // The fullest windows begin at a send: the one `max` sends later must lie outside.
                let over = sends.windows(cap.max as usize + 1).find(|window| match window {
                    [first, .., last] => *last - *first < cap.per.delta(),
                    _ => false,
                });
                hold(over.is_none(), || {
                    format!("{} over its cap {cap:?}: {over:?}", trigger.sentence.name)
                })?;
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
                .map(crate::engine::trigger::Bind::kind);
            let is_ours = trigger.live_since.is_none_or(|since| since <= moment.occurred_at);
            is_ours && wanted.at == *time && kind == Some(fact.kind.as_str())
        }
        (When::Schedule(_), MomentKind::Scheduled { trigger_id, .. }) => *trigger_id == trigger.id,
        _ => false,
    })
}

/// Is it night where the person is? By the phone heard from last, their own word, or the project's.
fn is_quiet(trigger: &CompiledTrigger, subject: &Subject, catalogue: &Catalogue, now: Timestamp) -> bool {
    let own = trigger.sentence.guards.quiet_hours.as_ref();
    let Some(quiet) = own.or(catalogue.settings.quiet_hours.as_ref()) else {
        return false;
    };
    let device = subject
        .devices
        .iter()
        .max_by_key(|(id, device)| (device.last_seen_at, **id));
    let names = [
        device.and_then(|(_, device)| device.about.time_zone.clone()),
        subject.profile.time_zone.clone(),
    ];
    let zone = names.into_iter().flatten().find_map(|name| name.parse().ok());
    let wall = local(now, zone.unwrap_or(catalogue.settings.time_zone)).time();
    if quiet.from <= quiet.to {
        quiet.from <= wall && wall < quiet.to
    } else {
        quiet.from <= wall || wall < quiet.to
    }
}
