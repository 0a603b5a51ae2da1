//! Settling: what is tried again and when, and what never.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop at the first surprise")]

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

/// A push that was first tried at noon, lives for two hours and has had so many attempts.
fn tried(attempts: u32) -> Tried {
    Tried {
        channel: ChannelKind::Fcm,
        attempts,
        first_at: now(),
        expires_at: now() + TimeDelta::hours(2),
    }
}

fn again_after(next: Next) -> TimeDelta {
    match next {
        Next::Again { at, why } => {
            assert_eq!(why, "busy");
            at - now()
        }
        Next::Settled { .. } => panic!("{next:?}"),
    }
}

#[test]
fn back_off_doubles_from_ten_seconds_whatever_the_provider_says() {
    for after_s in [None, Some(0), Some(10)] {
        for (attempt, seconds) in [(1, 10), (2, 20), (3, 40), (7, 600), (11, 600)] {
            let wait = again_after(settle(&retry(after_s), &tried(attempt), now(), 0.0));
            assert_eq!(wait, TimeDelta::seconds(seconds), "attempt {attempt}, {after_s:?}");
        }
    }
}

#[test]
fn a_time_that_the_provider_names_is_obeyed_and_jitter_only_adds_to_it() {
    let told = |jitter| again_after(settle(&retry(Some(75)), &tried(1), now(), jitter));
    assert_eq!(
        (told(0.0), told(1.0)),
        (TimeDelta::seconds(75), TimeDelta::milliseconds(112_500))
    );
    // The back-off of a late attempt is longer than what was named.
    let late = again_after(settle(&retry(Some(75)), &tried(5), now(), 0.0));
    assert_eq!(late, TimeDelta::seconds(160));
}

#[test]
fn a_message_is_not_tried_beyond_its_life_its_attempts_or_an_hour() {
    let settled = |next| match next {
        Next::Settled { state, .. } => state,
        Next::Again { at, .. } => panic!("again at {at}"),
    };
    let short = Tried {
        expires_at: now() + TimeDelta::seconds(60),
        ..tried(1)
    };
    assert_eq!(
        settled(settle(&retry(Some(60)), &short, now(), 0.0)),
        DeliveryState::Expired
    );
    let often = tried(limits::ATTEMPTS_MAX);
    assert_eq!(settled(settle(&retry(None), &often, now(), 0.0)), DeliveryState::Failed);
    let late = now() + TimeDelta::minutes(59);
    assert_eq!(
        settled(settle(&retry(Some(60)), &tried(3), late, 0.0)),
        DeliveryState::Failed
    );
    let absurd = retry(Some(i64::MAX / 1_000));
    assert_eq!(settled(settle(&absurd, &tried(1), now(), 1.0)), DeliveryState::Expired);
}

#[test]
fn what_the_provider_refuses_is_never_tried_again() {
    let why = || "by the book".to_owned();
    let refusals = [
        Outcome::Rejected { why: why() },
        Outcome::Misconfigured {
            why: why(),
            detail: "no permission".into(),
        },
        Outcome::Unregistered { why: why(), as_of: None },
    ];
    for refusal in refusals {
        let next = settle(&refusal, &tried(1), now(), 0.0);
        let expected = Next::Settled {
            state: DeliveryState::Failed,
            why: Some(why()),
        };
        assert_eq!(next, expected, "{refusal:?}");
    }
}

#[test]
fn receipts_only_move_forward() {
    use DeliveryState::{Accepted, Cancelled, Displayed, Opened, Received, Sending};
    assert_eq!(Accepted.after_receipt(Displayed), Displayed);
    assert_eq!(Opened.after_receipt(Received), Opened);
    assert_eq!(Sending.after_receipt(Received), Received);
    assert_eq!(Cancelled.after_receipt(Opened), Cancelled);
}

/// A webhook that was first tried now, lives for three days and has had so many attempts.
fn webhook(attempts: u32) -> Tried {
    Tried {
        channel: ChannelKind::Webhook,
        attempts,
        first_at: now(),
        expires_at: now() + TimeDelta::days(3),
    }
}

#[test]
fn a_webhook_is_tried_eight_times_over_twenty_seven_hours() {
    let waits = [5, 300, 1_800, 7_200, 18_000, 36_000, 36_000];
    for (tried, seconds) in (1..).zip(waits) {
        for (jitter, tenths) in [(0.0, 9), (0.5, 10), (1.0, 11)] {
            let next = settle(&retry(None), &webhook(tried), now(), jitter);
            let at = now() + TimeDelta::milliseconds(seconds * 100 * tenths);
            let why = "busy".into();
            assert_eq!(next, Next::Again { at, why }, "try {tried}");
        }
    }
    let last = settle(&retry(None), &webhook(8), now(), 0.0);
    let failed = |next: &Next| matches!(next, Next::Settled { state, .. } if *state == DeliveryState::Failed);
    assert!(failed(&last), "{last:?}");
    let all = [ChannelKind::Webhook, ChannelKind::Fcm];
    assert!(
        all.iter()
            .all(|kind| failed(&settle(&retry(None), &Tried { channel: *kind, ..webhook(limits::ATTEMPTS_MAX) }, now(), 0.0)))
    );
}

#[test]
fn a_receiver_may_ask_for_more_time_than_the_schedule_and_never_for_less() {
    let after = |told, tried| match settle(&retry(Some(told)), &webhook(tried), now(), 0.5) {
        Next::Again { at, .. } => (at - now()).num_seconds(),
        Next::Settled { .. } => 0,
    };
    assert_eq!((after(120, 1), after(1, 1), after(120, 2)), (120, 5, 300));
}
