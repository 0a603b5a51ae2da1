//! Ingest: records and events in, answers out when everything they caused is durable.

use super::lane::{self, Task};
use super::{Pipeline, PipelineError};
use crate::base::id::{ProjectId, UserId};
use crate::base::time::Timestamp;
use crate::engine::decision::ReasonCode;
use crate::engine::fix::{Envelope, RawRecord, Record, Rejection, validate};
use crate::engine::moment::Moment;
use crate::engine::step::Input;
use crate::store::DeviceRow;
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashMap};
use utoipa::ToSchema;

/// What became of a batch.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Tracked {
    /// One for each record, in the order they were sent.
    pub acks: Vec<Ack>,
    /// The moments noticed.
    pub moments: Vec<Moment>,
}

/// What became of one record. `accepted` means durable: the client may forget it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Ack {
    pub id: String,
    pub status: AckStatus,
    /// With `rejected`: why; sending it again will not help.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// JSON pointer inside the record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AckStatus {
    Accepted,
    Rejected,
}

/// An event of the business about one user.
#[derive(Debug, Clone, PartialEq)]
pub struct ServerEvent {
    /// Unique in the project: a repeat is no second event.
    pub id: String,
    pub name: String,
    pub properties: Map<String, Value>,
    pub occurred_at: Timestamp,
}

impl Ack {
    fn accepted(id: String) -> Self {
        Self {
            id,
            status: AckStatus::Accepted,
            code: None,
            pointer: None,
            detail: None,
        }
    }

    fn rejected(id: String, rejection: &Rejection) -> Self {
        Self {
            id,
            status: AckStatus::Rejected,
            code: Some(rejection.code.to_owned()),
            pointer: Some(rejection.pointer.to_owned()),
            detail: Some(rejection.detail.clone()),
        }
    }

    fn refuse(&mut self, code: ReasonCode) {
        self.status = AckStatus::Rejected;
        self.code = Some(code.as_str());
        let detail = if code == ReasonCode::Erased {
            "this user was erased: nothing more is taken"
        } else {
            "there is no consent to location: ask for it before sending places"
        };
        self.detail = Some(detail.into());
    }
}

impl Pipeline {
    /// Takes a batch of one device. Each record goes to the user who held the device when it happened (N12).
    pub async fn track(
        &self,
        device: &DeviceRow,
        envelope: &Envelope,
        records: Vec<RawRecord>,
    ) -> Result<Tracked, PipelineError> {
        let received_at = self.now();
        let mut acks = Vec::with_capacity(records.len());
        let mut valid: Vec<(usize, Record)> = Vec::with_capacity(records.len());
        for raw in records {
            let id = raw.id.clone();
            match validate(raw, envelope, received_at) {
                Ok(record) => {
                    valid.push((acks.len(), record));
                    acks.push(Ack::accepted(id));
                }
                Err(rejection) => acks.push(Ack::rejected(id, &rejection)),
            }
        }
        let mut moments = Vec::new();
        let mut positions: HashMap<String, Vec<usize>> = HashMap::new();
        for (at, record) in &valid {
            positions.entry(record.id.clone()).or_default().push(*at);
        }
        for (user_id, records) in self.by_owner(device, valid).await? {
            let ids: Vec<String> = records.iter().map(|record| record.id.clone()).collect();
            let mut job = self.job(device.project_id, user_id);
            job.task = Task::Step(Some(Input::Records {
                device_id: device.id,
                records,
            }));
            match self.run(job).await {
                Ok(answer) => {
                    for refused in &answer.refused {
                        refuse(&mut acks, positions.get(&refused.record_id), refused.code);
                    }
                    moments.extend(answer.moments);
                }
                Err(PipelineError::Erased) => {
                    for id in ids {
                        refuse(&mut acks, positions.get(&id), ReasonCode::Erased);
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(Tracked { acks, moments })
    }

    /// Records by the user who held the device when they happened. One made before anybody did belongs to the present owner.
    async fn by_owner(
        &self,
        device: &DeviceRow,
        records: Vec<(usize, Record)>,
    ) -> Result<BTreeMap<UserId, Vec<Record>>, PipelineError> {
        let mut owned: BTreeMap<UserId, Vec<Record>> = BTreeMap::new();
        let oldest = records.iter().map(|(_, record)| record.at).min();
        let times = match oldest {
            Some(oldest) => self.0.store.owners_since(device.project_id, device.id, oldest).await?,
            None => Vec::new(),
        };
        let former: Vec<UserId> = times
            .iter()
            .map(|owner| owner.user_id)
            .filter(|user| *user != device.user_id)
            .collect();
        let became = match former.as_slice() {
            [] => HashMap::new(),
            former => self.0.store.merged_into(device.project_id, former).await?,
        };
        for (_, record) in records {
            let then = times
                .iter()
                .find(|owner| owner.from_at <= record.at && owner.to_at.is_none_or(|to| record.at < to));
            let owner = then.map_or(device.user_id, |owner| owner.user_id);
            owned
                .entry(became.get(&owner).copied().unwrap_or(owner))
                .or_default()
                .push(record);
        }
        Ok(owned)
    }

    /// Takes an event of the business.
    pub async fn event(
        &self,
        project_id: ProjectId,
        user_id: UserId,
        event: ServerEvent,
    ) -> Result<Vec<Moment>, PipelineError> {
        let mut job = self.job(project_id, user_id);
        let ServerEvent {
            id,
            name,
            properties,
            occurred_at,
        } = event;
        job.task = Task::Step(Some(Input::Event {
            record_id: id,
            name,
            properties,
            occurred_at,
        }));
        let lane::Answer { moments, .. } = self.run(job).await?;
        Ok(moments)
    }
}

fn refuse(acks: &mut [Ack], positions: Option<&Vec<usize>>, code: ReasonCode) {
    for at in positions.into_iter().flatten() {
        if let Some(ack) = acks.get_mut(*at) {
            ack.refuse(code);
        }
    }
}
