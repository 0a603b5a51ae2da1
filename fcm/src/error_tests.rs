//! The advice for each error, against Google's published rules.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

use std::time::Duration;

use super::{Advice, SendError};

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn unexpected(status: u16) -> SendError {
    SendError::Unexpected {
        status,
        body: String::new(),
    }
}

fn check(advice: Advice, errors: &[SendError]) {
    for error in errors {
        assert_eq!(error.advice(), advice, "{error}");
        assert!(error.to_string().starts_with(error.code()), "{error}");
    }
}

#[test]
fn a_dead_token_is_dropped_and_a_bad_message_never_sent_again() {
    let detail = String::new();
    check(
        Advice::DropToken,
        &[
            SendError::Unregistered,
            SendError::SenderIdMismatch,
            SendError::InvalidToken,
        ],
    );
    let too_large = SendError::TooLarge {
        size_bytes: 5_000,
        max_bytes: 4_096,
    };
    check(
        Advice::Never,
        &[SendError::InvalidPayload { detail }, too_large, unexpected(418)],
    );
}

#[test]
fn keys_permissions_and_addresses_need_somebody() {
    let detail = String::new;
    let refused = [
        SendError::ThirdPartyAuth { detail: detail() },
        SendError::Unauthenticated { detail: detail() },
        SendError::PermissionDenied { detail: detail() },
        unexpected(302),
        unexpected(404),
    ];
    check(Advice::FixConfiguration, &refused);
}

#[test]
fn too_many_messages_wait_as_told_or_a_minute() {
    for (retry_after, wait) in [(None, 60), (Some(seconds(5)), 5), (Some(seconds(300)), 300)] {
        check(
            Advice::Retry {
                after: Some(seconds(wait)),
            },
            &[SendError::QuotaExceeded { retry_after }],
        );
    }
}

#[test]
fn a_failing_service_is_left_alone_for_ten_seconds_at_least() {
    for (retry_after, wait) in [(None, 10), (Some(seconds(3)), 10), (Some(seconds(30)), 30)] {
        let advice = Advice::Retry {
            after: Some(seconds(wait)),
        };
        check(
            advice,
            &[
                SendError::Unavailable { retry_after },
                SendError::Internal { retry_after },
            ],
        );
    }
    let ten = Advice::Retry {
        after: Some(seconds(10)),
    };
    check(ten, &[SendError::Timeout, unexpected(200), unexpected(505)]);
    check(Advice::Retry { after: None }, &[SendError::Transport(String::new())]);
}
