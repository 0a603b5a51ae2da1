//! One step of one subject: an input goes in, the new state and everything it causes come out. The heart of Usher.

use super::decision::{Decision, ReasonCode};
use super::fact::{Fact, FactRef};
use super::fix::{Fix, Permission, ReceiptStatus, Record};
use super::message::Message;
use super::moment::Moment;
use super::subject::{Consent, Instance, Profile, Purpose, Subject};
use crate::base::id::{DeviceId, InstanceId, MessageId, UserId};
use crate::base::time::Timestamp;
use crate::engine::delivery::{ChannelKind, Planned};

mod again;
mod answers;
mod ask;
mod begin;
mod clockwork;
mod consent;
mod counting;
mod draw;
mod guards;
mod here;
mod journeys;
mod judge;
mod ladder;
mod listen;
mod locate;
mod merge;
mod observe;
mod passing;
mod people;
mod planned;
mod reach;
mod replace;
mod replay;
mod revise;
mod scene;
mod send;
mod stepper;
mod telling;
mod timely;
mod waits;

pub use again::still_may_be_sent;
pub use planned::leaves_at;
pub use stepper::{Given, step};

/// Something that concerns one user. Everything that changes a subject comes in as one of these.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// A batch of valid records of one device; applied in event time, judged when all are applied.
    Records {
        device_id: DeviceId,
        records: Vec<Record>,
    },
    /// A server says that something happened to this user.
    Event {
        record_id: String,
        name: String,
        properties: serde_json::Map<String, serde_json::Value>,
        occurred_at: Timestamp,
    },
    /// A fact about this user is new, changed or ended.
    Fact(Fact),
    /// This user is no longer among the subjects of a fact.
    FactGone(FactRef),
    Consents(Vec<(Purpose, Consent)>),
    Profile(Profile),
    /// This device belongs to the user now, or what is known of it has changed.
    Device {
        device_id: DeviceId,
        device: DeviceNews,
    },
    /// The user signed out of this device.
    DeviceGone(DeviceId),
    /// Something happened to somebody else that a trigger of this user listens to.
    Moment(Moment),
    /// Stored moments of one earlier input, told again in a backtest: they are judged and never recorded again.
    Replay(Vec<Replayed>),
    /// An anonymous user turned out to be this one: what was known of them is known of this one.
    Merge(Box<Subject>),
    /// A delivery reached nobody: another device or channel may, within the life of the message.
    Undelivered {
        message_id: MessageId,
        device_id: Option<DeviceId>,
        /// None stands for any: what was stored before a message could take several ways without a device.
        channel: Option<ChannelKind>,
        why: String,
    },
    /// A provider says that the message got to the person's own address: no further way is needed.
    Reached {
        message_id: MessageId,
    },
    /// The business takes a message back: what did not go out yet must not go any more.
    CallBack {
        message_id: MessageId,
    },
    /// A person moves or ends an instance of a journey.
    Instance {
        instance_id: InstanceId,
        order: InstanceOrder,
    },
    /// Time has passed.
    Tick,
}

impl Input {
    /// What it is, in one word.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Records { .. } => "records",
            Self::Event { .. } => "event",
            Self::Fact(_) => "fact",
            Self::FactGone(_) => "fact_gone",
            Self::Consents(_) => "consents",
            Self::Profile(_) => "profile",
            Self::Device { .. } => "device",
            Self::DeviceGone(_) => "device_gone",
            Self::Moment(_) => "moment",
            Self::Replay(_) => "replay",
            Self::Merge(_) => "merge",
            Self::Undelivered { .. } => "undelivered",
            Self::Reached { .. } => "reached",
            Self::CallBack { .. } => "call_back",
            Self::Instance { .. } => "instance",
            Self::Tick => "tick",
        }
    }
}

/// A stored moment that is told again.
#[derive(Debug, Clone, PartialEq)]
pub struct Replayed {
    pub moment: Moment,
    /// With `entered`: how long the person is known to have stayed.
    pub trusted_until: Timestamp,
}

/// What a person does to an instance of a journey.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InstanceOrder {
    Move { state: String },
    Cancel,
}

/// What is known of a device apart from what it observed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DeviceNews {
    pub platform: Option<String>,
    pub locale: Option<String>,
    pub time_zone: Option<String>,
    pub notifications: Option<Permission>,
    /// The channel its push address is for; none when it has no address.
    pub channel: Option<ChannelKind>,
}

/// Everything one step causes. It commits wholly or not at all.
#[derive(Debug, Clone, PartialEq)]
pub struct Effects {
    /// The state after the step; boxed, as it is by far the largest part and goes through many hands.
    pub subject: Box<Subject>,
    /// Must the state be stored before the answer goes? False when only a position moved on.
    pub changed: bool,
    pub moments: Vec<Moment>,
    pub decisions: Vec<Decision>,
    pub messages: Vec<Message>,
    /// Messages that must no longer be sent.
    pub cancelled: Vec<MessageId>,
    /// Messages whose place on the screen a newer one has taken: what is still queued of them must no longer be sent.
    pub superseded: Vec<MessageId>,
    pub receipts: Vec<Received>,
    /// Records that were not taken, with the reason; the others of the batch were.
    pub refused: Vec<Refused>,
    /// Fixes to keep: evidence, or all, as the project says.
    pub fixes: Vec<KeptFix>,
    /// Moments that concern other users, too.
    pub forwarded: Vec<Forwarded>,
    /// Further deliveries of messages that were made before.
    pub redirected: Vec<(MessageId, Planned)>,
    /// Instances of journeys that began, moved or ended.
    pub instances: Vec<InstanceChange>,
    /// Planned promos that leave later by Firebase, with when.
    pub held_back: Vec<(MessageId, Timestamp)>,
    /// When the subject wants [`Input::Tick`].
    pub wake_at: Option<Timestamp>,
}

/// A moment for somebody else: they are stepped with it as [`Input::Moment`].
#[derive(Debug, Clone, PartialEq)]
pub struct Forwarded {
    pub to: UserId,
    pub moment: Moment,
}

/// An instance as it is after the step; with `exit` it is over.
#[derive(Debug, Clone, PartialEq)]
pub struct InstanceChange {
    pub instance: Instance,
    /// The state it came from; none when it began.
    pub from: Option<String>,
    /// When that state had begun.
    pub from_since: Option<Timestamp>,
    pub exit: Option<String>,
    pub at: Timestamp,
}

/// A record that was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    pub record_id: String,
    pub code: ReasonCode,
}

/// A receipt for one of this user's messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    pub record_id: String,
    pub device_id: DeviceId,
    pub message_id: MessageId,
    pub status: ReceiptStatus,
    pub action: Option<String>,
    pub text: Option<String>,
    pub at: Timestamp,
}

/// A fix worth keeping.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptFix {
    pub record_id: String,
    pub device_id: DeviceId,
    pub at: Timestamp,
    pub fix: Fix,
    /// `evidence`, `late`, `suspect`, `implausible` or `plain`.
    pub why: KeptBecause,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeptBecause {
    Evidence,
    Late,
    Suspect,
    Implausible,
    Simulated,
    Plain,
}

impl InstanceChange {
    /// Did a state begin or the journey end? Otherwise it only goes on in another version.
    pub fn is_a_move(&self) -> bool {
        self.exit.is_some() || self.instance.since == self.at
    }
}

#[cfg(test)]
#[path = "clock_tests.rs"]
mod clock_tests;
#[cfg(test)]
#[path = "draw_tests.rs"]
mod draw_tests;
#[cfg(test)]
#[path = "guard_tests.rs"]
mod guard_tests;
#[cfg(test)]
#[path = "happening_tests.rs"]
mod happening_tests;
#[cfg(test)]
#[path = "journey_tests.rs"]
mod journey_tests;
#[cfg(test)]
#[path = "ladder_tests.rs"]
mod ladder_tests;
#[cfg(test)]
#[path = "playing_tests.rs"]
mod playing_tests;
#[cfg(test)]
#[path = "property_tests.rs"]
mod property_tests;
#[cfg(test)]
#[path = "reach_tests.rs"]
mod reach_tests;
#[cfg(test)]
#[path = "signal_tests.rs"]
mod signal_tests;
#[cfg(test)]
#[path = "stage_tests.rs"]
mod stage_tests;
#[cfg(test)]
#[path = "step_tests.rs"]
mod step_tests;
#[cfg(test)]
#[path = "witness_tests.rs"]
mod witness_tests;
