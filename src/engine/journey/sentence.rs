//! The wire shape of a journey: where it starts, its states, and the ways between them.

use crate::base::time::Span;
use crate::engine::trigger::{Trigger, When};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A way a person goes, state by state: a lease from lead to signed, an order from quote to delivery.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Journey {
    #[schema(min_length = 1, max_length = 128)]
    pub name: String,
    /// Name in conditions and texts -> type of the fact it stands for. Bound when an instance starts, and known in every state.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub facts: BTreeMap<String, String>,
    /// CEL text: a person has one open instance per value of it, such as `lead.key`.
    #[schema(min_length = 1, max_length = 1024)]
    pub key: String,
    pub start: Start,
    pub states: BTreeMap<String, State>,
    /// What becomes of open instances when a new version is published.
    #[serde(default)]
    pub versions: Versions,
}

/// What lets an instance begin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Start {
    pub when: When,
    /// CEL
    #[serde(rename = "if", default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 1024)]
    pub condition: Option<String>,
    /// The first state.
    #[schema(min_length = 1, max_length = 64)]
    pub goto: String,
}

/// One state: what may be said in it, how it is left, and how long it may last.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// Live only for who is in this state. They find the journey's facts bound, and `when: "begins"` listens to its beginning.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 16)]
    pub triggers: Vec<Trigger>,
    /// Ways out of it, looked at in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 16)]
    pub moves: Vec<Move>,
    /// Every state ends: where to, if nothing else has happened by then.
    pub at_most: Limit,
    /// Longer than this is listed as stuck.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stuck_after: Option<Span>,
}

/// A way out of a state: to another one, or out of the journey with a reason. Exactly one of `goto` and `exit`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Move {
    pub when: When,
    /// CEL
    #[serde(rename = "if", default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 1024)]
    pub condition: Option<String>,
    /// To this state…
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 64)]
    pub goto: Option<String>,
    /// …or out of the journey, for this reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 64)]
    pub exit: Option<String>,
}

/// The limit of a state. Exactly one of `goto` and `exit`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    #[serde(rename = "for")]
    pub span: Span,
    /// To this state…
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 64)]
    pub goto: Option<String>,
    /// …or out of the journey, for this reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 64)]
    pub exit: Option<String>,
}

/// What becomes of open instances when a new version is published.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Versions {
    /// They finish on the version they began with.
    #[default]
    Finish,
    /// They go on in the new version, in the state of the same name; without one they exit as `moved_away`.
    Move,
}

impl State {
    /// The states it may lead to.
    pub(super) fn gotos(&self) -> impl Iterator<Item = &str> {
        let moves = self.moves.iter().filter_map(|way| way.goto.as_deref());
        let said = self.triggers.iter().filter_map(|trigger| trigger.then.goto.as_deref());
        moves.chain(said).chain(self.at_most.goto.as_deref())
    }

    /// May the journey end here?
    pub(super) fn exits(&self) -> bool {
        self.at_most.exit.is_some() || self.moves.iter().any(|way| way.exit.is_some())
    }
}
