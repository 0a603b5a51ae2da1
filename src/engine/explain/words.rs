//! How Explain says times, values and reasons.

use crate::base::time::{Timestamp, local};
use crate::engine::decision::ReasonCode;
use chrono::Timelike;
use chrono_tz::Tz;
use serde_json::Value;

/// A time with its zone: `2026-05-04 16:02 Europe/Vienna`.
pub(super) fn clock(at: Timestamp, zone: Tz) -> String {
    let wall = local(at, zone);
    let format = if wall.second() == 0 {
        "%Y-%m-%d %H:%M"
    } else {
        "%Y-%m-%d %H:%M:%S"
    };
    format!("{} {}", wall.format(format), zone.name())
}

/// A value as a condition would write it.
pub(super) fn value(value: &Value) -> String {
    match value {
        Value::String(text) => format!("'{text}'"),
        Value::Null => "nothing".to_owned(),
        Value::Array(items) => items.iter().map(self::value).collect::<Vec<_>>().join(", "),
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => value.to_string(),
    }
}

/// The reason in a few words.
pub(super) fn why(code: ReasonCode) -> &'static str {
    use ReasonCode as R;
    match code {
        R::Sent => "it was sent",
        R::Holdout => "it was held back to measure the effect",
        R::WaitingFact => "it waits for a fact",
        R::WaitingTime => "it waits for its time",
        R::NoConsent => "the person had not consented",
        R::NoPermission => "notifications were switched off",
        R::OptedOut => "the person had withdrawn consent",
        R::NoToken => "no device could be reached",
        R::NoFact => "there was no such fact",
        R::FactInactive => "the fact was not active",
        R::ConditionFalse => "the condition did not hold",
        R::ConditionError => "the condition could not be told",
        R::MissingData => "a value was missing",
        R::NotInside => "the person was not in the place",
        R::LowAccuracy => "the fix was too coarse",
        R::Implausible => "the place was impossible",
        R::Simulated => "the place was made up",
        R::Stale => "the moment was too long ago",
        R::TooEarly => "it was too early",
        R::TooLate => "it was too late",
        R::OutsideWindow => "it was outside the hours of the trigger",
        R::HoursClosed => "the place was closed",
        R::QuietDeferred => "it waits for the end of the quiet hours",
        R::QuietExpired => "the quiet hours outlasted it",
        R::Cap => "enough had been said",
        R::Cooldown => "something like it had just been said",
        R::AlreadyDone => "it had been said before",
        R::Superseded => "something else took its place",
        R::RenderError => "the text could not be made",
        R::ProviderError => "the provider refused it",
        R::Expired => "its time ran out",
        R::Cancelled => "what it was about was called off",
        R::Erased => "the person was erased",
        R::Paused => "it was paused",
    }
}
