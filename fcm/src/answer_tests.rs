//! FCM's error bodies, as documented and as seen, and what they mean.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

use std::time::Duration;

use serde_json::{Value, json};

use super::{Answer, EXCERPT_MAX_CHARS};
use crate::error::SendError;
use crate::message::Message;

fn fcm(code: &str) -> Value {
    json!({ "@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": code })
}

fn bad(field: &str, description: &str) -> Value {
    json!({
        "@type": "type.googleapis.com/google.rpc.BadRequest",
        "fieldViolations": [{ "field": field, "description": description }],
    })
}

fn error(status: u16, words: &str, details: &[Value]) -> SendError {
    error_for(
        &Message::to_token("the-token").entry("room", "412"),
        status,
        words,
        details,
    )
}

fn error_for(message: &Message, status: u16, words: &str, details: &[Value]) -> SendError {
    let body = json!({ "error": { "code": status, "message": words, "status": "X", "details": details } });
    let retry_after = Some(Duration::from_secs(7));
    Answer {
        status,
        retry_after,
        body: body.to_string().into_bytes(),
    }
    .read(message)
    .unwrap_err()
}

#[test]
fn the_code_of_fcm_decides() {
    let retry_after = Some(Duration::from_secs(7));
    let detail = || "words".to_owned();
    for (status, details, expected) in [
        (404, vec![fcm("UNREGISTERED")], SendError::Unregistered),
        (403, vec![fcm("SENDER_ID_MISMATCH")], SendError::SenderIdMismatch),
        (
            400,
            vec![fcm("INVALID_ARGUMENT"), bad("message.token", "no token")],
            SendError::InvalidToken,
        ),
        (400, vec![bad("message.token", "no token")], SendError::InvalidToken),
        (
            429,
            vec![fcm("QUOTA_EXCEEDED")],
            SendError::QuotaExceeded { retry_after },
        ),
        (429, vec![], SendError::QuotaExceeded { retry_after }),
        (503, vec![fcm("UNAVAILABLE")], SendError::Unavailable { retry_after }),
        (502, vec![], SendError::Unavailable { retry_after }),
        (504, vec![], SendError::Unavailable { retry_after }),
        (500, vec![fcm("INTERNAL")], SendError::Internal { retry_after }),
        (500, vec![], SendError::Internal { retry_after }),
        (
            401,
            vec![fcm("THIRD_PARTY_AUTH_ERROR")],
            SendError::ThirdPartyAuth { detail: detail() },
        ),
        (401, vec![], SendError::Unauthenticated { detail: detail() }),
        (403, vec![], SendError::PermissionDenied { detail: detail() }),
        (400, vec![], SendError::InvalidPayload { detail: detail() }),
    ] {
        assert_eq!(error(status, "words", &details), expected, "{status} {details:?}");
    }
}

#[test]
fn a_wrong_field_never_costs_a_token() {
    let found = error(
        400,
        "x",
        &[fcm("INVALID_ARGUMENT"), bad("message.android.ttl", "Invalid ttl")],
    );
    assert_eq!(
        found,
        SendError::InvalidPayload {
            detail: "message.android.ttl: Invalid ttl".to_owned()
        }
    );
    let topic = Message::to_topic("news");
    let found = error_for(&topic, 400, "Invalid topic", &[fcm("INVALID_ARGUMENT")]);
    assert_eq!(
        found,
        SendError::InvalidPayload {
            detail: "Invalid topic".to_owned()
        }
    );
    let found = error(400, "Android message is too big", &[fcm("INVALID_ARGUMENT")]);
    assert_eq!(
        found,
        SendError::TooLarge {
            size_bytes: 7,
            max_bytes: 4_096
        }
    );
    assert!(matches!(
        error(404, "Requested entity was not found.", &[]),
        SendError::Unexpected { status: 404, .. }
    ));
}

#[test]
fn a_code_without_a_field_needs_a_sentence_that_fits() {
    for words in [
        "The registration token is not a valid FCM registration token",
        "Request contains an invalid argument.",
        "",
    ] {
        assert_eq!(
            error(400, words, &[fcm("INVALID_ARGUMENT")]),
            SendError::InvalidToken,
            "{words}"
        );
    }
    for words in ["Invalid data payload key: token", "Invalid package name"] {
        let detail = words.to_owned();
        assert_eq!(
            error(400, words, &[fcm("INVALID_ARGUMENT")]),
            SendError::InvalidPayload { detail }
        );
    }
    assert!(matches!(error(400, "", &[]), SendError::Unexpected { status: 400, .. }));
}

#[test]
fn what_google_quotes_is_redacted() {
    let found = error(
        400,
        "x",
        &[bad(
            "message.data[0].value",
            "Invalid value (TYPE_STRING), 412 for the-token",
        )],
    );
    assert_eq!(
        found.to_string(),
        "invalid_payload: message.data[0].value: Invalid value (TYPE_STRING), [redacted] for [redacted]"
    );
    let found = error(403, "the-token may not", &[]);
    assert_eq!(found.to_string(), "permission_denied: [redacted] may not");
}

#[test]
fn an_unknown_answer_is_kept_short_and_redacted() {
    let body = format!("<html>the-token {}</html>", "x".repeat(10_000));
    let answer = Answer {
        status: 200,
        retry_after: None,
        body: body.into_bytes(),
    };
    let found = answer.read(&Message::to_token("the-token")).unwrap_err();
    let SendError::Unexpected { status: 200, body } = found else {
        panic!("{found:?}")
    };
    assert_eq!(body.chars().count(), EXCERPT_MAX_CHARS);
    assert!(body.starts_with("<html>[redacted] x"), "{body}");
}
