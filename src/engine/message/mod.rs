//! Contents and messages: the template with its locales, and what one user will read.

pub mod compose;
pub mod content;
mod pass_link;
pub mod template;

pub use compose::{Composed, compose};
pub use content::{CompiledContent, Content, ContentError, Missing, Texts, Urgency};

use super::delivery::Planned;
use super::fact::FactRef;
use super::trigger::Audience;
use crate::base::id::{DecisionId, MessageId, TriggerId, UserId};
use crate::base::time::Timestamp;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What one user will read. It has one send key, and every attempt carries the same tag, so that a repeat replaces itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Message {
    pub id: MessageId,
    pub user_id: UserId,
    pub decision_id: DecisionId,
    pub trigger_id: TriggerId,
    pub content: String,
    /// Unique in the project: at most one message ever has it (invariant 4).
    pub send_key: String,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    pub facts: Vec<FactRef>,
    pub shown: Shown,
    pub promo: bool,
    /// The message it corrects: it goes out only if that one got out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub corrects: Option<MessageId>,
    /// Shows nothing: it asks the phone for a fix (DESIGN.md 5.6).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub silent: bool,
    /// Who reads it.
    #[serde(default, skip_serializing_if = "Audience::is_default")]
    pub to: Audience,
    pub deliveries: Vec<Planned>,
}

/// Everything a phone needs to show it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Shown {
    pub locale: String,
    pub title: String,
    pub body: String,
    /// Holds a sensitive value: title and body never go to a provider; the device fetches them.
    pub sensitive: bool,
    /// What may stand on a locked screen.
    pub public_title: Option<String>,
    pub public_body: Option<String>,
    pub link: Option<String>,
    /// The fact whose pass a tap opens. A device that fetches the message finds a signed link to it in `link`; nobody else
    /// ever gets one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pass: Option<FactRef>,
    pub image: Option<String>,
    pub actions: Vec<Action>,
    /// Messages with one tag replace one another on the screen.
    pub tag: String,
    pub urgency: Urgency,
    /// When its content says that it is over; the message may end before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<DateTime<Utc>>,
}

/// A button under a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Action {
    #[schema(min_length = 1, max_length = 128)]
    pub id: String,
    #[schema(min_length = 1, max_length = 128)]
    pub title: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 2000)]
    pub link: Option<String>,
}
