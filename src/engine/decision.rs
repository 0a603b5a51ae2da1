//! Decisions: the outcome of one moment for one trigger revision, with its reason and the values as they were.

use super::fact::FactRef;
use crate::base::id::{DecisionId, MessageId, MomentId, TriggerId, UserId};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Why a message was or was not sent: a closed list, stable in the API (DESIGN.md 5.10).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReasonCode {
    Sent,
    Holdout,
    WaitingFact,
    WaitingTime,
    NoConsent,
    NoPermission,
    OptedOut,
    NoToken,
    NoFact,
    FactInactive,
    ConditionFalse,
    ConditionError,
    MissingData,
    NotInside,
    LowAccuracy,
    Implausible,
    Simulated,
    Stale,
    TooEarly,
    TooLate,
    OutsideWindow,
    HoursClosed,
    QuietDeferred,
    QuietExpired,
    Cap,
    Cooldown,
    AlreadyDone,
    Superseded,
    RenderError,
    ProviderError,
    Expired,
    Cancelled,
    Erased,
    Paused,
}

impl ReasonCode {
    /// The code as it stands in the API and in the store.
    pub fn as_str(self) -> String {
        match serde_json::to_value(self) {
            Ok(Value::String(code)) => code,
            _ => String::new(),
        }
    }

    /// Does the moment stay open after this decision?
    pub fn is_waiting(self) -> bool {
        matches!(
            self,
            Self::WaitingFact | Self::WaitingTime | Self::TooEarly | Self::QuietDeferred
        )
    }

    /// May a later fact change this answer while the person is still in the place?
    pub fn may_be_revised(self) -> bool {
        matches!(
            self,
            Self::NoFact | Self::FactInactive | Self::ConditionFalse | Self::MissingData
        )
    }
}

/// The outcome of one moment for one trigger revision (and one combination of facts).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Decision {
    pub id: DecisionId,
    pub user_id: UserId,
    pub moment_id: MomentId,
    pub trigger_id: TriggerId,
    pub trigger: String,
    pub revision: i64,
    /// The facts it was judged for, by the name the trigger binds them to.
    pub facts: BTreeMap<String, FactRef>,
    pub code: ReasonCode,
    pub decided_at: DateTime<Utc>,
    /// With a waiting code: when the wait is looked at again or ends.
    pub until: Option<DateTime<Utc>>,
    pub message_id: Option<MessageId>,
    /// Sent later than the trigger's `max_age`, because the person was still there.
    #[serde(default)]
    pub late: bool,
    /// The variant that was drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arm: Option<String>,
    /// Every step that was looked at, in order, with the values as they were.
    pub trace: Vec<TraceStep>,
}

/// One step of the judgement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TraceStep {
    pub step: Step,
    pub passed: bool,
    /// One sentence for a person.
    pub says: String,
    /// The values it was judged by.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    #[schema(value_type = Object)]
    pub values: Value,
}

/// The steps of a judgement in their fixed, public order (DESIGN.md 5.9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    Facts,
    Condition,
    Inside,
    Wait,
    Pause,
    Consent,
    Plausibility,
    Staleness,
    Window,
    Schedule,
    OnceKey,
    Cooldown,
    Cap,
    QuietHours,
    Priority,
    Replaces,
    Holdout,
    Arm,
    Compose,
    Deliver,
}
