//! The verdict on a claimed delivery: may it go now? Time has passed since the decision, and what it stood on is asked again.

use super::endpoints::to_business;
use super::{Pipeline, PipelineError};
use crate::base::id::{MessageId, ProjectId};
use crate::base::time::Timestamp;
use crate::engine::catalogue::Catalogue;
use crate::engine::decision::ReasonCode;
use crate::engine::delivery::{ChannelKind, DeliveryState};
use crate::engine::step::{Given, still_may_be_sent};
use crate::engine::subject::{Purpose, Subject};
use crate::engine::trigger::Audience;
use crate::store::Claimed;
use chrono::TimeDelta;
use std::collections::BTreeSet;
use uuid::Uuid;

/// A delivery of a paused project or trigger is looked at again after this long.
const PAUSE_RECHECK: TimeDelta = TimeDelta::seconds(30);
/// A correction waits this long for the fate of what it corrects.
const CORRECTION_RECHECK: TimeDelta = TimeDelta::seconds(5);
/// What goes out within this time of its decision is as true as it was.
const FRESH_FOR: TimeDelta = TimeDelta::seconds(10);

/// What came of looking at a claimed delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It may not go, and that is final.
    Stop {
        state: DeliveryState,
        why: String,
    },
    /// Not now.
    Later {
        at: Timestamp,
        why: &'static str,
    },
    Go {
        address: String,
    },
}

impl Verdict {
    fn stop(state: DeliveryState, why: impl Into<String>) -> Self {
        Self::Stop { state, why: why.into() }
    }
}

impl Pipeline {
    /// May it go now? Life, owner, consent and pause are asked every time (invariant 8); the facts, the condition and the place
    /// when it goes out later than it was decided; and a correction asks what became of the message it corrects.
    pub(super) async fn verdict(
        &self,
        claimed: &Claimed,
        catalogue: &Catalogue,
        now: Timestamp,
    ) -> Result<Verdict, PipelineError> {
        let verdict = at_a_glance(claimed, catalogue, now);
        if !matches!(verdict, Verdict::Go { .. }) || claimed.message.silent {
            return Ok(verdict);
        }
        if let Some(corrected) = claimed.message.corrects
            && let Some(other) = self
                .unless_it_got_out(claimed.delivery.project_id, corrected, now)
                .await?
        {
            return Ok(other);
        }
        let may_be_covered = may_cover_a_newer_one(claimed, now);
        let must_be_judged = is_late(claimed, now) || claimed.message.to == Audience::Business;
        if !may_be_covered && !must_be_judged {
            return Ok(verdict);
        }
        let ids = (claimed.delivery.project_id, claimed.message.user_id);
        let subjects = self.0.store.load_subjects(ids.0, &[ids.1]).await?;
        let Some(subject) = subjects.first() else {
            return Ok(verdict);
        };
        let stop = |code: ReasonCode| Verdict::stop(DeliveryState::Cancelled, code.as_str());
        if may_be_covered && subject.is_superseded(claimed.message.id) {
            return Ok(stop(ReasonCode::Superseded));
        }
        // What was being sent when it was taken back, and would be sent once more.
        if may_be_covered && subject.is_called_back(claimed.message.id) {
            return Ok(stop(ReasonCode::Cancelled));
        }
        if must_be_judged {
            let again = self.judged_again(claimed, subject, catalogue, now).await?;
            return Ok(again.map_or(verdict, stop));
        }
        Ok(verdict)
    }

    /// What a correction comes to while the message it corrects has not got out; none when that one has.
    async fn unless_it_got_out(
        &self,
        project_id: ProjectId,
        corrected: MessageId,
        now: Timestamp,
    ) -> Result<Option<Verdict>, PipelineError> {
        let deliveries = self.deliveries_of(project_id, corrected).await?;
        let lost = |state| {
            matches!(
                state,
                DeliveryState::Failed | DeliveryState::Expired | DeliveryState::Cancelled
            )
        };
        if deliveries.iter().all(|delivery| lost(delivery.state)) {
            let why = ReasonCode::Superseded.as_str();
            return Ok(Some(Verdict::stop(DeliveryState::Cancelled, why)));
        }
        let got_out = deliveries
            .iter()
            .any(|delivery| !delivery.state.is_open() && !lost(delivery.state));
        Ok((!got_out).then(|| Verdict::Later {
            at: now + CORRECTION_RECHECK,
            why: "what it corrects is still under way",
        }))
    }

    /// Why it must not be said any more; none when it may, or when what it stood on is forgotten.
    async fn judged_again(
        &self,
        claimed: &Claimed,
        subject: &Subject,
        catalogue: &Catalogue,
        now: Timestamp,
    ) -> Result<Option<ReasonCode>, PipelineError> {
        let (store, project_id) = (&self.0.store, claimed.delivery.project_id);
        let Some(decision) = store.decision(project_id, claimed.message.decision_id).await? else {
            return Ok(None);
        };
        let Some(moment) = store.moment(project_id, decision.moment_id).await? else {
            return Ok(None);
        };
        let Some(trigger) = catalogue.revision(decision.trigger_id, decision.revision) else {
            return Ok(None);
        };
        let given = Given {
            catalogue,
            spent: &BTreeSet::new(),
            now,
            seed: Uuid::nil(),
        };
        Ok(still_may_be_sent(subject, &moment, trigger, &decision.facts, given).err())
    }
}

/// What the claim itself tells.
pub fn at_a_glance(claimed: &Claimed, catalogue: &Catalogue, now: Timestamp) -> Verdict {
    let message = &claimed.message;
    let purpose = if message.promo {
        Purpose::Promo
    } else {
        Purpose::Service
    };
    let consented = claimed.consents.get(&purpose).is_some_and(|consent| consent.granted);
    let to_user = message.to == Audience::User;
    if message.expires_at <= now {
        return Verdict::stop(DeliveryState::Expired, "its life is over");
    }
    let by_device = to_user && !claimed.delivery.channel.is_personal();
    if by_device && claimed.owner != Some(message.user_id) {
        return Verdict::stop(DeliveryState::Cancelled, "the device belongs to somebody else now");
    }
    if to_user && !consented {
        return Verdict::stop(DeliveryState::Cancelled, "consent was withdrawn");
    }
    let channel_purpose = Purpose::of_channel(claimed.delivery.channel).filter(|_| to_user);
    let agreed = |purpose| claimed.consents.get(&purpose).is_some_and(|consent| consent.granted);
    if channel_purpose.is_some_and(|purpose| !agreed(purpose)) {
        return Verdict::stop(DeliveryState::Cancelled, "consent to this channel was withdrawn");
    }
    let later = |why| Verdict::Later {
        at: now + PAUSE_RECHECK,
        why,
    };
    if claimed.paused || catalogue.settings.paused {
        return later("the project is paused");
    }
    if claimed.channel.paused {
        return later("the channel is paused");
    }
    let mut live = catalogue.listeners();
    if live.any(|live| live.id == message.trigger_id && live.paused) {
        return later("the trigger is paused");
    }
    match &claimed.push {
        _ if !to_user => to_business(claimed, now),
        _ if !by_device => own_address(claimed).map_or_else(
            || {
                let why = "the person has no address for this channel any more";
                Verdict::stop(DeliveryState::Failed, why)
            },
            |address| Verdict::Go { address },
        ),
        Some((channel, address)) if *channel == claimed.delivery.channel => Verdict::Go {
            address: address.clone(),
        },
        Some(_) | None => Verdict::stop(
            DeliveryState::Failed,
            "the device has no address for this channel any more",
        ),
    }
}

/// The person's own address for the channel of this delivery, as it is now.
fn own_address(claimed: &Claimed) -> Option<String> {
    match claimed.delivery.channel {
        ChannelKind::Sms => claimed.contact.phone.clone(),
        ChannelKind::Email => claimed.contact.email.clone(),
        ChannelKind::Tray | ChannelKind::Fcm | ChannelKind::Apns | ChannelKind::Webpush | ChannelKind::Webhook => None,
    }
}

/// What goes out within a moment of its decision is as true as it was.
fn is_late(claimed: &Claimed, now: Timestamp) -> bool {
    now - claimed.message.created_at > FRESH_FOR
}

/// Not the first try: another message may have taken its place on the screen meanwhile. One that is still queued then is
/// cancelled in the commit of the other; this is for those that were being sent, or held back, at that instant.
fn may_cover_a_newer_one(claimed: &Claimed, now: Timestamp) -> bool {
    let delivery = &claimed.delivery;
    is_late(claimed, now) || delivery.attempts > 1 || delivery.replay_of.is_some() || claimed.message.corrects.is_some()
}

/// Has the device gone to somebody else, or has it or the person lost the address for this channel? The engine is to hear
/// of it.
pub(super) fn is_elsewhere(claimed: &Claimed) -> bool {
    let reached = claimed
        .push
        .as_ref()
        .map(|(channel, _): &(ChannelKind, String)| *channel);
    let is_where_it_was = claimed.owner == Some(claimed.message.user_id) && reached == Some(claimed.delivery.channel);
    if claimed.delivery.channel.is_personal() {
        return own_address(claimed).is_none();
    }
    let by_device = claimed.message.to == Audience::User;
    by_device && !is_where_it_was
}
