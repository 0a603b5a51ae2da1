//! The wire shape of a trigger: one sentence, the same for the console, the API, the simulator and Explain.

use super::when::When;
use crate::base::time::Span;
use crate::engine::delivery::ChannelKind;
use crate::engine::fence::hours::Opening;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// When something happens, where, for each fact, if a condition holds, wait, then say it, unless a guard objects.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Trigger {
    #[schema(min_length = 1, max_length = 128)]
    pub name: String,
    pub class: Class,
    /// Groups of triggers that a cap counts together, such as `upsell`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 8)]
    pub tags: Vec<String>,
    pub when: When,
    /// CEL text over the bound facts: the `ref` of the person whose moment it is, when it is not the reader's own: a courier
    /// arrives, and the customer is told. The facts have both among their subjects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 1024)]
    pub whose: Option<String>,
    /// Name in conditions and texts -> facts it stands for.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub for_each: BTreeMap<String, Bind>,
    /// CEL; is this moment relevant?
    #[serde(rename = "if", default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 1024)]
    pub condition: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait: Option<Wait>,
    /// CEL text: the message is sent once per value of it. Without it, once per moment and fact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 1024)]
    pub once_per: Option<String>,
    /// An older moment is stale, unless the person is still there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age: Option<Span>,
    pub then: Then,
    #[serde(default)]
    pub guards: Guards,
}

/// Service messages ignore quiet hours and caps, never consent; promo obeys all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    Service,
    Promo,
}

/// Binds a name to facts: `"stay"` for each active stay, or the long form.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum Bind {
    Each(String),
    Chosen(ChosenBind),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChosenBind {
    #[serde(rename = "type")]
    #[schema(min_length = 1, max_length = 128)]
    pub kind: String,
    #[serde(default)]
    pub choose: Choose,
}

/// What to do when several facts pass at one moment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Choose {
    /// One message for each.
    #[default]
    Each,
    /// The one with the lowest value of this property; the others are superseded (the next departure).
    Lowest(String),
    /// One message that names them all, as a list under the name and an `s` (`stays`).
    Together,
}

impl Bind {
    pub fn kind(&self) -> &str {
        match self {
            Self::Each(kind) => kind,
            Self::Chosen(chosen) => &chosen.kind,
        }
    }

    pub fn choose(&self) -> &Choose {
        match self {
            Self::Each(_) => &Choose::Each,
            Self::Chosen(chosen) => &chosen.choose,
        }
    }
}

/// Keep the moment open.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Wait {
    /// Let this much time pass first; the condition is judged again then.
    #[serde(rename = "for", default, skip_serializing_if = "Option::is_none")]
    pub delay: Option<Span>,
    /// CEL; send when this holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 1024)]
    pub until: Option<String>,
    /// The limit of the whole wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<Span>,
    /// Send only while the person is in the place.
    #[serde(rename = "while", default, skip_serializing_if = "Option::is_none")]
    pub while_: Option<While>,
    /// What becomes of it when the limit comes first.
    #[serde(default, skip_serializing_if = "AtLimit::is_default")]
    pub at_limit: AtLimit,
}

/// What a wait does at its limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AtLimit {
    /// It ends as `expired`.
    #[default]
    Expire,
    /// It says what is known by then.
    Send,
}

impl AtLimit {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands fields over by reference")]
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum While {
    Inside,
}

/// What to say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Then {
    /// Name of a content.
    #[schema(min_length = 1, max_length = 128)]
    pub content: String,
    /// Takes the place of an earlier message of this content for the same fact; without one, the news is `superseded`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<Replaces>,
    /// Variants that are compared: each unit is drawn into one of them, for good; the rest reads `content`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 8)]
    pub arms: Vec<Arm>,
    /// Who reads it.
    #[serde(default, skip_serializing_if = "Audience::is_default")]
    pub to: Audience,
    /// Further ways of the same message, in order: each is taken when it was not received by then, or at once when every way
    /// before has failed for good.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 4)]
    pub fallback: Vec<Fallback>,
    /// Inside a journey: the state it goes to once this was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 64)]
    pub goto: Option<String>,
}

impl Then {
    /// Every content it may say.
    pub fn contents(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.content.as_str()).chain(self.arms.iter().map(|arm| arm.content.as_str()))
    }
}

/// One rung of the ladder of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Fallback {
    /// `sms` and `email` go to the person's own address, with their consent to that channel; `fcm`, `apns`, `webpush` and
    /// `tray` to another device of theirs.
    pub channel: ChannelKind,
    /// So long after the message was made. A person without any device gets the first rung at once.
    pub after: Span,
}

/// Which earlier message it takes the place of: any of this content, or the long form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum Replaces {
    Any(String),
    Only(ReplacesOnly),
}

/// A correction: only of a message that still stands unread on the screen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplacesOnly {
    #[schema(min_length = 1, max_length = 128)]
    pub content: String,
    /// Only while it was not opened; otherwise `already_done`.
    #[serde(default)]
    pub unopened: bool,
    /// Only while it is not older than this; otherwise `too_late`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Span>,
}

impl Replaces {
    pub fn content(&self) -> &str {
        match self {
            Self::Any(content) => content,
            Self::Only(only) => &only.content,
        }
    }
}

/// One variant of an experiment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Arm {
    #[schema(min_length = 1, max_length = 64)]
    pub name: String,
    /// Share of units, 0 to 1; all arms together at most 1.
    #[schema(minimum = 0, maximum = 1)]
    pub share: f64,
    /// Name of a content.
    #[schema(min_length = 1, max_length = 128)]
    pub content: String,
}

/// Who reads a message.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    /// The person the moment is about.
    #[default]
    User,
    /// The business: its staff or its systems, about that person.
    Business,
}

impl Audience {
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// May we speak now?
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Guards {
    /// Share of users, 0 to 1, who get nothing so that the effect can be measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1)]
    pub holdout: Option<f64>,
    /// CEL text: who is drawn together for the holdout and the arms, such as `flight.booking`; each user alone without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 1024)]
    pub unit: Option<String>,
    /// No second message of this trigger to this user within this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cooldown: Option<Span>,
    /// At most so many messages to this user in any window of this length.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 8)]
    pub caps: Vec<Cap>,
    /// Where two triggers with a priority would speak at one moment, the higher one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<i32>,
    /// Between these two instants only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
    /// Only at these local times of the user; otherwise dropped.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 21)]
    pub schedule: Vec<Opening>,
    /// Only while these opening hours of the place say open (`default`, `kitchen`, …); otherwise dropped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 128)]
    pub open: Option<String>,
    /// Deferred to the end of the night: overrides the project's quiet hours for this trigger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quiet_hours: Option<Opening>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Cap {
    #[schema(minimum = 1)]
    pub max: u32,
    pub per: Span,
    /// Counts the messages of every trigger with this tag; of this trigger alone without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 64)]
    pub across: Option<String>,
}

/// Two CEL instants. Before `from` the moment waits (`too_early`); after `to` it is dropped (`too_late`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Window {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 1024)]
    pub from: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 1024)]
    pub to: Option<String>,
}
