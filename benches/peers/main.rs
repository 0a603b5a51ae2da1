//! The same geofences and fixes in `PostGIS`, Redis and Tile38, held against the index and the server of Usher; answers
//! first, then times.
//!
//! `scripts/bench-peers` starts `PostGIS` and Redis on loopback and calls this with where they are; one that is not named is
//! left out. Tile38 is started here when it is on the PATH.
//! `-- [--fences 100000] [--fixes 10000] [--postgres URL] [--redis PORT]`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark reads clocks, prints, and stops at the first surprise"
)]

mod ours;
mod postgis;
mod redis;
mod resp;
mod tile38;

use ours::Ours;
use std::cell::OnceCell;
use std::hint::black_box;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};
use usher::cli::bench::workload::{Drawn, Workload};
use usher::engine::fence::{FenceIndex, Position};

/// Rounds of each, interleaved by the order they are called in; the median counts.
pub const ROUNDS: usize = 3;

/// What everybody is asked.
pub struct World {
    pub fences: Vec<(u32, Drawn)>,
    pub fixes: Vec<Position>,
    /// The fences of each fix, as Usher finds them, in order.
    pub found: Vec<Vec<u32>>,
    /// Time of one fix in Usher's index.
    pub ours: Duration,
    /// Geofences drawn; a few of them are refused.
    pub drawn: usize,
}

/// Answers that differ are listed up to so many.
const LISTED: usize = 5;

fn main() {
    let fences = argument("--fences").map_or(100_000, |value| value.parse().expect("a number"));
    let fixes = argument("--fixes").map_or(10_000, |value| value.parse().expect("a number"));
    let world = World::build(fences, fixes);
    let hits: usize = world.found.iter().map(Vec::len).sum();
    println!(
        "{} geofences, {} fixes, half of them walking; {:.2} geofences a fix",
        world.fences.len(),
        world.fixes.len(),
        hits as f64 / world.fixes.len() as f64
    );
    println!("Usher's index, one thread: {} ns a fix", world.ours.as_nanos());
    let started = OnceCell::new();
    let ours = || Rc::clone(started.get_or_init(|| Rc::new(Ours::start(&world))));
    match argument("--postgres") {
        Some(url) => postgis::run(&world, &url, &ours),
        None => println!("PostGIS is left out: install postgresql-15-postgis-3 and run scripts/bench-peers"),
    }
    match argument("--redis") {
        Some(port) => redis::run(&world, port.parse().expect("a port")),
        None => println!("Redis is left out: install redis-server and run scripts/bench-peers"),
    }
    tile38::run(&world, &ours);
}

fn argument(name: &str) -> Option<String> {
    let mut arguments = std::env::args().skip_while(|argument| argument != name);
    arguments.nth(1)
}

impl World {
    fn build(count: usize, fixes: usize) -> Self {
        let drawn: Vec<Drawn> = Workload::new().fences(count).collect();
        let mut asked = Workload::random_fixes(&drawn, fixes / 2);
        asked.extend(Workload::device_fixes(&drawn, fixes - fixes / 2));
        let mut shapes = Vec::with_capacity(count);
        let mut fences = Vec::with_capacity(count);
        for (fence, number) in drawn.into_iter().zip(0_u32..) {
            // Outlines that cross themselves are refused by everybody.
            let Ok(shape) = fence.shape() else { continue };
            shapes.push((number, Arc::new(shape)));
            fences.push((number, fence));
        }
        let index = FenceIndex::build(shapes);
        let locate = |fix: &Position| {
            let mut found = index.locate(*fix);
            found.sort_unstable();
            found
        };
        let found = asked.iter().map(locate).collect();
        let ours = median(|| {
            let begun = Instant::now();
            for fix in &asked {
                black_box(index.locate(*fix));
            }
            begun.elapsed()
        }) / u32::try_from(asked.len()).unwrap();
        Self {
            fences,
            fixes: asked,
            found,
            ours,
            drawn: count,
        }
    }
}

/// The median of the rounds.
pub fn median(mut round: impl FnMut() -> Duration) -> Duration {
    let mut took: Vec<Duration> = (0..ROUNDS).map(|_| round()).collect();
    took.sort_unstable();
    took[ROUNDS / 2]
}

/// How often two answers differ: pairs of a fix and a geofence that only one of them has.
pub fn differences(ours: &[Vec<u32>], theirs: &[Vec<u32>]) -> (usize, usize) {
    let only = |a: &Vec<u32>, b: &Vec<u32>| a.iter().filter(|id| !b.contains(id)).count();
    ours.iter()
        .zip(theirs)
        .fold((0, 0), |(mine, other), (a, b)| (mine + only(a, b), other + only(b, a)))
}

/// The pairs of a fix and a geofence that differ, and who has them.
fn differing<'a>(
    ours: &'a [Vec<u32>],
    theirs: &'a [Vec<u32>],
) -> impl Iterator<Item = (usize, u32, &'static str)> + 'a {
    ours.iter().zip(theirs).enumerate().flat_map(|(fix, (a, b))| {
        let mine = a.iter().filter(|id| !b.contains(id)).map(move |id| (fix, *id, "here"));
        mine.chain(b.iter().filter(|id| !a.contains(id)).map(move |id| (fix, *id, "there")))
    })
}

/// Says how far the answers agree.
///
/// # Panics
/// When they do not: no figure is worth anything then.
pub fn agree(who: &str, world: &World, ours: &[Vec<u32>], theirs: &[Vec<u32>], why: &str) {
    let pairs: usize = ours.iter().map(Vec::len).sum();
    let (mine, other) = differences(ours, theirs);
    println!("{who}: {pairs} pairs of fix and geofence; {mine} only here, {other} only there ({why})");
    for (fix, fence, side) in differing(ours, theirs).take(LISTED) {
        let Position { lat, lng } = world.fixes[fix];
        println!("    fix {fix} at {lat:.6} {lng:.6} is in geofence {fence} {side} only");
    }
    assert!(
        (mine + other) * 200 <= pairs.max(200),
        "more than one in two hundred differs: no figure without equal answers"
    );
}

/// One line with the ratio to what Usher takes. `at_least` is the budget.
pub fn tell(what: &str, each: Duration, ours: Duration, at_least: Option<f64>) {
    let ratio = each.as_secs_f64() / ours.as_secs_f64();
    let budget = at_least.map_or(String::new(), |least| {
        format!("budget >= {least} x: {}", if ratio >= least { "met" } else { "MISSED" })
    });
    println!(
        "  {what:48} {:>9.2} µs a fix  {ratio:>7.0} x  {budget}",
        each.as_secs_f64() * 1e6
    );
}
