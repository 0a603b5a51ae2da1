//! `Retry-After` as seconds, as a date and as nonsense.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

use std::time::{Duration, SystemTime};

use super::{RETRY_AFTER_MAX, parse};

#[test]
fn seconds_and_dates_are_understood() {
    // 1994-11-06T08:49:37Z, the date of RFC 9110, section 5.6.7.
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777 - 90);
    for (text, wait) in [
        ("0", Some(Duration::ZERO)),
        (" 120 ", Some(Duration::from_mins(2))),
        ("Sun, 06 Nov 1994 08:49:37 GMT", Some(Duration::from_secs(90))),
        ("Sunday, 06-Nov-94 08:49:37 GMT", Some(Duration::from_secs(90))),
        ("Sun Nov  6 08:49:37 1994", Some(Duration::from_secs(90))),
        ("Sat, 05 Nov 1994 08:49:37 GMT", Some(Duration::ZERO)),
        ("Sat, 06 Nov 2094 08:49:37 GMT", Some(RETRY_AFTER_MAX)),
        ("99999999999999999999999999", Some(RETRY_AFTER_MAX)),
        ("", None),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
    ] {
        assert_eq!(parse(text, now), wait, "{text}");
    }
}
