//! JSON read strictly: duplicates, depth, pointers.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use super::*;
use crate::api::problem::ErrorCode;

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Outer {
    #[serde(default)]
    items: Vec<Inner>,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Inner {
    count: u32,
}

fn read_all(text: &str) -> Result<Outer, Problem> {
    shape_of(value_of(text.as_bytes())?)
}

#[test]
fn a_key_that_stands_twice_is_refused_at_every_depth() {
    for text in [
        r#"{"items":[],"items":[]}"#,
        r#"{"items":[{"count":1,"count":2}]}"#,
        r#"{"a":1,"\u0061":2}"#,
    ] {
        assert_eq!(
            value_of(text.as_bytes()).unwrap_err().body().code,
            ErrorCode::JsonInvalid,
            "{text}"
        );
    }
}

#[test]
fn nesting_is_bounded() {
    let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    assert!(value_of(nested(limits::JSON_DEPTH_MAX).as_bytes()).is_ok());
    assert!(value_of(nested(limits::JSON_DEPTH_MAX + 1).as_bytes()).is_err());
    assert!(value_of("[".repeat(1_000_000).as_bytes()).is_err());
}

#[test]
fn a_mistake_is_told_with_its_place() {
    let problem = read_all(r#"{"items":[{"count":1},{"count":"two"}]}"#).unwrap_err();
    assert_eq!(problem.body().code, ErrorCode::BodyInvalid);
    assert_eq!(problem.body().pointer.as_deref(), Some("/items/1/count"));
    let problem = read_all(r#"{"items":[{"count":1,"cuont":2}]}"#).unwrap_err();
    assert_eq!(problem.body().pointer.as_deref(), Some("/items/0/cuont"));
    assert_eq!(read_all(r#"{"items":[{"count":7}]}"#).unwrap().items[0].count, 7);
}

#[test]
fn what_is_no_json_is_refused() {
    for text in [
        "",
        "{",
        "[1,]",
        "{\"a\":1}x",
        "nul",
        "\u{feff}{}",
        "1e999",
        "'a'",
        "[\"\\ud800\"]",
    ] {
        assert!(value_of(text.as_bytes()).is_err(), "{text:?}");
    }
    assert!(value_of(&[b'"', 0xff, b'"']).is_err(), "not UTF-8");
}
