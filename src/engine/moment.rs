//! Moments: immutable facts noticed by the engine, in the past tense.

use super::fact::{Becomes, FactRef};
use super::fix::Quality;
use crate::base::id::{DeviceId, FenceId, MomentId, UserId};
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
    },
}

impl MomentKind {
    pub fn place(&self) -> Option<&Place> {
        match self {
            Self::Entered { place } | Self::Exited { place } | Self::Dwelled { place, .. } => Some(place),
            Self::Event { .. } | Self::Fact { .. } => None,
        }
    }

    /// The fact whose end this moment is: it may still be spoken of, although it is over.
    pub fn ended_fact(&self) -> Option<&FactRef> {
        match self {
            Self::Fact { fact, becomes, .. } => Some(fact).filter(|_| *becomes == Becomes::Ended),
            Self::Entered { .. } | Self::Exited { .. } | Self::Dwelled { .. } | Self::Event { .. } => None,
        }
    }

    pub fn name(&self) -> &'static str {
        match self {
            Self::Entered { .. } => "entered",
            Self::Exited { .. } => "exited",
            Self::Dwelled { .. } => "dwelled",
            Self::Event { .. } => "event",
            Self::Fact { .. } => "fact",
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
