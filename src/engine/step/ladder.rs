//! The ladder: further ways of a message that was not received in time, or whose earlier ways all failed for good.

use super::stepper::Stepper;
use crate::base::id::MessageId;
use crate::base::time::{Span, Timestamp};
use crate::engine::decision::{ReasonCode, Step};
use crate::engine::delivery::{ChannelKind, Rung, Way};
use crate::engine::subject::{Purpose, Sent};
use crate::engine::trigger::Fallback;
use chrono::TimeDelta;
use serde_json::{Value, json};

/// Each rung with whether it can be taken, as far as is known, or why not.
pub(super) type Ways = Vec<(Rung, Result<(), ReasonCode>)>;

/// What climbing came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Climb {
    /// One more way is under way.
    Taken,
    /// The next rung waits for its time, or for the end of the quiet hours.
    Waits,
    /// No rung is left.
    Ended,
}

impl Stepper<'_> {
    /// The rungs of a message that is made now. With the end of its life: those beyond it are left out.
    pub(super) fn ways_on(&self, fallback: &[Fallback], expires_at: Option<Timestamp>) -> Ways {
        let rungs = fallback.iter().map(|rung| Rung {
            channel: rung.channel,
            at: self.given.now + rung.after.delta(),
        });
        let ways = rungs.map(|rung| {
            let lives = expires_at.is_none_or(|end| rung.at < end);
            let is = if lives { Ok(()) } else { Err(ReasonCode::Expired) };
            (rung, is.and_then(|()| self.may_address(rung.channel)))
        });
        ways.collect()
    }

    /// The first rung that goes to an address of the person's own, with how many rungs that takes: for those whom no device
    /// reaches, nothing is waited for.
    pub(super) fn first_address(&self, fallback: &[Fallback]) -> Option<(Way, usize)> {
        let place = fallback
            .iter()
            .position(|rung| rung.channel.is_personal() && self.may_address(rung.channel).is_ok())?;
        let way = Way {
            device_id: None,
            channel: fallback[place].channel,
        };
        Some((way, place + 1))
    }

    /// The person's own word on this channel, and an address for it. A channel of devices needs neither.
    fn may_address(&self, channel: ChannelKind) -> Result<(), ReasonCode> {
        let Some(purpose) = Purpose::of_channel(channel) else {
            return Ok(());
        };
        match self.subject.consents.get(&purpose) {
            None => Err(ReasonCode::NoConsent),
            Some(consent) if !consent.granted => Err(ReasonCode::OptedOut),
            Some(_) if !self.subject.profile.reached_by.contains(&channel) => Err(ReasonCode::NoToken),
            Some(_) => Ok(()),
        }
    }

    /// Time: rungs that fell due are taken.
    pub(super) fn look_at_ladders(&mut self) {
        let now = self.given.now;
        for place in 0..self.subject.sent.len() {
            let is_due = self.subject.sent[place]
                .course
                .ladder
                .next_at()
                .is_some_and(|at| at <= now);
            let is_over = is_due && self.climb(place, false) == Climb::Ended;
            if is_over && self.subject.sent[place].course.ladder.open.is_empty() {
                // What was put off until now, after every other way had failed, can not go after all.
                self.give_up(place, None);
            }
        }
    }

    /// Takes the next rung that can be taken; when all before has `failed` for good, before its time. Each rung is looked at
    /// once, and one that is passed over says why.
    pub(super) fn climb(&mut self, place: usize, failed: bool) -> Climb {
        let now = self.given.now;
        while let Some(rung) = self.subject.sent[place].course.ladder.ahead.first().copied() {
            if !failed && rung.at > now {
                return Climb::Waits;
            }
            self.dirty = true;
            let sent = self.subject.sent[place].clone();
            if let Err((code, step, says)) = self.may_go_on(&sent) {
                self.subject.sent[place].drop_ways_ahead();
                self.decide_later(&sent, code, step, says, told_of(&sent, rung));
                return Climb::Ended;
            }
            let morning = self.night_ends_at(&sent, self.given.now);
            let ladder = self.subject.sent[place].ladder_mut();
            if let Some(morning) = morning {
                ladder.postpone((morning - rung.at).max(TimeDelta::zero()));
                return Climb::Waits;
            }
            ladder.ahead.remove(0);
            match self.way_of(&sent, rung) {
                Ok(way) => {
                    // Who was down for a while does not take two rungs at once.
                    let ladder = self.subject.sent[place].ladder_mut();
                    if ladder.next_at().is_some_and(|next| next <= now) {
                        ladder.postpone(now - rung.at);
                    }
                    self.send_by(place, way, Some(because(&sent, now, failed)));
                    return Climb::Taken;
                }
                Err((code, says)) => self.decide_later(&sent, code, Step::Deliver, says, told_of(&sent, rung)),
            }
        }
        Climb::Ended
    }

    fn way_of(&self, sent: &Sent, rung: Rung) -> Result<Way, (ReasonCode, &'static str)> {
        let channel = rung.channel;
        if channel.is_personal() {
            return match self.may_address(channel) {
                Ok(()) => Ok(Way {
                    device_id: None,
                    channel,
                }),
                Err(ReasonCode::NoToken) => Err((
                    ReasonCode::NoToken,
                    "The next way was passed over: the person has no such address any more",
                )),
                Err(code) => Err((code, "The next way was passed over: the person does not consent to it")),
            };
        }
        let device = self.reachable_by(Some(channel), &sent.course.tried);
        let says = "The next way was passed over: there is no other device with this channel";
        let (id, channel) = device.ok_or((ReasonCode::NoToken, says))?;
        Ok(Way {
            device_id: Some(id),
            channel,
        })
    }

    /// For a promo that would ring in the quiet hours: when they end.
    pub(super) fn night_ends_at(&self, sent: &Sent, at: Timestamp) -> Option<Timestamp> {
        let catalogue = self.given.catalogue;
        let trigger = catalogue.revision(sent.said.trigger_id, sent.said.revision);
        let own = trigger.and_then(|trigger| trigger.sentence.guards.quiet_hours.as_ref());
        let quiet = own
            .or(catalogue.settings.quiet_hours.as_ref())
            .filter(|_| sent.said.promo)?;
        quiet.ends_at(at, self.user_zone())
    }

    /// The message got there: the ways that are still to come are not needed.
    pub(super) fn need_no_further_way(&mut self, message_id: MessageId) {
        let mut sent = self.subject.sent.iter_mut();
        let sent = sent.find(|sent| sent.message_id == message_id);
        if let Some(sent) = sent.filter(|sent| !sent.course.ladder.ahead.is_empty()) {
            sent.drop_ways_ahead();
            self.dirty = true;
        }
    }

    /// The business takes a message back.
    pub(super) fn apply_call_back(&mut self, message_id: MessageId) {
        let mut sent = self.subject.sent.iter_mut();
        let Some(sent) = sent.find(|sent| sent.message_id == message_id && !sent.called_back) else {
            return;
        };
        sent.called_back = true;
        sent.drop_ways_ahead();
        let sent = sent.clone();
        self.dirty = true;
        self.out.cancelled.push(message_id);
        let values = json!({ "message": message_id });
        let says = "The business took it back";
        self.decide_later(&sent, ReasonCode::Cancelled, Step::Deliver, says, values);
    }
}

/// Why a rung is taken, for who reads the delivery.
fn because(sent: &Sent, now: Timestamp, failed: bool) -> String {
    if failed {
        return "every way before failed".to_owned();
    }
    let waited = Span::seconds((now - sent.at).num_seconds());
    format!("not received within {waited}")
}

fn told_of(sent: &Sent, rung: Rung) -> Value {
    json!({ "message": sent.message_id, "channel": rung.channel, "at": rung.at })
}

/// The rungs of a message for its trace: those that will be taken, and those that are left out with why.
pub(super) fn told(ways: &[(Rung, Result<(), ReasonCode>)]) -> Value {
    let one = |(rung, is): &(Rung, Result<(), ReasonCode>)| match is {
        Ok(()) => json!({ "channel": rung.channel, "at": rung.at }),
        Err(code) => json!({ "channel": rung.channel, "left_out": code }),
    };
    Value::Array(ways.iter().map(one).collect())
}
