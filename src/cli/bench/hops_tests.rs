//! Deliveries find the fix that caused them.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use super::*;
use chrono::TimeDelta;

fn at(ms: i64) -> Timestamp {
    DateTime::UNIX_EPOCH + TimeDelta::milliseconds(ms)
}

fn delivered(device: &str, created: i64, handed: i64) -> Delivered {
    Delivered {
        device_id: Some(device.to_owned()),
        state: "accepted".to_owned(),
        created_at: at(created),
        updated_at: at(handed),
    }
}

#[test]
fn a_delivery_belongs_to_the_last_arrival_before_it() {
    let arrival = |phone, ms| Arrival { phone, due: at(ms) };
    let arrivals = [
        arrival(0, 1_000),
        arrival(0, 9_000),
        arrival(1, 1_000),
        arrival(1, 5_000),
    ];
    let found = [
        delivered("a", 9_004, 9_010),
        delivered("a", 1_002, 1_012),
        delivered("a", 1_500, 1_600),
        // The first arrival of `b` made none, so this is the second one's.
        delivered("b", 5_003, 5_008),
        delivered("c", 1_000, 1_000),
    ];
    let messages = join(&["a", "b"], &arrivals, &found);
    assert_eq!(messages.handed_over, 3);
    let whole = messages
        .hops
        .iter()
        .find(|hop| hop.name == "fix to handed over")
        .unwrap();
    assert!((whole.worst_ms - 12.0).abs() < 0.1, "{whole:?}");
    let judged = messages.hops.iter().find(|hop| hop.name == "fix to judged").unwrap();
    assert!((judged.worst_ms - 4.0).abs() < 0.1, "{judged:?}");
}

#[test]
fn a_failed_delivery_was_not_handed_over() {
    let mut failed = delivered("a", 1_002, 1_012);
    failed.state = "failed".to_owned();
    let arrivals = [Arrival {
        phone: 0,
        due: at(1_000),
    }];
    assert_eq!(join(&["a"], &arrivals, &[failed]).handed_over, 0);
}

#[test]
fn under_overload_messages_are_counted_however_late_they_are() {
    let arrivals = [1_000, 2_000, 3_000].map(|ms| Arrival { phone: 0, due: at(ms) });
    let late = [delivered("a", 40_000, 40_010), delivered("a", 41_000, 41_010)];
    assert_eq!(
        join(&["a"], &arrivals, &late).handed_over,
        2,
        "one of the three is missing"
    );
}
