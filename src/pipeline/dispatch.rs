//! Dispatch: claim deliveries by lease, ask once more whether they may go, send with no transaction open, settle.

use super::stream::display_name;
use super::verdict::{Verdict, is_elsewhere};
use super::{Pipeline, PipelineError};
use crate::base::limits;
use crate::base::time::Timestamp;
use crate::channel::Push;
use crate::engine::delivery::{ChannelKind, DeliveryState, Next, Outcome, settle};
use crate::store::change::{InboxEntry, InboxInput};
use crate::store::{AttemptRow, Claimed, Settlement};
use crate::telemetry::measure;
use chrono::TimeDelta;
use serde_json::json;
use std::time::Duration;
use tokio::task::JoinSet;

impl Pipeline {
    /// One round: everything that is due is claimed, sent and settled, also what falls due meanwhile. Says how many deliveries
    /// were claimed.
    ///
    /// No more is claimed than can be sent at once: a message that waits behind slow ones would outlive its lease, and what was
    /// asked about consent would be old. One slow provider holds nobody else up.
    pub async fn dispatch(&self) -> Result<usize, PipelineError> {
        // Tasks of their own, not futures polled from here: one that holds the writer's connection while this loop waits for
        // that very connection to claim more would never be polled again.
        let mut under_way = JoinSet::new();
        let (mut count, mut look, mut result) = (0, true, Ok(()));
        loop {
            let free = limits::SENDS_AT_ONCE_MAX - under_way.len();
            // Asking costs a read: not for every single place that becomes free.
            if look && (under_way.is_empty() || free >= limits::SENDS_AT_ONCE_MAX / 2) {
                let claimed = self.claim(free as u64).await.unwrap_or_else(|error| {
                    result = Err(error);
                    Vec::new()
                });
                count += claimed.len();
                look = claimed.len() == free && count < limits::DELIVERIES_PER_ROUND_MAX;
                for claimed in claimed {
                    let pipeline = self.clone();
                    under_way.spawn(async move { pipeline.deliver(claimed).await });
                }
            }
            if under_way.is_empty() && !look {
                break;
            }
            let may_claim = result.is_ok() && count < limits::DELIVERIES_PER_ROUND_MAX;
            tokio::select! {
                Some(settled) = under_way.join_next() => result = result.and(settled.unwrap_or(Err(PipelineError::Stopping))),
                () = self.0.work_ready.notified(), if may_claim => look = true,
            }
        }
        if count >= limits::DELIVERIES_PER_ROUND_MAX {
            self.0.work_ready.notify_one();
        }
        // One delivery that could not be settled keeps its lease and is taken up again when that ends; the others are done.
        result.map(|()| count)
    }

    async fn claim(&self, limit: u64) -> Result<Vec<Claimed>, PipelineError> {
        let lease = TimeDelta::seconds(self.lease_s());
        let limit = limit.min(limits::DELIVERIES_PER_CLAIM_MAX);
        Ok(self.0.store.claim_deliveries(self.now(), lease, limit).await?)
    }

    fn lease_s(&self) -> i64 {
        self.0.settings.lease_s.clamp(1, limits::LEASE_S_MAX)
    }

    async fn deliver(&self, claimed: Claimed) -> Result<(), PipelineError> {
        let now = self.now();
        let catalogue = self.catalogue(claimed.delivery.project_id).await?;
        let mut settlement = match self.verdict(&claimed, &catalogue, now).await? {
            Verdict::Stop { state, why } => blank(&claimed, now, state, None, &why),
            Verdict::Later { at, why } => blank(&claimed, now, DeliveryState::Queued, Some(at), why),
            Verdict::Go { address } => self.attempt(&claimed, &address, now).await,
        };
        settlement.undelivered = self.undelivered(&claimed, &settlement);
        if let Some(state) = self.0.store.settle_delivery(&settlement).await? {
            measure::delivery(claimed.delivery.channel, settlement.state);
            let out_of_reach = settlement.dead_address.is_some() || is_elsewhere(&claimed);
            if let Some(device) = claimed.delivery.device_id.filter(|_| out_of_reach) {
                let device = (claimed.delivery.user_id, device);
                self.tell_devices(claimed.delivery.project_id, &[device]).await;
            }
            if state == DeliveryState::Failed {
                self.step_inbox(settlement.undelivered.into_iter().collect()).await?;
            }
            self.show(&claimed, settlement.state, settlement.why, now).await?;
        }
        Ok(())
    }

    /// With a failure for good: what the engine is to hear. It is stored along with the failure, so that no crash loses it.
    fn undelivered(&self, claimed: &Claimed, settlement: &Settlement) -> Option<InboxEntry> {
        let failed = settlement.state == DeliveryState::Failed && !claimed.message.silent;
        failed.then(|| InboxEntry {
            id: self.new_id(),
            project_id: claimed.delivery.project_id,
            user_id: claimed.delivery.user_id,
            input: InboxInput::Undelivered {
                message_id: claimed.delivery.message_id,
                device_id: claimed.delivery.device_id,
                why: settlement.why.clone().unwrap_or_default(),
            },
        })
    }

    async fn attempt(&self, claimed: &Claimed, address: &str, now: Timestamp) -> Settlement {
        let kind = claimed.delivery.channel;
        let push = Push {
            message: &claimed.message,
            address,
            now,
        };
        // A channel bounds itself; this holds all the same, for after the lease somebody else sends.
        let limit = Duration::from_secs(self.lease_s().unsigned_abs()).mul_f64(0.8);
        let sent = tokio::time::timeout(limit, self.speak(claimed, push)).await;
        let outcome = sent.unwrap_or_else(|_| Outcome::Retry {
            after: None,
            why: "the channel did not answer in time".into(),
        });
        let after = self.now();
        let mut draw = [0_u8; 4];
        self.0.entropy.fill(&mut draw);
        let jitter = f64::from(u32::from_be_bytes(draw)) / f64::from(u32::MAX);
        let next = settle(
            &outcome,
            claimed.delivery.attempts,
            claimed.message.expires_at,
            after,
            jitter,
        );
        let (state, run_at, why) = match next {
            Next::Settled { state, why } => (state, None, why),
            Next::Again { at, why } => (DeliveryState::Queued, Some(at), Some(why)),
        };
        let (said, provider_id) = match &outcome {
            Outcome::Accepted { provider_id } => ("accepted", Some(provider_id.clone())),
            Outcome::Retry { .. } => ("retry", None),
            Outcome::Rejected { .. } => ("rejected", None),
            Outcome::Unregistered { .. } => ("unregistered", None),
        };
        // The wall clock may step back while a channel speaks: that attempt took no time.
        measure::send(kind, (after - now).to_std().unwrap_or_default());
        let dead = matches!(outcome, Outcome::Unregistered { .. });
        Settlement {
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
                outcome: said.to_owned(),
                detail: why,
                provider_id,
                duration_ms: (after - now).num_milliseconds(),
            }),
            dead_address: claimed
                .delivery
                .device_id
                .filter(|_| dead)
                .map(|device| (device, address.to_owned())),
            undelivered: None,
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
                "platform": device.and_then(|device| device.platform.clone()), "shown": claimed.message.shown,
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
        });
        self.0.stream.publish(project_id, "delivery", body);
        Ok(())
    }
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
