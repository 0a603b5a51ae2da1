//! Consent: may this be said to this person, and can they be reached? What the business is told needs other words than theirs.

use super::guards::Refusal;
use super::judge::Case;
use super::ladder::told;
use super::stepper::Stepper;
use crate::engine::decision::{ReasonCode, Step};
use crate::engine::fix::Permission;
use crate::engine::subject::Purpose;
use crate::engine::trigger::{Audience, Class};
use serde_json::json;

impl Stepper<'_> {
    /// Consent, and for a message to the person an address and the permission to show something.
    pub(super) fn has_consent(&self, case: &mut Case<'_>) -> Result<(), Refusal> {
        self.consented(case)?;
        if case.trigger.sentence.then.to == Audience::Business {
            return Ok(());
        }
        let reachable = self
            .subject
            .devices
            .values()
            .filter(|device| device.about.channel.is_some());
        let (mut addresses, mut permitted) = (0, 0);
        for device in reachable {
            addresses += 1;
            permitted += i32::from(device.about.notifications != Permission::Denied);
        }
        let fallback = &case.trigger.sentence.then.fallback;
        if permitted == 0 && self.first_address(fallback).is_none() {
            let (code, says) = if addresses > 0 {
                (
                    ReasonCode::NoPermission,
                    "Notifications are switched off on every device",
                )
            } else {
                (ReasonCode::NoToken, "No device has a push address")
            };
            let mut values = json!({ "devices": self.subject.devices.len() });
            let ways = self.ways_on(fallback, None);
            if !ways.is_empty() {
                values["fallback"] = told(&ways);
            }
            case.note(Step::Consent, false, says, values);
            return Err(Refusal::drop(code));
        }
        let purpose = purpose_of(case.trigger.sentence.class);
        let since = self.subject.consents.get(&purpose).map(|consent| consent.at);
        case.note(
            Step::Consent,
            true,
            "The person consented and can be reached",
            json!({ "purpose": purpose, "since": since }),
        );
        Ok(())
    }

    /// The person's last word on what this trigger does. To tell the business needs no consent to messages, but what is known
    /// of a place only by the person's leave is told by their leave.
    pub(super) fn consented(&self, case: &mut Case<'_>) -> Result<(), Refusal> {
        let class = case.trigger.sentence.class;
        let purpose = match case.trigger.sentence.then.to {
            Audience::User => purpose_of(class),
            // The place of a moment of somebody else was that person's to tell.
            Audience::Business if case.moment.of.is_none() && case.place.is_some() => Purpose::Location,
            Audience::Business => return Ok(()),
        };
        if self.subject.has_consent(purpose) {
            return Ok(());
        }
        let consent = self.subject.consents.get(&purpose);
        let what = match purpose {
            Purpose::Location => "their place",
            Purpose::Service | Purpose::Promo | Purpose::Analytics | Purpose::Sms | Purpose::Email => {
                "this kind of message"
            }
        };
        let (code, says) = match consent {
            Some(_) => (ReasonCode::OptedOut, format!("The person withdrew consent to {what}")),
            None => (ReasonCode::NoConsent, format!("The person has not consented to {what}")),
        };
        let values = json!({ "purpose": purpose, "consent": consent });
        case.note(Step::Consent, false, says, values);
        Err(Refusal::drop(code))
    }
}

/// What a message of this class needs consent to.
pub(super) fn purpose_of(class: Class) -> Purpose {
    match class {
        Class::Service => Purpose::Service,
        Class::Promo => Purpose::Promo,
    }
}
