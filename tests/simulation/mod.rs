//! A seeded simulation of a fleet: the production step and settlement in a model of the house, with everything going wrong.
//!
//! One seed is one world: how many people, what they do, which trouble. The same seed gives the same run, byte for byte.
//! `USHER_FLEET_SEED=17` lives that one alone; `USHER_FLEET_SEEDS=100000` lives more of them.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "numbers of a small world"
)]
#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "the model takes what it knows and leaves the rest to the engine"
)]
#![allow(
    clippy::disallowed_methods,
    reason = "a developer asks for more seeds, or for one alone"
)]

mod database;
mod dice;
mod fleet;
mod house;
mod ledger;
mod outbox;
mod people;
mod stage;
mod world;

use fleet::{Fault, Fleet, Outcome};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use usher::engine::catalogue::Catalogue;
use usher::engine::decision::ReasonCode;

/// When every world begins: a Monday afternoon in Vienna, so that the evening and its quiet hours come.
const START: &str = "2026-05-04T16:30:00+02:00";
/// Seeds of one run (RELIABILITY A5).
const SEEDS: u64 = 2_000;
/// One seed in so many is lived twice.
const TWICE: u64 = 20;
/// A planted fault must be found within so many seeds.
const SEEDS_PER_FAULT: u64 = 400;

fn asked(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

fn catalogue() -> Arc<Catalogue> {
    Arc::new(stage::catalogue(START.parse().unwrap()))
}

/// Lives a seed; some twice, on a catalogue built anew, with the same outcome.
fn lived(catalogue: &Arc<Catalogue>, seed: u64) -> Result<Outcome, String> {
    let outcome = Fleet::live(catalogue, seed, Fault::None, false).map_err(|(what, _)| what)?;
    if seed.is_multiple_of(TWICE) {
        let again = Fleet::live(&self::catalogue(), seed, Fault::None, true).map_err(|(what, _)| what)?;
        if again != outcome {
            return Err(format!("lived twice, and not the same: {outcome:?} and {again:?}"));
        }
    }
    Ok(outcome)
}

/// The breach of a seed with the log before it, as a person wants to read it.
fn told(seed: u64) -> String {
    match Fleet::live(&catalogue(), seed, Fault::None, true) {
        Err((what, log)) => format!(
            "{}\nUSHER_FLEET_SEED={seed} breaks an invariant: {what}",
            log.join("\n")
        ),
        Ok(outcome) => format!("USHER_FLEET_SEED={seed} broke an invariant, but not when lived alone: {outcome:?}"),
    }
}

#[test]
fn a_fleet_keeps_every_invariant_whatever_goes_wrong() {
    let seeds = match asked("USHER_FLEET_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..asked("USHER_FLEET_SEEDS").unwrap_or(SEEDS),
    };
    let alone = seeds.end - seeds.start == 1;
    let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let next = AtomicU64::new(seeds.start);
    let worker = || {
        let catalogue = catalogue();
        let mut outcomes = Vec::new();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return Ok(outcomes);
            }
            let outcome = lived(&catalogue, seed).map_err(|what| (seed, what));
            // One breach is enough: nobody begins another seed.
            let outcome = outcome.inspect_err(|_| next.store(seeds.end, Ordering::Relaxed))?;
            outcomes.push(outcome);
        }
    };
    let results: Vec<Result<Vec<Outcome>, (u64, String)>> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).collect()
    });
    let broken = results.iter().filter_map(|result| result.as_ref().err()).min();
    if let Some((seed, what)) = broken {
        panic!("{}\n{what}", told(*seed));
    }
    let outcomes: Vec<Outcome> = results.into_iter().flatten().flatten().collect();
    let sum = |of: fn(&Outcome) -> usize| outcomes.iter().map(of).sum::<usize>();
    let codes: BTreeSet<ReasonCode> = outcomes.iter().flat_map(|outcome| outcome.codes.clone()).collect();
    println!(
        "{} seeds: {} steps, {} crashes, {} decisions, {} pushes; codes {codes:?}",
        outcomes.len(),
        sum(|outcome| outcome.steps),
        sum(|outcome| outcome.crashes),
        sum(|outcome| outcome.decisions),
        sum(|outcome| outcome.pushes),
    );
    // Invariants say nothing about worlds in which nothing happens.
    assert!(alone || sum(|outcome| outcome.crashes) > outcomes.len());
    assert!(alone || sum(|outcome| outcome.pushes) > 10 * outcomes.len());
    assert!(alone || codes.len() >= 24, "only {codes:?}");
}

/// A check that finds nothing may be blind: each of these faults breaks a promise, and must be seen.
#[test]
fn planted_faults_are_found() {
    let faults = [
        Fault::NoSendKeyIndex,
        Fault::AnswersBeforeTheCommit,
        Fault::HalfACommit,
        Fault::ForgetsTheInbox,
        Fault::ForgetsWakes,
        Fault::CountsRepeats,
        Fault::SendsUnasked,
        Fault::KeepsDeadAddresses,
        Fault::NewTagPerAttempt,
        Fault::CoversNewer,
    ];
    let catalogue = catalogue();
    for fault in faults {
        let found = (0..SEEDS_PER_FAULT).find_map(|seed| {
            let lived = Fleet::live(&catalogue, seed, fault, false);
            lived.err().map(|(what, _)| (seed, what))
        });
        let (seed, what) = found.unwrap_or_else(|| panic!("nobody notices {fault:?}"));
        let what: String = what.chars().take(160).collect();
        println!("{fault:?} is found by seed {seed}: {what}");
    }
}
