//! What is remembered of one device. There are very many, and most of them are alike in what they say of themselves.

use super::Mark;
use crate::base::compact::{Micros, Number};
use crate::base::id::FenceId;
use crate::base::pool::Pool;
use crate::base::sorted::SortedMap;
use crate::engine::delivery::ChannelKind;
use crate::engine::fix::Permission;
use crate::engine::presence::Inside;
use serde::{Deserialize, Serialize};
use std::ops::Deref;
use std::sync::{Arc, LazyLock};
use thin_vec::ThinVec;

/// One device of this user.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Stored")]
pub struct Device {
    #[serde(flatten)]
    pub about: Shared,
    pub last_seen_at: Option<Micros>,
    /// Charge from 0 to 1, when it last said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub battery: Option<Number>,
    /// The newest fix or crossing applied: an older record is late and changes nothing.
    pub newest: Option<Mark>,
    /// The newest plausible fix, against which a jump is measured.
    pub last_fix: Option<LastFix>,
    /// Where this device is inside.
    pub presence: SortedMap<FenceId, Inside>,
    /// Where its latest made-up or impossible fixes would have put it, in order: each such visit is noticed once.
    pub flagged: ThinVec<FenceId>,
}

/// What a device says of itself, and how it is reached.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize)]
pub struct About {
    pub platform: Option<String>,
    pub locale: Option<String>,
    pub time_zone: Option<String>,
    pub notifications: Permission,
    /// The channel that can reach it; the address itself stays in the store.
    pub channel: Option<ChannelKind>,
}

/// What devices that are alike share: a million of them differ in a few hundred ways. Changed by [`Device::describe`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shared(Arc<About>);

impl From<About> for Shared {
    fn from(about: About) -> Self {
        static KNOWN: LazyLock<Pool<About>> = LazyLock::new(Pool::new);
        Self(KNOWN.share(about))
    }
}

impl Default for Shared {
    fn default() -> Self {
        About::default().into()
    }
}

impl Deref for Shared {
    type Target = About;

    fn deref(&self) -> &About {
        &self.0
    }
}

impl Serialize for Shared {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LastFix {
    pub at: Micros,
    pub lat: f64,
    pub lng: f64,
    pub accuracy_m: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speed_mps: Option<Number>,
}

impl Device {
    /// Changes what it says of itself, and tells whether that is other than before.
    pub fn describe(&mut self, change: impl FnOnce(&mut About)) -> bool {
        let mut about = About::clone(&self.about);
        change(&mut about);
        let is_other = about != *self.about;
        if is_other {
            self.about = about.into();
        }
        is_other
    }
}

/// A device as it is stored: all in one.
#[derive(Deserialize)]
struct Stored {
    platform: Option<String>,
    locale: Option<String>,
    time_zone: Option<String>,
    notifications: Permission,
    channel: Option<ChannelKind>,
    last_seen_at: Option<Micros>,
    battery: Option<Number>,
    newest: Option<Mark>,
    last_fix: Option<LastFix>,
    presence: SortedMap<FenceId, Inside>,
    #[serde(default)]
    flagged: ThinVec<FenceId>,
}

impl From<Stored> for Device {
    fn from(stored: Stored) -> Self {
        let about = About {
            platform: stored.platform,
            locale: stored.locale,
            time_zone: stored.time_zone,
            notifications: stored.notifications,
            channel: stored.channel,
        };
        Self {
            about: about.into(),
            last_seen_at: stored.last_seen_at,
            battery: stored.battery,
            newest: stored.newest,
            last_fix: stored.last_fix,
            presence: stored.presence,
            flagged: stored.flagged,
        }
    }
}

#[cfg(test)]
#[path = "device_tests.rs"]
mod tests;
