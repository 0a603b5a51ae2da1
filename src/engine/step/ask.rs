//! Asking the phone: before a send that only time has brought about, a place known by old evidence is asked for anew
//! (DESIGN.md 5.6).

use super::guards::Refusal;
use super::judge::{Case, Occasion};
use super::stepper::Stepper;
use crate::base::id::{DecisionId, DeviceId, MessageId, WaitId};
use crate::base::time::Timestamp;
use crate::engine::decision::{ReasonCode, Step};
use crate::engine::delivery::{ChannelKind, Planned};
use crate::engine::message::{Message, Shown, Urgency};
use crate::engine::moment::{MomentKind, Place};
use crate::engine::presence::Inside;
use crate::engine::subject::{Visit, Wait};
use crate::engine::trigger::{Audience, Class};
use chrono::TimeDelta;
use serde_json::json;

/// How long a phone has to answer.
const ANSWER_WITHIN: TimeDelta = TimeDelta::minutes(2);

impl Stepper<'_> {
    /// Is the person in the place, by evidence that is new enough? What time alone has brought about asks the phone first; when
    /// it does not answer, a service message may still help, and a promo would only puzzle.
    pub(super) fn is_in_place(&self, case: &mut Case<'_>, place: &Place) -> Result<bool, Refusal> {
        let visit = self.subject.visits.get(&place.id);
        let visit = visit.filter(|visit| visit.left_at.is_none());
        let Some(visit) = visit else { return Ok(false) };
        if case.occasion == Occasion::Asked && self.seen_outside_since(place, visit.evidence_at) {
            return Ok(false);
        }
        if self.is_trusted(visit) {
            return Ok(true);
        }
        let by_time = match case.occasion {
            Occasion::Due => true,
            Occasion::First => matches!(
                case.moment.kind,
                MomentKind::Dwelled { .. } | MomentKind::Reached { .. } | MomentKind::Scheduled { .. }
            ),
            Occasion::Asked | Occasion::Revised | Occasion::FactChanged => false,
        };
        if by_time && self.device_to_ask(place).is_some() {
            let until = self.given.now + ANSWER_WITHIN;
            let values = json!({ "place": place.external_id, "evidence_at": visit.evidence_at, "until": until });
            case.note(
                Step::Inside,
                false,
                "Asks the phone where it is: the last word is old",
                values,
            );
            return Err(Refusal {
                held_by_time: true,
                ..Refusal::until(ReasonCode::WaitingTime, until)
            });
        }
        Ok(case.trigger.sentence.class == Class::Service)
    }

    fn is_trusted(&self, visit: &Visit) -> bool {
        let fence = self.given.catalogue.fences.get(&visit.place.id);
        let trusted_for = fence.map_or(self.given.catalogue.settings.thresholds.trusted_for, |fence| {
            self.given.catalogue.thresholds(fence).trusted_for
        });
        self.given.now - visit.evidence_at <= trusted_for.delta()
    }

    /// Signs of leaving that are newer than the last evidence of being there.
    fn seen_outside_since(&self, place: &Place, evidence_at: Timestamp) -> bool {
        let presence = self
            .subject
            .devices
            .values()
            .filter_map(|device| device.presence.get(&place.id));
        let leaving = presence.filter_map(Inside::leaving);
        leaving.map(|leaving| leaving.since).any(|since| since > evidence_at)
    }

    /// Has the phone said since what it was asked for? Then the wait is over at once.
    pub(super) fn was_answered(&self, wait: &Wait) -> bool {
        let Some(asked_at) = wait.asked_at else { return false };
        let trigger = self.given.catalogue.revision(wait.trigger_id, wait.revision);
        let place = match trigger.and_then(|trigger| self.listens(trigger, &wait.moment)) {
            Some(Ok(place)) => place,
            // An event that was in a place they have left meanwhile.
            Some(Err(_)) => return true,
            None => wait.moment.kind.place().cloned(),
        };
        let Some(place) = place else { return false };
        match self.subject.visits.get(&place.id) {
            Some(visit) if visit.left_at.is_none() => {
                self.is_trusted(visit) || self.seen_outside_since(&place, visit.evidence_at.max(asked_at))
            }
            Some(_) | None => true,
        }
    }

    /// The device that was in the place last, else the one that is reached anyway.
    fn device_to_ask(&self, place: &Place) -> Option<(DeviceId, ChannelKind)> {
        let there = self
            .subject
            .devices
            .iter()
            .filter(|(_, device)| device.presence.contains_key(&place.id));
        there
            .filter_map(|(id, device)| device.about.channel.map(|channel| (device.last_seen_at, *id, channel)))
            .max_by_key(|(seen, id, _)| (*seen, *id))
            .map(|(_, id, channel)| (id, channel))
            .or_else(|| self.reachable_device(&[]))
    }

    /// Does this case wait for the phone to say where it is?
    pub(super) fn asks(case: &Case<'_>, refusal: &Refusal) -> bool {
        let last = case.trace.last().map(|step| step.step);
        refusal.code == ReasonCode::WaitingTime && last == Some(Step::Inside)
    }

    /// The message that asks: it shows nothing, spends nothing and counts nowhere.
    pub(super) fn ask_for_fix(&mut self, case: &Case<'_>, wait: WaitId, decision_id: DecisionId) {
        let Some((device_id, channel)) = case.place.as_ref().and_then(|place| self.device_to_ask(place)) else {
            return;
        };
        let id: MessageId = self.ids.draw();
        let planned = Planned {
            id: self.ids.draw(),
            device_id: Some(device_id),
            channel,
            endpoint_id: None,
            because: None,
        };
        self.out.messages.push(Message {
            id,
            user_id: self.subject.user_id,
            decision_id,
            trigger_id: case.trigger.id,
            content: String::new(),
            send_key: format!("ask:{wait}"),
            created_at: self.given.now,
            expires_at: self.given.now + ANSWER_WITHIN,
            facts: Vec::new(),
            shown: nothing(),
            promo: case.trigger.sentence.class == Class::Promo,
            corrects: None,
            silent: true,
            to: Audience::User,
            deliveries: vec![planned],
        });
    }
}

/// What a message shows that shows nothing. One tag for all: a newer question takes the place of one still under way.
fn nothing() -> Shown {
    Shown {
        locale: String::new(),
        title: String::new(),
        body: String::new(),
        sensitive: false,
        public_title: None,
        public_body: None,
        link: None,
        pass: None,
        image: None,
        actions: Vec::new(),
        tag: "ask".to_owned(),
        ends_at: None,
        urgency: Urgency::Normal,
    }
}
