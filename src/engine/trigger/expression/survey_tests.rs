//! What a condition is seen to say.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use super::{Comparison, Said, Sign, With, survey};
use serde_json::{Value, json};

fn compared(path: &str, sign: Sign, with: With) -> Said {
    Said::Compared(Comparison {
        path: path.to_owned(),
        sign,
        with,
        position: 0,
    })
}

/// Where it stands is looked at in a test of its own.
fn placeless(said: Said) -> Said {
    match said {
        Said::All(parts) => Said::All(parts.into_iter().map(placeless).collect()),
        Said::Any(parts) => Said::Any(parts.into_iter().map(placeless).collect()),
        Said::Compared(comparison) => Said::Compared(Comparison {
            position: 0,
            ..comparison
        }),
        Said::Constant(truth, _) => Said::Constant(truth, 0),
        Said::Has(_) | Said::Other => said,
    }
}

#[test]
fn a_condition_tells_what_it_compares() {
    let value = |value: Value| With::Value(value);
    let table = [
        (
            "stay.state == 'ready'",
            compared("stay.state", Sign::Equal, value(json!("ready"))),
        ),
        (
            "'ready' == stay['state']",
            compared("stay.state", Sign::Equal, value(json!("ready"))),
        ),
        (
            "3 < stay.nights",
            compared("stay.nights", Sign::Greater, value(json!(3))),
        ),
        (
            "stay.nights <= -1",
            compared("stay.nights", Sign::AtMost, value(json!(-1))),
        ),
        ("stay.x != null", compared("stay.x", Sign::Unequal, value(Value::Null))),
        (
            "stay.tier in ['a', 'b']",
            compared("stay.tier", Sign::In, value(json!(["a", "b"]))),
        ),
        (
            "place.external_id == stay.hotel_id",
            compared("place.external_id", Sign::Equal, With::Field("stay.hotel_id".into())),
        ),
        (
            "now < flight.departs_at - PT3H",
            compared("now", Sign::Less, With::Computed),
        ),
        (
            "flight.checked_in",
            compared("flight.checked_in", Sign::Equal, value(json!(true))),
        ),
        (
            "!flight.checked_in",
            compared("flight.checked_in", Sign::Equal, value(json!(false))),
        ),
        ("has(stay.room)", Said::Has("stay.room".into())),
        ("1 == 2 || false", Said::Constant(false, 0)),
        ("stay.name.startsWith('a')", Said::Other),
    ];
    for (text, said) in table {
        assert_eq!(placeless(survey(text).unwrap()), said, "{text}");
    }
    let both = survey("has(stay.room) && (stay.a == 1 || true)").unwrap();
    let Said::All(parts) = placeless(both) else {
        panic!("no conjunction")
    };
    assert_eq!(parts.len(), 2);
    assert!(survey("((").is_none());
}

#[test]
fn it_knows_where_each_part_stands() {
    let Some(Said::All(parts)) = survey("user.locale == 'dé' && false") else {
        panic!("no conjunction")
    };
    assert_eq!(parts[1], Said::Constant(false, 23));
}
