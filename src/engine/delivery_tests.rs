//! Settling: what is tried again and when, and what never.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use super::*;
use crate::base::limits;

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
        let next = settle(ChannelKind::Fcm, &retry(None), attempt, life, now(), 0.0);
        assert_eq!(
            next,
            Next::Again {
                at: now() + TimeDelta::seconds(seconds),
                why: "busy".into()
            },
            "attempt {attempt}"
        );
    }
    let told = settle(ChannelKind::Fcm, &retry(Some(75)), 1, life, now(), 1.0);
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
    let short = settle(
        ChannelKind::Fcm,
        &retry(Some(60)),
        1,
        now() + TimeDelta::seconds(60),
        now(),
        0.0,
    );
    assert!(matches!(
        short,
        Next::Settled {
            state: DeliveryState::Expired,
            ..
        }
    ));
    let often = settle(
        ChannelKind::Fcm,
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

#[test]
fn a_webhook_is_tried_eight_times_over_twenty_seven_hours() {
    let life = now() + TimeDelta::days(3);
    let waits = [5, 300, 1_800, 7_200, 18_000, 36_000, 36_000];
    for (tried, seconds) in (1..).zip(waits) {
        for (jitter, tenths) in [(0.0, 9), (0.5, 10), (1.0, 11)] {
            let next = settle(ChannelKind::Webhook, &retry(None), tried, life, now(), jitter);
            let at = now() + TimeDelta::milliseconds(seconds * 100 * tenths);
            let why = "busy".into();
            assert_eq!(next, Next::Again { at, why }, "try {tried}");
        }
    }
    let last = settle(ChannelKind::Webhook, &retry(None), 8, life, now(), 0.0);
    let failed = |next: &Next| matches!(next, Next::Settled { state, .. } if *state == DeliveryState::Failed);
    assert!(failed(&last), "{last:?}");
    let all = [ChannelKind::Webhook, ChannelKind::Fcm];
    assert!(
        all.iter()
            .all(|kind| failed(&settle(*kind, &retry(None), limits::ATTEMPTS_MAX, life, now(), 0.0)))
    );
}

#[test]
fn a_receiver_may_ask_for_more_time_than_the_schedule_and_never_for_less() {
    let life = now() + TimeDelta::days(3);
    let after = |told, tried| match settle(ChannelKind::Webhook, &retry(Some(told)), tried, life, now(), 0.5) {
        Next::Again { at, .. } => (at - now()).num_seconds(),
        Next::Settled { .. } => 0,
    };
    assert_eq!((after(120, 1), after(1, 1), after(120, 2)), (120, 5, 300));
}
