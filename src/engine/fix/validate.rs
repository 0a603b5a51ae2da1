//! From a raw record to one that can be trusted to be whole: bounds, and the true time behind two clocks.

use super::record::{Crossing, DeviceContext, Envelope, Event, Fix, RawBody, RawRecord, Receipt};
use crate::base::limits;
use crate::base::time::{Timestamp, truncated};
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

/// How far the time of a record can be trusted (DESIGN.md 5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Quality {
    /// Measured on the phone's monotonic clock, or its wall clock agrees with ours.
    Exact,
    /// The phone's wall clock was wrong; corrected by the envelope.
    Skewed,
    /// Nothing to check the phone's clock against.
    Untrusted,
}

/// A record that passed validation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    pub id: String,
    /// When it happened, on our clock.
    pub at: Timestamp,
    pub quality: Quality,
    /// More than 60 s ahead of us or older than 7 days: kept, and changes nothing.
    pub suspect: bool,
    pub body: Body,
}

/// What a valid record says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Body {
    Fix(Fix),
    Crossing(Crossing),
    Event(Event),
    Context(DeviceContext),
    Receipt(Receipt),
}

/// Why one record was refused; the others of its batch are unharmed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Rejection {
    /// Stable, `snake_case`.
    pub code: &'static str,
    /// JSON pointer inside the record.
    pub pointer: &'static str,
    /// What is wrong and what to do instead.
    pub detail: String,
}

/// A fix without a stated accuracy counts as this coarse, in metres.
pub const ACCURACY_ASSUMED_M: f64 = 100.0;
/// A fix coarser than this says nothing about any place on foot, in metres.
const ACCURACY_MAX_M: f64 = 10_000_000.0;
/// Faster than light is a typing error; faster than this is no phone, in metres per second.
const SPEED_MAX_MPS: f64 = 100_000.0;
const AHEAD_MAX: TimeDelta = TimeDelta::seconds(60);
const OLD_MAX: TimeDelta = TimeDelta::days(7);
/// A wall clock this close to ours counts as right: the network alone takes seconds.
const SKEW_IGNORED: TimeDelta = TimeDelta::seconds(30);

/// Checks every bound of a record and finds its true time.
pub fn validate(raw: RawRecord, envelope: &Envelope, received_at: Timestamp) -> Result<Record, Rejection> {
    text("/id", &raw.id)?;
    if raw.id.is_empty() {
        return Err(reject(
            "record_id_missing",
            "/id",
            "a record needs an id, made once at capture (UUIDv7)",
        ));
    }
    let (at, quality) = true_time(&raw, envelope, received_at)?;
    let body = match raw.body {
        RawBody::Fix(fix) => Body::Fix(valid_fix(fix)?),
        RawBody::Crossing(crossing) => Body::Crossing(crossing),
        RawBody::Event(event) => Body::Event(valid_event(event)?),
        RawBody::Context(context) => Body::Context(valid_context(context)?),
        RawBody::Receipt(receipt) => {
            text("/action", receipt.action.as_deref().unwrap_or(""))?;
            text_within(limits::REPLY_CHARS_MAX, "/text", receipt.text.as_deref().unwrap_or(""))?;
            Body::Receipt(receipt)
        }
    };
    let ahead = at - received_at;
    let suspect = ahead > AHEAD_MAX || ahead < -OLD_MAX;
    // A phone a few seconds ahead did not see the future: what it saw is now.
    let at = if suspect { at } else { at.min(received_at) };
    Ok(Record {
        id: raw.id,
        at: truncated(at),
        quality,
        suspect,
        body,
    })
}

/// When it happened: by the monotonic clock where the boot is the same, else by the wall clock less its error.
fn true_time(raw: &RawRecord, envelope: &Envelope, received_at: Timestamp) -> Result<(Timestamp, Quality), Rejection> {
    let same_boot = raw.boot_id.is_some() && raw.boot_id == envelope.boot_id;
    if let (true, Some(mono), Some(sent_mono)) = (same_boot, raw.mono_ms, envelope.sent_mono_ms)
        && let Some(age) = sent_mono.checked_sub(mono)
        && let Some(at) = i64::try_from(age)
            .ok()
            .and_then(TimeDelta::try_milliseconds)
            .and_then(|age| received_at.checked_sub_signed(age))
    {
        return Ok((at, Quality::Exact));
    }
    let Some(at) = raw.at else {
        return Err(reject(
            "time_missing",
            "/at",
            "a record needs `at` (RFC 3339), or `mono_ms` and `boot_id` of the boot it is sent in",
        ));
    };
    let Some(sent_at) = envelope.sent_at else {
        return Ok((at, Quality::Untrusted));
    };
    let skew = received_at - sent_at;
    if skew.abs() <= SKEW_IGNORED {
        return Ok((at, Quality::Exact));
    }
    Ok((at.checked_add_signed(skew).unwrap_or(at), Quality::Skewed))
}

fn valid_fix(mut fix: Fix) -> Result<Fix, Rejection> {
    let hint = if fix.lat.abs() > 90.0 && fix.lng.abs() <= 90.0 {
        "; are lat and lng swapped?"
    } else {
        ""
    };
    number("/lat", fix.lat, -90.0, 90.0, hint)?;
    number("/lng", fix.lng, -180.0, 180.0, "")?;
    if let Some(accuracy) = fix.accuracy_m {
        number(
            "/accuracy_m",
            accuracy,
            0.0,
            ACCURACY_MAX_M,
            "; leave it out when it is unknown",
        )?;
    }
    if let Some(speed) = fix.speed_mps {
        number(
            "/speed_mps",
            speed,
            0.0,
            SPEED_MAX_MPS,
            "; leave it out when it is unknown",
        )?;
    }
    if let Some(heading) = fix.heading_deg {
        number("/heading_deg", heading, 0.0, 360.0, "; leave it out when it is unknown")?;
    }
    if let Some(altitude) = fix.altitude_m {
        number("/altitude_m", altitude, -20_000.0, 1_000_000.0, "")?;
    }
    text("/source", fix.source.as_deref().unwrap_or(""))?;
    fix.accuracy_m = fix.accuracy_m.or(Some(ACCURACY_ASSUMED_M));
    Ok(fix)
}

fn valid_event(event: Event) -> Result<Event, Rejection> {
    text("/name", &event.name)?;
    if event.name.is_empty() {
        return Err(reject(
            "event_name_missing",
            "/name",
            "an event needs a name such as `key_used`",
        ));
    }
    let bytes = serde_json::to_vec(&event.properties).map_or(usize::MAX, |json| json.len());
    if bytes > limits::PROPERTIES_BYTES_MAX {
        let detail = format!(
            "properties take {bytes} bytes; at most {} are kept",
            limits::PROPERTIES_BYTES_MAX
        );
        return Err(Rejection {
            code: "properties_too_large",
            pointer: "/properties",
            detail,
        });
    }
    Ok(event)
}

fn valid_context(context: DeviceContext) -> Result<DeviceContext, Rejection> {
    if let Some(battery) = context.battery {
        number("/battery", battery, 0.0, 1.0, "; it is a share, not a percentage")?;
    }
    for (pointer, value) in [
        ("/network", &context.network),
        ("/activity", &context.activity),
        ("/locale", &context.locale),
        ("/wifi_zone", &context.wifi_zone),
    ] {
        text(pointer, value.as_deref().unwrap_or(""))?;
    }
    if context.beacons.len() > 50 {
        return Err(reject(
            "too_many_beacons",
            "/beacons",
            "at most 50 beacons fit in one context",
        ));
    }
    for beacon in &context.beacons {
        text("/beacons", beacon)?;
    }
    if let Some(zone) = &context.time_zone
        && zone.parse::<chrono_tz::Tz>().is_err()
    {
        return Err(reject(
            "time_zone_unknown",
            "/time_zone",
            "use an IANA name such as Europe/Vienna",
        ));
    }
    Ok(context)
}

fn number(pointer: &'static str, value: f64, min: f64, max: f64, hint: &str) -> Result<(), Rejection> {
    // NaN fails both comparisons, so it is refused here as well.
    if value >= min && value <= max {
        return Ok(());
    }
    Err(Rejection {
        code: "number_out_of_range",
        pointer,
        detail: format!("{pointer} must be between {min} and {max}{hint}"),
    })
}

fn text(pointer: &'static str, value: &str) -> Result<(), Rejection> {
    text_within(limits::NAME_CHARS_MAX, pointer, value)
}

fn text_within(most: usize, pointer: &'static str, value: &str) -> Result<(), Rejection> {
    // As many bytes are never more characters.
    let is_short = value.len() <= most || value.chars().count() <= most;
    if is_short && !value.contains('\0') {
        return Ok(());
    }
    let detail = format!("{pointer} must have at most {most} characters and no NUL");
    Err(Rejection {
        code: "text_out_of_bounds",
        pointer,
        detail,
    })
}

fn reject(code: &'static str, pointer: &'static str, detail: &str) -> Rejection {
    Rejection {
        code,
        pointer,
        detail: detail.to_owned(),
    }
}

#[cfg(test)]
#[path = "validate_tests.rs"]
mod tests;
