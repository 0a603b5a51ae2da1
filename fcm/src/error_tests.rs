//! The advice for each error, against Google's published rules.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

use std::time::Duration;

use super::{Advice, SendError};

fn after(seconds: u64) -> Advice {
    Advice::Retry {
        after: Some(Duration::from_secs(seconds)),
    }
}

#[test]
fn each_error_has_the_advice_of_the_guide() {
    let detail = String::new;
    for (error, advice) in [
        (SendError::Unregistered, Advice::DropToken),
        (SendError::SenderIdMismatch, Advice::DropToken),
        (SendError::InvalidToken, Advice::DropToken),
        (SendError::InvalidPayload { detail: detail() }, Advice::Never),
        (
            SendError::TooLarge {
                size_bytes: 5_000,
                max_bytes: 4_096,
            },
            Advice::Never,
        ),
        (SendError::ThirdPartyAuth { detail: detail() }, Advice::FixConfiguration),
        (
            SendError::Unauthenticated { detail: detail() },
            Advice::FixConfiguration,
        ),
        (
            SendError::PermissionDenied { detail: detail() },
            Advice::FixConfiguration,
        ),
        (SendError::QuotaExceeded { retry_after: None }, after(60)),
        (
            SendError::QuotaExceeded {
                retry_after: Some(Duration::from_secs(5)),
            },
            after(5),
        ),
        (SendError::Unavailable { retry_after: None }, after(10)),
        (
            SendError::Unavailable {
                retry_after: Some(Duration::from_secs(3)),
            },
            after(10),
        ),
        (
            SendError::Unavailable {
                retry_after: Some(Duration::from_secs(30)),
            },
            after(30),
        ),
        (SendError::Internal { retry_after: None }, after(10)),
        (SendError::Timeout, after(10)),
        (SendError::Transport(detail()), Advice::Retry { after: None }),
        (
            SendError::Unexpected {
                status: 200,
                body: detail(),
            },
            after(10),
        ),
        (
            SendError::Unexpected {
                status: 505,
                body: detail(),
            },
            after(10),
        ),
        (
            SendError::Unexpected {
                status: 302,
                body: detail(),
            },
            Advice::FixConfiguration,
        ),
        (
            SendError::Unexpected {
                status: 404,
                body: detail(),
            },
            Advice::FixConfiguration,
        ),
        (
            SendError::Unexpected {
                status: 418,
                body: detail(),
            },
            Advice::Never,
        ),
    ] {
        assert_eq!(error.advice(), advice, "{error}");
        assert!(error.to_string().starts_with(error.code()), "{error}");
    }
}
