//! The engine and its commit without HTTP: whole steps, judging, composing, JSON, flapping at an edge, and durable transitions
//! against raw inserts.
//!
//! `cargo bench --bench engine -- [--fences 100000]` takes about a minute at 10,000 geofences. Each line is the median of five
//! rounds, with its budget (docs/PERFORMANCE.md) and its ratio in the same run.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark reads clocks, prints, and stops at the first surprise"
)]

mod durable;
mod flapping;
mod raw;
mod steps;
mod text;
mod world;

use std::hint::black_box;
use std::time::{Duration, Instant};

/// What the server allocates with.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ROUNDS: usize = 5;

fn main() {
    let fences = argument("--fences").unwrap_or(10_000);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .worker_threads(2)
        .build()
        .unwrap();
    println!("{:44} {:>12}  budget", "what", "each");
    let world = runtime.block_on(world::World::build(fences));
    steps::run(&world);
    text::run();
    flapping::run(world.now);
    runtime.block_on(durable::run(&world));
}

fn argument(name: &str) -> Option<usize> {
    let mut arguments = std::env::args().skip_while(|argument| argument != name);
    arguments.nth(1).map(|value| value.parse().expect("a number"))
}

/// The median time of one call over five rounds; `prepare` makes what a round consumes and is not counted.
///
/// # Panics
/// When there are more calls than 32 bits count.
pub fn each<T, R>(count: usize, mut prepare: impl FnMut() -> T, mut round: impl FnMut(T) -> R) -> Duration {
    let mut took: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let prepared = prepare();
            let begun = Instant::now();
            let result = round(prepared);
            let took = begun.elapsed();
            black_box(result);
            took
        })
        .collect();
    took.sort_unstable();
    took[ROUNDS / 2] / u32::try_from(count.max(1)).unwrap()
}

/// One line of the table. `budget` says what the time is held against, if anything.
pub fn tell(what: &str, each: Duration, budget: &str) {
    let nanos = each.as_nanos();
    let time = if nanos < 10_000 {
        format!("{nanos} ns")
    } else {
        format!("{:.1} µs", each.as_secs_f64() * 1e6)
    };
    println!("{what:44} {time:>12}  {budget}");
}

/// Whether a budget is met, in words, with the ratio it was judged by.
pub fn verdict(ratio: f64, met: bool, budget: &str) -> String {
    format!("{budget}: {ratio:.2} {}", if met { "met" } else { "MISSED" })
}
