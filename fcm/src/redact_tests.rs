//! What FCM quotes never comes through.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

use serde_json::json;

use super::Redactor;

#[test]
fn tokens_texts_and_numbers_are_taken_out_and_the_rest_stays() {
    let redactor = Redactor::of(&json!({
        "token": "fGx:APA91bHun4M",
        "notification": { "title": "Room 412", "body": "Say \"friend\" and enter" },
        "data": { "room": "412" },
        "apns": { "payload": { "aps": { "badge": 7 } } },
    }));
    for (said, shown) in [
        (
            "The token fGx:APA91bHun4M is unknown",
            "The token [redacted] is unknown",
        ),
        (
            "Invalid value at 'message.data[0].value' (TYPE_STRING), 412",
            "Invalid value at 'message.data[0].value' (TYPE_STRING), [redacted]",
        ),
        (
            "title \"Room 412\" of google.v412",
            "title \"[redacted]\" of google.v412",
        ),
        ("body Say \\\"friend\\\" and enter.", "body [redacted]."),
        ("body Say \"friend\" and enter.", "body [redacted]."),
        ("badge 7, not 77", "badge [redacted], not 77"),
    ] {
        assert_eq!(redactor.redact(said), shown);
    }
}

#[test]
fn a_value_inside_another_leaves_no_remainder() {
    let redactor = Redactor::of(&json!({ "a": "secret", "b": "secret-and-more" }));
    assert_eq!(redactor.redact("it said secret-and-more"), "it said [redacted]");
}
