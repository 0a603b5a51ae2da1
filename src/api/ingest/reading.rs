//! How foreign clients spell numbers and times, and how deep their JSON may nest.

use super::parsed::{AdapterError, Refused};
use crate::base::limits;
use crate::base::time::Timestamp;
use chrono::{DateTime, Datelike, NaiveDateTime, TimeDelta};
use serde_json::{Map, Value};

/// A JSON object.
pub type Fields = Map<String, Value>;

/// Metres of horizontal error per unit of dilution: a consumer receiver's range error of about 5 m (u-blox and GPS SPS figures
/// lie between 3 and 6 m), accuracy = HDOP x range error.
pub const METRES_PER_HDOP: f64 = 5.0;
/// Numbers below this are seconds since 1970 (until the year 5138), others milliseconds (since 1973).
const SECONDS_BELOW: i64 = 100_000_000_000;

/// Parses a body, refusing nesting that only an attack has.
pub fn json(body: &[u8]) -> Result<Value, AdapterError> {
    if nesting(body) > limits::JSON_DEPTH_MAX {
        let detail = format!(
            "the JSON nests deeper than {} levels; send it flat",
            limits::JSON_DEPTH_MAX
        );
        return Err(AdapterError::new("body_too_deep", "", detail));
    }
    serde_json::from_slice(body).map_err(|error| {
        AdapterError::new(
            "body_not_json",
            "",
            format!("the body is not JSON ({error}); send the client's own format"),
        )
    })
}

/// How deep brackets nest outside of strings; read before parsing so that depth costs no stack.
fn nesting(body: &[u8]) -> usize {
    let (mut depth, mut deepest, mut quoted, mut escaped) = (0_usize, 0, false, false);
    for byte in body {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'{' | b'[' if !quoted => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// A finite number, also when it is written as a string, as `OwnTracks` and query strings do; `None` when it is absent.
pub fn number(fields: &Fields, key: &str) -> Result<Option<f64>, Refused> {
    match fields.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.trim().is_empty() => Ok(None),
        Some(value) => finite(value).map(Some).ok_or_else(|| not_a_number(key)),
    }
}

/// A number that cannot be negative: clients write -1 when they do not know it.
pub fn measure(fields: &Fields, key: &str) -> Result<Option<f64>, Refused> {
    Ok(number(fields, key)?.filter(|value| *value >= 0.0))
}

/// An accuracy in metres. No receiver measures without error, so 0 means unknown as well as -1 does.
pub fn accuracy(fields: &Fields, key: &str) -> Result<Option<f64>, Refused> {
    Ok(number(fields, key)?.filter(|value| *value > 0.0))
}

/// The refusal of something that should have been a number.
pub fn not_a_number(key: &str) -> Refused {
    Refused::new(
        key,
        "number_invalid",
        format!("`{key}` is not a finite number; leave it out when it is unknown"),
    )
}

/// A finite number or the text of one.
pub fn finite(value: &Value) -> Option<f64> {
    let number = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    number.filter(|number| number.is_finite())
}

/// A text with something in it.
pub fn text<'a>(fields: &'a Fields, key: &str) -> Option<&'a str> {
    fields.get(key).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// Latitude and longitude: both, or neither.
pub fn place(fields: &Fields, lat: &str, lng: &str) -> Result<Option<(f64, f64)>, Refused> {
    match (number(fields, lat)?, number(fields, lng)?) {
        (Some(lat), Some(lng)) => Ok(Some((lat, lng))),
        (None, None) => Ok(None),
        (Some(_), None) => Err(half_a_place(lng)),
        (None, Some(_)) => Err(half_a_place(lat)),
    }
}

fn half_a_place(key: &str) -> Refused {
    Refused::new(
        key,
        "position_incomplete",
        format!("`{key}` is missing; a position needs latitude and longitude"),
    )
}

/// The time under `key`: `None` when it is absent, a refusal when it cannot be read.
pub fn clock(fields: &Fields, key: &str) -> Result<Option<Timestamp>, Refused> {
    match fields.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.trim().is_empty() => Ok(None),
        Some(value) => instant(value).map(Some).ok_or_else(|| {
            let detail = format!("`{key}` is not a time; write RFC 3339, or seconds or milliseconds since 1970");
            Refused::new(key, "time_invalid", detail)
        }),
    }
}

/// The time under `key`, which its format demands.
pub fn clock_required(fields: &Fields, key: &str) -> Result<Timestamp, Refused> {
    clock(fields, key)?.ok_or_else(|| {
        Refused::new(
            key,
            "time_missing",
            format!("`{key}` is missing; a fix without its own time is never dated by guess"),
        )
    })
}

/// A time as a number since 1970 or in one of the spellings of ISO 8601 that clients use.
pub fn instant(value: &Value) -> Option<Timestamp> {
    let at = match value {
        Value::Number(number) => since_1970(number.as_i64(), number.as_f64()?),
        Value::String(text) => {
            let text = text.trim();
            match text.parse::<f64>() {
                Ok(number) => since_1970(text.parse().ok(), number),
                Err(_) => spelled(text),
            }
        }
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }?;
    // RFC 3339 cannot write other years, so nothing downstream could carry them.
    (1..=9_999).contains(&at.year()).then_some(at)
}

fn since_1970(whole: Option<i64>, number: f64) -> Option<Timestamp> {
    if let Some(whole) = whole {
        return if whole < SECONDS_BELOW {
            DateTime::from_timestamp_secs(whole)
        } else {
            DateTime::from_timestamp_millis(whole)
        };
    }
    let seconds = if number < SECONDS_BELOW as f64 {
        number
    } else {
        number / 1_000.0
    };
    let since = std::time::Duration::try_from_secs_f64(seconds).ok()?;
    DateTime::UNIX_EPOCH.checked_add_signed(TimeDelta::from_std(since).ok()?)
}

fn spelled(text: &str) -> Option<Timestamp> {
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Some(at.to_utc());
    }
    // A `+` of a zone that was not percent-encoded arrives as a space.
    let mended = match (text.contains('T'), text.split_once(' ')) {
        (true, Some((local, zone))) => format!("{local}+{zone}"),
        _ => text.to_owned(),
    };
    for pattern in ["%Y-%m-%dT%H:%M:%S%.f%z", "%Y-%m-%d %H:%M:%S%.f%z"] {
        if let Ok(at) = DateTime::parse_from_str(&mended, pattern) {
            return Some(at.to_utc());
        }
    }
    // Without a zone the text is taken as UTC, as servers of these formats do.
    ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f"]
        .iter()
        .find_map(|pattern| NaiveDateTime::parse_from_str(&mended, pattern).ok())
        .map(|local| local.and_utc())
}

#[cfg(test)]
#[path = "reading_tests.rs"]
mod tests;
