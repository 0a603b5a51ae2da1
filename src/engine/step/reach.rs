//! Reaching people: which device or address a message goes to, and where it goes when that one fails.

use super::consent::purpose_of;
use super::stepper::Stepper;
use crate::base::id::{DeviceId, MessageId};
use crate::engine::decision::{Decision, ReasonCode, Step, TraceStep};
use crate::engine::delivery::{ChannelKind, Planned};
use crate::engine::fix::Permission;
use crate::engine::subject::Sent;
use crate::engine::trigger::{Audience, Class, CompiledTrigger};
use serde_json::json;
use std::sync::Arc;

impl Stepper<'_> {
    /// Where a message for these readers goes first; none when nobody can be reached.
    pub(super) fn addressee(&self, to: Audience) -> Option<(Option<DeviceId>, ChannelKind)> {
        match to {
            Audience::User => self.reachable_device(&[]).map(|(id, channel)| (Some(id), channel)),
            Audience::Business if self.given.catalogue.endpoints.is_empty() => Some((None, ChannelKind::Tray)),
            Audience::Business => Some((None, ChannelKind::Webhook)),
        }
    }

    /// The deliveries a message begins with: one, or one for each endpoint of the business.
    pub(super) fn first_deliveries(&mut self, device_id: Option<DeviceId>, channel: ChannelKind) -> Vec<Planned> {
        let catalogue = self.given.catalogue;
        let endpoints: Vec<_> = if channel == ChannelKind::Webhook {
            catalogue.endpoints.iter().copied().map(Some).collect()
        } else {
            vec![None]
        };
        let planned = |endpoint_id| Planned {
            id: self.ids.draw(),
            device_id,
            channel,
            endpoint_id,
        };
        endpoints.into_iter().map(planned).collect()
    }

    /// The device heard from last among those that can show something and were not tried yet.
    pub(super) fn reachable_device(&self, tried: &[DeviceId]) -> Option<(DeviceId, ChannelKind)> {
        self.subject
            .devices
            .iter()
            .filter(|(id, device)| device.notifications != Permission::Denied && !tried.contains(id))
            .filter_map(|(id, device)| device.channel.map(|channel| (device.last_seen_at, *id, channel)))
            .max_by_key(|(seen, id, _)| (*seen, *id))
            .map(|(_, id, channel)| (id, channel))
    }

    /// A delivery failed for good: the next device takes over within the life of the message, else that is recorded. A word
    /// that is repeated, or about a device that was not the last one tried, changes nothing.
    pub(super) fn apply_undelivered(&mut self, message_id: MessageId, device_id: Option<DeviceId>, why: &str) {
        let place = self.subject.sent.iter().position(|sent| sent.message_id == message_id);
        let Some(place) = place else { return };
        let sent = self.subject.sent[place].clone();
        if sent.undelivered || sent.tried.last().copied() != device_id {
            return;
        }
        self.dirty = true;
        match self.next_device(&sent) {
            Ok((device_id, channel)) => {
                let planned = Planned {
                    id: self.ids.draw(),
                    device_id: Some(device_id),
                    channel,
                    endpoint_id: None,
                };
                self.out.redirected.push((message_id, planned));
                self.subject.sent[place].tried.push(device_id);
            }
            Err((step, says)) => {
                self.subject.sent[place].undelivered = true;
                self.decide_undelivered(&sent, step, says, why);
            }
        }
    }

    fn next_device(&self, sent: &Sent) -> Result<(DeviceId, ChannelKind), (Step, &'static str)> {
        if sent.tried.is_empty() {
            // It was for the business. Nobody's phone takes over: a stranger would read it.
            return Err((Step::Deliver, "The business could not be reached"));
        }
        if sent.expires_at.is_none_or(|end| end <= self.given.now) {
            return Err((Step::Deliver, "Its life ended before it reached anybody"));
        }
        if self.subject.is_superseded(sent.message_id) {
            return Err((
                Step::Replaces,
                "It was not delivered, and a newer message took its place",
            ));
        }
        let class = if sent.promo { Class::Promo } else { Class::Service };
        if !self.subject.has_consent(purpose_of(class)) {
            return Err((
                Step::Consent,
                "It was not delivered, and consent was withdrawn meanwhile",
            ));
        }
        self.reachable_device(&sent.tried).ok_or((
            Step::Deliver,
            "It was not delivered, and there is no other device to try",
        ))
    }

    fn decide_undelivered(&mut self, sent: &Sent, step: Step, says: &str, why: &str) {
        let catalogue = self.given.catalogue;
        let live = || catalogue.triggers.iter().find(|live| live.id == sent.trigger_id);
        let trigger = catalogue.revision(sent.trigger_id, sent.revision).or_else(live);
        let values = json!({ "message": sent.message_id, "why": why, "devices_tried": sent.tried.len() });
        let decision = Decision {
            id: self.ids.draw(),
            user_id: self.subject.user_id,
            moment_id: sent.moment_id,
            trigger_id: sent.trigger_id,
            trigger: trigger.map(|trigger| trigger.sentence.name.clone()).unwrap_or_default(),
            revision: sent.revision,
            facts: named(trigger, sent),
            code: ReasonCode::ProviderError,
            decided_at: self.given.now,
            until: None,
            message_id: Some(sent.message_id),
            late: false,
            arm: None,
            trace: vec![TraceStep {
                step,
                passed: false,
                says: says.to_owned(),
                values,
            }],
        };
        self.out.decisions.push(decision);
    }
}

/// The facts of a message by the names its trigger binds them to; by their type where it does not any more.
fn named(
    trigger: Option<&Arc<CompiledTrigger>>,
    sent: &Sent,
) -> std::collections::BTreeMap<String, crate::engine::fact::FactRef> {
    let name = |kind: &str| {
        let binds = trigger.into_iter().flat_map(|trigger| &trigger.sentence.for_each);
        binds
            .filter(|(_, bind)| bind.kind() == kind)
            .map(|(name, _)| name.clone())
            .next()
            .unwrap_or_else(|| kind.to_owned())
    };
    let facts = sent.facts.iter().rev();
    facts.map(|fact| (name(&fact.kind), fact.clone())).collect()
}
