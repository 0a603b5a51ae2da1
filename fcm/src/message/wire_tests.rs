//! Durations as protobuf writes them in JSON.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

use std::time::Duration;

use super::{format_duration, parse_duration};

#[test]
fn durations_are_written_and_read_as_protobuf_does() {
    for (duration, text) in [
        (Duration::ZERO, "0s"),
        (Duration::from_secs(3), "3s"),
        (Duration::from_millis(3_500), "3.500s"),
        (Duration::from_micros(1), "0.000001s"),
        (Duration::new(3, 1), "3.000000001s"),
        (Duration::from_hours(672), "2419200s"),
    ] {
        assert_eq!(format_duration(duration), text);
        assert_eq!(parse_duration(text), Some(duration), "{text}");
    }
    assert_eq!(parse_duration("3.5s"), Some(Duration::from_millis(3_500)));
}

#[test]
fn anything_else_is_no_duration() {
    for text in [
        "",
        "s",
        "3",
        "-3s",
        "3.s",
        ".5s",
        "3.0000000001s",
        "3 s",
        "PT3S",
        "1e3s",
        "315576000001s",
        "３s",
    ] {
        assert_eq!(parse_duration(text), None, "{text}");
    }
}

#[test]
fn the_longest_duration_is_capped_and_not_refused_by_the_server() {
    assert_eq!(format_duration(Duration::from_secs(u64::MAX)), "315576000000s");
}
