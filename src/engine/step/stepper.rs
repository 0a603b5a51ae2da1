//! The step itself: apply the input, notice moments, judge them, look at what time has brought, and say when to wake.

use super::here::Holding;
use super::journeys::Gone;
use super::{Effects, Forwarded, Input, InstanceChange, KeptFix, Received, Refused};
use crate::base::compact::Micros;
use crate::base::id::{IdSource, MessageId};
use crate::base::limits;
use crate::base::time::Timestamp;
use crate::engine::catalogue::Catalogue;
use crate::engine::decision::Decision;
use crate::engine::delivery::Planned;
use crate::engine::message::Message;
use crate::engine::moment::Moment;
use crate::engine::subject::Subject;
use chrono::TimeDelta;
use std::collections::{BTreeSet, VecDeque};
use uuid::Uuid;

/// What a step is given besides the subject and its input: everything it may know of the world.
#[derive(Debug, Clone, Copy)]
pub struct Given<'a> {
    pub catalogue: &'a Catalogue,
    /// Send keys known to be taken by messages of other users, or of long ago.
    pub spent: &'a BTreeSet<String>,
    pub now: Timestamp,
    /// All ids of this step come from it.
    pub seed: Uuid,
}

/// A state that only moved on is stored this often, so that a restart forgets little.
const STORE_SOFT_CHANGES_AFTER: TimeDelta = TimeDelta::minutes(10);
/// A visit that ended is remembered this long: a fact that comes late may still ask about it.
pub(super) const VISIT_KEPT_AFTER: TimeDelta = TimeDelta::hours(24);
/// Sends are remembered this long for caps, cool-downs and replacements.
const SENT_KEPT: TimeDelta = TimeDelta::days(limits::SENDS_KEPT_DAYS);

/// One step under way.
pub(super) struct Stepper<'a> {
    pub(super) subject: Box<Subject>,
    pub(super) given: Given<'a>,
    pub(super) ids: IdSource,
    /// Moments of this step that are still to be judged, with the order they were noticed in.
    pub(super) fresh: Vec<Moment>,
    pub(super) out: Collected,
    /// What journeys have done in this step.
    pub(super) gone: Gone,
    /// The geofences that hold the only fix of the input, until it is applied.
    pub(super) here: Option<Vec<Holding<'a>>>,
    /// Something happened that a restart must not forget.
    pub(super) dirty: bool,
}

/// What a step has caused so far.
#[derive(Default)]
pub(super) struct Collected {
    pub(super) moments: Vec<Moment>,
    pub(super) decisions: Vec<Decision>,
    pub(super) messages: Vec<Message>,
    pub(super) cancelled: Vec<MessageId>,
    pub(super) superseded: Vec<MessageId>,
    pub(super) receipts: Vec<Received>,
    pub(super) refused: Vec<Refused>,
    pub(super) fixes: Vec<KeptFix>,
    pub(super) forwarded: Vec<Forwarded>,
    pub(super) redirected: Vec<(MessageId, Planned)>,
    pub(super) instances: Vec<InstanceChange>,
    pub(super) held_back: Vec<(MessageId, Timestamp)>,
}

/// Steps one subject by one input. Pure: the same arguments give the same effects, byte for byte.
///
/// The subject is changed in place: one that comes in a box leaves in the same box.
pub fn step(subject: impl Into<Box<Subject>>, input: &Input, given: Given<'_>) -> Effects {
    step_boxed(subject.into(), input, given)
}

fn step_boxed(subject: Box<Subject>, input: &Input, given: Given<'_>) -> Effects {
    let mut stepper = Stepper::new(subject, given);
    // Woken without having asked: what is stored still says so, and would say so for ever.
    stepper.dirty =
        matches!(input, Input::Tick) && stepper.subject.wakes_at.is_none_or(|at| at.timestamp() > given.now);
    if stepper.subject.seldom.erased {
        stepper.refuse_all(input);
    } else {
        stepper.look_around(input);
        stepper.follow_fence_edits();
        stepper.follow_journeys();
        stepper.apply(input);
        stepper.pass_time_until(given.now);
        stepper.look_at_the_clock();
        // What nearly every fix does: it meets nothing, and nobody waits for anything.
        if !stepper.fresh.is_empty() || !stepper.subject.is_idle() {
            stepper.look_further();
        }
    }
    stepper.finish()
}

impl<'a> Stepper<'a> {
    pub(super) fn new(subject: Box<Subject>, given: Given<'a>) -> Self {
        Self {
            subject,
            given,
            ids: IdSource::new(given.seed, given.now),
            fresh: Vec::new(),
            out: Collected::default(),
            gone: Gone::default(),
            here: None,
            dirty: false,
        }
    }
}

impl Stepper<'_> {
    /// Judges what was noticed and what time has brought, and keeps the subject within its bounds.
    fn look_further(&mut self) {
        self.judge_fresh();
        self.look_at_waits();
        self.notice_facts_that_turned();
        self.judge_fresh();
        self.look_at_ladders();
        self.keep_clear_of_the_crowd();
        self.end_with_their_facts();
        self.forget_the_old();
    }

    fn apply(&mut self, input: &Input) {
        match input {
            Input::Records { device_id, records } => self.apply_records(*device_id, records),
            Input::Event {
                record_id,
                name,
                properties,
                occurred_at,
            } => {
                self.notice_event(None, record_id, name, properties, *occurred_at, None);
            }
            Input::Fact(fact) => self.apply_fact(fact),
            Input::FactGone(id) => self.apply_fact_gone(id),
            Input::Consents(consents) => self.apply_consents(consents),
            Input::Profile(profile) => self.apply_profile(profile),
            Input::Device { device_id, device } => self.apply_device(*device_id, device),
            Input::DeviceGone(device_id) => self.apply_device_gone(*device_id),
            // It is on record as a moment of whoever it happened to: here it is only judged.
            Input::Moment(moment) => self.fresh.push(moment.clone()),
            Input::Instance { instance_id, order } => self.apply_order(*instance_id, order),
            Input::Undelivered {
                message_id,
                device_id,
                channel,
                why,
            } => self.apply_undelivered(*message_id, *device_id, *channel, why),
            Input::Reached { message_id } => self.need_no_further_way(*message_id),
            Input::CallBack { message_id } => self.apply_call_back(*message_id),
            Input::Merge(other) => self.apply_merge(other),
            Input::Replay(replayed) => self.replay(replayed),
            Input::Tick => {}
        }
    }

    /// Keeps a moment: it is recorded now and judged when the whole input is applied.
    pub(super) fn notice(&mut self, moment: Moment) {
        if self.out.moments.len() < limits::MOMENTS_PER_INPUT_MAX {
            self.dirty = true;
            self.out.moments.push(moment.clone());
            self.fresh.push(moment);
        }
    }

    /// Judging may begin states of journeys, which are fresh moments again; how many is bounded.
    fn judge_fresh(&mut self) {
        if self.fresh.is_empty() {
            return;
        }
        let mut fresh = std::mem::take(&mut self.fresh);
        fresh.sort_by_key(|moment| (moment.occurred_at, moment.id));
        let mut queue = VecDeque::from(fresh);
        while let Some(moment) = queue.pop_front() {
            self.tell_others(&moment);
            let standing = self.standing();
            self.judge(&moment);
            self.go_on_in_journeys(&moment, &standing);
            // A state that began at this moment is judged before the next moment finds the person in it.
            for begun in std::mem::take(&mut self.fresh).into_iter().rev() {
                queue.push_front(begun);
            }
        }
    }

    /// Keeps every list of the subject within its bound.
    fn forget_the_old(&mut self) {
        let now = self.given.now;
        let subject = &mut self.subject;
        subject
            .visits
            .retain(|_, visit| visit.left_at.is_none_or(|left| left + VISIT_KEPT_AFTER > now));
        while subject.visits.len() > limits::VISITS_PER_USER_MAX {
            let oldest = subject
                .visits
                .iter()
                .min_by_key(|(_, visit)| visit.evidence_at)
                .map(|(id, _)| *id);
            oldest.and_then(|id| subject.visits.remove(&id));
        }
        let oldest = now - SENT_KEPT;
        subject.sent.retain(|sent| sent.at > oldest);
        let surplus = subject.sent.len().saturating_sub(limits::SENDS_PER_USER_MAX);
        subject.sent.drain(..surplus);
        while subject.facts.len() > limits::FACTS_PER_USER_MAX {
            let spared = subject
                .facts
                .iter()
                .enumerate()
                .min_by_key(|(_, fact)| (fact.is_active(now), fact.changed_at));
            let Some(index) = spared.map(|(index, _)| index) else {
                break;
            };
            subject.facts.remove(index);
        }
        while subject.devices.len() > limits::DEVICES_PER_USER_MAX {
            let silent = subject
                .devices
                .iter()
                .min_by_key(|(_, device)| device.last_seen_at)
                .map(|(id, _)| *id);
            silent.and_then(|id| subject.devices.remove(&id));
        }
        self.forget_times_of_gone_facts();
        self.forget_what_no_longer_counts();
    }

    fn finish(mut self) -> Effects {
        let now = self.given.now;
        // Asked where it is, before it moves: most steps have caused nothing.
        let out = &self.out;
        let caused = !(out.moments.is_empty()
            && out.decisions.is_empty()
            && out.messages.is_empty()
            && out.cancelled.is_empty()
            && out.superseded.is_empty()
            && out.receipts.is_empty()
            && out.fixes.is_empty()
            && out.forwarded.is_empty()
            && out.redirected.is_empty()
            && out.instances.is_empty());
        let soft_is_due = self
            .subject
            .stored_at
            .is_none_or(|at| at.timestamp() + STORE_SOFT_CHANGES_AFTER <= now);
        let wake_at = super::passing::wake_at(&self.subject, self.given.catalogue, now);
        let wakes_at = wake_at.map(Micros::from);
        let turned = self.subject.wakes_at != wakes_at;
        let changed = self.dirty || caused || turned || (soft_is_due && !self.subject.seldom.erased);
        self.subject.stepped_at = Some(now.into());
        self.subject.wakes_at = wakes_at;
        if changed {
            self.subject.stored_at = Some(now.into());
        }
        let out = self.out;
        Effects {
            changed,
            moments: out.moments,
            decisions: out.decisions,
            messages: out.messages,
            cancelled: out.cancelled,
            superseded: out.superseded,
            receipts: out.receipts,
            refused: out.refused,
            fixes: out.fixes,
            forwarded: out.forwarded,
            redirected: out.redirected,
            instances: out.instances,
            held_back: out.held_back,
            wake_at,
            subject: self.subject,
        }
    }
}
