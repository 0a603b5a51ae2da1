//! The instants at which requests are due, and how answers are read.

use super::*;
use hyper::body::Bytes;

#[test]
fn requests_are_due_at_fixed_instants_whatever_was_answered() {
    assert_eq!(due_after(0, 5_000.0), Duration::ZERO);
    assert_eq!(due_after(1, 5_000.0), Duration::from_micros(200));
    assert_eq!(due_after(150_000, 5_000.0), Duration::from_secs(30));
    assert!(due_after(1, 0.0) > Duration::from_secs(1_000_000));
}

#[test]
fn rejected_records_and_moments_are_counted_in_the_text() {
    let body = br#"{"acks":[{"id":"a","status":"rejected","code":"x"},{"id":"b","status":"accepted"}],
        "moments":[{"id":"m","noticed_at":"2026-05-04T12:55:00Z","kind":"entered"}]}"#;
    let answer = Answer {
        status: 200,
        says_when: false,
        body: Bytes::from_static(body),
    };
    assert_eq!(read(&answer), (1, 1));
}
