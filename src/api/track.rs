//! The way in: a batch of records of one device; each gets its own answer.

use super::auth::DeviceAuth;
use super::json::{Json, pointer_of, without_values};
use super::problem::{ErrorCode, Problem};
use super::server::Api;
use crate::base::limits;
use crate::engine::fix::{Envelope, RawRecord};
use crate::engine::moment::Moment;
use crate::pipeline::{Ack, AckStatus};
use actix_web::{post, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// A batch of records, with both clocks of the phone at the moment of sending.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Batch {
    /// The phone's wall clock when it sent the batch.
    pub sent_at: Option<DateTime<Utc>>,
    /// Milliseconds since the phone booted, when it sent the batch.
    pub sent_mono_ms: Option<u64>,
    /// Names the boot that `sent_mono_ms` counts from.
    #[schema(max_length = 128)]
    pub boot_id: Option<String>,
    #[schema(value_type = Vec<RawRecord>, max_items = 1000)]
    pub records: Vec<Value>,
}

/// What became of a batch.
#[derive(Debug, Serialize, ToSchema)]
pub struct BatchTaken {
    /// One for each record, in the order they were sent.
    pub acks: Vec<Ack>,
    /// The moments noticed.
    pub moments: Vec<Moment>,
}

/// Send records
///
/// Fixes, crossings, events, contexts and receipts. An ack `accepted` means durable: forget the record. `rejected` means that
/// sending it again will not help. Without an ack, send it again: repeats of one id are one record.
#[utoipa::path(tag = "device", security(("device_token" = [])), request_body = Batch,
    responses((status = 200, description = "an ack for each record", body = BatchTaken)))]
#[post("/v1/track")]
pub async fn track(
    api: web::Data<Api>,
    DeviceAuth(device): DeviceAuth,
    Json(batch): Json<Batch>,
) -> Result<web::Json<BatchTaken>, Problem> {
    if batch.records.len() > limits::RECORDS_PER_BATCH_MAX {
        let detail = format!(
            "{} records; at most {} at once",
            batch.records.len(),
            limits::RECORDS_PER_BATCH_MAX
        );
        return Err(Problem::new(ErrorCode::TooManyRecords, detail)
            .at("/records")
            .hint("send several batches"));
    }
    if batch
        .boot_id
        .as_ref()
        .is_some_and(|id| id.chars().count() > limits::NAME_CHARS_MAX || id.contains('\0'))
    {
        let detail = format!("must have at most {} characters and no NUL", limits::NAME_CHARS_MAX);
        return Err(Problem::field("/boot_id", detail));
    }
    let envelope = Envelope {
        sent_at: batch.sent_at,
        sent_mono_ms: batch.sent_mono_ms,
        boot_id: batch.boot_id,
    };
    // One record that cannot be read must not hold up the others.
    let read: Vec<Result<RawRecord, Ack>> = batch.records.into_iter().map(read_record).collect();
    let readable: Vec<RawRecord> = read.iter().filter_map(|one| one.as_ref().ok().cloned()).collect();
    let tracked = api.pipeline.track(&device, &envelope, readable).await?;
    let mut acks = tracked.acks.into_iter();
    let acks = read
        .into_iter()
        .filter_map(|one| one.map_or_else(Some, |_| acks.next()))
        .collect();
    Ok(web::Json(BatchTaken {
        acks,
        moments: tracked.moments,
    }))
}

/// A record of the expected shape, or the ack that says what is wrong with it.
fn read_record(value: Value) -> Result<RawRecord, Ack> {
    let id = value.get("id").and_then(Value::as_str).unwrap_or_default();
    let id: String = id.chars().take(limits::NAME_CHARS_MAX).collect();
    if super::fields::has_nul(&value) {
        return Err(refused(id, "", "holds a NUL character, which cannot be stored"));
    }
    serde_path_to_error::deserialize(value).map_err(|error| {
        let pointer = pointer_of(error.path());
        refused(id, &pointer, &without_values(&error.into_inner().to_string()))
    })
}

fn refused(id: String, pointer: &str, detail: &str) -> Ack {
    Ack {
        id,
        status: AckStatus::Rejected,
        code: Some("record_invalid".to_owned()),
        pointer: Some(pointer.to_owned()),
        detail: Some(detail.to_owned()),
    }
}
