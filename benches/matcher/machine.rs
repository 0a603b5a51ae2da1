//! What the machine takes by itself: a read of memory that nobody has read lately.

use chacha20::ChaCha8Rng;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use std::hint::black_box;
use std::time::Instant;

/// What memory is fetched by.
const LINE: f64 = 64.0;
const READS: usize = 1_000_000;

/// One line, which says where the next is.
#[repr(align(64))]
#[derive(Clone, Copy)]
struct Line(usize);

/// Prints what [`read_ns`] finds, and returns it.
pub fn tell_read_ns(bytes: f64) -> f64 {
    let took = read_ns(bytes);
    let mib = bytes / 1_048_576.0;
    println!("  one read that waits for the one before, all over as much memory ({mib:.0} MiB): {took:.0} ns");
    took
}

/// Nanoseconds of one read after another, each of a place that the one before names, all over so many bytes: an index as large
/// that asks one thing after another cannot be faster than as many of these as it reads lines.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "memory has whole lines, and not that many"
)]
fn read_ns(bytes: f64) -> f64 {
    let count = ((bytes / LINE) as usize).max(2);
    let mut order: Vec<usize> = (0..count).collect();
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(17));
    let mut lines = vec![Line(0); count];
    // One round through all of them.
    for (at, from) in order.iter().enumerate() {
        lines[*from] = Line(order[(at + 1) % count]);
    }
    drop(order);
    let mut at = 0;
    let began = Instant::now();
    for _ in 0..READS {
        at = lines[at].0;
    }
    let took = began.elapsed();
    black_box(at);
    took.as_secs_f64() * 1e9 / READS as f64
}
