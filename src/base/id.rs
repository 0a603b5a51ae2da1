//! Typed, prefixed, time-ordered ids: `dev_0196…` can never be passed where a user's id belongs.

use crate::base::time::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use uuid::Uuid;

/// Why a text is not the id that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a valid id: expected `{prefix}_` followed by 32 hexadecimal digits")]
pub struct IdError {
    prefix: &'static str,
}

/// Makes the ids of one input: the same seed gives the same ids, so that a replay is equal byte for byte.
///
/// Ids are UUID version 7 (RFC 9562): 48 bits of time, so that rows stay in order, and 74 bits drawn from the seed.
#[derive(Debug, Clone)]
pub struct IdSource {
    seed: Uuid,
    at: Timestamp,
    drawn: u32,
}

impl IdSource {
    pub fn new(seed: Uuid, at: Timestamp) -> Self {
        Self { seed, at, drawn: 0 }
    }

    /// The next id of this source.
    pub fn draw<T: From<Uuid>>(&mut self) -> T {
        self.drawn += 1;
        let hashed = Uuid::new_v5(&self.seed, &self.drawn.to_be_bytes());
        T::from(stamped(hashed, self.at))
    }
}

/// A version 7 UUID at `at` whose random part is taken from `bits`.
pub fn stamped(bits: Uuid, at: Timestamp) -> Uuid {
    let millis = u64::try_from(at.timestamp_millis()).unwrap_or(0);
    let mut random = [0_u8; 10];
    random.copy_from_slice(&bits.as_bytes()[6..16]);
    uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
}

// The one macro of the house: eleven ids that differ only by name and prefix.
macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident $prefix:literal),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            pub const PREFIX: &'static str = $prefix;

            pub fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}_{}", $prefix, self.0.simple())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl utoipa::PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                ObjectBuilder::new()
                    .schema_type(Type::String)
                    .pattern(Some(concat!("^", $prefix, "_[0-9a-f]{32}$")))
                    .examples([concat!($prefix, "_01970a3e5c0070008000000000000001")])
                    .into()
            }
        }

        impl utoipa::ToSchema for $name {}

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                let error = IdError { prefix: $prefix };
                let hex = text.strip_prefix(concat!($prefix, "_")).ok_or_else(|| error.clone())?;
                // Only the canonical spelling is an id: two texts must never name one thing.
                let canonical = hex.len() == 32 && hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
                if !canonical {
                    return Err(error);
                }
                Uuid::try_parse(hex).map(Self).map_err(|_| error)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )+};
}

ids! {
    /// A tenant.
    ProjectId "prj",
    /// A person; anonymous until an app says who signed in.
    UserId "usr",
    /// One installation of an app.
    DeviceId "dev",
    /// A named area.
    FenceId "fen",
    /// A marketer's sentence, through all its revisions.
    TriggerId "trg",
    /// Something noticed by the engine.
    MomentId "mom",
    /// The outcome of one moment for one trigger revision.
    DecisionId "dec",
    /// A moment kept open.
    WaitId "wai",
    /// What one user will read.
    MessageId "msg",
    /// One message to one device by one channel.
    DeliveryId "dlv",
    /// A publishable or secret key.
    KeyId "key",
    /// A state machine whose states hold triggers.
    JourneyId "jny",
    /// One way of one person through a journey.
    InstanceId "ins",
    /// A draft judged over stored moments.
    BacktestId "bkt",
    /// An address of the business that messages to it are posted to.
    EndpointId "whe",
}

#[cfg(test)]
#[path = "id_tests.rs"]
mod tests;
