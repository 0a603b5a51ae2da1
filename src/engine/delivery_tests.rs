//! Settling: what is tried again and when, and what never.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use super::*;

fn now() -> Timestamp {
    "2026-05-04T12:00:00Z".parse().unwrap()
}

fn retry(after_s: Option<i64>) -> Outcome {
    Outcome::Retry {
        after: after_s.map(TimeDelta::seconds),
        why: "busy".into(),
    }
}

#[test]
fn back_off_doubles_from_ten_seconds_and_obeys_the_provider() {
    let life = now() + TimeDelta::hours(2);
    for (attempt, seconds) in [(1, 10), (2, 20), (3, 40), (7, 600), (11, 600)] {
        let next = settle(&retry(None), attempt, life, now(), 0.0);
        assert_eq!(
            next,
            Next::Again {
                at: now() + TimeDelta::seconds(seconds),
                why: "busy".into()
            },
            "attempt {attempt}"
        );
    }
    let told = settle(&retry(Some(75)), 1, life, now(), 1.0);
    assert_eq!(
        told,
        Next::Again {
            at: now() + TimeDelta::milliseconds(112_500),
            why: "busy".into()
        }
    );
}

#[test]
fn a_message_is_not_tried_beyond_its_life_or_its_attempts() {
    let short = settle(&retry(Some(60)), 1, now() + TimeDelta::seconds(60), now(), 0.0);
    assert!(matches!(
        short,
        Next::Settled {
            state: DeliveryState::Expired,
            ..
        }
    ));
    let often = settle(
        &retry(None),
        limits::ATTEMPTS_MAX,
        now() + TimeDelta::days(1),
        now(),
        0.0,
    );
    assert!(matches!(
        often,
        Next::Settled {
            state: DeliveryState::Failed,
            ..
        }
    ));
}

#[test]
fn receipts_only_move_forward() {
    use DeliveryState::{Accepted, Cancelled, Displayed, Opened, Received, Sending};
    assert_eq!(Accepted.after_receipt(Displayed), Displayed);
    assert_eq!(Opened.after_receipt(Received), Opened);
    assert_eq!(Sending.after_receipt(Received), Received);
    assert_eq!(Cancelled.after_receipt(Opened), Cancelled);
}
