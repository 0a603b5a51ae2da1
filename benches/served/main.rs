//! A server at work, and what else goes on beside it: geofences that change, and what has piled up in its store.
//!
//! `cargo bench --bench served -- [--fences 100000,1000000]` changes geofences while phones report;
//! `cargo bench --bench served -- [--stored 10000,1000000]` holds fixes against users, moments and decisions stored, and against
//! retention at work. With neither, 100,000 geofences and both sizes of the store; some three minutes. Each server is of
//! its own, on loopback, with SQLite that waits for the disk, and is gone afterwards.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark reads clocks, prints, and stops at the first surprise"
)]

mod changes;
mod growth;
mod site;

fn main() {
    // Arguments of cargo's own, such as --bench, are none of ours.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .worker_threads(2)
        .build()
        .unwrap();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (fences, stored) = (numbers("--fences"), numbers("--stored"));
    let neither = fences.is_none() && stored.is_none();
    for fences in fences.or(neither.then(|| vec![100_000])).unwrap_or_default() {
        runtime.block_on(changes::run(fences));
    }
    if let Some(stored) = stored.or(neither.then(|| vec![10_000, 1_000_000])) {
        runtime.block_on(growth::run(&stored));
    }
}

fn numbers(name: &str) -> Option<Vec<usize>> {
    let text = std::env::args().skip_while(|argument| argument != name).nth(1)?;
    Some(
        text.split(',')
            .map(|word| word.trim().parse().expect("numbers"))
            .collect(),
    )
}

/// Whether a budget is met, in a word.
pub fn verdict(met: bool) -> &'static str {
    if met { "met" } else { "MISSED" }
}
