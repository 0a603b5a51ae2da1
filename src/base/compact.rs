//! Instants and numbers for what is kept of very many people: eight bytes each, present or absent.

use super::time::Timestamp;
use chrono::DateTime;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::num::NonZeroU64;

/// An instant at the microsecond, which is as exact as a stored [`Timestamp`] is. It is stored as one, too.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Micros(NonZeroU64);

/// Microseconds since 1970 in the order of unsigned numbers. Nought is 292,000 years ago: no [`Timestamp`] is that old.
const SIGN: u64 = 1 << 63;

impl From<Timestamp> for Micros {
    fn from(at: Timestamp) -> Self {
        let since_the_beginning = at.timestamp_micros().cast_unsigned() ^ SIGN;
        Self(NonZeroU64::new(since_the_beginning).unwrap_or(NonZeroU64::MIN))
    }
}

impl From<Micros> for Timestamp {
    fn from(at: Micros) -> Self {
        at.timestamp()
    }
}

impl Micros {
    pub fn timestamp(self) -> Timestamp {
        DateTime::from_timestamp_micros((self.0.get() ^ SIGN).cast_signed()).unwrap_or(DateTime::UNIX_EPOCH)
    }
}

impl fmt::Debug for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.timestamp().fmt(f)
    }
}

impl Serialize for Micros {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.timestamp().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Micros {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Timestamp::deserialize(deserializer).map(Self::from)
    }
}

/// A number, bit for bit: what is not a number reads as absent where it may be.
#[derive(Clone, Copy)]
pub struct Number(NonZeroU64);

impl Number {
    /// None for what is not a number.
    pub fn new(value: f64) -> Option<Self> {
        // Of what is not a number, one form has all bits set.
        let bits = NonZeroU64::new(!value.to_bits())?;
        (!value.is_nan()).then_some(Self(bits))
    }

    pub fn get(self) -> f64 {
        f64::from_bits(!self.0.get())
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.get())
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = f64::deserialize(deserializer)?;
        Self::new(value).ok_or_else(|| serde::de::Error::custom("not a number"))
    }
}

#[cfg(test)]
#[path = "compact_tests.rs"]
mod tests;
