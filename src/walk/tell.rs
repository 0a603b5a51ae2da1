//! Puts what the engine's ids name into the names of a walk.

use super::outcome::{SeenDecision, SeenMessage, SeenMoment, SeenRefusal};
use super::run::Runner;
use crate::base::id::UserId;
use crate::engine::decision::ReasonCode;
use crate::engine::delivery::{ChannelKind, Planned};
use crate::engine::moment::Moment;
use crate::engine::step::Effects;

impl Runner {
    /// Puts the effects of one step into names.
    pub(super) fn tell(&mut self, user_id: UserId, effects: &Effects) {
        let user = self.stage.user_name(user_id);
        for moment in &effects.moments {
            self.outcome.moments.push(seen_moment(&user, moment));
        }
        for decision in &effects.decisions {
            let facts = decision
                .facts
                .iter()
                .map(|(name, fact)| (name.clone(), fact.key.clone()))
                .collect();
            let last = decision
                .trace
                .iter()
                .rev()
                .find(|step| !step.passed)
                .or(decision.trace.last());
            self.outcome.decisions.push(SeenDecision {
                at: decision.decided_at,
                user: user.clone(),
                trigger: decision.trigger.clone(),
                code: decision.code,
                facts,
                late: decision.late,
                arm: decision.arm.clone(),
                says: last.map(|step| step.says.clone()),
                trace: decision.trace.clone(),
            });
        }
        // A question to the phone shows nothing.
        for message in effects.messages.iter().filter(|message| !message.silent) {
            let planned = message.deliveries.first();
            let device = planned.and_then(|planned| planned.device_id);
            let device = device.map(|id| self.stage.device_name(id));
            self.outcome.messages.push(SeenMessage {
                at: message.created_at,
                user: user.clone(),
                device: device.unwrap_or_default(),
                title: message.shown.title.clone(),
                body: message.shown.body.clone(),
                public_title: message.shown.public_title.clone(),
                public_body: message.shown.public_body.clone(),
                link: message.shown.link.clone(),
                tag: Some(message.shown.tag.clone()).filter(|tag| !is_id(tag)),
                to: message.to,
                channel: planned.and_then(by_address),
                id: Some(message.id),
            });
        }
        for change in effects.instances.iter().filter(|change| change.is_a_move()) {
            let seen = self.stage.seen_journey(&user, change);
            self.outcome.journeys.push(seen);
        }
        self.tell_redirected(effects);
        for refused in &effects.refused {
            let code = refused.code.as_str();
            self.refuse(&refused.record_id, &code);
        }
    }

    /// A message is told with the device it got to, and once more for each further way; one that got nowhere is no message.
    fn tell_redirected(&mut self, effects: &Effects) {
        for (message, planned) in &effects.redirected {
            let device = planned.device_id.map(|id| self.stage.device_name(id));
            let mut told = self.outcome.messages.iter_mut().rev();
            let Some(told) = told.find(|told| told.id == Some(*message)) else {
                continue;
            };
            if planned.because.is_none() {
                told.device = device.unwrap_or_default();
                continue;
            }
            let further = SeenMessage {
                at: self.now,
                device: device.unwrap_or_default(),
                channel: by_address(planned),
                ..told.clone()
            };
            self.outcome.messages.push(further);
        }
        let lost = effects
            .decisions
            .iter()
            .filter(|decision| decision.code == ReasonCode::ProviderError);
        for lost in lost.filter_map(|decision| decision.message_id) {
            self.outcome.messages.retain(|told| told.id != Some(lost));
        }
    }

    pub(super) fn refuse(&mut self, record: &str, code: &str) {
        self.outcome.refused.push(SeenRefusal {
            at: self.now,
            record: record.to_owned(),
            code: code.to_owned(),
        });
    }
}

/// The channel of a delivery to an address of the person's own.
fn by_address(planned: &Planned) -> Option<ChannelKind> {
    Some(planned.channel).filter(|channel| channel.is_personal())
}

/// A tag made from the message's id is nobody's to compare.
fn is_id(tag: &str) -> bool {
    tag.parse::<crate::base::id::MessageId>().is_ok()
}

fn seen_moment(user: &str, moment: &Moment) -> SeenMoment {
    SeenMoment {
        at: moment.occurred_at,
        user: user.to_owned(),
        kind: moment.kind.name().to_owned(),
        of: Some(moment.kind.of()),
    }
}
