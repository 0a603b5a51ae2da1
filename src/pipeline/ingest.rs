//! Ingest: records and events in, answers out when everything they caused is durable.

use super::holdings::{Holding, Looked};
use super::lane::{self, Task};
use super::{Pipeline, PipelineError};
use crate::base::id::{ProjectId, UserId};
use crate::base::memory::Share;
use crate::base::time::Timestamp;
use crate::engine::decision::ReasonCode;
use crate::engine::fix::{Envelope, RawRecord, Record, Rejection, validate};
use crate::engine::moment::Moment;
use crate::engine::step::Input;
use crate::telemetry::measure;
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
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

impl AckStatus {
    fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
        }
    }
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
    /// Whose records come with this token; none for an unknown one. A phone heard from lately is known without asking the store.
    pub async fn holding(&self, token_hash: [u8; 32], now: Timestamp) -> Result<Option<Holding>, PipelineError> {
        let begun = match self.0.holdings.look(&token_hash, now) {
            Looked::Known(holding) => return Ok(Some(holding)),
            Looked::Ask(begun) => begun,
        };
        // In memory of its own, as all that is waited for here seldom: each request would carry the room for it.
        let Some((row, since)) = Box::pin(self.0.store.held_device(&token_hash)).await? else {
            return Ok(None);
        };
        let holding = Holding {
            since,
            ..Holding::from(&row)
        };
        self.0.holdings.keep(begun, token_hash, holding, now);
        Ok(Some(holding))
    }

    /// Takes a batch of one device, which holds its share of memory until it is worked off. Each record goes to the user who held the device when it happened (N12).
    pub async fn track(
        &self,
        device: Holding,
        envelope: &Envelope,
        records: Vec<RawRecord>,
        share: Option<Arc<Share>>,
    ) -> Result<Tracked, PipelineError> {
        let received_at = self.now();
        let mut acks = Vec::with_capacity(records.len());
        let mut kinds = Vec::with_capacity(records.len());
        let mut valid: Vec<Record> = Vec::with_capacity(records.len());
        for raw in records {
            let id = raw.id.clone();
            kinds.push(raw.body.name());
            match validate(raw, envelope, received_at) {
                Ok(record) => {
                    valid.push(record);
                    acks.push(Ack::accepted(id));
                }
                Err(rejection) => acks.push(Ack::rejected(id, &rejection)),
            }
        }
        let mut moments = Vec::new();
        let mut refused: HashMap<String, ReasonCode> = HashMap::new();
        let owned = self.by_owner(device, valid).await?;
        let (mut gone, only_one) = (false, owned.len() == 1);
        for (user_id, records) in owned {
            let ids: Vec<String> = if only_one {
                Vec::new()
            } else {
                records.iter().map(|record| record.id.clone()).collect()
            };
            let device_id = device.device_id;
            let mut job = self.step(device.project_id, user_id, Input::Records { device_id, records });
            job.share.clone_from(&share);
            match self.run_records(job).await {
                Ok(answer) => {
                    refused.extend(answer.refused.into_iter().map(|one| (one.record_id, one.code)));
                    moments.extend(answer.moments);
                }
                Err(PipelineError::Erased) if only_one => gone = true,
                Err(PipelineError::Erased) => refused.extend(ids.into_iter().map(|id| (id, ReasonCode::Erased))),
                Err(error) => return Err(error),
            }
        }
        if gone || !refused.is_empty() {
            for ack in acks.iter_mut().filter(|ack| ack.status == AckStatus::Accepted) {
                let code = if gone {
                    Some(ReasonCode::Erased)
                } else {
                    refused.get(&ack.id).copied()
                };
                if let Some(code) = code {
                    ack.refuse(code);
                }
            }
        }
        count(&kinds, &acks);
        Ok(Tracked { acks, moments })
    }

    /// Records by the user who held the device when they happened. One made before anybody did belongs to the present owner.
    async fn by_owner(
        &self,
        device: Holding,
        records: Vec<Record>,
    ) -> Result<Vec<(UserId, Vec<Record>)>, PipelineError> {
        let Some(oldest) = records.iter().map(|record| record.at).min() else {
            return Ok(Vec::new());
        };
        if device.since.is_some_and(|since| since <= oldest) {
            return Ok(vec![(device.user_id, records)]);
        }
        Box::pin(self.by_owner_then(device, records, oldest)).await
    }

    /// The same of records that may be older than the present owner.
    async fn by_owner_then(
        &self,
        device: Holding,
        records: Vec<Record>,
        oldest: Timestamp,
    ) -> Result<Vec<(UserId, Vec<Record>)>, PipelineError> {
        let mut owned: BTreeMap<UserId, Vec<Record>> = BTreeMap::new();
        let (project_id, device_id) = (device.project_id, device.device_id);
        let times = self.0.store.owners_since(project_id, device_id, oldest).await?;
        let former: Vec<UserId> = times
            .iter()
            .map(|owner| owner.user_id)
            .filter(|user| *user != device.user_id)
            .collect();
        let became = match former.as_slice() {
            [] => HashMap::new(),
            former => self.0.store.merged_into(project_id, former).await?,
        };
        for record in records {
            let then = times
                .iter()
                .find(|owner| owner.from_at <= record.at && owner.to_at.is_none_or(|to| record.at < to));
            let owner = then.map_or(device.user_id, |owner| owner.user_id);
            owned
                .entry(became.get(&owner).copied().unwrap_or(owner))
                .or_default()
                .push(record);
        }
        Ok(owned.into_iter().collect())
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

/// What became of the records of a request, by kind.
fn count(kinds: &[&'static str], acks: &[Ack]) {
    let mut each = kinds.iter().zip(acks).map(|(kind, ack)| (*kind, ack.status)).peekable();
    // Those of one kind that came one after the other at once: mostly all of them.
    while let Some(one) = each.next() {
        let mut count = 1;
        while each.next_if_eq(&one).is_some() {
            count += 1;
        }
        measure::records(one.0, one.1.as_str(), count);
    }
}
