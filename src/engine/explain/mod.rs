//! Explain: why one person did or did not get one message, as an ordered checklist from what was recorded.
//!
//! Nothing is judged again here: what a step says is what its trace says. Where the record is silent, what is stored now is
//! shown and marked as such, and a sensitive value is shown as `•••`.

mod absent;
mod mask;
mod nearest;
mod steps;
mod trail;
mod words;

pub use absent::{Absent, absent};

use super::decision::{Decision, ReasonCode};
use super::delivery::{ChannelKind, DeliveryState};
use super::fact::Fact;
use super::fix::{Fix, ReceiptStatus};
use super::message::Message;
use super::moment::Moment;
use super::presence::Thresholds;
use super::trigger::Trigger;
use crate::base::id::{DecisionId, DeliveryId, DeviceId, MomentId};
use crate::base::time::Timestamp;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use utoipa::ToSchema;

/// The steps of the checklist in their fixed, public order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// Without a decision: is there such a person, with a phone that reports, a trigger that was live, and a moment?
    User,
    Device,
    Trigger,
    Moment,
    Fix,
    Geometry,
    Presence,
    Facts,
    /// One for each clause of `if`.
    Condition,
    Wait,
    Pause,
    Consent,
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
    Render,
    /// One for each delivery.
    Delivery,
    /// One for each receipt.
    Receipt,
}

/// What became of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CheckState {
    Passed,
    Failed,
    /// A step before it had ended the matter.
    NotReached,
    /// Nothing was recorded, or not yet.
    Unknown,
}

/// Where the answer of a step comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Written down when it was judged.
    Recorded,
    /// What is stored now.
    Stored,
}

/// One step of the checklist.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Checked {
    pub step: Check,
    pub state: CheckState,
    /// One sentence for a person.
    pub says: String,
    #[serde(default, skip_serializing_if = "Value::is_null")]
    #[schema(value_type = Object)]
    pub values: Value,
    pub source: Source,
}

/// An earlier answer of the same case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Earlier {
    pub decision_id: DecisionId,
    pub code: ReasonCode,
    pub at: DateTime<Utc>,
    /// Such as `waiting_fact at 2026-05-04 13:10 Europe/Vienna`.
    pub says: String,
}

/// The smallest change that would have made it go on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NearestChange {
    pub step: Check,
    pub says: String,
    /// The field that would have had to be different.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// What it would have had to be, where one value can be named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub wanted: Option<Value>,
    /// Until when, or from when on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<DateTime<Utc>>,
}

/// A part of the answer that is not kept any more, or never was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Gone {
    Moment,
    Fix,
    /// The version of a fact as it was then.
    Facts,
    Trigger,
    Message,
}

/// The whole answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Explanation {
    /// One sentence.
    pub verdict: String,
    /// None when nothing was decided.
    pub code: Option<ReasonCode>,
    pub decision_id: Option<DecisionId>,
    pub moment_id: Option<MomentId>,
    pub at: DateTime<Utc>,
    pub steps: Vec<Checked>,
    /// Oldest first.
    pub history: Vec<Earlier>,
    pub nearest_change: Option<NearestChange>,
    pub gone: Vec<Gone>,
}

/// One message on its way to one device.
#[derive(Debug, Clone, PartialEq)]
pub struct Sending {
    pub id: DeliveryId,
    /// None when it was for the business.
    pub device_id: Option<DeviceId>,
    pub channel: ChannelKind,
    pub state: DeliveryState,
    pub why: Option<String>,
    /// Why the message took this further way.
    pub because: Option<String>,
    pub attempts: Vec<Tried>,
}

/// One try of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tried {
    pub number: u32,
    pub at: Timestamp,
    pub outcome: String,
    /// The provider's own words.
    pub detail: Option<String>,
    pub duration_ms: i64,
}

/// What a phone said about the message.
#[derive(Debug, Clone, PartialEq)]
pub struct Heard {
    pub status: ReceiptStatus,
    pub action: Option<String>,
    pub at: Timestamp,
}

/// Everything that is kept around one decision.
#[derive(Debug, Clone)]
pub struct Known<'a> {
    pub decision: &'a Decision,
    /// Earlier answers of the same moment, trigger and facts, oldest first.
    pub earlier: &'a [Decision],
    pub moment: Option<&'a Moment>,
    /// The fix behind the moment, when it was kept.
    pub fix: Option<&'a Fix>,
    /// The revision that decided.
    pub sentence: Option<&'a Trigger>,
    /// The bound facts as of the decision, by name; one whose version is not kept is left out.
    pub facts: &'a BTreeMap<String, Fact>,
    /// The sensitive fields of the bound facts, by name; of a name that is left out, everything is sensitive.
    pub sensitive: &'a BTreeMap<String, BTreeSet<String>>,
    /// Values of sensitive fields in whatever version is kept.
    pub secrets: &'a [Value],
    /// The rules of presence of the place, as they are now.
    pub thresholds: Option<Thresholds>,
    pub message: Option<&'a Message>,
    pub sendings: &'a [Sending],
    pub receipts: &'a [Heard],
    /// The zone in which times are told.
    pub zone: Tz,
}

/// Explains one decision.
pub fn explain(known: &Known<'_>) -> Explanation {
    let decision = known.decision;
    let mask = mask::Mask::of(known);
    let nearest_change = nearest::of(known, &mask);
    let at = words::clock(decision.decided_at, known.zone);
    let why = words::why(decision.code);
    let verdict = match (&nearest_change, decision.code) {
        (_, ReasonCode::Sent) => format!("It was sent at {at}."),
        (Some(change), _) => format!("At {at}, {why}: it {}.", change.says),
        (None, _) => format!("At {at}, {why}."),
    };
    Explanation {
        verdict,
        code: Some(decision.code),
        decision_id: Some(decision.id),
        moment_id: Some(decision.moment_id),
        at: decision.decided_at,
        steps: steps::of(known, &mask),
        history: known
            .earlier
            .iter()
            .map(|earlier| history(earlier, known.zone))
            .collect(),
        nearest_change,
        gone: gone(known),
    }
}

fn history(earlier: &Decision, zone: Tz) -> Earlier {
    Earlier {
        decision_id: earlier.id,
        code: earlier.code,
        at: earlier.decided_at,
        says: format!(
            "{} at {}",
            earlier.code.as_str(),
            words::clock(earlier.decided_at, zone)
        ),
    }
}

fn gone(known: &Known<'_>) -> Vec<Gone> {
    let evidence = known.moment.and_then(|moment| moment.evidence.accuracy_m);
    let parts = [
        (Gone::Moment, known.moment.is_none()),
        (Gone::Fix, evidence.is_some() && known.fix.is_none()),
        (Gone::Facts, known.decision.facts.len() > known.facts.len()),
        (Gone::Trigger, known.sentence.is_none()),
        (
            Gone::Message,
            known.decision.message_id.is_some() && known.message.is_none(),
        ),
    ];
    parts.into_iter().filter_map(|(part, is)| is.then_some(part)).collect()
}

#[cfg(test)]
#[path = "explain_tests.rs"]
mod tests;
