//! The budgets of `docs/PERFORMANCE.md` that this run can be held against.

use super::figures::{Ceiling, Load, Report, Row, WRITE};

/// The rows of a run, in the order of the document.
pub fn judge(report: &Report) -> Vec<Row> {
    let mut rows = against_ceilings(&report.ceilings, report.plan.fences);
    if let Some(load) = report.loads.first() {
        rows.extend(on_the_way(load, report.floor.as_ref(), report.sync_ms));
        rows.push(clean(load));
    }
    if let Some(ready) = report.ready_ms {
        let (bound, budget) = by_size(report, (1_000.0, "<= 1 s"), (10_000.0, "<= 10 s"));
        let what = format!("start with {} geofences stored", report.plan.fences);
        rows.push(Row::judged(
            &what,
            budget,
            format!("{ready:.0} ms"),
            Some(ready <= bound),
        ));
    }
    if let Some(idle) = report.idle_mib {
        let what = format!(
            "memory, idle, {} geofences, {} users",
            report.plan.fences,
            report.plan.users + report.plan.devices
        );
        let (bound, budget) = by_size(report, (100.0, "<= 100 MiB"), (1_536.0, "<= 1.5 GiB"));
        rows.push(Row::judged(
            &what,
            budget,
            format!("{idle:.0} MiB"),
            Some(idle <= bound),
        ));
    }
    if let Some(rate) = report.saturation {
        let word = if report.plan.batch == 1 {
            "single fixes"
        } else {
            "batches"
        };
        rows.push(Row::told(&format!("saturation, {word}"), format!("{rate:.0} fixes/s")));
    }
    rows
}

/// Fixes a second that are little to do.
const CALM: f64 = 1_000.0;

/// The bound for some thousands of geofences, or the one for a million.
fn by_size<T>(report: &Report, small: T, large: T) -> T {
    if report.plan.fences <= 10_000 { small } else { large }
}

fn find<'a>(ceilings: &'a [Ceiling], endpoint: &str, batch: usize) -> Option<&'a Ceiling> {
    ceilings
        .iter()
        .find(|ceiling| ceiling.endpoint == endpoint && ceiling.batch == batch)
}

/// The shares of the ceilings that are asked for grow smaller with the number of geofences (goals G1 and G2).
fn against_ceilings(ceilings: &[Ceiling], fences: usize) -> Vec<Row> {
    let (single_least, batch_least) = match fences {
        ..=1_000 => (0.85, 0.85),
        1_001..=100_000 => (0.80, 0.75),
        _ => (0.70, 0.70),
    };
    let mut rows = Vec::new();
    let single = find(ceilings, "track", 1);
    if let Some((single, empty)) = single.zip(find(ceilings, "empty", 1)) {
        let figure = format!("{:.0} of {:.0} requests/s", single.requests_per_s, empty.requests_per_s);
        let ratio = single.requests_per_s / empty.requests_per_s.max(1e-9);
        rows.push(Row::ratio(
            "single fixes",
            single_least,
            figure,
            ratio,
            "an empty handler",
        ));
    }
    let Some(batch) = find(ceilings, "track", 50) else {
        return rows;
    };
    if let Some(decode) = find(ceilings, "decode", 50) {
        let figure = format!("{:.0} of {:.0} fixes/s", batch.fixes_per_s, decode.fixes_per_s);
        let ratio = batch.fixes_per_s / decode.fixes_per_s.max(1e-9);
        rows.push(Row::ratio(
            "batches of 50",
            batch_least,
            figure,
            ratio,
            "a decode-only handler",
        ));
    }
    let figure = format!("{:.0} fixes/s", batch.fixes_per_s);
    rows.push(Row::judged(
        "batches of 50",
        ">= 400,000 fixes/s",
        figure,
        Some(batch.fixes_per_s >= 400_000.0),
    ));
    if let Some(single) = single {
        let ratio = batch.fixes_per_s / single.fixes_per_s.max(1e-9);
        rows.push(Row::ratio(
            "batches of 50",
            7.0,
            format!("{ratio:.1} times"),
            ratio,
            "single fixes",
        ));
    }
    rows
}

/// What the disk takes is part of the budgets: they count in times of one write, the median of those beside the load.
fn on_the_way(load: &Load, floor: Option<&Load>, sync_ms: Option<f64>) -> Vec<Row> {
    let mut rows = Vec::new();
    let write = load.hop(WRITE);
    let Some(sync) = write.map(|write| write.p50_ms).or(sync_ms) else {
        return rows;
    };
    if let Some(write) = write {
        let figure = format!("p50 {:.2} ms, p99 {:.2} ms", write.p50_ms, write.p99_ms);
        rows.push(Row::told("one write, beside the load", figure));
    }
    if let Some(hop) = load.hop("fix to handed over") {
        let bounds = (2.0 * sync + 3.0, 6.0 * sync + 10.0);
        for (name, took, bound, budget) in [
            ("p50", hop.p50_ms, bounds.0, "2 writes + 3 ms"),
            ("p99", hop.p99_ms, bounds.1, "6 writes + 10 ms"),
        ] {
            rows.push(Row::judged(
                &format!("fix to handed over, {name}"),
                &format!("<= {budget} = {bound:.1} ms"),
                format!("{took:.1} ms"),
                Some(took <= bound),
            ));
        }
    }
    if let Some(hop) = load.hop("fix to answer, with a moment") {
        // The middle one is asked of a server with little to do.
        let is_calm = load.rate.is_some_and(|rate| rate <= CALM);
        for (name, took, times, judged) in [("p50", hop.p50_ms, 2.0, is_calm), ("p99", hop.p99_ms, 6.0, true)] {
            let budget = format!("<= {times} writes = {:.1} ms", times * sync);
            let row = Row::judged(
                &format!("fix to durable answer, {name}"),
                if judged { &budget } else { "" },
                format!("{took:.1} ms"),
                judged.then_some(took <= times * sync),
            );
            rows.push(Row {
                ratio: Some(took / sync.max(1e-9)),
                ..row
            });
        }
    }
    for (hop, what) in [
        ("fix to answer", "HTTP alone at this rate"),
        ("fix to answer, with a moment", "HTTP and a page on the disk alone"),
    ] {
        if let Some(least) = floor.and_then(|floor| floor.hop(hop)) {
            let figure = format!("p50 {:.1} ms, p99 {:.1} ms", least.p50_ms, least.p99_ms);
            rows.push(Row::told(what, figure));
        }
    }
    rows
}

/// No figure counts when something was lost on the way.
fn clean(load: &Load) -> Row {
    let good: u64 = load.statuses.range(200..300).map(|(_, count)| count).sum();
    let failed = load.requests - good.min(load.requests);
    let figure = format!("{failed} of {} requests, {} records", load.requests, load.rejected);
    Row::judged(
        "refused or failed",
        "0",
        figure,
        Some(failed == 0 && load.rejected == 0),
    )
}

#[cfg(test)]
#[path = "budgets_tests.rs"]
mod tests;
