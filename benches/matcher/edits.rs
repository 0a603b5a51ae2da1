//! What a change of one fence costs while the old snapshot is being read, and what the nearest fences cost.

use crate::designs::key;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Instant;
use usher::base::id::FenceId;
use usher::cli::bench::workload::Drawn;
use usher::engine::fence::{Change, FenceIndex, Position, Shape};

/// As many as an iPhone watches regions, and one more.
const NEAREST: usize = 19;
const SAMPLE: usize = 1_000;

/// Sorted nanoseconds of each sort of work.
pub struct Edits {
    times: Vec<(&'static str, Vec<f64>)>,
}

pub fn measure(
    index: &FenceIndex<FenceId>,
    drawn: &[Drawn],
    stored: &[(usize, Arc<Shape>)],
    fixes: &[Position],
) -> Edits {
    let shapes: Vec<_> = drawn
        .iter()
        .step_by((drawn.len() / SAMPLE).max(1))
        .filter_map(|drawn| drawn.shape().ok())
        .map(Arc::new)
        .collect();
    let each = |work: &mut dyn FnMut(usize, &mut FenceIndex<FenceId>)| {
        let mut times: Vec<f64> = (0..shapes.len())
            .map(|number| {
                let began = Instant::now();
                let mut next = index.clone();
                work(number, &mut next);
                let took = began.elapsed().as_nanos() as f64;
                drop(next);
                took
            })
            .collect();
        times.sort_by(f64::total_cmp);
        times
    };
    let step = (stored.len() / SAMPLE).max(1);
    // One of those in the index.
    let known = |number: usize| stored[(number * step).min(stored.len() - 1)].clone();
    let edit =
        |next: &mut FenceIndex<FenceId>, number: usize, before: Option<&Arc<Shape>>, after: Option<&Arc<Shape>>| {
            let (before, after) = (before.cloned(), after.cloned());
            next.apply(&[Change {
                key: key(number),
                before,
                after,
            }]);
        };
    let copy = each(&mut |_, _| {});
    let insert = each(&mut |number, next| edit(next, drawn.len() + number, None, Some(&shapes[number])));
    let change = each(&mut |number, next| {
        let (place, before) = known(number);
        edit(next, place, Some(&before), Some(&shapes[(number + 1) % shapes.len()]));
    });
    let remove = each(&mut |number, next| {
        let (place, before) = known(number);
        edit(next, place, Some(&before), None);
    });
    let near = each(&mut |number, next| drop(std::hint::black_box(next.near(fixes[number % fixes.len()], NEAREST))));
    let times = vec![
        ("copy", copy),
        ("copy + insert", insert),
        ("copy + change", change),
        ("copy + remove", remove),
        ("copy + 19 nearest", near),
    ];
    Edits { times }
}

impl Edits {
    fn rows(&self) -> impl Iterator<Item = (&'static str, [f64; 3])> {
        self.times
            .iter()
            .filter(|(_, times)| !times.is_empty())
            .map(|(name, times)| {
                let at = |part: usize| times[(times.len() * part / 100).min(times.len() - 1)] / 1e3;
                (*name, [at(50), at(99), at(100)])
            })
    }

    pub fn print(&self) {
        for (name, [half, most, worst]) in self.rows() {
            println!("  {name:<17} p50 {half:>8.1} us  p99 {most:>8.1} us  worst {worst:>8.1} us");
        }
    }

    pub fn json(&self) -> Value {
        self.rows().map(|(name, [half, most, worst])| json!({ "name": name, "p50_us": half, "p99_us": most, "worst_us": worst })).collect()
    }
}
