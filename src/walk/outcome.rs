//! What comes out of a walk, and what must come out (`expected.json`), told in names.

use crate::base::id::MessageId;
use crate::engine::decision::{ReasonCode, TraceStep};
use crate::engine::delivery::ChannelKind;
use crate::engine::trigger::Audience;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// What came out of a walk, told in names.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Outcome {
    pub moments: Vec<SeenMoment>,
    pub decisions: Vec<SeenDecision>,
    pub messages: Vec<SeenMessage>,
    /// Records and inputs that were not taken, each with its code.
    #[serde(default)]
    pub refused: Vec<SeenRefusal>,
    /// States of journeys that began, and journeys that ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub journeys: Vec<SeenJourney>,
}

impl Outcome {
    /// The same as an expectation: what was seen, without the reasons, which may be told in other words tomorrow.
    pub fn expected(&self) -> Expected {
        let bare = |seen: &SeenDecision| SeenDecision {
            says: None,
            trace: Vec::new(),
            ..seen.clone()
        };
        Expected {
            moments: Some(self.moments.clone()),
            decisions: Some(self.decisions.iter().map(bare).collect()),
            messages: Some(self.messages.clone()),
            refused: Some(self.refused.clone()),
            journeys: Some(self.journeys.clone()),
        }
    }

    /// How many lines there are to tell.
    pub fn rows(&self) -> usize {
        let told = self.moments.len() + self.decisions.len() + self.messages.len();
        told + self.refused.len() + self.journeys.len()
    }

    /// What an erasure leaves of a user: nothing.
    pub fn forget(&mut self, user: &str) {
        self.moments.retain(|moment| moment.user != user);
        self.decisions.retain(|decision| decision.user != user);
        self.messages.retain(|message| message.user != user);
        self.journeys.retain(|change| change.user != user);
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SeenMoment {
    pub at: DateTime<Utc>,
    pub user: String,
    pub kind: String,
    /// `external_id` of the place, name of the event, or `type:key` of the fact.
    #[serde(default)]
    pub of: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SeenDecision {
    pub at: DateTime<Utc>,
    pub user: String,
    pub trigger: String,
    pub code: ReasonCode,
    /// Keys of the facts it was judged for, by the name the trigger binds them to.
    #[serde(default)]
    pub facts: BTreeMap<String, String>,
    /// Sent later than its trigger wants, because the person was still there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub late: bool,
    /// The variant that was drawn; not compared when it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arm: Option<String>,
    /// Why, in a sentence: that of the last step looked at. Not compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub says: Option<String>,
    /// Everything that was looked at, in order. Not compared.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trace: Vec<TraceStep>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SeenMessage {
    pub at: DateTime<Utc>,
    pub user: String,
    /// The one it got to.
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
    /// With `business`, `device` is empty.
    #[serde(default, skip_serializing_if = "Audience::is_default")]
    pub to: Audience,
    /// With `sms` or `email`, `device` is empty: it went to the person's own address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<ChannelKind>,
    /// What the engine calls it. Not compared, and in no file.
    #[serde(skip)]
    pub id: Option<MessageId>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SeenRefusal {
    pub at: DateTime<Utc>,
    pub record: String,
    pub code: String,
}

/// One change of one instance of a journey: a state it came into, or the reason it ended for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SeenJourney {
    pub at: DateTime<Utc>,
    pub user: String,
    pub journey: String,
    pub key: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<String>,
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
    #[serde(default)]
    pub refused: Option<Vec<SeenRefusal>>,
    #[serde(default)]
    pub journeys: Option<Vec<SeenJourney>>,
}
