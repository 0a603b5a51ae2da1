//! What an adapter makes of a foreign request: raw records with ids that repeat, and what it refused with its place.

use crate::base::limits;
use crate::base::time::Timestamp;
use crate::engine::fix::{RawBody, RawRecord};
use serde_json::json;
use uuid::Uuid;

/// Who sent a request, as its credentials say, and when it arrived.
#[derive(Debug, Clone, Copy)]
pub struct Caller<'a> {
    /// The device or user behind the credentials, empty when unknown. It is part of every id that an adapter makes, so that
    /// two phones that report the same second of the same place never share a record.
    pub name: &'a str,
    /// Our clock; stamps what its format allows to come without a time.
    pub received_at: Timestamp,
}

/// A foreign request in Usher's words.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Parsed {
    /// What the client calls itself, at most [`limits::NAME_CHARS_MAX`] characters.
    pub client_device_id: Option<String>,
    /// In the order of the request. One report can become up to three records: a context, a fix and an event.
    pub records: Vec<RawRecord>,
    /// What became no record; the others of the request are unharmed.
    pub refused: Vec<Refused>,
}

/// One report that became no record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// JSON pointer into the body, key of the query, or place in the file.
    pub position: String,
    /// Stable, `snake_case`.
    pub code: &'static str,
    /// What is wrong and what to do instead.
    pub detail: String,
}

impl Refused {
    pub fn new(position: impl Into<String>, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            position: position.into(),
            code,
            detail: detail.into(),
        }
    }

    /// The same refusal seen from one level further out.
    #[must_use]
    pub fn under(self, prefix: &str) -> Self {
        let position = if self.position.is_empty() {
            prefix.to_owned()
        } else {
            format!("{prefix}/{}", self.position)
        };
        Self { position, ..self }
    }
}

/// Why nothing of a request can be read. The code is stable and the caller's fault (4xx).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct AdapterError {
    /// Stable, `snake_case`.
    pub code: &'static str,
    /// JSON pointer into the body, or key of the query; empty for the whole.
    pub pointer: String,
    /// What is wrong and what to do instead.
    pub detail: String,
}

impl AdapterError {
    pub fn new(code: &'static str, pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            code,
            pointer: pointer.into(),
            detail: detail.into(),
        }
    }
}

/// Refuses a batch that is longer than any client of these formats sends.
pub fn bounded(count: usize, pointer: &str) -> Result<(), AdapterError> {
    if count <= limits::RECORDS_PER_BATCH_MAX {
        return Ok(());
    }
    let detail = format!(
        "{count} reports in one request; send at most {} at once",
        limits::RECORDS_PER_BATCH_MAX
    );
    Err(AdapterError::new("too_many_records", pointer, detail))
}

/// A client's own name: nothing when it is empty, refused when it could not be stored.
pub fn device_name(pointer: &str, name: &str) -> Result<Option<String>, AdapterError> {
    if name.is_empty() {
        return Ok(None);
    }
    if name.chars().count() > limits::NAME_CHARS_MAX || name.contains('\0') {
        let detail = format!(
            "a device id must have at most {} characters and no NUL",
            limits::NAME_CHARS_MAX
        );
        return Err(AdapterError::new("device_id_invalid", pointer, detail));
    }
    Ok(Some(name.to_owned()))
}

/// Where records of a client without ids come from: with time and place it tells one record from another.
#[derive(Debug, Clone)]
pub struct Origin<'a> {
    pub adapter: &'static str,
    pub caller: &'a str,
    pub device: String,
}

/// Namespace (RFC 9562, version 5) of the ids that adapters make; changing it would make every repeat a new record.
const NAMESPACE: Uuid = Uuid::from_u128(0x6f1c_2b6e_93a4_4d5b_8a57_0c2f_71d9_e4b3);

impl Origin<'_> {
    /// A record whose id is the same whenever the same client repeats the same report (RELIABILITY.md B1).
    pub fn record(&self, at: Timestamp, place: Option<(f64, f64)>, body: RawBody) -> RawRecord {
        let place = place.map(|(lat, lng)| (lat.to_bits(), lng.to_bits()));
        let id = self.id(&json!([kind(&body), at.timestamp_micros(), place]).to_string());
        RawRecord {
            id,
            at: Some(at),
            mono_ms: None,
            boot_id: None,
            body,
        }
    }

    /// A record that its client did not date: `content` names it instead of its time, because our clock differs at each repeat.
    pub fn stamped(&self, received_at: Timestamp, content: &str, body: RawBody) -> RawRecord {
        let id = self.id(&json!([kind(&body), content]).to_string());
        RawRecord {
            id,
            at: Some(received_at),
            mono_ms: None,
            boot_id: None,
            body,
        }
    }

    fn id(&self, rest: &str) -> String {
        // A JSON array has one reading only: no two lists of parts share a text.
        let parts = json!([self.adapter, self.caller, self.device, rest]).to_string();
        Uuid::new_v5(&NAMESPACE, parts.as_bytes()).to_string()
    }
}

fn kind(body: &RawBody) -> &str {
    match body {
        RawBody::Fix(_) => "fix",
        RawBody::Crossing(_) => "crossing",
        // Two different events may share an instant.
        RawBody::Event(event) => &event.name,
        RawBody::Context(_) => "context",
        RawBody::Receipt(_) => "receipt",
    }
}
