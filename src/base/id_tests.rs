//! Ids: canonical spelling, order and replay.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use super::*;
use chrono::TimeZone;

fn noon() -> Timestamp {
    chrono::Utc.with_ymd_and_hms(2026, 5, 4, 12, 0, 0).unwrap()
}

#[test]
fn the_same_seed_gives_the_same_ids() {
    let seed = Uuid::from_u128(7);
    let (mut a, mut b) = (IdSource::new(seed, noon()), IdSource::new(seed, noon()));
    let first: [MomentId; 2] = [a.draw(), a.draw()];
    assert_eq!(first, [b.draw(), b.draw()]);
    assert_ne!(first[0], first[1]);
}

#[test]
fn later_ids_sort_after_earlier_ones() {
    let seed = Uuid::from_u128(7);
    let early: MomentId = IdSource::new(seed, noon()).draw();
    let late: MomentId = IdSource::new(seed, noon() + chrono::TimeDelta::milliseconds(1)).draw();
    assert!(early < late);
}

#[test]
fn only_the_canonical_spelling_is_read() {
    let id: UserId = IdSource::new(Uuid::from_u128(7), noon()).draw();
    assert_eq!(id.to_string().parse::<UserId>(), Ok(id));
    for wrong in [
        "",
        "usr_",
        "dev_01970a3e5c0070008000000000000001",
        &id.to_string().to_uppercase(),
        "usr_01970a3e-5c00-7000-8000-000000000001",
    ] {
        assert!(wrong.parse::<UserId>().is_err(), "{wrong}");
    }
}
