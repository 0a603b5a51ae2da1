//! The matcher beside two others, on workload W: which fences hold a fix, out of a thousand to a million.
//!
//! `cargo bench --bench matcher -- [--fences 1000,100000,1000000] [--fixes 200000] [--rounds 5] [--no-h3] [--json result.json]` builds the same
//! fences in each design, compares what they find with brute force and with one another, and only then measures, in interleaved
//! rounds. One thread. Memory is the growth of the process's resident set over the build of the index, geometry counted apart; what a
//! circle weighs is taken in a process of its own.
//!
//! What is compared with, as somebody would write it who has `rstar` and `geo`: an R-tree, bulk-loaded, of the bounding rectangles with
//! the number of each fence, asked by `locate_all_at_point`; circles are then asked by haversine and polygons by `geo`'s own exact test
//! with their edges. Nothing is slowed down: no envelope is computed anew, no circle is a polygon, no list is made on the way.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark reads clocks, prints, and stops at the first surprise"
)]

mod designs;
mod edits;
mod gate;
mod machine;
mod step;
mod weigh;

use designs::{Design, Plain};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Instant;
use usher::cli::bench::workload::{Drawn, Workload};
use usher::engine::fence::{Position, Shape, StoredShape};

/// The allocator of the server: memory is told as the server takes it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The fences by their numbers; a drawn polygon that crosses itself is left out.
type Shapes = Vec<(usize, Arc<Shape>)>;

/// Covering a million fences with cells of H3 takes minutes.
const H3_MAX: usize = 100_000;

fn main() {
    if let Some(count) = text("--weigh") {
        return weigh::circles(count.parse().expect("a number of fences"));
    }
    let sizes = text("--fences").unwrap_or_else(|| "1000,100000,1000000".to_owned());
    let number = |name: &str, default: usize| text(name).map_or(default, |value| value.parse().expect("a number"));
    let (fixes, rounds) = (number("--fixes", 200_000), number("--rounds", 5));
    let results: Vec<Value> = sizes
        .split(',')
        .map(|size| measure(size.trim().parse().expect("a number of fences"), fixes, rounds))
        .collect();
    if let ([first, .., last], true) = (results.as_slice(), results.len() > 1) {
        for order in ["random", "device"] {
            let of = |result: &Value| result["designs"][0][order]["ns"].as_f64().unwrap();
            println!(
                "usher, {order}: {:.1}x from the fewest fences to the most",
                of(last) / of(first)
            );
        }
    }
    if let Some(path) = text("--json") {
        std::fs::write(path, serde_json::to_string_pretty(&results).unwrap()).unwrap();
    }
}

fn text(name: &str) -> Option<String> {
    std::env::args().skip_while(|argument| argument != name).nth(1)
}

fn has(name: &str) -> bool {
    std::env::args().any(|argument| argument == name)
}

/// Bytes of the process that are in memory.
pub fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm
        .split_whitespace()
        .nth(1)
        .and_then(|pages| pages.parse::<usize>().ok())
        .unwrap_or(0)
        * 4_096
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, f64, f64) {
    let (before, began) = (resident(), Instant::now());
    let done = work();
    let took = began.elapsed().as_secs_f64();
    (done, took, resident().saturating_sub(before) as f64)
}

fn measure(count: usize, fixes: usize, rounds: usize) -> Value {
    let progress = ProgressBar::new(rounds as u64 + 5);
    progress.set_style(ProgressStyle::with_template("{bar:20} {elapsed} {msg}").unwrap());
    let say = |message: &str| {
        progress.set_message(format!("{count} fences: {message}"));
        progress.inc(1);
    };
    say("drawing them");
    let drawn: Vec<Drawn> = Workload::new().fences(count).collect();
    say("circles alone, as a server has them");
    let circle = weigh::in_a_process_of_its_own(count);
    let (shapes, shapes_s, shape_bytes) = timed(|| -> Shapes {
        let shape = |(number, drawn): (usize, &Drawn)| Some((number, Arc::new(drawn.shape().ok()?)));
        drawn.iter().enumerate().filter_map(shape).collect()
    });
    say("building each design");
    let plain = Arc::new(drawn.iter().map(Plain::of).collect::<Vec<_>>());
    let (designs, costs) = build_all(&shapes, &drawn, &plain);
    let orders = [
        ("random", Workload::random_fixes(&drawn, fixes)),
        ("device", Workload::device_fixes(&drawn, fixes)),
    ];
    say("comparing what they find");
    let checks = orders
        .each_ref()
        .map(|(order, fixes)| (*order, gate::check(&designs, &shapes, fixes)));
    let mut nanos = vec![[const { Vec::new() }; 2]; designs.len()];
    for round in 0..rounds {
        say(&format!("round {}", round + 1));
        for (order, (_, fixes)) in orders.iter().enumerate() {
            for (design, nanos) in designs.iter().zip(&mut nanos) {
                nanos[order].push(race(design, fixes));
            }
        }
    }
    say("changing fences, stepping people");
    let Design::Usher(index) = &designs[0] else {
        unreachable!()
    };
    let edits = edits::measure(index, &drawn, &shapes, &orders[0].1);
    let catalogue = step::catalogue(&shapes);
    let steps = orders
        .each_ref()
        .map(|(order, fixes)| (*order, step::measure(&catalogue, fixes)));
    progress.finish_and_clear();
    let refused = count - shapes.len();
    println!(
        "\n{count} fences, {refused} refused as drawn; shapes in {shapes_s:.1} s, {:.0} B each",
        shape_bytes / count as f64
    );
    weigh::tell(&circle);
    let reading_us = reading_us(&shapes);
    println!(
        "  a stored shape is read in {reading_us:.2} us: {:.1} s for all",
        reading_us * count as f64 / 1e6
    );
    let checks = checks.map(|(order, checked)| checked.told(order));
    // With its shapes: what it reads is spread over both.
    let held = costs[0].1 * count as f64 + shape_bytes;
    let designs = told(&designs, &mut nanos, &costs);
    let read_ns = machine::tell_read_ns(held);
    edits.print();
    let steps = steps.map(|(order, took)| took.told(order));
    json!({ "fences": count, "shapes_s": shapes_s, "shape_bytes": shape_bytes / count as f64, "circle": circle,
        "reading_us": reading_us, "read_ns": read_ns,
        "checks": checks, "designs": designs, "edits": edits.json(), "step": steps })
}

/// All designs, each with the seconds and the bytes a fence that it took.
fn build_all(
    shapes: &[(usize, Arc<Shape>)],
    drawn: &[Drawn],
    plain: &Arc<Vec<Plain>>,
) -> (Vec<Design>, Vec<(f64, f64)>) {
    let mut built = vec![
        timed(|| Design::usher(shapes)),
        timed(|| Design::rstar(shapes, plain)),
        timed(|| Design::geo_index(shapes, plain)),
    ];
    if drawn.len() <= H3_MAX && !has("--no-h3") {
        built.push(timed(|| Design::h3(shapes, drawn, plain)));
    }
    let cost = |(design, s, bytes): (Design, f64, f64)| (design, (s, bytes / drawn.len() as f64));
    built.into_iter().map(cost).unzip()
}

/// Prints each design with its medians, beside Usher's.
fn told(designs: &[Design], nanos: &mut [[Vec<f64>; 2]], costs: &[(f64, f64)]) -> Vec<Value> {
    let middle = |nanos: &mut Vec<f64>| {
        nanos.sort_by(f64::total_cmp);
        nanos[nanos.len() / 2]
    };
    let medians: Vec<[f64; 2]> = nanos.iter_mut().map(|orders| orders.each_mut().map(middle)).collect();
    let rows = designs.iter().zip(&medians).zip(costs);
    rows.map(|((design, median), (build_s, bytes))| {
        let [random, device] = [0, 1].map(|order| (median[order], median[order] / medians[0][order]));
        println!(
            "  {:<16} random {:>7.0} ns ({:>5.1}x)  device {:>7.0} ns ({:>5.1}x)  built in {build_s:.2} s, {bytes:.0} B a fence (resident)",
            design.name(), random.0, random.1, device.0, device.1
        );
        json!({ "name": design.name(), "random": { "ns": random.0, "ratio": random.1 },
            "device": { "ns": device.0, "ratio": device.1 }, "build_s": build_s, "bytes_per_fence": bytes })
    })
    .collect()
}

/// Microseconds to read one stored shape, text and all, as a start does for each.
fn reading_us(shapes: &[(usize, Arc<Shape>)]) -> f64 {
    let some = shapes.iter().step_by((shapes.len() / 20_000).max(1));
    let stored: Vec<StoredShape> = some.map(|(_, shape)| StoredShape::of(shape)).collect();
    let began = Instant::now();
    for stored in &stored {
        std::hint::black_box(stored.shape().unwrap());
    }
    began.elapsed().as_nanos() as f64 / 1e3 / stored.len() as f64
}

/// Nanoseconds per fix of one pass over all fixes.
fn race(design: &Design, fixes: &[Position]) -> f64 {
    let mut keys = Vec::new();
    let mut hits = 0;
    let began = Instant::now();
    for p in fixes {
        design.locate(*p, &mut keys);
        hits += keys.len();
    }
    let took = began.elapsed().as_nanos() as f64;
    std::hint::black_box(hits);
    took / fixes.len() as f64
}
