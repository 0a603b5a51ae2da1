//! The subject: everything the engine remembers of one user. The unit of state and of order (DESIGN.md 4).

use super::decision::ReasonCode;
use super::delivery::ChannelKind;
use super::fact::{Fact, FactRef};
use super::moment::{Moment, Place};
use crate::base::compact::Micros;
use crate::base::contact::Contact;
use crate::base::id::{DeviceId, FenceId, InstanceId, JourneyId, TriggerId, UserId, WaitId};
use crate::base::limits;
use crate::base::rare::{Plain, Rare};
use crate::base::sorted::SortedMap;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;
use thin_vec::ThinVec;
use utoipa::ToSchema;

mod device;
mod mark;
mod sent;
mod stored_sent;

pub use device::{About, Device, LastFix};
pub use mark::{Mark, RecordId};
pub use sent::{Course, KeyHash, Said, Sent, Special};

/// One user as the engine knows them. Stored whole, as one row; stepped whole, one input at a time.
///
/// Many are kept in memory, and of nearly all of them most of this is empty: an empty part takes the room of a pointer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Subject {
    pub user_id: UserId,
    pub profile: Rare<Profile>,
    pub consents: SortedMap<Purpose, Consent>,
    pub devices: SortedMap<DeviceId, Device>,
    pub facts: ThinVec<Fact>,
    /// Places the user is in or has left lately, by fence.
    pub visits: SortedMap<FenceId, Visit>,
    pub waits: ThinVec<Wait>,
    /// Messages made for this user, oldest first: what caps, cool-downs and replacements count.
    #[serde(default, with = "stored_sent", skip_serializing_if = "ThinVec::is_empty")]
    pub sent: ThinVec<Sent>,
    #[serde(flatten)]
    pub seldom: Rare<Seldom>,
    /// When it was last stepped: what time alone has changed since then is still to be noticed.
    #[serde(default)]
    pub stepped_at: Option<Micros>,
    /// When its state was last worth storing.
    #[serde(default)]
    pub stored_at: Option<Micros>,
    /// When it wanted to be woken, as stored.
    #[serde(default)]
    pub wakes_at: Option<Micros>,
}

/// What few people have, stored among the rest. Whoever changes it gives it room: look first whether there is anything to change.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Seldom {
    /// The times of facts that have come already, so that none comes twice.
    #[serde(default, skip_serializing_if = "ThinVec::is_empty")]
    pub reached: ThinVec<Reached>,
    /// Events that some trigger counts, oldest first.
    #[serde(default, skip_serializing_if = "ThinVec::is_empty")]
    pub counted: ThinVec<Counted>,
    /// Where the user is in journeys; one that ended is gone from here.
    #[serde(default, skip_serializing_if = "ThinVec::is_empty")]
    pub journeys: ThinVec<Instance>,
    /// Erased: nothing of this user is kept and nothing more is taken.
    #[serde(default)]
    pub erased: bool,
    /// An anonymous user who turned out to be this one: what was known of them is known there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merged_into: Option<UserId>,
}

impl Plain for Seldom {
    fn plain() -> &'static Self {
        static NOTHING: LazyLock<Seldom> = LazyLock::new(Seldom::default);
        &NOTHING
    }
}

/// Who the user is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Profile {
    /// The name the business knows this user by; none for an anonymous one.
    pub user_ref: Option<String>,
    /// BCP 47, such as `pt-BR`.
    pub locale: Option<String>,
    /// IANA name; the last active device's zone goes before it.
    pub time_zone: Option<String>,
    #[serde(default)]
    #[schema(value_type = Object)]
    pub attributes: Map<String, Value>,
    /// The channels of the person's own addresses; the addresses themselves stay in the store.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub reached_by: BTreeSet<ChannelKind>,
}

impl Plain for Profile {
    fn plain() -> &'static Self {
        static NOBODY: LazyLock<Profile> = LazyLock::new(Profile::default);
        &NOBODY
    }
}

/// What the engine knows of a contact: by which channels it reaches the person.
pub fn reached_by(contact: &Contact) -> BTreeSet<ChannelKind> {
    let phone = contact.phone.as_ref().map(|_| ChannelKind::Sms);
    let email = contact.email.as_ref().map(|_| ChannelKind::Email);
    phone.into_iter().chain(email).collect()
}

/// What data may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    Location,
    Service,
    Promo,
    Analytics,
    /// Text messages, whatever they say: asked beside the purpose of what is said.
    Sms,
    /// Mails, whatever they say.
    Email,
}

impl Purpose {
    /// What a message by this channel needs consent to, besides what it says.
    pub fn of_channel(channel: ChannelKind) -> Option<Self> {
        match channel {
            ChannelKind::Sms => Some(Self::Sms),
            ChannelKind::Email => Some(Self::Email),
            ChannelKind::Tray | ChannelKind::Fcm | ChannelKind::Apns | ChannelKind::Webpush | ChannelKind::Webhook => {
                None
            }
        }
    }
}

/// The last word on one purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Consent {
    pub granted: bool,
    pub at: DateTime<Utc>,
}

/// One stay of the user in one place, over all devices.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Visit {
    /// The moment that opened it; judged again when a fact arrives while it lasts.
    pub entered: Moment,
    pub place: Place,
    /// The newest evidence from any device that the user is there.
    pub evidence_at: DateTime<Utc>,
    pub left_at: Option<DateTime<Utc>>,
    /// It began by an edit of the fence: nothing happened, so nothing is judged for its beginning (DESIGN.md 5.14).
    #[serde(default)]
    pub silent: bool,
    /// Dwell times already noticed, in seconds.
    #[serde(default)]
    pub dwelled_s: Vec<i64>,
    /// The last answer for each trigger and combination of facts, so that the same answer is not recorded again.
    #[serde(default)]
    pub answers: Vec<Answer>,
}

/// The last answer one trigger gave for one combination of facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    pub trigger_id: TriggerId,
    pub facts: BTreeMap<String, FactRef>,
    pub code: ReasonCode,
}

/// A moment kept open until a fact or a time allows a send.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Wait {
    pub id: WaitId,
    pub trigger_id: TriggerId,
    /// The revision that opened it; a later one does not touch it (DESIGN.md 5.14).
    pub revision: i64,
    pub moment: Moment,
    pub facts: BTreeMap<String, FactRef>,
    /// What it waits for: `waiting_fact`, `waiting_time`, `too_early` or `quiet_deferred`.
    pub reason: ReasonCode,
    /// When it is judged again whatever happens; none while only a fact can help.
    pub due_at: Option<DateTime<Utc>>,
    /// A delay holds it: nothing is judged before `due_at`, whatever the facts say.
    pub held_by_time: bool,
    pub ends_at: DateTime<Utc>,
    /// When the phone was asked for a fix before this goes on (DESIGN.md 5.6).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_at: Option<DateTime<Utc>>,
    /// The journey instance whose state holds its trigger: it ends when that state does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_id: Option<InstanceId>,
}

/// A time of a fact that has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reached {
    pub fact: FactRef,
    /// The text that names the time.
    pub time: String,
    /// The instant it stood for: when the fact moves it, it comes again.
    pub at: DateTime<Utc>,
}

/// An event that some trigger counts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Counted {
    pub name: String,
    pub at: DateTime<Utc>,
    /// The properties that some trigger compares.
    pub same: BTreeMap<String, Value>,
}

/// One way of one person through a journey.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Instance {
    pub id: InstanceId,
    pub journey_id: JourneyId,
    /// The version of the journey it follows.
    pub version: i64,
    pub key: String,
    pub facts: BTreeMap<String, FactRef>,
    pub state: String,
    /// Stays in states that are over.
    #[serde(default)]
    pub passed: u32,
    pub started_at: DateTime<Utc>,
    /// When its state began.
    pub since: DateTime<Utc>,
    /// When the limit of its state comes.
    pub ends_at: DateTime<Utc>,
}

impl Seldom {
    fn keeps_nothing(&self) -> bool {
        self.journeys.is_empty() && self.reached.is_empty() && self.counted.is_empty()
    }
}

impl Subject {
    pub fn new(user_id: UserId) -> Self {
        Self {
            user_id,
            profile: Rare::default(),
            consents: SortedMap::new(),
            devices: SortedMap::new(),
            facts: ThinVec::new(),
            visits: SortedMap::new(),
            waits: ThinVec::new(),
            sent: ThinVec::new(),
            seldom: Rare::default(),
            stepped_at: None,
            stored_at: None,
            wakes_at: None,
        }
    }

    /// Is there nothing that time or an edit could change, but what the clock says to everybody? So it is with nearly all: they
    /// are nowhere, wait for nothing, and were told nothing lately.
    pub(super) fn is_idle(&self) -> bool {
        let keeps_nothing = self.visits.is_empty()
            && self.waits.is_empty()
            && self.facts.is_empty()
            && self.sent.is_empty()
            && self.seldom.keeps_nothing();
        let is_nowhere = || self.devices.values().all(|device| device.presence.is_empty());
        keeps_nothing && self.devices.len() <= limits::DEVICES_PER_USER_MAX && is_nowhere()
    }

    pub fn fact(&self, id: &FactRef) -> Option<&Fact> {
        self.facts.iter().find(|fact| fact.id == *id)
    }

    /// The device heard from last: messages go there, and its locale and zone are the user's.
    pub fn last_active_device(&self) -> Option<(DeviceId, &Device)> {
        self.devices
            .iter()
            .max_by_key(|(id, device)| (device.last_seen_at, **id))
            .map(|(id, device)| (*id, device))
    }

    pub fn has_consent(&self, purpose: Purpose) -> bool {
        self.consents.get(&purpose).is_some_and(|consent| consent.granted)
    }

    /// The visits that still last.
    pub fn places_inside(&self) -> impl Iterator<Item = &Visit> {
        self.visits.values().filter(|visit| visit.left_at.is_none())
    }
}

#[cfg(test)]
#[path = "subject/subject_tests.rs"]
mod tests;
