//! The ladder of a message: the ways under way, and the rungs to take when it is not received in time.

use super::ChannelKind;
use crate::base::id::DeviceId;
use crate::base::time::Timestamp;
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

/// One way to the reader: a device by its channel, an address of the person's own, or the tray of the business.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Way {
    pub device_id: Option<DeviceId>,
    pub channel: ChannelKind,
}

/// A further way that is taken at an instant if the message is not received before it, or earlier, when every way before
/// has failed for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rung {
    pub channel: ChannelKind,
    pub at: Timestamp,
}

/// Where one message is on its ladder.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ladder {
    /// Not taken yet, in order of their times; each is taken once.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ahead: Vec<Rung>,
    /// Taken, and not failed for good.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub open: Vec<Way>,
    /// Channels of the person's own addresses that were taken.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub addressed: Vec<ChannelKind>,
}

impl Ladder {
    /// A message that goes this way first.
    pub fn beginning(way: Way, ahead: Vec<Rung>) -> Self {
        let mut ladder = Self {
            ahead,
            ..Self::default()
        };
        ladder.take(way);
        ladder
    }

    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// When the next rung is due at the latest.
    pub fn next_at(&self) -> Option<Timestamp> {
        self.ahead.first().map(|rung| rung.at)
    }

    /// Notes that this way is taken.
    pub fn take(&mut self, way: Way) {
        // Mostly it is the only one, and remembered for months.
        self.open.reserve_exact(1);
        self.open.push(way);
        if way.channel.is_personal() {
            self.addressed.push(way.channel);
        }
    }

    /// This way failed for good. False when it is not under way, such as when the same is said once more.
    ///
    /// Who named no channel meant the device, or the only way without one.
    pub fn close(&mut self, device_id: Option<DeviceId>, channel: Option<ChannelKind>) -> bool {
        let is_it = |way: &Way| {
            way.device_id == device_id && (device_id.is_some() || channel.is_none_or(|channel| channel == way.channel))
        };
        let place = self.open.iter().position(is_it);
        place.map(|place| self.open.remove(place)).is_some()
    }

    /// Puts off everything that is still to come, so that the rungs keep their distance.
    pub fn postpone(&mut self, by: TimeDelta) {
        for rung in &mut self.ahead {
            rung.at += by;
        }
    }
}
