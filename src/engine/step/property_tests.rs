//! Properties that hold whatever happens, over many random histories: order, replay, keys, presence, waits, consent, caps.
//!
//! `USHER_HISTORIES=1000000` plays more of them; `USHER_SEED=17` plays that one alone and tells it.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests may panic, and tell why"
)]

use super::happening_tests::{Happening, history};
use super::playing_tests::{House, play};
use super::*;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};

/// Histories of one run (issue 3).
const HISTORIES: u64 = 20_000;

/// The properties say nothing unless the histories get somewhere: to every code but those of channels and of erasure.
const REACHED: [ReasonCode; 31] = [
    ReasonCode::Sent,
    ReasonCode::Holdout,
    ReasonCode::WaitingFact,
    ReasonCode::WaitingTime,
    ReasonCode::NoConsent,
    ReasonCode::NoPermission,
    ReasonCode::OptedOut,
    ReasonCode::NoToken,
    ReasonCode::NoFact,
    ReasonCode::FactInactive,
    ReasonCode::ConditionFalse,
    ReasonCode::ConditionError,
    ReasonCode::MissingData,
    ReasonCode::NotInside,
    ReasonCode::Implausible,
    ReasonCode::Simulated,
    ReasonCode::Stale,
    ReasonCode::TooEarly,
    ReasonCode::TooLate,
    ReasonCode::OutsideWindow,
    ReasonCode::HoursClosed,
    ReasonCode::QuietDeferred,
    ReasonCode::QuietExpired,
    ReasonCode::Cap,
    ReasonCode::Cooldown,
    ReasonCode::AlreadyDone,
    ReasonCode::Superseded,
    ReasonCode::RenderError,
    ReasonCode::Expired,
    ReasonCode::Cancelled,
    ReasonCode::Paused,
];

#[expect(
    clippy::disallowed_methods,
    reason = "a developer asks for more histories, or for one alone"
)]
fn asked(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

/// What one history shows; two houses, built apart, must agree on it.
fn holds(houses: &[House; 2], happenings: &[Happening]) -> Result<BTreeSet<ReasonCode>, String> {
    let plain = play(&houses[0], happenings, false)?;
    let again = play(&houses[1], happenings, true)?;
    // Equal values are written alike: every map in them is in order.
    let pairs = plain.told.iter().zip(&again.told);
    for (number, (one, other)) in pairs.enumerate() {
        if one != other {
            return Err(format!("a replay differs in step {number}:\n{one:#?}\n{other:#?}"));
        }
    }
    if plain != again {
        return Err("a replay ends otherwise".to_owned());
    }
    let decisions = plain.told.iter().flat_map(|told| &told.decisions);
    Ok(decisions.map(|decision| decision.code).collect())
}

/// The shortest history we find that still breaks something: one happening after the other is left out.
fn shortened(houses: &[House; 2], mut happenings: Vec<Happening>) -> (Vec<Happening>, String) {
    let mut breach = holds(houses, &happenings).err().unwrap_or_default();
    let mut number = happenings.len();
    while number > 0 {
        number -= 1;
        let mut fewer = happenings.clone();
        let left_out = fewer.remove(number);
        if let Some(next) = fewer.get_mut(number) {
            next.after_s += left_out.after_s;
        }
        if let Err(still) = holds(houses, &fewer) {
            (happenings, breach) = (fewer, still);
        }
    }
    (happenings, breach)
}

/// Plays these seeds on every core; panics with one that breaks something, shortened.
fn play_all(seeds: std::ops::Range<u64>) -> BTreeSet<ReasonCode> {
    let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let next = AtomicU64::new(seeds.start);
    let worker = || {
        let houses = [House::build(), House::build()];
        let mut reached = BTreeSet::new();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return Ok(reached);
            }
            let Ok(codes) = holds(&houses, &history(seed)) else {
                // One breach is enough: nobody begins another history.
                next.store(seeds.end, Ordering::Relaxed);
                return Err(seed);
            };
            reached.extend(codes);
        }
    };
    let results: Vec<Result<BTreeSet<ReasonCode>, u64>> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).collect()
    });
    let broken = results.iter().filter_map(|result| result.as_ref().err()).min();
    if let Some(seed) = broken {
        let houses = [House::build(), House::build()];
        let (happenings, breach) = shortened(&houses, history(*seed));
        panic!("USHER_SEED={seed} breaks a property; shortened to\n{happenings:#?}\n{breach}");
    }
    results.into_iter().flatten().flatten().collect()
}

#[test]
fn every_property_holds_over_random_histories() {
    if let Some(seed) = asked("USHER_SEED") {
        println!("{:#?}", history(seed));
        play_all(seed..seed + 1);
        return;
    }
    let count = asked("USHER_HISTORIES").unwrap_or(HISTORIES);
    let reached = play_all(0..count);
    let missed: Vec<&ReasonCode> = REACHED.iter().filter(|code| !reached.contains(code)).collect();
    assert!(missed.is_empty(), "no history comes to {missed:?}");
}
