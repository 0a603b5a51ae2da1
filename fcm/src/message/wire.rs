//! How protobuf writes a duration in JSON: `"3.5s"`.

use std::time::Duration;

/// The longest duration that protobuf knows, in seconds (about 10,000 years).
const DURATION_MAX_S: u64 = 315_576_000_000;

/// Writes seconds with 0, 3, 6 or 9 decimals, as protobuf's own writers do.
pub(crate) fn format_duration(duration: Duration) -> String {
    let (seconds, nanos) = (duration.as_secs().min(DURATION_MAX_S), duration.subsec_nanos());
    if nanos == 0 {
        format!("{seconds}s")
    } else if nanos % 1_000_000 == 0 {
        format!("{seconds}.{:03}s", nanos / 1_000_000)
    } else if nanos % 1_000 == 0 {
        format!("{seconds}.{:06}s", nanos / 1_000)
    } else {
        format!("{seconds}.{nanos:09}s")
    }
}

/// Reads a duration that is not negative; `None` if the text is anything else.
pub(crate) fn parse_duration(text: &str) -> Option<Duration> {
    let number = text.strip_suffix('s')?;
    let (seconds, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !is_digits(seconds) || !is_digits(fraction) || fraction.len() > 9 {
        return None;
    }
    let seconds: u64 = seconds.parse().ok().filter(|seconds| *seconds <= DURATION_MAX_S)?;
    let nanos: u32 = format!("{fraction:0<9}").parse().ok()?;
    Some(Duration::new(seconds, nanos))
}

/// For `#[serde(with)]` on an optional duration.
pub(crate) mod optional {
    use std::time::Duration;

    use serde::de::{Deserialize, Deserializer};
    use serde::ser::Serializer;

    #[expect(clippy::ref_option, reason = "serde hands the field over by reference")]
    pub(crate) fn serialize<S: Serializer>(duration: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
        match duration {
            Some(duration) => to.serialize_str(&super::format_duration(*duration)),
            None => to.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
        Option::<String>::deserialize(from)?
            .map(|text| super::required(&text))
            .transpose()
    }
}

/// For `#[serde(with)]` on a list of durations.
pub(crate) mod list {
    use std::time::Duration;

    use serde::de::{Deserialize, Deserializer};
    use serde::ser::Serializer;

    pub(crate) fn serialize<S: Serializer>(durations: &[Duration], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(durations.iter().map(|duration| super::format_duration(*duration)))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Duration>, D::Error> {
        Vec::<String>::deserialize(from)?
            .iter()
            .map(|text| super::required(text))
            .collect()
    }
}

fn required<E: serde::de::Error>(text: &str) -> Result<Duration, E> {
    parse_duration(text).ok_or_else(|| E::custom("a duration is written as seconds with an s, for example \"3.5s\""))
}

#[cfg(test)]
#[path = "wire_tests.rs"]
mod tests;
