//! The filters and tests of templates: a short list, each with a bounded result.

use crate::base::limits::{DATE_FORMAT_CHARS_MAX, FILTERED_CHARS_MAX};
use chrono::{DateTime, FixedOffset};
use chrono_tz::Tz;
use minijinja::value::{Value as Shown, ValueKind};
use minijinja::{Environment, Error, ErrorKind, State, filters, tests};

/// Every filter a template may use.
pub const FILTERS: [&str; 17] = [
    "abs",
    "capitalize",
    "date",
    "default",
    "first",
    "int",
    "join",
    "last",
    "length",
    "lower",
    "plural",
    "replace",
    "round",
    "time",
    "title",
    "trim",
    "upper",
];

/// Every test a template may use after `is`.
pub const TESTS: [&str; 5] = ["defined", "even", "none", "odd", "undefined"];

/// Where the user's time zone waits for `time` and `date`; no template can name it, as `#` starts no name.
pub(super) const ZONE_VARIABLE: &str = "#time_zone";

pub(super) fn add_to(environment: &mut Environment<'static>) {
    environment.add_filter("abs", filters::abs);
    environment.add_filter("capitalize", filters::capitalize);
    environment.add_filter("date", date);
    environment.add_filter("default", default);
    environment.add_filter("first", filters::first);
    environment.add_filter("int", filters::int);
    environment.add_filter("join", join);
    environment.add_filter("last", filters::last);
    environment.add_filter("length", filters::length);
    environment.add_filter("lower", filters::lower);
    environment.add_filter("plural", plural);
    environment.add_filter("replace", replace);
    environment.add_filter("round", filters::round);
    environment.add_filter("time", time);
    environment.add_filter("title", filters::title);
    environment.add_filter("trim", filters::trim);
    environment.add_filter("upper", filters::upper);
    environment.add_test("defined", tests::is_defined);
    environment.add_test("even", tests::is_even);
    environment.add_test("none", tests::is_none);
    environment.add_test("odd", tests::is_odd);
    environment.add_test("undefined", tests::is_undefined);
}

fn refused(detail: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, detail.into())
}

/// `{{ user.first_name | default("there") }}`: also for null and for blank texts, which are as good as absent.
fn default(value: &Shown, fallback: Option<Shown>) -> Shown {
    let blank = value.as_str().is_some_and(|text| text.trim().is_empty());
    if blank || matches!(value.kind(), ValueKind::Undefined | ValueKind::None) {
        fallback.unwrap_or_else(|| Shown::from(""))
    } else {
        value.clone()
    }
}

/// `{{ stay.guests | join(", ") }}`.
fn join(value: &Shown, between: Option<&str>) -> Result<String, Error> {
    let mut joined = String::new();
    let mut left = FILTERED_CHARS_MAX;
    for (index, item) in value.try_iter()?.enumerate() {
        if matches!(item.kind(), ValueKind::Undefined | ValueKind::None) {
            return Err(Error::new(ErrorKind::UndefinedError, "an item to join is missing"));
        }
        for part in [if index > 0 { between.unwrap_or("") } else { "" }, &item.to_string()] {
            left = left
                .checked_sub(part.chars().count())
                .ok_or_else(|| refused("join gives too long a text"))?;
            joined.push_str(part);
        }
    }
    Ok(joined)
}

/// `{{ flight.number | replace(" ", "") }}`: the length is known before the text is built.
fn replace(text: &str, from: &str, to: &str) -> Result<String, Error> {
    if from.is_empty() {
        return Err(refused("replace needs a text to look for"));
    }
    let length = text.len() + text.matches(from).count() * to.len();
    if length > FILTERED_CHARS_MAX {
        Err(refused("replace gives too long a text"))
    } else {
        Ok(text.replace(from, to))
    }
}

/// `{{ stay.nights | plural("one night", "%d nights") }}`, for languages that tell one from many.
fn plural(count: &Shown, one: &str, other: &str) -> Result<String, Error> {
    if !count.is_number() {
        return Err(refused("plural needs a number"));
    }
    let is_one = f64::try_from(count.clone()).is_ok_and(|count| (count.abs() - 1.0).abs() < f64::EPSILON);
    replace(if is_one { one } else { other }, "%d", &count.to_string())
}

/// `{{ flight.departs_at | time("Europe/Vienna") }}` gives `17:10`.
fn time(state: &State<'_, '_>, instant: &str, zone: Option<&str>) -> Result<String, Error> {
    Ok(local(state, instant, zone)?.format("%H:%M").to_string())
}

/// `{{ stay.arrives_at | date }}` gives `2026-05-04`, `date("%d.%m.")` gives `04.05.`; a time zone may follow.
fn date(state: &State<'_, '_>, instant: &str, format: Option<&str>, zone: Option<&str>) -> Result<String, Error> {
    let format = format.unwrap_or("%Y-%m-%d");
    check_format(format).map_err(refused)?;
    Ok(local(state, instant, zone)?.format(format).to_string())
}

/// The instant as clocks show it: in the named zone; else with the offset it was written with. `Z` says that the local
/// offset is unknown (RFC 3339 4.3), so that the user's time zone is taken then, and UTC when that is unknown too.
fn local(state: &State<'_, '_>, instant: &str, zone: Option<&str>) -> Result<DateTime<FixedOffset>, Error> {
    let written = DateTime::parse_from_rfc3339(instant)
        .map_err(|_| refused("time and date need an instant such as 2026-05-04T14:00:00Z"))?;
    if let Some(zone) = zone {
        return Ok(written.with_timezone(&zone_of(zone).map_err(refused)?).fixed_offset());
    }
    let of_user = || state.lookup(ZONE_VARIABLE)?.as_str()?.parse::<Tz>().ok();
    match instant.ends_with(['Z', 'z']).then(of_user).flatten() {
        Some(zone) => Ok(written.with_timezone(&zone).fixed_offset()),
        None => Ok(written),
    }
}

pub(super) fn zone_of(name: &str) -> Result<Tz, String> {
    name.parse()
        .map_err(|_| format!("there is no time zone `{name}`; write one like Europe/Vienna"))
}

/// A small part of strftime: days, months, years, weekdays and times; each a few characters at most.
pub(super) fn check_format(format: &str) -> Result<(), String> {
    const ALLOWED: &str = "%aAbBdeHIjmMpSuyY";
    if format.chars().count() > DATE_FORMAT_CHARS_MAX {
        return Err(format!("a date format has at most {DATE_FORMAT_CHARS_MAX} characters"));
    }
    let mut letters = format.chars().peekable();
    while let Some(letter) = letters.next() {
        if letter == '%' {
            // `%-d` writes a day without its leading zero.
            letters.next_if_eq(&'-');
            let known = letters.next().is_some_and(|letter| ALLOWED.contains(letter));
            if !known {
                return Err("a date format may hold %d %e %m %b %B %y %Y %a %A %u %j %H %I %M %S %p".to_owned());
            }
        }
    }
    Ok(())
}
