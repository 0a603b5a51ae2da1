//! The way in: a batch of records of one device; each gets its own answer.

use super::auth::Reporting;
use super::batch::{ReadBatch, read_batch};
use super::json::{answer_of, check_media_type, read, share_of};
use super::problem::{ErrorCode, Problem};
use super::server::Api;
use crate::base::limits;
use crate::engine::fix::RawRecord;
use crate::engine::moment::Moment;
use crate::pipeline::Ack;
use crate::telemetry::measure;
use actix_web::{HttpRequest, HttpResponse, post, web};
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
    Reporting(device): Reporting,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    check_media_type(&request)?;
    let body = read(&request, payload.into_inner(), limits::BODY_BYTES_MAX).await?;
    let ReadBatch {
        envelope,
        records,
        unreadable,
    } = read_batch(&body)?;
    drop(body);
    let count = records.len() + unreadable.len();
    if count > limits::RECORDS_PER_BATCH_MAX {
        let detail = format!("{count} records; at most {} at once", limits::RECORDS_PER_BATCH_MAX);
        return Err(Problem::new(ErrorCode::TooManyRecords, detail)
            .at("/records")
            .hint("send several batches"));
    }
    let is_odd = |id: &String| id.chars().count() > limits::NAME_CHARS_MAX || id.contains('\0');
    if envelope.boot_id.as_ref().is_some_and(is_odd) {
        let detail = format!("must have at most {} characters and no NUL", limits::NAME_CHARS_MAX);
        return Err(Problem::field("/boot_id", detail));
    }
    if !unreadable.is_empty() {
        measure::records("unreadable", "rejected", unreadable.len() as u64);
    }
    let tracked = api
        .pipeline
        .track(device, &envelope, records, share_of(&request))
        .await?;
    let acks = in_order(tracked.acks, unreadable);
    answer_of(&BatchTaken {
        acks,
        moments: tracked.moments,
    })
}

/// The acks of readable records, with those of the others in their places.
fn in_order(read: Vec<Ack>, unreadable: Vec<(usize, Ack)>) -> Vec<Ack> {
    if unreadable.is_empty() {
        return read;
    }
    let mut acks = Vec::with_capacity(read.len() + unreadable.len());
    let mut read = read.into_iter();
    for (at, ack) in unreadable {
        let before = at - acks.len();
        acks.extend(read.by_ref().take(before));
        acks.push(ack);
    }
    acks.extend(read);
    acks
}
