//! Moments: immutable facts noticed by the engine, in the past tense.

use super::fact::{Becomes, FactRef};
use super::fix::Quality;
use crate::base::id::{DeviceId, FenceId, InstanceId, MessageId, MomentId, TriggerId, UserId};
use crate::base::time::Span;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// Something that happened to one user.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Moment {
    pub id: MomentId,
    pub user_id: UserId,
    pub device_id: Option<DeviceId>,
    /// When it happened, on our clock.
    pub occurred_at: DateTime<Utc>,
    /// When the engine noticed.
    pub noticed_at: DateTime<Utc>,
    #[serde(flatten)]
    pub kind: MomentKind,
    pub evidence: Evidence,
    /// Whose moment it is, by the name the business knows them by, when it is told to somebody else (`whose` in a trigger).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum MomentKind {
    Entered {
        place: Place,
    },
    Exited {
        place: Place,
    },
    Dwelled {
        place: Place,
        #[serde(rename = "for")]
        stayed: Span,
    },
    Event {
        name: String,
        #[schema(value_type = Object)]
        properties: Map<String, Value>,
    },
    Fact {
        fact: FactRef,
        becomes: Becomes,
        fields: Vec<String>,
        /// What those fields were before, sensitive ones left out.
        #[serde(default, skip_serializing_if = "Map::is_empty")]
        #[schema(value_type = Object)]
        before: Map<String, Value>,
    },
    /// A time that a fact names has come.
    Reached {
        fact: FactRef,
        /// The text of the trigger that named it, such as `flight.departs_at - PT3H`.
        time: String,
    },
    /// A local time of day has come.
    Scheduled {
        /// `18:00`
        time: String,
        /// The trigger that asked for it: each has a time of its own.
        trigger_id: TriggerId,
        /// Where the person was, when the trigger asks for that.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        place: Option<Place>,
    },
    /// The person answered a message.
    Answered {
        message_id: MessageId,
        content: String,
        how: How,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        action: Option<String>,
        /// What they replied.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<String>,
        /// The facts the message was about.
        facts: Vec<FactRef>,
    },
    /// A state of a journey began.
    Begun {
        journey: String,
        key: String,
        state: String,
        instance_id: InstanceId,
    },
}

/// How a person answered a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum How {
    Opened,
    /// Tapped one of its actions.
    Action,
    /// Wrote back.
    Reply,
}

impl MomentKind {
    pub fn place(&self) -> Option<&Place> {
        match self {
            Self::Entered { place } | Self::Exited { place } | Self::Dwelled { place, .. } => Some(place),
            Self::Scheduled { place, .. } => place.as_ref(),
            Self::Event { .. }
            | Self::Fact { .. }
            | Self::Reached { .. }
            | Self::Answered { .. }
            | Self::Begun { .. } => None,
        }
    }

    /// May this fact be spoken of at this moment although it is over? Its end itself, and an answer to a message about it.
    pub fn outlives(&self, id: &FactRef) -> bool {
        match self {
            Self::Fact { fact, becomes, .. } => *becomes == Becomes::Ended && fact == id,
            Self::Answered { facts, .. } => facts.contains(id),
            Self::Entered { .. }
            | Self::Exited { .. }
            | Self::Dwelled { .. }
            | Self::Event { .. }
            | Self::Reached { .. }
            | Self::Scheduled { .. }
            | Self::Begun { .. } => false,
        }
    }

    /// The facts of this type that the moment itself is about; none when it is about no such fact, and then any may be bound.
    pub fn about(&self, kind: &str) -> Vec<&FactRef> {
        let named: &[FactRef] = match self {
            Self::Fact { fact, .. } | Self::Reached { fact, .. } => std::slice::from_ref(fact),
            Self::Answered { facts, .. } => facts,
            Self::Entered { .. }
            | Self::Exited { .. }
            | Self::Dwelled { .. }
            | Self::Event { .. }
            | Self::Scheduled { .. }
            | Self::Begun { .. } => &[],
        };
        named.iter().filter(|fact| fact.kind == kind).collect()
    }

    /// What it is of, in a word: `external_id` of the place, name of the event, `type:key` of the fact.
    pub fn of(&self) -> String {
        match self {
            Self::Entered { place } | Self::Exited { place } | Self::Dwelled { place, .. } => place.external_id.clone(),
            Self::Event { name, .. } => name.clone(),
            Self::Fact { fact, .. } | Self::Reached { fact, .. } => fact.to_string(),
            Self::Scheduled { time, .. } => time.clone(),
            Self::Answered { content, .. } => content.clone(),
            Self::Begun { state, .. } => state.clone(),
        }
    }

    pub fn name(&self) -> &'static str {
        match self {
            Self::Entered { .. } => "entered",
            Self::Exited { .. } => "exited",
            Self::Dwelled { .. } => "dwelled",
            Self::Event { .. } => "event",
            Self::Fact { .. } => "fact",
            Self::Reached { .. } => "reached",
            Self::Scheduled { .. } => "scheduled",
            Self::Answered { .. } => "answered",
            Self::Begun { .. } => "begun",
        }
    }
}

/// The geofence as it was then: a later edit or deletion does not change what happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Place {
    pub id: FenceId,
    pub external_id: String,
    pub tag: String,
    pub name: String,
    pub version: i64,
}

/// On what grounds the engine noticed it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Evidence {
    /// The record that tipped it; none when time alone did.
    pub record_id: Option<String>,
    /// Probability of the presence change (DESIGN.md 5.4).
    pub probability: Option<f64>,
    pub accuracy_m: Option<f64>,
    pub quality: Option<Quality>,
    /// H3 cell of resolution 7 (about 5 km²), for aggregates: coarse on purpose.
    pub cell: Option<String>,
    /// The operating system said the place was made up.
    #[serde(default)]
    pub simulated: bool,
    /// Farther from the fix before than any vehicle goes (DESIGN.md 5.3).
    #[serde(default)]
    pub implausible: bool,
}
