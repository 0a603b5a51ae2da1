//! Webhook endpoints: where messages to the business go, what an endpoint's answers come to, and replays.

use super::verdict::Verdict;
use super::{Pipeline, PipelineError};
use crate::base::id::{DeliveryId, EndpointId, ProjectId};
use crate::base::secret::{Secret, new_signing_secret};
use crate::base::time::Timestamp;
use crate::channel::webhook::Address;
use crate::engine::delivery::{DeliveryState, Health, Outcome};
use crate::store::{Claimed, EndpointEdit, EndpointRow, Heard, Replay, Replays, SigningSecrets};
use serde_json::json;

impl Pipeline {
    /// Adds an endpoint; answers it with the secret its requests are signed with. None when the project has too many.
    pub async fn add_endpoint(
        &self,
        project_id: ProjectId,
        url: String,
        description: String,
    ) -> Result<Option<(EndpointRow, Secret)>, PipelineError> {
        let (now, secret) = (self.now(), new_signing_secret(self.entropy()));
        let row = EndpointRow {
            id: self.new_id(),
            project_id,
            url,
            description,
            secrets: SigningSecrets::new(secret.clone()),
            disabled: None,
            health: Health::default(),
            held_until: None,
            created_at: now,
            updated_at: now,
        };
        let added = self.0.store.add_endpoint(&row).await?;
        self.reload(project_id).await?;
        Ok(added.then_some((row, secret)))
    }

    pub async fn edit_endpoint(
        &self,
        project_id: ProjectId,
        id: EndpointId,
        edit: EndpointEdit,
    ) -> Result<Option<EndpointRow>, PipelineError> {
        Ok(self.0.store.edit_endpoint(project_id, id, edit, self.now()).await?)
    }

    /// Signs with a new secret from now on, and for a day with the one before as well.
    pub async fn rotate_endpoint(
        &self,
        project_id: ProjectId,
        id: EndpointId,
    ) -> Result<Option<(EndpointRow, Secret)>, PipelineError> {
        let secret = new_signing_secret(self.entropy());
        let store = &self.0.store;
        let rotated = store
            .rotate_endpoint(project_id, id, secret.clone(), self.now())
            .await?;
        Ok(rotated.map(|row| (row, secret)))
    }

    pub async fn delete_endpoint(&self, project_id: ProjectId, id: EndpointId) -> Result<bool, PipelineError> {
        let deleted = self.0.store.delete_endpoint(project_id, id).await?;
        self.reload(project_id).await?;
        Ok(deleted)
    }

    /// Queues the message of a dead delivery once more.
    pub async fn replay(&self, project_id: ProjectId, dead: DeliveryId) -> Result<Replay, PipelineError> {
        let (store, now) = (&self.0.store, self.now());
        let replay = store.replay_delivery(project_id, dead, self.new_id(), now).await?;
        self.0.work_ready.notify_one();
        Ok(replay)
    }

    /// The same for every dead letter of an endpoint since a time.
    pub async fn replay_endpoint(
        &self,
        project_id: ProjectId,
        id: EndpointId,
        since: Timestamp,
    ) -> Result<Replays, PipelineError> {
        let (store, now) = (&self.0.store, self.now());
        let replays = store
            .replay_endpoint(project_id, id, since, now, || self.new_id())
            .await?;
        self.0.work_ready.notify_one();
        Ok(replays)
    }

    /// Notes what an endpoint answered. That it was switched off is told on the live stream and in the log, and stays on record
    /// with the endpoint.
    pub(super) async fn endpoint_answered(&self, claimed: &Claimed, outcome: &Outcome, at: Timestamp) {
        let Some(endpoint) = &claimed.endpoint else { return };
        let heard = match outcome {
            Outcome::Accepted { .. } => Heard::Took,
            Outcome::Retry { after, .. } => Heard::Failed {
                held_until: after.map(|after| at + after),
            },
            // The fault is ours: it was not even asked.
            Outcome::Rejected { .. } | Outcome::Misconfigured { .. } => return,
            Outcome::Unregistered { .. } => Heard::Gone,
        };
        if heard == Heard::Took && endpoint.health == Health::default() && endpoint.held_until.is_none() {
            // The usual case writes nothing.
            return;
        }
        let project_id = endpoint.project_id;
        match self.0.store.endpoint_heard(project_id, endpoint.id, heard, at).await {
            Ok(None) => {}
            Ok(Some(why)) => {
                tracing::warn!(endpoint = %endpoint.id, project = %project_id, why, "a webhook endpoint was switched off");
                let body = json!({ "id": endpoint.id, "disabled": true, "why": why, "at": at });
                self.0.stream.publish(project_id, "endpoint", body);
            }
            // The next answer says the same again.
            Err(error) => {
                tracing::warn!(endpoint = %endpoint.id, %error, "what an endpoint answered could not be noted");
            }
        }
    }
}

/// Where a message to the business may go now.
pub(super) fn to_business(claimed: &Claimed, now: Timestamp) -> Verdict {
    let stop = |why: String| Verdict::Stop {
        state: DeliveryState::Failed,
        why,
    };
    if claimed.delivery.endpoint_id.is_none() {
        let address = String::new();
        return Verdict::Go { address };
    }
    let Some(endpoint) = &claimed.endpoint else {
        return stop("the endpoint was deleted".into());
    };
    if let Some(disabled) = &endpoint.disabled {
        return stop(format!("the endpoint is switched off: {}", disabled.why));
    }
    if let Some(until) = endpoint.held_until.filter(|until| *until > now) {
        let why = "the endpoint asked to slow down";
        return Verdict::Later { at: until, why };
    }
    let address = Address {
        url: endpoint.url.clone(),
        secrets: endpoint.secrets.in_force(now),
    };
    Verdict::Go {
        address: address.to_text(),
    }
}

#[cfg(test)]
#[path = "endpoints_tests.rs"]
mod tests;
