//! When a message leaves: planned bursts keep away from the minutes in which everybody sends (RELIABILITY.md A6).

use super::Effects;
use super::stepper::Stepper;
use crate::base::id::MessageId;
use crate::base::time::Timestamp;
use crate::engine::decision::Decision;
use crate::engine::delivery::ChannelKind;
use crate::engine::message::Message;
use crate::engine::moment::{Moment, MomentKind};
use chrono::TimeDelta;

const QUARTER: TimeDelta = TimeDelta::minutes(15);
/// Everybody's cron jobs fire at the quarter hour: the first ones this long before it, and they are through this long after.
const CROWDED: TimeDelta = TimeDelta::minutes(2);
/// Whoever would leave then leaves within this time after it.
const SPREAD: TimeDelta = TimeDelta::minutes(5);

/// When this message of these effects may leave by this channel: at once, unless it goes through Firebase, whose wish this is,
/// and is held back from the minutes around the quarter hour.
pub fn leaves_at(effects: &Effects, message: &Message, channel: ChannelKind) -> Timestamp {
    let mut held_back = effects.held_back.iter().filter(|_| channel == ChannelKind::Fcm);
    let held_back = held_back.find(|(id, _)| *id == message.id);
    held_back.map_or(message.created_at, |(_, at)| *at)
}

/// When a message that is made within two minutes of a quarter hour leaves instead: two to seven minutes after the quarter, each
/// at an instant of its own. None for one that is made in between, or whose life ends before.
fn after_the_crowd(message: &Message) -> Option<Timestamp> {
    let made = message.created_at;
    let quarter = QUARTER.num_milliseconds();
    let since = TimeDelta::milliseconds(made.timestamp_millis().rem_euclid(quarter));
    let is_before = QUARTER - since <= CROWDED;
    if !is_before && since >= CROWDED {
        return None;
    }
    let [.., a, b, c, d] = *message.id.uuid().as_bytes();
    let draw = u32::from_be_bytes([a, b, c, d]);
    let spread = SPREAD.num_milliseconds() * i64::from(draw) / i64::from(u32::MAX);
    let struck = made - since + if is_before { QUARTER } else { TimeDelta::zero() };
    Some(struck + CROWDED + TimeDelta::milliseconds(spread)).filter(|at| *at < message.expires_at)
}

impl Stepper<'_> {
    /// Holds back promos that the clock alone let go around the quarter hour. A service message is promised for its time and
    /// never waits; neither does a promo that answers what somebody did, or one that would then ring in the quiet hours.
    ///
    /// What leaves later also has its further ways later: nobody is given up on before anything was sent to them.
    pub(super) fn keep_clear_of_the_crowd(&mut self) {
        if self.out.messages.is_empty() {
            return;
        }
        let held_back: Vec<(MessageId, Timestamp)> =
            self.out.messages.iter().filter_map(|made| self.held(made)).collect();
        for (id, at) in held_back {
            let made = self.out.messages.iter().find(|made| made.id == id);
            let first = made.and_then(|made| made.deliveries.first());
            let by_firebase = first.is_some_and(|first| first.channel == ChannelKind::Fcm);
            let mut sent = self.subject.sent.iter_mut();
            if let Some(sent) = sent.find(|sent| sent.message_id == id).filter(|_| by_firebase) {
                sent.ladder_mut().postpone(at - self.given.now);
            }
            self.out.held_back.push((id, at));
        }
    }

    fn held(&self, message: &Message) -> Option<(MessageId, Timestamp)> {
        let may_wait = message.promo && !message.silent;
        if !may_wait || !is_planned(&self.out.decisions, &self.out.moments, message) {
            return None;
        }
        let at = after_the_crowd(message)?;
        let sent = self.subject.sent.iter().find(|sent| sent.message_id == message.id);
        let is_quiet = sent.is_some_and(|sent| self.night_ends_at(sent, at).is_some());
        (!is_quiet).then_some((message.id, at))
    }
}

/// Did time alone let it go? A moment that is not of this step has waited.
fn is_planned(decisions: &[Decision], moments: &[Moment], message: &Message) -> bool {
    let mut decisions = decisions.iter();
    let decision = decisions.find(|decision| decision.id == message.decision_id);
    let moment = decision.and_then(|decision| moments.iter().find(|moment| moment.id == decision.moment_id));
    moment.is_none_or(|moment| matches!(moment.kind, MomentKind::Scheduled { .. } | MomentKind::Reached { .. }))
}

#[cfg(test)]
#[path = "planned_tests.rs"]
mod tests;
