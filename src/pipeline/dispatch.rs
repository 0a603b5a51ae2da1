//! One delivery on its way out: asked once more whether it may go, sent with no transaction open, and what is to be written of it.

use super::lane::Task;
use super::stream::display_name;
use super::verdict::{Verdict, is_elsewhere};
use super::ways::Place;
use super::{Pipeline, PipelineError};
use crate::base::time::Timestamp;
use crate::channel::Push;
use crate::engine::delivery::{ChannelKind, DeliveryState, Next, Outcome, RetryPlan, Tried, settle};
use crate::engine::flow::Ending;
use crate::store::change::{InboxEntry, InboxInput};
use crate::store::{AttemptRow, Claimed, DeadAddress, Settlement, Whose};
use crate::telemetry::measure;
use chrono::TimeDelta;
use futures_util::future::join_all;
use serde_json::json;
use std::time::Duration;

/// When the process is told to stop, sends under way have this long; what has no answer then goes back into the outbox.
const STOP_GRACE: Duration = Duration::from_secs(5);

/// No provider is given less time than this for an answer, unless all of the lease is shorter.
const ANSWER_TAKES: TimeDelta = TimeDelta::seconds(13);

/// A delivery that needs nothing more than to be written.
pub(super) struct Sent {
    pub(super) claimed: Claimed,
    pub(super) settlement: Settlement,
    place: Place,
    at: Timestamp,
    /// Where it stands once that is written; none when the claim was lost.
    pub(super) state: Option<DeliveryState>,
}

impl Pipeline {
    pub(super) async fn deliver(&self, claimed: Claimed, mut place: Place) -> Result<Sent, PipelineError> {
        let now = self.now();
        let catalogue = self.catalogue(claimed.delivery.project_id).await?;
        let verdict = if self.is_too_late(&claimed, now) {
            let why = "it waited for its turn";
            Verdict::Later { at: now, why }
        } else if is_given_up(&claimed, now) {
            // What held it back since the last attempt, such as a receiver that is only probed, gives it no more time.
            let (state, why) = (
                DeliveryState::Failed,
                "it was tried for as long as its provider allows".to_owned(),
            );
            Verdict::Stop { state, why }
        } else {
            self.verdict(&claimed, &catalogue, now).await?
        };
        let mut settlement = match verdict {
            Verdict::Stop { state, why } => blank(&claimed, now, state, None, &why),
            Verdict::Later { at, why } => blank(&claimed, now, DeliveryState::Queued, Some(at), why),
            Verdict::Go { address } => {
                let (settlement, ending) = self.attempt(&claimed, &address, now).await;
                place.note(ending, settlement.at);
                settlement
            }
        };
        settlement.undelivered = self.undelivered(&claimed, &settlement);
        Ok(Sent {
            claimed,
            settlement,
            place,
            at: now,
            state: None,
        })
    }

    /// Tells the engine, the measures and whoever watches of deliveries that were settled.
    pub(super) async fn tell_of(&self, settled: Vec<Sent>) -> Result<(), PipelineError> {
        let tellings = settled.into_iter().map(|sent| async move {
            let Sent {
                claimed,
                settlement,
                place,
                at,
                state,
            } = sent;
            if place.give_back() {
                self.route_closed(&claimed, settlement.why.as_deref());
            }
            let Some(state) = state else { return Ok(()) };
            measure::delivery(claimed.delivery.channel, settlement.state);
            if settlement.state == DeliveryState::Accepted {
                measure::hop("handed_over", settlement.at - claimed.delivery.created_at);
            }
            let out_of_reach = settlement.dead_address.is_some() || is_elsewhere(&claimed);
            let (project_id, user_id) = (claimed.delivery.project_id, claimed.delivery.user_id);
            if let Some(device) = claimed.delivery.device_id.filter(|_| out_of_reach) {
                self.tell_devices(project_id, &[(user_id, device)]).await;
            } else if out_of_reach && claimed.delivery.channel.is_personal() {
                self.tell_of_store(project_id, user_id, Task::TellContact).await;
            }
            if state == DeliveryState::Failed {
                self.step_inbox(settlement.undelivered.into_iter().collect()).await?;
            }
            self.show(&claimed, settlement.state, settlement.why, at).await
        });
        join_all(tellings).await.into_iter().collect()
    }

    /// Has it waited so long that its lease leaves no provider the time to answer?
    fn is_too_late(&self, claimed: &Claimed, now: Timestamp) -> bool {
        let needed = ANSWER_TAKES.min(self.0.lease / 2);
        claimed.delivery.lease_until.is_some_and(|until| until - now < needed)
    }

    /// With a failure for good: what the engine is to hear. It is stored along with the failure, so that no crash loses it.
    fn undelivered(&self, claimed: &Claimed, settlement: &Settlement) -> Option<InboxEntry> {
        // One endpoint of several failed: its dead letter can be replayed, and no device takes over.
        let is_heard = !claimed.message.silent && claimed.delivery.endpoint_id.is_none();
        let failed = settlement.state == DeliveryState::Failed && is_heard;
        failed.then(|| InboxEntry {
            id: self.new_id(),
            project_id: claimed.delivery.project_id,
            user_id: claimed.delivery.user_id,
            input: InboxInput::Undelivered {
                message_id: claimed.delivery.message_id,
                device_id: claimed.delivery.device_id,
                channel: Some(claimed.delivery.channel),
                why: settlement.why.clone().unwrap_or_default(),
            },
        })
    }

    async fn attempt(&self, claimed: &Claimed, address: &str, now: Timestamp) -> (Settlement, Ending) {
        let kind = claimed.delivery.channel;
        let outcome = self.send(claimed, address, now).await;
        let after = self.now();
        let mut draw = [0_u8; 4];
        self.0.entropy.fill(&mut draw);
        let jitter = f64::from(u32::from_be_bytes(draw)) / f64::from(u32::MAX);
        let tried = Tried {
            channel: kind,
            attempts: claimed.delivery.attempts,
            first_at: claimed.first_tried_at.unwrap_or(now),
            expires_at: claimed.message.expires_at,
        };
        let next = settle(&outcome, &tried, after, jitter);
        self.endpoint_answered(claimed, &outcome, after).await;
        let (state, run_at, why) = match next {
            Next::Settled { state, why } => (state, None, why),
            Next::Again { at, why } => (DeliveryState::Queued, Some(at), Some(why)),
        };
        let (provider_id, ending) = match &outcome {
            Outcome::Accepted { provider_id } => (Some(provider_id.clone()), Ending::Answered),
            Outcome::Rejected { .. } | Outcome::Unregistered { .. } => (None, Ending::Answered),
            // Each endpoint has a health of its own: a dead one must not close the way to the others.
            Outcome::Retry { .. } if claimed.endpoint.is_some() => (None, Ending::Answered),
            Outcome::Retry { .. } => (None, Ending::Failed),
            Outcome::Misconfigured { why, detail } => {
                self.misconfigured(claimed, why, detail, after);
                (None, Ending::Failed)
            }
        };
        // The wall clock may step back while a channel speaks: that attempt took no time.
        measure::send(kind, (after - now).to_std().unwrap_or_default());
        let settlement = Settlement {
            project_id: claimed.delivery.project_id,
            delivery_id: claimed.delivery.id,
            attempts: claimed.delivery.attempts,
            at: after,
            state,
            run_at,
            why: why.clone(),
            provider_id: provider_id.clone(),
            attempt: Some(AttemptRow {
                number: claimed.delivery.attempts,
                at: now,
                outcome: outcome.as_str().to_owned(),
                detail: why,
                provider_id,
                duration_ms: (after - now).num_milliseconds(),
            }),
            dead_address: dead_address(&outcome, claimed, address),
            undelivered: None,
        };
        (settlement, ending)
    }

    /// One attempt, bounded whatever the channel does.
    async fn send(&self, claimed: &Claimed, address: &str, now: Timestamp) -> Outcome {
        let delivery = &claimed.delivery;
        let report_url = self.0.channels.report_url(delivery.channel, delivery.project_id);
        let push = Push {
            report_url: report_url.as_deref(),
            message: &claimed.message,
            address,
            sealing_key: claimed.sealing_key.as_ref(),
            now,
            entropy: self.entropy(),
        };
        let again = |why: &str| Outcome::Retry {
            after: None,
            why: why.to_owned(),
        };
        // A channel bounds itself; this holds all the same, for after the lease somebody else sends.
        let leased = claimed
            .delivery
            .lease_until
            .and_then(|until| (until - now).to_std().ok());
        let limit = leased.unwrap_or_default().mul_f64(0.8);
        let cut_off = async {
            self.0.stopping.cancelled().await;
            tokio::time::sleep(STOP_GRACE).await;
        };
        tokio::select! {
            outcome = self.speak(claimed, push) => outcome,
            () = tokio::time::sleep(limit) => again("the channel did not answer in time"),
            () = cut_off => again("the server stopped before the answer came"),
        }
    }

    async fn show(
        &self,
        claimed: &Claimed,
        state: DeliveryState,
        why: Option<String>,
        now: Timestamp,
    ) -> Result<(), PipelineError> {
        let delivery = &claimed.delivery;
        let project_id = delivery.project_id;
        if state == DeliveryState::Accepted && delivery.channel == ChannelKind::Tray {
            let subjects = self.0.store.load_subjects(project_id, &[delivery.user_id]).await?;
            let subject = subjects.first();
            let device = subject
                .zip(delivery.device_id)
                .and_then(|(subject, id)| subject.devices.get(&id));
            let body = json!({
                "delivery_id": delivery.id, "message_id": delivery.message_id, "device_id": delivery.device_id,
                "user_id": delivery.user_id, "name": subject.map(display_name), "at": now, "channel": delivery.channel,
                "platform": device.and_then(|device| device.about.platform.clone()), "shown": claimed.message.shown,
                "to": claimed.message.to,
            });
            if claimed.message.silent {
                // Nothing shows: the phone is only asked where it is.
                self.0.stream.publish(project_id, "asked", body);
            } else {
                self.0.stream.publish_push(project_id, body);
            }
        }
        if !self.0.stream.is_watched() {
            return Ok(());
        }
        let body = json!({
            "id": delivery.id, "message_id": delivery.message_id, "device_id": delivery.device_id, "state": state, "why": why,
            "endpoint_id": delivery.endpoint_id,
        });
        self.0.stream.publish(project_id, "delivery", body);
        Ok(())
    }
}

fn is_given_up(claimed: &Claimed, now: Timestamp) -> bool {
    let plan = RetryPlan::of(claimed.delivery.channel);
    claimed.first_tried_at.is_some_and(|first| plan.is_over(first, now))
}

/// The address that the provider called dead, if it did.
fn dead_address(outcome: &Outcome, claimed: &Claimed, address: &str) -> Option<DeadAddress> {
    let Outcome::Unregistered { as_of, .. } = outcome else {
        return None;
    };
    let delivery = &claimed.delivery;
    let whose = if delivery.channel.is_personal() {
        Whose::Person(delivery.user_id, delivery.channel)
    } else {
        Whose::Device(delivery.device_id?)
    };
    Some(DeadAddress {
        whose,
        address: address.to_owned(),
        since: *as_of,
    })
}

/// A settlement without an attempt.
fn blank(claimed: &Claimed, at: Timestamp, state: DeliveryState, run_at: Option<Timestamp>, why: &str) -> Settlement {
    Settlement {
        project_id: claimed.delivery.project_id,
        delivery_id: claimed.delivery.id,
        attempts: claimed.delivery.attempts,
        at,
        state,
        run_at,
        why: Some(why.to_owned()),
        provider_id: None,
        attempt: None,
        dead_address: None,
        undelivered: None,
    }
}
