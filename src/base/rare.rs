//! What few have: absent, it takes the room of a pointer.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::ops::{Deref, DerefMut};

/// A value that nearly always is as it began. As long as it is, it takes no room of its own, and reads like any other.
#[derive(Debug, Clone)]
pub struct Rare<T>(Option<Box<T>>);

/// What has a value to begin with, one for all.
pub trait Plain: Default + PartialEq + 'static {
    /// Equal to its default.
    fn plain() -> &'static Self;
}

impl<T: Plain> From<T> for Rare<T> {
    fn from(value: T) -> Self {
        let is_plain = value == *T::plain();
        Self((!is_plain).then(|| Box::new(value)))
    }
}

impl<T> Default for Rare<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: Plain> Deref for Rare<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_deref().unwrap_or_else(|| T::plain())
    }
}

/// Takes room, also where nothing is changed then.
impl<T: Plain> DerefMut for Rare<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.get_or_insert_default()
    }
}

impl<T: Plain> PartialEq for Rare<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: Plain + Serialize> Serialize for Rare<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (**self).serialize(serializer)
    }
}

impl<'de, T: Plain + Deserialize<'de>> Deserialize<'de> for Rare<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Self::from)
    }
}

#[cfg(test)]
#[path = "rare_tests.rs"]
mod tests;
