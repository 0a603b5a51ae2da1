//! Verdicts over samples that are made up.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use super::*;

fn seconds(count: usize, memory: impl Fn(usize) -> f64, p99: impl Fn(usize) -> f64) -> Vec<Second> {
    let second = |at: usize| Second {
        at_s: at as f64 + 1.0,
        fixes: 100,
        p50_ms: 1.0,
        p99_ms: p99(at),
        resident_mib: Some(memory(at)),
        cores: None,
    };
    (0..count).map(second).collect()
}

fn verdicts(rows: &[Row]) -> Vec<Option<bool>> {
    rows.iter().map(|row| row.met).collect()
}

#[test]
fn a_soak_that_leaks_or_slows_down_fails_and_one_that_warms_up_does_not() {
    let warm = seconds(400, |at| if at < 100 { 50.0 + at as f64 } else { 150.0 }, |_| 4.0);
    assert_eq!(verdicts(&soaked(&warm, 0)), [Some(true); 3]);
    let leak = seconds(400, |at| 100.0 + at as f64 * 0.1, |_| 4.0);
    assert_eq!(verdicts(&soaked(&leak, 0)), [Some(false), Some(true), Some(true)]);
    let slow = seconds(400, |_| 100.0, |at| 4.0 + at as f64 * 0.01);
    assert_eq!(verdicts(&soaked(&slow, 3)), [Some(true), Some(false), Some(false)]);
    assert_eq!(verdicts(&soaked(&[], 0)), [None, None, Some(true)]);
}

#[test]
fn overload_is_judged_line_by_line() {
    let busy = seconds(120, |_| 300.0, |_| 900.0);
    let before = seconds(20, |_| 300.0, |at| if at == 7 { 30.0 } else { 4.0 });
    let after = seconds(20, |_| 300.0, |at| if at < 3 { 500.0 } else { 25.0 });
    let good = Overload {
        errors: 0,
        without_retry_after: 0,
        p99_ms: 640.0,
        seconds: &busy,
        before: &before,
        after: &after,
        waiting: 0,
        accepted: 40,
        handed_over: 40,
    };
    assert_eq!(verdicts(&overloaded(&good)), [Some(true); 5]);
    let rude = Overload {
        without_retry_after: 1,
        p99_ms: 1_200.0,
        handed_over: 39,
        ..good.clone()
    };
    assert_eq!(
        verdicts(&overloaded(&rude)),
        [Some(false), Some(false), Some(true), Some(true), Some(false)]
    );
    let never = seconds(20, |_| 300.0, |_| 500.0);
    let stuck = Overload {
        after: &never,
        ..good.clone()
    };
    assert_eq!(verdicts(&overloaded(&stuck))[3], Some(false));
    let late = seconds(20, |_| 300.0, |at| if at == 6 { 31.0 } else { 4.0 });
    let worse = Overload { after: &late, ..good };
    assert_eq!(
        verdicts(&overloaded(&worse))[3],
        Some(false),
        "worse than any second before"
    );
}
