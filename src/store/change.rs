//! What one commit writes: the effects of steps and the rows that came with their inputs.

use crate::base::contact::Contact;
use crate::base::id::{DeviceId, MessageId, ProjectId, UserId};
use crate::base::seal::SealingKey;
use crate::base::time::Timestamp;
use crate::engine::delivery::ChannelKind;
use crate::engine::fact::{Fact, FactRef};
use crate::engine::fix::Permission;
use crate::engine::moment::Moment;
use crate::engine::step::{Effects, Forwarded};
use crate::engine::subject::{Consent, Profile, Purpose, Subject};
use serde_json::{Map, Value};
use uuid::Uuid;

/// The effects of one step of one subject, with the rows of the input that caused it. Committed wholly or not at all.
#[derive(Debug, Clone)]
pub struct Change {
    pub project_id: ProjectId,
    pub effects: Effects,
    pub rows: Vec<Row>,
    /// The inbox entry this step takes care of; deleted in the same transaction.
    pub inbox_done: Option<Uuid>,
    /// Until when the deliveries of its messages are the committing process's to send; none when they are queued for whoever
    /// claims them.
    pub leased_until: Option<Timestamp>,
}

/// A row that came with an input.
#[derive(Debug, Clone)]
pub enum Row {
    /// Unique by (project, record id): a repeat is no second event.
    Event(EventRow),
    User {
        user_id: UserId,
        profile: Profile,
        at: Timestamp,
    },
    /// How a user is reached besides their devices, from now on.
    Contact {
        user_id: UserId,
        contact: Contact,
    },
    Consents {
        user_id: UserId,
        consents: Vec<(Purpose, Consent)>,
        source: String,
    },
    Device(DeviceRow),
    /// The device belongs to this user from `at` on; the former owner's time ends then.
    Owner {
        device_id: DeviceId,
        user_id: UserId,
        at: Timestamp,
    },
    /// The device's push address is dead or gone: forget it, but only while it is still this one.
    ForgetAddress {
        device_id: DeviceId,
        address: Option<String>,
    },
}

#[derive(Debug, Clone, PartialEq)]
pub struct EventRow {
    pub user_id: UserId,
    pub device_id: Option<DeviceId>,
    pub record_id: String,
    pub name: String,
    pub properties: Map<String, Value>,
    pub occurred_at: Timestamp,
    pub received_at: Timestamp,
}

/// One installation of an app, as stored.
#[derive(Debug, Clone, PartialEq)]
pub struct DeviceRow {
    pub id: DeviceId,
    pub project_id: ProjectId,
    pub user_id: UserId,
    /// Made by the app at its first start: registering again with it gives the same device.
    pub installation_id: String,
    /// SHA-256 of the device token.
    pub token_hash: Vec<u8>,
    pub platform: Option<String>,
    pub app_version: Option<String>,
    pub locale: Option<String>,
    pub time_zone: Option<String>,
    pub notifications: Permission,
    /// Channel and address of its push registration. One address belongs to one device at a time: storing it here takes it
    /// from any other device of the project in the same transaction.
    pub push: Option<(ChannelKind, String)>,
    /// When the app last said that address; none where it has said none, or long ago.
    pub push_set_at: Option<Timestamp>,
    /// What sensitive texts are sealed to on their way.
    pub sealing_key: Option<SealingKey>,
    pub created_at: Timestamp,
    pub last_seen_at: Option<Timestamp>,
}

/// A fact on its way in: the row is stored with one inbox entry per subject, in one transaction.
#[derive(Debug, Clone)]
pub struct FactPut {
    pub project_id: ProjectId,
    pub fact: Fact,
    /// The business's names of the subjects, as given.
    pub subject_refs: Vec<String>,
}

/// What became of a fact that was put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FactOutcome {
    Stored,
    /// The same seq is stored already: nothing changes.
    Repeated,
    /// A higher seq is stored: ignored.
    Outdated {
        stored_seq: i64,
    },
}

/// An input that is durable before it is stepped: a fact for one of its subjects, a moment for somebody it concerns, a
/// failure for whom the message was.
#[derive(Debug, Clone, PartialEq)]
pub struct InboxEntry {
    pub id: Uuid,
    pub project_id: ProjectId,
    pub user_id: UserId,
    pub input: InboxInput,
}

#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum InboxInput {
    Fact {
        fact: Fact,
    },
    FactGone {
        fact: FactRef,
    },
    /// Somebody else's moment.
    Moment {
        moment: Box<Moment>,
    },
    /// A delivery of this message failed for good.
    Undelivered {
        message_id: MessageId,
        device_id: Option<DeviceId>,
        #[serde(default)]
        channel: Option<ChannelKind>,
        why: String,
    },
    /// A provider says that this message got to the person's own address.
    Reached {
        message_id: MessageId,
    },
    /// What was known of an anonymous user who turned out to be this one.
    Merge {
        subject: Box<Subject>,
    },
}

impl InboxEntry {
    /// What one user is told of another one's moment; its id is the same whenever it is made.
    pub fn telling(project_id: ProjectId, told: &Forwarded) -> Self {
        Self {
            id: Uuid::new_v5(&told.moment.id.uuid(), told.to.uuid().as_bytes()),
            project_id,
            user_id: told.to,
            input: InboxInput::Moment {
                moment: Box::new(told.moment.clone()),
            },
        }
    }
}
