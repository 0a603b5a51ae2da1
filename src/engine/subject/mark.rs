//! The order of one device's records: by time, then by the text of their ids.

use crate::base::compact::Micros;
use crate::base::time::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::num::NonZeroU64;
use uuid::Uuid;
use uuid::fmt::Hyphenated;

/// A point in the order of one device's records: time first, then the record's id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Mark {
    pub at: Micros,
    pub record_id: RecordId,
}

impl Mark {
    pub fn of(at: Timestamp, record_id: &str) -> Self {
        Self {
            at: at.into(),
            record_id: record_id.into(),
        }
    }
}

/// The id of a record: any text, and nearly always that of a UUID, which then takes 16 bytes. Ordered and stored as the text.
#[derive(Clone, PartialEq, Eq)]
pub struct RecordId(Kept);

/// Each text is kept in one way only.
#[derive(Clone, PartialEq, Eq)]
enum Kept {
    /// The halves of a UUID whose canonical text it is: 8-4-4-4-12 in small letters. The second one is never nought, but in
    /// UUIDs that stand for nothing: it begins with the variant.
    Uuid(u64, NonZeroU64),
    Other(Box<Box<str>>),
}

impl From<&str> for RecordId {
    fn from(text: &str) -> Self {
        let is_canonical = text.len() == Hyphenated::LENGTH && !text.bytes().any(|byte| byte.is_ascii_uppercase());
        let uuid = is_canonical.then(|| Uuid::try_parse(text).ok()).flatten();
        let halves = uuid.map(|uuid| uuid.as_u64_pair());
        Self(match halves.map(|(high, low)| (high, NonZeroU64::new(low))) {
            Some((high, Some(low))) => Kept::Uuid(high, low),
            Some((_, None)) | None => Kept::Other(Box::new(text.into())),
        })
    }
}

impl RecordId {
    /// Does what is asked with its text.
    fn with_text<T>(&self, ask: impl FnOnce(&str) -> T) -> T {
        match &self.0 {
            Kept::Uuid(high, low) => {
                let uuid = Uuid::from_u64_pair(*high, low.get());
                ask(uuid.hyphenated().encode_lower(&mut Uuid::encode_buffer()))
            }
            Kept::Other(text) => ask(text),
        }
    }
}

impl Ord for RecordId {
    fn cmp(&self, other: &Self) -> Ordering {
        match (&self.0, &other.0) {
            // Digits come before letters and hyphens are in the same places: the texts have the order of the numbers.
            (Kept::Uuid(high, low), Kept::Uuid(others_high, others_low)) => (high, low).cmp(&(others_high, others_low)),
            _ => self.with_text(|mine| other.with_text(|theirs| mine.cmp(theirs))),
        }
    }
}

impl PartialOrd for RecordId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with_text(|text| f.write_str(text))
    }
}

impl fmt::Debug for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with_text(|text| fmt::Debug::fmt(text, f))
    }
}

impl Serialize for RecordId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.with_text(|text| serializer.serialize_str(text))
    }
}

impl<'de> Deserialize<'de> for RecordId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<'de, str>::deserialize(deserializer).map(|text| (&*text).into())
    }
}

#[cfg(test)]
#[path = "mark_tests.rs"]
mod tests;
