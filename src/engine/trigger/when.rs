//! The `when` of a trigger: which moments it listens to.

use crate::base::id::FenceId;
use crate::base::time::Span;
use crate::engine::fact::Becomes;
use crate::engine::fence::hours::{Day, minutes};
use crate::engine::moment::{How, MomentKind};
use chrono::NaiveTime;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Which moments it listens to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(no_recursion)]
pub enum When {
    /// Walked in.
    Entered(PlaceSelector),
    /// Went away.
    Exited(PlaceSelector),
    /// Stayed inside for this long.
    Dwelled {
        #[serde(rename = "for")]
        stayed: Span,
        #[serde(flatten)]
        place: PlaceSelector,
    },
    /// The app or the business said that something happened.
    Event(EventWhen),
    /// A fact was created, changed or ended.
    Fact(FactWhen),
    /// A time that a fact names has come.
    Time(TimeWhen),
    /// A local time of day has come.
    Schedule(ScheduleWhen),
    /// The person answered a message.
    Answered(AnsweredWhen),
    /// The state of the journey that holds this trigger begins. Only inside a journey.
    Begins,
    /// Any of several.
    Any(Vec<When>),
}

/// Places by tag, external id or id; all that are given must match.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlaceSelector {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 128)]
    pub tag: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 128)]
    pub external_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<FenceId>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EventWhen {
    #[schema(min_length = 1, max_length = 128)]
    pub name: String,
    /// Only while inside such a place, which then is `place`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inside: Option<PlaceSelector>,
    /// Only when it has happened this often, this time included…
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 2, maximum = 100)]
    pub times: Option<u32>,
    /// …within this time…
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Span>,
    /// …with the same value of this property.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 128)]
    pub same: Option<String>,
}

/// An instant computed from one fact; it follows the fact when that changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TimeWhen {
    /// A name that `for_each` binds.
    #[schema(min_length = 1, max_length = 64)]
    pub fact: String,
    /// CEL instant over that fact alone, such as `flight.departs_at - PT3H`.
    #[schema(min_length = 1, max_length = 1024)]
    pub at: String,
}

/// A local time of day, on some days.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ScheduleWhen {
    #[serde(with = "minutes")]
    #[schema(value_type = String, pattern = "^([01]\\d|2[0-3]):[0-5]\\d$", example = "18:00")]
    pub at: NaiveTime,
    /// Every weekday when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 7)]
    pub days: Vec<Day>,
    /// Days of the month, 1 to 31; every day when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 31)]
    pub dates: Vec<u32>,
    /// Only while inside such a place, which then is `place`, and in its time zone; otherwise in the person's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inside: Option<PlaceSelector>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AnsweredWhen {
    /// The name of the content that was answered.
    #[schema(min_length = 1, max_length = 128)]
    pub content: String,
    pub how: How,
    /// With `action`: only this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 128)]
    pub action: Option<String>,
}

impl AnsweredWhen {
    /// Is this moment such an answer?
    pub fn is_given_by(&self, moment: &MomentKind) -> bool {
        let MomentKind::Answered {
            content, how, action, ..
        } = moment
        else {
            return false;
        };
        let wanted = self.action.is_none() || self.action == *action;
        self.content == *content && self.how == *how && wanted
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FactWhen {
    #[serde(rename = "type")]
    #[schema(min_length = 1, max_length = 128)]
    pub kind: String,
    pub becomes: Becomes,
    /// With `changed`: only when this property differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 128)]
    pub field: Option<String>,
}
