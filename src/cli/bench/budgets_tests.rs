//! Rows over figures that are made up.
#![allow(clippy::expect_used, reason = "tests may panic")]

use super::super::figures::Hop;
use super::super::taken::{Taken, count, latencies};
use super::*;
use std::time::Duration;

fn ceiling(endpoint: &str, batch: usize, requests_per_s: f64) -> Ceiling {
    Ceiling {
        endpoint: endpoint.into(),
        batch,
        requests_per_s,
        fixes_per_s: requests_per_s * batch as f64,
        server_us_per_fix: None,
        generator_share: None,
    }
}

#[test]
fn track_is_held_against_the_ceilings_of_the_same_run() {
    let ceilings = [
        ceiling("empty", 1, 40_000.0),
        ceiling("track", 1, 33_000.0),
        ceiling("decode", 50, 10_000.0),
        ceiling("track", 50, 7_400.0),
    ];
    let rows = against_ceilings(&ceilings, 10_000);
    let met: Vec<Option<bool>> = rows.iter().map(|row| row.met).collect();
    assert_eq!(met, [Some(true), Some(false), Some(false), Some(true)], "{rows:?}");
    assert!((rows[0].ratio.unwrap_or_default() - 0.825).abs() < 1e-9);
    let few = against_ceilings(&ceilings, 1_000);
    assert_eq!(few[0].met, Some(false), "with few geofences more is asked for");
    let many = against_ceilings(&ceilings, 1_000_000);
    assert_eq!(many[1].met, Some(true));
    assert!(against_ceilings(&[], 1_000).is_empty());
}

fn hop(name: &str, ms: u64) -> Hop {
    let mut took = latencies();
    count(&mut took, Duration::from_millis(ms));
    Hop::of(name, &took).expect("it holds a sample")
}

#[test]
fn budgets_count_in_writes_as_they_were_beside_the_load() {
    let mut load = Load::of("half", Some(1.0), &Taken::default());
    load.hops = vec![hop("fix to handed over", 6), hop("fix to answer, with a moment", 3)];
    let met = |rows: &[Row]| rows.iter().map(|row| row.met).collect::<Vec<_>>();
    assert!(on_the_way(&load, None, None).is_empty(), "nothing is known of the disk");
    let before_it = on_the_way(&load, None, Some(1.0));
    assert_eq!(
        met(&before_it),
        [Some(false), Some(true), Some(false), Some(true)],
        "{before_it:?}"
    );
    load.hops.push(hop(WRITE, 2));
    let beside_it = on_the_way(&load, None, Some(1.0));
    assert_eq!(
        met(&beside_it),
        [None, Some(true), Some(true), Some(true), Some(true)],
        "{beside_it:?}"
    );
}

#[test]
fn what_the_machine_takes_by_itself_stands_beside_what_was_taken() {
    let mut load = Load::of("half", Some(20_000.0), &Taken::default());
    load.hops = vec![hop("fix to answer, with a moment", 3)];
    let mut floor = Load::of("bare", Some(20_000.0), &Taken::default());
    floor.hops = vec![hop("fix to answer, with a moment", 2)];
    let rows = on_the_way(&load, Some(&floor), Some(1.0));
    let told: Vec<_> = rows.iter().map(|row| (row.what.as_str(), row.met)).collect();
    assert_eq!(
        told,
        [
            ("fix to durable answer, p50", None),
            ("fix to durable answer, p99", Some(true)),
            ("HTTP and a page on the disk alone", None),
        ],
        "the middle one is asked of a calm server"
    );
}
