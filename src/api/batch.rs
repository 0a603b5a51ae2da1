//! Reading a batch of records: fixes straight from the bytes, other records each by itself, and what is wrong with its place.
//!
//! The bytes are read with `serde_json`: it keeps every digit of a number, and beside HTTP itself nothing of it shows.

use super::json::{pointer_of, shape_of, value_of, value_within, without_values};
use super::problem::Problem;
use super::track::Batch;
use crate::base::limits;
use crate::engine::fix::{Envelope, Fix, RawBody, RawRecord};
use crate::pipeline::{Ack, AckStatus};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// A batch as it was sent: the records that can be read, and for the others the acks that say why not.
#[derive(Debug, PartialEq)]
pub struct ReadBatch {
    pub envelope: Envelope,
    pub records: Vec<RawRecord>,
    /// The acks of the records that cannot be read, with their places among all of them.
    pub unreadable: Vec<(usize, Ack)>,
}

impl ReadBatch {
    fn sorted(envelope: Envelope, read: Vec<Result<RawRecord, Ack>>) -> Self {
        let mut records = Vec::with_capacity(read.len());
        let mut unreadable = Vec::new();
        for (at, record) in read.into_iter().enumerate() {
            match record {
                Ok(record) => records.push(record),
                Err(ack) => unreadable.push((at, ack)),
            }
        }
        Self {
            envelope,
            records,
            unreadable,
        }
    }
}

/// How deep in the body a record stands: in the list, in the object.
const RECORD_DEPTH: usize = 2;

/// Reads a batch. One record that cannot be read must not hold up the others; a body that is no JSON holds up all.
///
/// There are three ways, each slower than the one before it and all with the same result: straight to records when all are
/// plain fixes, record by record otherwise, and with the whole body as one value when there is something to say about it.
pub fn read_batch(bytes: &[u8]) -> Result<ReadBatch, Problem> {
    match fixes(bytes).or_else(|| one_by_one(bytes)) {
        Some(batch) => Ok(batch),
        None => as_a_whole(bytes),
    }
}

/// The shape of a body around its records.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Around<R> {
    sent_at: Option<DateTime<Utc>>,
    sent_mono_ms: Option<u64>,
    boot_id: Option<String>,
    records: Vec<R>,
}

impl<R> Around<R> {
    fn taken_apart(self) -> (Envelope, Vec<R>) {
        let envelope = Envelope {
            sent_at: self.sent_at,
            sent_mono_ms: self.sent_mono_ms,
            boot_id: self.boot_id,
        };
        (envelope, self.records)
    }
}

fn fixes(bytes: &[u8]) -> Option<ReadBatch> {
    let around: Around<PlainFix> = serde_json::from_slice(bytes).ok()?;
    let (envelope, records) = around.taken_apart();
    Some(ReadBatch {
        envelope,
        records: records.into_iter().map(|fix| fix.0).collect(),
        unreadable: Vec::new(),
    })
}

fn one_by_one(bytes: &[u8]) -> Option<ReadBatch> {
    let around: Around<&RawValue> = serde_json::from_slice(bytes).ok()?;
    let (envelope, pieces) = around.taken_apart();
    let read = |piece: &RawValue| match serde_json::from_str::<PlainFix>(piece.get()) {
        Ok(fix) => Some(Ok(fix.0)),
        Err(_) => value_within(piece.get().as_bytes(), RECORD_DEPTH).ok().map(read_record),
    };
    let records: Option<Vec<_>> = pieces.into_iter().map(read).collect();
    records.map(|records| ReadBatch::sorted(envelope, records))
}

fn as_a_whole(bytes: &[u8]) -> Result<ReadBatch, Problem> {
    let batch: Batch = shape_of(value_of(bytes)?)?;
    let envelope = Envelope {
        sent_at: batch.sent_at,
        sent_mono_ms: batch.sent_mono_ms,
        boot_id: batch.boot_id,
    };
    let records = batch.records.into_iter().map(read_record).collect();
    Ok(ReadBatch::sorted(envelope, records))
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

/// A record that is a fix with known fields, each once, and without a NUL: nearly every record there is. Whatever is not so is
/// an error here, and read in another way.
struct PlainFix(RawRecord);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FixFields<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    at: Option<DateTime<Utc>>,
    mono_ms: Option<u64>,
    boot_id: Option<String>,
    lat: f64,
    lng: f64,
    accuracy_m: Option<f64>,
    speed_mps: Option<f64>,
    heading_deg: Option<f64>,
    altitude_m: Option<f64>,
    source: Option<String>,
    #[serde(default)]
    simulated: bool,
}

impl<'de> Deserialize<'de> for PlainFix {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // A list of values would pass for the fields in their order.
        deserializer.deserialize_map(ObjectOnly)
    }
}

struct ObjectOnly;

impl<'de> Visitor<'de> for ObjectOnly {
    type Value = PlainFix;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a fix")
    }

    fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<PlainFix, A::Error> {
        let fields = FixFields::deserialize(MapAccessDeserializer::new(fields))?;
        let texts = [Some(&*fields.id), fields.boot_id.as_deref(), fields.source.as_deref()];
        if fields.kind != "fix" || texts.into_iter().flatten().any(|text| text.contains('\0')) {
            return Err(A::Error::custom("not a plain fix"));
        }
        Ok(PlainFix(RawRecord {
            id: fields.id.into_owned(),
            at: fields.at,
            mono_ms: fields.mono_ms,
            boot_id: fields.boot_id,
            body: RawBody::Fix(Fix {
                lat: fields.lat,
                lng: fields.lng,
                accuracy_m: fields.accuracy_m,
                speed_mps: fields.speed_mps,
                heading_deg: fields.heading_deg,
                altitude_m: fields.altitude_m,
                source: fields.source,
                simulated: fields.simulated,
            }),
        }))
    }
}

#[cfg(test)]
#[path = "batch_tests.rs"]
mod tests;
