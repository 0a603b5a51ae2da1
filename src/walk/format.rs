//! The files of a walk: what goes in (`walk.json`) and what must come out (`expected.json`).
//!
//! A walk is told in names: users by their `ref`, devices by a name of the walk's own, triggers and facts by theirs. So one
//! walk runs through the engine alone and over HTTP, and both outcomes can be compared.

use super::path::PathAct;
use crate::base::contact::Contact;
use crate::base::id::FenceId;
use crate::base::time::Timestamp;
use crate::engine::catalogue::{Mode, ProjectSettings};
use crate::engine::fact::{FactType, Lifecycle};
use crate::engine::fence::hours::Opening;
use crate::engine::fix::{Envelope, Fix, Permission, RawRecord, ReceiptStatus, Transition};
use crate::engine::journey::Journey;
use crate::engine::message::Content;
use crate::engine::presence::Thresholds;
use crate::engine::subject::Purpose;
use crate::engine::trigger::Trigger;
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// One story: a project, its people, and what happens.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Walk {
    /// One line for a reader.
    #[serde(default)]
    pub title: Option<String>,
    /// When people, consents and devices were set up; an hour before the first step unless it says otherwise.
    #[serde(default)]
    pub starts_at: Option<Timestamp>,
    #[serde(default)]
    pub project: WalkProject,
    /// Bodies of `POST /v1/geofences`.
    #[serde(default)]
    pub places: Vec<WalkPlace>,
    /// Bodies of `PUT /v1/fact-types/{type}`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fact_types: Vec<FactType>,
    #[serde(default)]
    pub contents: Vec<Content>,
    /// Triggers and journeys are live from the start.
    #[serde(default)]
    pub triggers: Vec<Trigger>,
    #[serde(default)]
    pub journeys: Vec<Journey>,
    pub users: Vec<WalkUser>,
    /// In the order of their times.
    pub steps: Vec<WalkStep>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WalkProject {
    pub name: String,
    pub mode: Mode,
    pub settings: ProjectSettings,
}

impl Default for WalkProject {
    fn default() -> Self {
        Self {
            name: "walk".to_owned(),
            mode: Mode::Live,
            settings: ProjectSettings::default(),
        }
    }
}

/// A geofence as `POST /v1/geofences` takes it: polygons as a `GeoJSON` geometry, or a circle by `center` and `radius_m`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WalkPlace {
    /// Made up unless it is given: a stage taken from a project keeps the ids that triggers may name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<FenceId>,
    pub name: String,
    pub tag: String,
    pub external_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub geometry: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub center: Option<WalkCenter>,
    /// Metres.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub radius_m: Option<f64>,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub metadata: Map<String, Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<Tz>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub opening_hours: BTreeMap<String, Vec<Opening>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thresholds: Option<Thresholds>,
}

/// The middle of a circle, WGS84 degrees.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WalkCenter {
    pub lat: f64,
    pub lng: f64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WalkUser {
    #[serde(rename = "ref")]
    pub user_ref: String,
    #[serde(default)]
    pub locale: Option<String>,
    #[serde(default)]
    pub time_zone: Option<String>,
    #[serde(default)]
    pub attributes: Map<String, Value>,
    #[serde(default, skip_serializing_if = "Contact::is_empty")]
    pub contact: Contact,
    #[serde(default)]
    pub consents: BTreeMap<Purpose, bool>,
    #[serde(default)]
    pub devices: Vec<WalkDevice>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WalkDevice {
    /// The walk's name for it.
    pub id: String,
    #[serde(default)]
    pub platform: Option<String>,
    #[serde(default)]
    pub time_zone: Option<String>,
    #[serde(default)]
    pub locale: Option<String>,
    #[serde(default)]
    pub notifications: Permission,
    /// Has it an address to push to (in the tray)?
    #[serde(default = "yes")]
    pub push: bool,
}

fn yes() -> bool {
    true
}

/// One thing that happens: `at`, and exactly one act under its name.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "Map<String, Value>", into = "Map<String, Value>")]
pub struct WalkStep {
    /// When it reaches the server.
    pub at: Timestamp,
    pub act: Act,
}

/// What can happen in a walk.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    Fix(FixAct),
    /// Moves along a line, with a fix every now and then.
    Path(PathAct),
    Crossing(CrossingAct),
    Batch(BatchAct),
    Fact(FactAct),
    Event(EventAct),
    /// A phone says what became of a message: somebody got, opened or answered it.
    Answer(AnswerAct),
    Consent(ConsentAct),
    /// Somebody signs in on a device.
    Identify(IdentifyAct),
    SignOut(DeviceName),
    Erase(UserName),
    /// Nothing happens but time.
    Tick(bool),
    /// Makes a trigger live again, or a new revision of it when one is given.
    Publish(PublishAct),
    Pause(TriggerName),
    /// Draws or redraws a geofence.
    Place(Box<WalkPlace>),
    /// A journey, or a new version of it, is live.
    PublishJourney(Box<Journey>),
    /// Somebody moves or ends a person's open instance of a journey.
    Instance(InstanceAct),
    /// The provider calls the device's push address dead at the next push to it.
    TokenGone(DeviceName),
}

/// The names a step can have, for the message that says so.
const ACTS: &str = "fix, crossing, batch, path, fact, event, answer, consent, identify, sign_out, erase, tick, publish, \
     pause, place, publish_journey, instance, token_gone";

impl TryFrom<Map<String, Value>> for WalkStep {
    type Error = String;

    fn try_from(mut step: Map<String, Value>) -> Result<Self, String> {
        let at = step.remove("at").ok_or("a step needs `at` (RFC 3339)")?;
        let at: Timestamp =
            serde_json::from_value(at).map_err(|error| format!("`at` is no RFC 3339 time with an offset: {error}"))?;
        if step.len() != 1 {
            return Err(format!("a step at {at} holds `at` and exactly one of {ACTS}"));
        }
        let act = serde_json::from_value(Value::Object(step)).map_err(|error| format!("step at {at}: {error}"))?;
        Ok(Self { at, act })
    }
}

impl From<WalkStep> for Map<String, Value> {
    fn from(step: WalkStep) -> Self {
        let mut object = Map::new();
        object.insert("at".into(), serde_json::json!(step.at));
        if let Ok(Value::Object(act)) = serde_json::to_value(step.act) {
            object.extend(act);
        }
        object
    }
}

/// One fix in a batch of its own.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FixAct {
    pub device: String,
    /// Made from the number of the step unless it is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// When the phone was there; when it is sent unless it says otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fixed_at: Option<Timestamp>,
    #[serde(flatten)]
    pub fix: Fix,
}

/// What the phone's region monitoring reported, in a batch of its own.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CrossingAct {
    pub device: String,
    /// `external_id` of the place.
    pub place: String,
    pub transition: Transition,
    /// Made from the number of the step unless it is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// When it is sent unless it says otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crossed_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchAct {
    pub device: String,
    #[serde(default)]
    pub envelope: Envelope,
    pub records: Vec<RawRecord>,
}

/// A body of `PUT /v1/facts/{type}/{key}`, with its name.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FactAct {
    #[serde(rename = "type")]
    pub kind: String,
    pub key: String,
    pub seq: i64,
    pub subjects: Vec<String>,
    #[serde(default)]
    pub lifecycle: Lifecycle,
    #[serde(default)]
    pub valid_from: Option<Timestamp>,
    #[serde(default)]
    pub valid_to: Option<Timestamp>,
    #[serde(default)]
    pub sensitive: Vec<String>,
    #[serde(default)]
    pub properties: Map<String, Value>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventAct {
    pub user: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    pub name: String,
    #[serde(default)]
    pub properties: Map<String, Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occurred_at: Option<Timestamp>,
}

/// What becomes of the newest message of this content, as the device that got it says.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnswerAct {
    pub user: String,
    pub content: String,
    pub how: ReceiptStatus,
    /// With `action`: its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// With `reply`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ConsentAct {
    pub user: String,
    #[serde(flatten)]
    pub purposes: BTreeMap<Purpose, bool>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdentifyAct {
    pub device: String,
    pub user: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeviceName {
    pub device: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserName {
    pub user: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TriggerName {
    pub trigger: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishAct {
    pub trigger: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sentence: Option<Box<Trigger>>,
}

/// With `move`: to this state; otherwise it is ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstanceAct {
    pub user: String,
    pub journey: String,
    pub key: String,
    #[serde(rename = "move", default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cancel: bool,
}

/// Why a file of a walk cannot be read: which file, where in it, and what is wrong.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{file}: {pointer}{}{detail}", if .pointer.is_empty() { "" } else { ": " })]
pub struct WalkError {
    pub file: String,
    /// JSON pointer into the file; empty when the whole of it is meant.
    pub pointer: String,
    /// What is wrong and what to do instead.
    pub detail: String,
}

impl WalkError {
    /// Something in the walk itself.
    pub fn new(detail: impl Into<String>) -> Self {
        Self {
            file: "walk.json".to_owned(),
            pointer: String::new(),
            detail: detail.into(),
        }
    }

    /// Names the place, unless a nearer one is named already.
    #[must_use]
    pub fn at(mut self, pointer: impl Into<String>) -> Self {
        if self.pointer.is_empty() {
            self.pointer = pointer.into();
        }
        self
    }
}

/// Reads one file of a walk; an error names the place in it.
pub fn parse<T: serde::de::DeserializeOwned>(file: &str, text: &str) -> Result<T, WalkError> {
    let mut reader = serde_json::Deserializer::from_str(text);
    serde_path_to_error::deserialize(&mut reader).map_err(|error| WalkError {
        file: file.to_owned(),
        pointer: String::new(),
        detail: format!("at `{}`: {}", error.path(), error.inner()),
    })
}
