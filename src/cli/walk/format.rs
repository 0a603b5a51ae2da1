//! The files of a walk: what goes in (`walk.json`) and what must come out (`expected.json`).
//!
//! A walk is told in names: users by their `ref`, devices by a name of the walk's own, triggers and facts by theirs. So one
//! walk runs through the engine alone and over HTTP, and both outcomes can be compared.

use crate::base::time::Timestamp;
use crate::engine::catalogue::{Mode, ProjectSettings};
use crate::engine::decision::ReasonCode;
use crate::engine::fact::Lifecycle;
use crate::engine::fence::hours::Opening;
use crate::engine::fix::{Envelope, Fix, Permission, RawRecord};
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
    #[serde(default)]
    pub contents: Vec<Content>,
    /// All are live from the start.
    #[serde(default)]
    pub triggers: Vec<Trigger>,
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

/// A geofence as the API takes it: its shape is a `GeoJSON` geometry, or a circle.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WalkPlace {
    pub name: String,
    pub tag: String,
    pub external_id: String,
    pub shape: Value,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub metadata: Map<String, Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<Tz>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub opening_hours: BTreeMap<String, Vec<Opening>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thresholds: Option<Thresholds>,
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
    Batch(BatchAct),
    Fact(FactAct),
    Event(EventAct),
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
}

/// The names a step can have, for the message that says so.
const ACTS: &str = "fix, batch, fact, event, consent, identify, sign_out, erase, tick, publish, pause, place";

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

/// What came out of a walk, told in names.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    pub moments: Vec<SeenMoment>,
    pub decisions: Vec<SeenDecision>,
    pub messages: Vec<SeenMessage>,
    /// Records and inputs that were not taken, each with its code.
    #[serde(default)]
    pub refused: Vec<SeenRefusal>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeenMoment {
    pub at: Timestamp,
    pub user: String,
    pub kind: String,
    /// `external_id` of the place, name of the event, or `type:key` of the fact.
    #[serde(default)]
    pub of: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeenDecision {
    pub at: Timestamp,
    pub user: String,
    pub trigger: String,
    pub code: ReasonCode,
    /// Keys of the facts it was judged for, by the name the trigger binds them to.
    #[serde(default)]
    pub facts: BTreeMap<String, String>,
    /// Why, in a sentence: that of the last step looked at. Not compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub says: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeenMessage {
    pub at: Timestamp,
    pub user: String,
    pub device: String,
    pub title: String,
    pub body: String,
    #[serde(default)]
    pub public_title: Option<String>,
    #[serde(default)]
    pub public_body: Option<String>,
    #[serde(default)]
    pub link: Option<String>,
    #[serde(default)]
    pub tag: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenRefusal {
    pub at: Timestamp,
    pub record: String,
    pub code: String,
}

/// What must come out. A list that is left out is not compared; a field that is left out of a message is not, either.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    #[serde(default)]
    pub moments: Option<Vec<SeenMoment>>,
    #[serde(default)]
    pub decisions: Option<Vec<SeenDecision>>,
    #[serde(default)]
    pub messages: Option<Vec<SeenMessage>>,
}

/// Why a file of a walk cannot be read: which file, where in it, and what is wrong.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{file}: {detail}")]
pub struct WalkError {
    pub file: String,
    pub detail: String,
}

/// Reads one file of a walk; an error names the place in it.
pub fn parse<T: serde::de::DeserializeOwned>(file: &str, text: &str) -> Result<T, WalkError> {
    let mut reader = serde_json::Deserializer::from_str(text);
    serde_path_to_error::deserialize(&mut reader).map_err(|error| WalkError {
        file: file.to_owned(),
        detail: format!("at `{}`: {}", error.path(), error.inner()),
    })
}
