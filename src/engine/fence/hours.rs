//! Opening hours and quiet hours: local times of day on weekdays, over midnight too.

use crate::base::time::{Timestamp, instant_of, local};
use chrono::{Datelike, Days, NaiveTime, Weekday};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// From one local time to another, on some days. `22:00` to `07:00` runs over midnight and belongs to the day it begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Opening {
    /// Every day when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 7)]
    pub days: Vec<Day>,
    #[serde(with = "minutes")]
    #[schema(value_type = String, pattern = "^([01]\\d|2[0-3]):[0-5]\\d$", example = "06:30")]
    pub from: NaiveTime,
    /// Not included; equal to `from` means the whole day.
    #[serde(with = "minutes")]
    #[schema(value_type = String, pattern = "^([01]\\d|2[0-3]):[0-5]\\d$", example = "22:30")]
    pub to: NaiveTime,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

impl Day {
    pub(crate) fn of(weekday: Weekday) -> Self {
        match weekday {
            Weekday::Mon => Self::Mon,
            Weekday::Tue => Self::Tue,
            Weekday::Wed => Self::Wed,
            Weekday::Thu => Self::Thu,
            Weekday::Fri => Self::Fri,
            Weekday::Sat => Self::Sat,
            Weekday::Sun => Self::Sun,
        }
    }
}

impl Opening {
    /// When the span that holds `at` ends; none when `at` is outside.
    pub fn ends_at(&self, at: Timestamp, zone: Tz) -> Option<Timestamp> {
        let wall = local(at, zone);
        let over_midnight = self.to <= self.from;
        // The span that holds `at` began today or, running over midnight, yesterday.
        [wall.date().checked_sub_days(Days::new(1)), Some(wall.date())]
            .into_iter()
            .flatten()
            .find_map(|day| {
                if !self.days.is_empty() && !self.days.contains(&Day::of(day.weekday())) {
                    return None;
                }
                let last = if over_midnight {
                    day.checked_add_days(Days::new(1))?
                } else {
                    day
                };
                let (start, end) = (instant_of(day, self.from, zone), instant_of(last, self.to, zone));
                (start <= at && at < end).then_some(end)
            })
    }
}

/// Is any of these open at `at`? No hours at all means always open.
pub fn is_open(hours: &[Opening], at: Timestamp, zone: Tz) -> bool {
    hours.is_empty() || hours.iter().any(|opening| opening.ends_at(at, zone).is_some())
}

/// When the next of these opens after `at`; none when it is open or there is none within a week.
pub fn opens_at(hours: &[Opening], at: Timestamp, zone: Tz) -> Option<Timestamp> {
    if is_open(hours, at, zone) {
        return None;
    }
    let today = local(at, zone).date();
    let days = (0..=7).filter_map(|ahead| today.checked_add_days(Days::new(ahead)));
    let starts = days.flat_map(|day| {
        let on_day =
            move |opening: &&Opening| opening.days.is_empty() || opening.days.contains(&Day::of(day.weekday()));
        hours
            .iter()
            .filter(on_day)
            .map(move |opening| instant_of(day, opening.from, zone))
    });
    starts.filter(|start| *start > at).min()
}

/// Times of day as `HH:MM`.
pub(crate) mod minutes {
    use chrono::NaiveTime;
    use serde::{Deserialize, Deserializer, Serializer};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands fields over by reference")]
    pub fn serialize<S: Serializer>(time: &NaiveTime, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&time.format("%H:%M"))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<NaiveTime, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        let exact = text.len() == 5;
        NaiveTime::parse_from_str(&text, "%H:%M")
            .ok()
            .filter(|_| exact)
            .ok_or_else(|| serde::de::Error::custom("not a time of day: write it like 06:30"))
    }
}

#[cfg(test)]
#[path = "hours_tests.rs"]
mod tests;
