//! Reaching people: which device or address a message goes to, and where it goes when that one fails.

use super::consent::purpose_of;
use super::ladder::Climb;
use super::stepper::Stepper;
use crate::base::id::{DeviceId, EndpointId, MessageId};
use crate::engine::decision::{Decision, ReasonCode, Step, TraceStep};
use crate::engine::delivery::{ChannelKind, Planned, Way};
use crate::engine::fix::Permission;
use crate::engine::subject::Sent;
use crate::engine::trigger::{Audience, Class, CompiledTrigger};
use serde_json::{Value, json};
use std::sync::Arc;

impl Stepper<'_> {
    /// Where a message for these readers goes first; none when no device can be reached.
    pub(super) fn addressee(&self, to: Audience) -> Option<Way> {
        match to {
            Audience::User => self.reachable_device(&[]).map(|(id, channel)| Way {
                device_id: Some(id),
                channel,
            }),
            Audience::Business => Some(Way {
                device_id: None,
                channel: if self.given.catalogue.endpoints.is_empty() {
                    ChannelKind::Tray
                } else {
                    ChannelKind::Webhook
                },
            }),
        }
    }

    /// The deliveries of a message's first way: one, or one for each endpoint of the business.
    pub(super) fn first_deliveries(&mut self, way: Way) -> Vec<Planned> {
        let catalogue = self.given.catalogue;
        let endpoints: Vec<_> = if way.channel == ChannelKind::Webhook {
            catalogue.endpoints.iter().copied().map(Some).collect()
        } else {
            vec![None]
        };
        let planned = |endpoint_id| self.planned(way, endpoint_id, None);
        endpoints.into_iter().map(planned).collect()
    }

    /// The device heard from last among those that can show something and were not tried yet.
    pub(super) fn reachable_device(&self, tried: &[DeviceId]) -> Option<(DeviceId, ChannelKind)> {
        self.reachable_by(None, tried)
    }

    /// The same, by this channel alone.
    pub(super) fn reachable_by(
        &self,
        channel: Option<ChannelKind>,
        tried: &[DeviceId],
    ) -> Option<(DeviceId, ChannelKind)> {
        self.subject
            .devices
            .iter()
            .filter(|(id, device)| device.about.notifications != Permission::Denied && !tried.contains(id))
            .filter_map(|(id, device)| device.about.channel.map(|channel| (device.last_seen_at, *id, channel)))
            .filter(|(_, _, its)| channel.is_none_or(|wanted| wanted == *its))
            .max_by_key(|(seen, id, _)| (*seen, *id))
            .map(|(_, id, channel)| (id, channel))
    }

    /// A delivery of this way.
    fn planned(&mut self, way: Way, endpoint_id: Option<EndpointId>, because: Option<String>) -> Planned {
        Planned {
            id: self.ids.draw(),
            device_id: way.device_id,
            channel: way.channel,
            endpoint_id,
            because,
        }
    }

    /// A delivery failed for good. Where no other way is under way, the next device takes over within the life of the message,
    /// or else the next rung of its ladder; else that is recorded. A word that is repeated changes nothing.
    pub(super) fn apply_undelivered(
        &mut self,
        message_id: MessageId,
        device_id: Option<DeviceId>,
        channel: Option<ChannelKind>,
        why: &str,
    ) {
        let place = self.subject.sent.iter().position(|sent| sent.message_id == message_id);
        let Some(place) = place else { return };
        let sent = &mut self.subject.sent[place];
        // Of messages made before ways were remembered none is open: the device tried last was theirs.
        let was_last = sent.course.ladder.is_empty() && sent.course.tried.last().copied() == device_id;
        if sent.undelivered || !(sent.ladder_mut().close(device_id, channel) || was_last) {
            return;
        }
        self.dirty = true;
        let sent = self.subject.sent[place].clone();
        if !sent.course.ladder.open.is_empty() {
            return;
        }
        if let Err((_, step, says)) = self.may_go_on(&sent) {
            return self.give_up(place, Some((step, says, why)));
        }
        if let Some((device_id, channel)) = self.reachable_device(&sent.course.tried) {
            let device_id = Some(device_id);
            self.send_by(place, Way { device_id, channel }, None);
        } else if self.climb(place, true) == Climb::Ended {
            let says = "It was not delivered, and there is no other device to try";
            self.give_up(place, Some((Step::Deliver, says, why)));
        }
    }

    /// One more delivery of this message.
    pub(super) fn send_by(&mut self, place: usize, way: Way, because: Option<String>) {
        let planned = self.planned(way, None, because);
        let sent = &mut self.subject.sent[place];
        self.out.redirected.push((sent.message_id, planned));
        let course = Arc::make_mut(&mut sent.course);
        course.tried.extend(way.device_id);
        course.ladder.take(way);
        self.dirty = true;
    }

    /// May a message that was decided before still go another way?
    pub(super) fn may_go_on(&self, sent: &Sent) -> Result<(), (ReasonCode, Step, &'static str)> {
        if sent.is_to_business() {
            // It was for the business. Nobody's phone takes over: a stranger would read it.
            let says = "The business could not be reached";
            return Err((ReasonCode::ProviderError, Step::Deliver, says));
        }
        if sent.expires_at.is_none_or(|end| end <= self.given.now) {
            let says = "Its life ended before it reached anybody";
            return Err((ReasonCode::Expired, Step::Deliver, says));
        }
        if sent.called_back {
            let says = "It was not delivered, and was called back meanwhile";
            return Err((ReasonCode::Cancelled, Step::Deliver, says));
        }
        if self.subject.is_superseded(sent.message_id) {
            let says = "It was not delivered, and a newer message took its place";
            return Err((ReasonCode::Superseded, Step::Replaces, says));
        }
        let class = if sent.said.promo { Class::Promo } else { Class::Service };
        if !self.subject.has_consent(purpose_of(class)) {
            let says = "It was not delivered, and consent was withdrawn meanwhile";
            return Err((ReasonCode::OptedOut, Step::Consent, says));
        }
        Ok(())
    }

    /// No way is left. With what the provider said, that is recorded.
    pub(super) fn give_up(&mut self, place: usize, said: Option<(Step, &str, &str)>) {
        let sent = &mut self.subject.sent[place];
        sent.undelivered = true;
        sent.drop_ways_ahead();
        self.dirty = true;
        if let Some((step, says, why)) = said {
            let sent = sent.clone();
            let values = json!({ "message": sent.message_id, "why": why, "devices_tried": sent.course.tried.len() });
            self.decide_later(&sent, ReasonCode::ProviderError, step, says, values);
        }
    }

    /// A word on a message that was decided before.
    pub(super) fn decide_later(&mut self, sent: &Sent, code: ReasonCode, step: Step, says: &str, values: Value) {
        let catalogue = self.given.catalogue;
        let live = || catalogue.triggers.iter().find(|live| live.id == sent.said.trigger_id);
        let trigger = catalogue
            .revision(sent.said.trigger_id, sent.said.revision)
            .or_else(live);
        let decision = Decision {
            id: self.ids.draw(),
            user_id: self.subject.user_id,
            moment_id: sent.moment_id,
            trigger_id: sent.said.trigger_id,
            trigger: trigger.map(|trigger| trigger.sentence.name.clone()).unwrap_or_default(),
            revision: sent.said.revision,
            facts: named(trigger, sent),
            code,
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
