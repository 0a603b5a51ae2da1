//! When a schedule comes: local times of day on some days, as absolute instants.

use super::when::ScheduleWhen;
use crate::base::time::{Timestamp, instant_of, local};
use crate::engine::fence::hours::Day;
use crate::engine::moment::MomentKind;
use chrono::{Datelike, Days, NaiveDate};
use chrono_tz::Tz;

/// Every weekday meets every day of the month within two years; a third one is room to spare.
const DAYS_AHEAD_MAX: u64 = 3 * 366;

impl ScheduleWhen {
    /// Does it come on this day? Weekdays and days of the month both restrict.
    fn comes_on(&self, day: NaiveDate) -> bool {
        (self.days.is_empty() || self.days.contains(&Day::of(day.weekday())))
            && (self.dates.is_empty() || self.dates.contains(&day.day()))
    }

    /// The first instant after `after` at which it comes; none when no day is like that.
    pub fn next_after(&self, after: Timestamp, zone: Tz) -> Option<Timestamp> {
        let today = local(after, zone).date();
        // A time that a jump skips may come on the day before its own: begin one day early.
        let first = today.checked_sub_days(Days::new(1))?;
        let days = (0..DAYS_AHEAD_MAX).map_while(|days| first.checked_add_days(Days::new(days)));
        days.filter(|day| self.comes_on(*day))
            .map(|day| instant_of(day, self.at, zone))
            .find(|at| *at > after)
    }

    /// The last instant after `after` and up to `until` at which it came.
    pub fn last_between(&self, after: Timestamp, until: Timestamp, zone: Tz) -> Option<Timestamp> {
        let last = local(until, zone).date();
        let first = local(after, zone).date().checked_sub_days(Days::new(1))?;
        let days = (0..DAYS_AHEAD_MAX).map_while(|days| last.checked_sub_days(Days::new(days)));
        days.take_while(|day| *day >= first)
            .filter(|day| self.comes_on(*day))
            .map(|day| instant_of(day, self.at, zone))
            .find(|at| *at <= until)
            .filter(|at| *at > after)
    }

    /// Is this moment one of its times, in one of its places?
    pub fn is_kept_by(&self, moment: &MomentKind) -> bool {
        let MomentKind::Scheduled { time, place, .. } = moment else {
            return false;
        };
        let in_place = match (&self.inside, place) {
            (Some(wanted), Some(place)) => wanted.selects_place(place),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        in_place && self.time() == *time
    }

    /// As it stands in a moment: `18:00`.
    pub fn time(&self) -> String {
        self.at.format("%H:%M").to_string()
    }
}

#[cfg(test)]
#[path = "calendar_tests.rs"]
mod tests;
