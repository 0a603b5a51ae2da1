//! When a message leaves: planned bursts keep away from the minutes in which everybody sends (RELIABILITY.md A6).

use super::Effects;
use super::stepper::Stepper;
use crate::base::time::Timestamp;
use crate::engine::decision::Decision;
use crate::engine::delivery::ChannelKind;
use crate::engine::message::Message;
use crate::engine::moment::{Moment, MomentKind};
use chrono::TimeDelta;

const QUARTER_MS: i64 = 15 * 60 * 1_000;
/// Everybody's cron jobs fire at the quarter hour, and are through after this.
const CROWDED: TimeDelta = TimeDelta::minutes(2);
/// Whoever would leave then leaves within this time after it.
const SPREAD: TimeDelta = TimeDelta::minutes(5);

/// When this message of these effects may leave by this channel: at once, unless it goes through Firebase, whose wish this is, is a
/// promo that the clock alone let go, and the quarter hour has just struck. Then it leaves two to seven minutes later, each at an instant of its own.
///
/// A service message is promised for its time and never waits; neither does a promo that answers what somebody did. Before the
/// quarter nothing is held back: it would be carried over an hour at which quiet begins.
pub fn leaves_at(effects: &Effects, message: &Message, channel: ChannelKind) -> Timestamp {
    leaving(&effects.decisions, &effects.moments, message, channel)
}

fn leaving(decisions: &[Decision], moments: &[Moment], message: &Message, channel: ChannelKind) -> Timestamp {
    let now = message.created_at;
    let since_quarter = TimeDelta::milliseconds(now.timestamp_millis().rem_euclid(QUARTER_MS));
    let is_spread = channel == ChannelKind::Fcm && message.promo && !message.silent;
    if !is_spread || since_quarter >= CROWDED || !is_planned(decisions, moments, message) {
        return now;
    }
    let [.., a, b, c, d] = *message.id.uuid().as_bytes();
    let draw = u32::from_be_bytes([a, b, c, d]);
    let spread = SPREAD.num_milliseconds() * i64::from(draw) / i64::from(u32::MAX);
    let at = now - since_quarter + CROWDED + TimeDelta::milliseconds(spread);
    if at < message.expires_at { at } else { now }
}

impl Stepper<'_> {
    /// What leaves later also has its further ways later: nobody is given up on before anything was sent to them.
    pub(super) fn put_off_further_ways(&mut self) {
        for message in &self.out.messages {
            let Some(first) = message.deliveries.first() else {
                continue;
            };
            let leaves_at = leaving(&self.out.decisions, &self.out.moments, message, first.channel);
            let held_back = leaves_at - message.created_at;
            let mut sent = self.subject.sent.iter_mut();
            if let Some(sent) = sent.find(|sent| sent.message_id == message.id) {
                sent.ladder.postpone(held_back);
            }
        }
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
