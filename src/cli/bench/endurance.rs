//! Verdicts of the long runs: does the server stay as it was under load, and does it stay itself under too much of it?

use super::figures::Row;
use super::taken::Second;

/// Memory may grow by this share from the second quarter of a soak to the last.
const MEMORY_GROWTH_MAX: f64 = 0.05;
/// So may the p99 of answers.
const P99_GROWTH_MAX: f64 = 0.20;
/// Accepted requests are answered within this under overload, in milliseconds.
const ANSWERED_WITHIN_MS: f64 = 1_000.0;
/// Resident memory under overload stays below this, in MiB: every queue has a bound.
const MEMORY_MAX_MIB: f64 = 1_536.0;
/// After overload things are as before within so many seconds.
const NORMAL_WITHIN_S: f64 = 5.0;

/// What a soak showed. The first quarter is left out: caches fill in it.
pub fn soaked(seconds: &[Second], errors: u64) -> Vec<Row> {
    let quarter = seconds.len() / 4;
    let parts = (
        &seconds[quarter..(2 * quarter).max(quarter)],
        &seconds[seconds.len() - quarter..],
    );
    let growth = |value: &dyn Fn(&Second) -> Option<f64>| {
        let (before, after) = (median(parts.0, value)?, median(parts.1, value)?);
        (before > 0.0).then(|| after / before - 1.0)
    };
    let memory = growth(&|second| second.resident_mib);
    let p99 = growth(&|second| (second.fixes > 0).then_some(second.p99_ms));
    let percent =
        |share: Option<f64>| share.map_or("not known here".to_owned(), |share| format!("{:+.1} %", share * 100.0));
    vec![
        Row::judged(
            "memory flat",
            "<= +5 %",
            percent(memory),
            memory.map(|grew| grew <= MEMORY_GROWTH_MAX),
        ),
        Row::judged(
            "p99 of answers flat",
            "<= +20 %",
            percent(p99),
            p99.map(|grew| grew <= P99_GROWTH_MAX),
        ),
        Row::judged("errors", "0", errors.to_string(), Some(errors == 0)),
    ]
}

fn median(seconds: &[Second], value: &dyn Fn(&Second) -> Option<f64>) -> Option<f64> {
    let mut values: Vec<f64> = seconds.iter().filter_map(value).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// What was seen while three times as much came as can be served, and after it.
#[derive(Debug, Clone)]
pub struct Overload<'a> {
    /// Answers that are neither good nor "come back later", and requests without any.
    pub errors: u64,
    /// 429 and 503 without `Retry-After`.
    pub without_retry_after: u64,
    /// p99 of the good answers, from the moment they were sent, in milliseconds.
    pub p99_ms: f64,
    /// During the overload.
    pub seconds: &'a [Second],
    /// Before it and after it, at half of the saturation, for as long.
    pub before: &'a [Second],
    pub after: &'a [Second],
    /// Deliveries still waiting at the end.
    pub waiting: u64,
    /// Greeted arrivals that were accepted, and those of them whose message was handed over.
    pub accepted: u64,
    pub handed_over: u64,
}

/// One line for each promise.
pub fn overloaded(seen: &Overload<'_>) -> Vec<Row> {
    let polite = seen.errors == 0 && seen.without_retry_after == 0;
    let told = format!(
        "{} others, {} without Retry-After",
        seen.errors, seen.without_retry_after
    );
    let memory = seen
        .seconds
        .iter()
        .filter_map(|second| second.resident_mib)
        .reduce(f64::max);
    let normal = normal_after(seen.before, seen.after);
    let finished = seen.waiting == 0 && seen.handed_over == seen.accepted;
    vec![
        Row::judged(
            "answers are 2xx, or 429 and 503 with Retry-After",
            "all",
            told,
            Some(polite),
        ),
        Row::judged(
            "accepted requests are answered in time, p99",
            "<= 1000 ms",
            format!("{:.0} ms", seen.p99_ms),
            Some(seen.p99_ms <= ANSWERED_WITHIN_MS),
        ),
        Row::judged(
            "memory bounded",
            "<= 1536 MiB",
            memory.map_or("not known here".into(), |memory| format!("{memory:.0} MiB")),
            memory.map(|memory| memory <= MEMORY_MAX_MIB),
        ),
        Row::judged(
            "back to normal",
            "<= 5 s",
            normal.map_or("not in the time watched".into(), |after| format!("{after:.0} s")),
            Some(normal.is_some_and(|after| after <= NORMAL_WITHIN_S)),
        ),
        Row::judged(
            "everything accepted was finished",
            "all",
            format!(
                "{} of {} messages handed over, {} waiting",
                seen.handed_over, seen.accepted, seen.waiting
            ),
            Some(finished),
        ),
    ]
}

/// The first second after which p99 stays within that of the worst second before, at least ten milliseconds. The worst one, since
/// any disk stalls now and then, and one such second says nothing of the overload.
fn normal_after(before: &[Second], after: &[Second]) -> Option<f64> {
    let bound = before.iter().map(|second| second.p99_ms).fold(10.0, f64::max);
    let calm = after.iter().rev().take_while(|second| second.p99_ms <= bound).count();
    let first = after.len() - calm;
    after.get(first).map(|second| second.at_s)
}

#[cfg(test)]
#[path = "endurance_tests.rs"]
mod tests;
