//! Instants, ISO 8601 durations and local times of day.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// An absolute instant in UTC.
pub type Timestamp = DateTime<Utc>;

/// The instant at the microseconds that both databases keep, so that a stored time equals the one in memory. A leap second,
/// which neither of them knows, is the second after it.
pub fn truncated(at: Timestamp) -> Timestamp {
    DateTime::from_timestamp_micros(at.timestamp_micros()).unwrap_or(at)
}

/// A length of time, written as an ISO 8601 duration of days, hours, minutes and seconds (`PT15M`, `P1DT12H`).
///
/// Months and years have no fixed length and are refused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, utoipa::ToSchema)]
#[schema(value_type = String, example = "PT15M", pattern = "^P(\\d+W|(\\d+D)?(T(\\d+H)?(\\d+M)?(\\d+S)?)?)$")]
pub struct Span(i64);

/// Why a text is not a duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a duration: write it like PT15M, PT10H or P1D (weeks, days, hours, minutes, seconds; at most 10 years)")]
pub struct SpanError;

const SECONDS_MAX: i64 = 10 * 366 * 86_400;

impl Span {
    pub const fn seconds(seconds: i64) -> Self {
        Self(seconds)
    }

    pub const fn minutes(minutes: i64) -> Self {
        Self(minutes * 60)
    }

    pub const fn hours(hours: i64) -> Self {
        Self(hours * 3600)
    }

    pub fn delta(self) -> TimeDelta {
        TimeDelta::seconds(self.0)
    }

    pub const fn as_seconds(self) -> i64 {
        self.0
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, rest) = (self.0 / 86_400, self.0 % 86_400);
        let (hours, minutes, seconds) = (rest / 3600, rest % 3600 / 60, rest % 60);
        f.write_str("P")?;
        if days > 0 {
            write!(f, "{days}D")?;
        }
        if rest > 0 || days == 0 {
            f.write_str("T")?;
        }
        if hours > 0 {
            write!(f, "{hours}H")?;
        }
        if minutes > 0 {
            write!(f, "{minutes}M")?;
        }
        if seconds > 0 || self.0 == 0 {
            write!(f, "{seconds}S")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Span {
    type Err = SpanError;

    fn from_str(text: &str) -> Result<Self, SpanError> {
        let body = text.strip_prefix('P').ok_or(SpanError)?;
        let (date, time) = body
            .split_once('T')
            .map_or((body, None), |(date, time)| (date, Some(time)));
        if date.is_empty() && time.is_none_or(str::is_empty) || time == Some("") {
            return Err(SpanError);
        }
        let days = sum_of_units(date, &[('W', 7 * 86_400), ('D', 86_400)])?;
        let clock = sum_of_units(time.unwrap_or(""), &[('H', 3600), ('M', 60), ('S', 1)])?;
        let total = days.checked_add(clock).ok_or(SpanError)?;
        if total > SECONDS_MAX {
            Err(SpanError)
        } else {
            Ok(Self(total))
        }
    }
}

/// Reads `2D`, `1H30M`, … in the given order of units, each at most once.
fn sum_of_units(mut text: &str, units: &[(char, i64)]) -> Result<i64, SpanError> {
    let mut total = 0_i64;
    for (unit, seconds) in units {
        if let Some((number, rest)) = text.split_once(*unit) {
            if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit()) {
                return Err(SpanError);
            }
            let count: i64 = number.parse().map_err(|_| SpanError)?;
            total = count
                .checked_mul(*seconds)
                .and_then(|s| total.checked_add(s))
                .ok_or(SpanError)?;
            text = rest;
        }
    }
    if text.is_empty() { Ok(total) } else { Err(SpanError) }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// The local wall time of an instant.
pub fn local(at: Timestamp, zone: Tz) -> NaiveDateTime {
    at.with_timezone(&zone).naive_local()
}

/// The first instant at or after `after` when the local wall clock shows `time`.
///
/// A time that a daylight-saving jump skips is taken at the instant of the jump; one that comes twice is taken the first time.
pub fn next_local_time(after: Timestamp, time: NaiveTime, zone: Tz) -> Timestamp {
    let today = local(after, zone).date();
    (0..3)
        .filter_map(|days| today.checked_add_days(chrono::Days::new(days)))
        .map(|day| instant_of(day, time, zone))
        .find(|at| *at >= after)
        .unwrap_or(after)
}

/// The instant when the wall clock of `zone` shows `time` on `day`: the first one when it comes twice, the instant of the jump
/// when a jump skips it.
pub fn instant_of(day: NaiveDate, time: NaiveTime, zone: Tz) -> Timestamp {
    let wall = day.and_time(time);
    if let Some(at) = zone.from_local_datetime(&wall).earliest() {
        return at.with_timezone(&Utc);
    }
    let offset = |at: Timestamp| i64::from(zone.offset_from_utc_datetime(&at.naive_utc()).fix().local_minus_utc());
    // No zone is more than 14 hours ahead of UTC, and no jump is longer than a day: this is before it, in any zone.
    let before = Utc.from_utc_datetime(&(wall - TimeDelta::hours(38)));
    let former = offset(before);
    // By the offset before the jump, the skipped wall time lies after it; the jump is somewhere in between.
    let after = Utc.from_utc_datetime(&(wall - TimeDelta::seconds(former)));
    let (mut still_former, mut jumped) = (0, (after - before).num_seconds());
    while jumped - still_former > 1 {
        let middle = i64::midpoint(still_former, jumped);
        if offset(before + TimeDelta::seconds(middle)) == former {
            still_former = middle;
        } else {
            jumped = middle;
        }
    }
    before + TimeDelta::seconds(jumped)
}

#[cfg(test)]
#[path = "time_tests.rs"]
mod tests;
