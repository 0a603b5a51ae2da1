//! Every way to read a batch comes to the same: the fast ones give up on whatever the slow one has something to say about.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use super::*;
use proptest::prelude::*;

/// What a batch comes to, whichever way it is read.
fn told(bytes: &[u8]) -> Result<ReadBatch, String> {
    read_batch(bytes).map_err(|problem| serde_json::to_string(problem.body()).unwrap())
}

fn told_slowly(bytes: &[u8]) -> Result<ReadBatch, String> {
    as_a_whole(bytes).map_err(|problem| serde_json::to_string(problem.body()).unwrap())
}

const FIX: &str = r#"{"id":"a","type":"fix","at":"2026-05-04T12:00:00Z","lat":48.2,"lng":16.37,"accuracy_m":8.5}"#;

fn body(records: &str) -> String {
    format!(r#"{{"sent_at":"2026-05-04T12:00:01Z","records":[{records}]}}"#)
}

#[test]
fn plain_fixes_are_read_straight_from_the_bytes() {
    let bytes = body(&format!("{FIX},{FIX}"));
    let batch = fixes(bytes.as_bytes()).unwrap();
    assert_eq!(batch.records.len(), 2);
    assert_eq!(Ok(batch), told_slowly(bytes.as_bytes()));
}

#[test]
fn one_record_of_another_kind_does_not_slow_the_others_down() {
    let event = r#"{"id":"e","type":"event","name":"key_used","properties":{"door":[1,{"a":null}]}}"#;
    let bytes = body(&format!("{FIX},{event},{{\"id\":\"b\"}},17"));
    assert!(fixes(bytes.as_bytes()).is_none());
    let batch = one_by_one(bytes.as_bytes()).unwrap();
    let unreadable: Vec<usize> = batch.unreadable.iter().map(|(at, _)| *at).collect();
    assert_eq!((batch.records.len(), unreadable), (2, vec![2, 3]));
    assert_eq!(Ok(batch), told_slowly(bytes.as_bytes()));
}

#[test]
fn what_is_odd_is_told_as_it_always_was() {
    let deep = format!("{}1{}", "[".repeat(40), "]".repeat(40));
    let just_right = format!("{}1{}", "[".repeat(29), "]".repeat(29));
    let too_deep = format!("{}1{}", "[".repeat(30), "]".repeat(30));
    let odd = [
        String::new(),
        "{}".to_owned(),
        "[]".to_owned(),
        body(""),
        body("null"),
        body(r#"["a","fix",null,null,null,1,2,null,null,null,null,null,false]"#),
        body(r#"{"id":"a","id":"b","type":"fix","lat":1,"lng":2}"#),
        body(r#"{"id":"a","type":"fix","lat":1,"lng":2,"x":{"y":1,"y":2}}"#),
        body(r#"{"id":"a\u0000","type":"fix","lat":1,"lng":2}"#),
        body(r#"{"id":"a","type":"fix","lat":1,"lng":2,"x":"\u0000"}"#),
        body(r#"{"id":"a","type":"fix","lat":1,"lng":2,"source":"\ud83d\ude00"}"#),
        body(r#"{"id":"a","type":"fix","lat":1,"lng":2,"source":"\ud83d"}"#),
        body(r#"{"id":"a","type":"fix","lat":1e999,"lng":2}"#),
        body(r#"{"id":"a","type":"fix","lat":-0,"lng":123456789012345678901234567890}"#),
        body(r#"{"id":"a","type":"fix","lat":null,"lng":2}"#),
        body(r#"{"id":"a","type":"fix","lat":"1","lng":2}"#),
        body(r#"{"id":"a","type":"fix","lat":1,"lng":2,"simulated":null}"#),
        body(r#"{"id":"a","type":"fix","lat":1,"lng":2,"mono_ms":-1}"#),
        body(r#"{"id":"a","type":"fix","lat":1,"lng":2,"mono_ms":1.0}"#),
        body(r#"{"id":"a","type":{"fix":null},"lat":1,"lng":2}"#),
        body(r#"{"id":"a","type":"crossing","geofence_id":"no id","transition":"enter"}"#),
        body(&format!(r#"{{"id":"a","type":"fix","lat":1,"lng":2,"x":{deep}}}"#)),
        body(&format!(
            r#"{{"id":"a","type":"fix","lat":1,"lng":2,"x":{just_right}}}"#
        )),
        body(&format!(r#"{{"id":"a","type":"fix","lat":1,"lng":2,"x":{too_deep}}}"#)),
        format!("{} ", body(FIX)),
        format!("{} x", body(FIX)),
        format!(r#"{{"records":[{FIX}],"more":1}}"#),
        format!(r#"{{"records":[{FIX}],"boot_id":null,"sent_mono_ms":7}}"#),
        format!(r#"{{"records":[{FIX}],"records":[]}}"#),
        format!(r#"{{"records":[{FIX}],"sent_at":"yesterday"}}"#),
        format!("[null,null,null,[{FIX}]]"),
    ];
    for text in odd {
        assert_eq!(told(text.as_bytes()), told_slowly(text.as_bytes()), "{text}");
    }
    let broken = b"{\"records\":[{\"id\":\"\xff\",\"type\":\"fix\",\"lat\":1,\"lng\":2}]}";
    assert_eq!(told(broken), told_slowly(broken));
}

fn piece() -> impl Strategy<Value = String> {
    let value = prop_oneof![
        Just("1".to_owned()),
        Just("-0.0".to_owned()),
        Just("48.20000000000001".to_owned()),
        Just("1e3".to_owned()),
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("\"fix\"".to_owned()),
        Just("\"event\"".to_owned()),
        Just("\"2026-05-04T12:00:00Z\"".to_owned()),
        Just("\"\\u0000\"".to_owned()),
        Just("\"\\u00e9\"".to_owned()),
        Just("{}".to_owned()),
        Just("[1,{\"a\":\"b\"}]".to_owned()),
    ];
    let key = proptest::sample::select(vec![
        "id",
        "type",
        "at",
        "mono_ms",
        "boot_id",
        "lat",
        "lng",
        "accuracy_m",
        "speed_mps",
        "source",
        "simulated",
        "name",
        "properties",
        "x",
    ]);
    let field = (key, value).prop_map(|(key, value)| format!("\"{key}\":{value}"));
    (proptest::collection::vec(field, 0..4), any::<bool>(), any::<bool>()).prop_map(|(mut fields, whole, spaced)| {
        if whole {
            fields.extend([r#""id":"r""#, r#""type":"fix""#, r#""lat":1.5"#, r#""lng":2"#].map(str::to_owned));
        }
        let comma = if spaced { " ,\n " } else { "," };
        format!("{{{}}}", fields.join(comma))
    })
}

proptest! {
    #[test]
    fn any_body_is_read_as_it_always_was(pieces in proptest::collection::vec(piece(), 0..4), cut in 0..400_usize) {
        let whole = body(&pieces.join(","));
        prop_assert_eq!(told(whole.as_bytes()), told_slowly(whole.as_bytes()), "{}", whole);
        let cut = &whole.as_bytes()[..cut.min(whole.len())];
        prop_assert_eq!(told(cut), told_slowly(cut));
    }
}
