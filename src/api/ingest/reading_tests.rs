//! Numbers and times in all the spellings that real clients use, and the hostile ones.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

use super::*;
use proptest::prelude::*;
use serde_json::json;

#[test]
fn one_instant_in_every_spelling() {
    let expected = "2016-01-27T18:55:47Z".parse::<Timestamp>().unwrap();
    for spelling in [
        json!("2016-01-27T18:55:47Z"),
        json!("2016-01-27T18:55:47.000Z"),
        json!("2016-01-27T11:55:47-0700"),
        json!("2016-01-27T11:55:47-07:00"),
        json!("2016-01-27T19:55:47 0100"),
        json!("2016-01-27T19:55:47 01:00"),
        json!("2016-01-27 19:55:47+0100"),
        json!("2016-01-27T18:55:47"),
        json!("2016-01-27 18:55:47"),
        json!("1453920947"),
        json!(1_453_920_947),
        json!(1_453_920_947.0),
        json!("1453920947000"),
        json!(1_453_920_947_000_i64),
    ] {
        assert_eq!(instant(&spelling), Some(expected), "{spelling}");
    }
}

#[test]
fn seconds_keep_their_fraction_and_do_not_turn_into_milliseconds_in_2038() {
    assert_eq!(instant(&json!("1453920947.5")), "2016-01-27T18:55:47.5Z".parse().ok());
    assert_eq!(instant(&json!(4_102_444_800_i64)), "2100-01-01T00:00:00Z".parse().ok());
}

#[test]
fn what_is_no_time_is_not_guessed() {
    for nonsense in [
        "",
        "yesterday",
        "2016-13-27T18:55:47Z",
        "NaN",
        "inf",
        "-inf",
        "1e300",
        "99999999999999999999",
        "+120000-01-01T00:00:00Z",
    ] {
        assert_eq!(instant(&json!(nonsense)), None, "{nonsense}");
    }
    for nonsense in [
        json!(true),
        json!([1]),
        json!({}),
        json!(i64::MAX),
        json!(i64::MIN),
        json!(u64::MAX),
        json!(-1.5),
    ] {
        assert_eq!(instant(&nonsense), None, "{nonsense}");
    }
}

#[test]
fn numbers_may_be_strings_but_must_be_finite() {
    let fields = json!({ "a": 1.5, "b": " 1.5 ", "c": "", "d": null, "e": "NaN", "f": "inf", "g": "x", "h": [], "i": -1, "j": 0 });
    let fields = fields.as_object().unwrap();
    assert_eq!(
        [number(fields, "a"), number(fields, "b")],
        [Ok(Some(1.5)), Ok(Some(1.5))]
    );
    for absent in ["c", "d", "missing"] {
        assert_eq!(number(fields, absent), Ok(None), "{absent}");
    }
    for refused in ["e", "f", "g", "h"] {
        assert_eq!(number(fields, refused).unwrap_err().code, "number_invalid", "{refused}");
    }
    assert_eq!([measure(fields, "i"), measure(fields, "j")], [Ok(None), Ok(Some(0.0))]);
    assert_eq!([accuracy(fields, "i"), accuracy(fields, "j")], [Ok(None), Ok(None)]);
}

#[test]
fn half_a_place_is_refused_and_names_the_missing_half() {
    let fields = json!({ "lat": 1.0 });
    let refused = place(fields.as_object().unwrap(), "lat", "lon").unwrap_err();
    assert_eq!(
        (refused.code, refused.position.as_str()),
        ("position_incomplete", "lon")
    );
}

#[test]
fn nesting_is_bounded_and_brackets_in_strings_do_not_nest() {
    let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    assert!(json(deep(limits::JSON_DEPTH_MAX).as_bytes()).is_ok());
    assert_eq!(
        json(deep(limits::JSON_DEPTH_MAX + 1).as_bytes()).unwrap_err().code,
        "body_too_deep"
    );
    assert_eq!(
        json("[".repeat(1_000_000).as_bytes()).unwrap_err().code,
        "body_too_deep"
    );
    let quoted = format!(r#"{{"a": "\"{}"}}"#, "[".repeat(100));
    assert!(json(quoted.as_bytes()).is_ok());
    assert_eq!(json(b"{\"a\": 1e999}").unwrap_err().code, "body_not_json");
}

proptest! {
    #[test]
    fn no_text_and_no_number_makes_the_clock_panic(text in ".{0,40}", number in any::<f64>(), whole in any::<i64>()) {
        for at in [instant(&json!(text)), instant(&json!(number)), instant(&json!(whole)), instant(&json!(number.to_string()))] {
            prop_assert!(at.is_none_or(|at| (1..=9_999).contains(&at.year())));
        }
    }
}
