//! Rows over figures that are made up.

use super::*;

fn ceiling(endpoint: &str, batch: usize, requests_per_s: f64) -> Ceiling {
    Ceiling {
        endpoint: endpoint.into(),
        batch,
        requests_per_s,
        fixes_per_s: requests_per_s * batch as f64,
        server_us_per_fix: None,
        generator_share: None,
    }
}

#[test]
fn track_is_held_against_the_ceilings_of_the_same_run() {
    let ceilings = [
        ceiling("empty", 1, 40_000.0),
        ceiling("track", 1, 33_000.0),
        ceiling("decode", 50, 10_000.0),
        ceiling("track", 50, 7_400.0),
    ];
    let rows = against_ceilings(&ceilings, 10_000);
    let met: Vec<Option<bool>> = rows.iter().map(|row| row.met).collect();
    assert_eq!(met, [Some(true), Some(false), Some(false), Some(true)], "{rows:?}");
    assert!((rows[0].ratio.unwrap_or_default() - 0.825).abs() < 1e-9);
    let few = against_ceilings(&ceilings, 1_000);
    assert_eq!(few[0].met, Some(false), "with few geofences more is asked for");
    let many = against_ceilings(&ceilings, 1_000_000);
    assert_eq!(many[1].met, Some(true));
    assert!(against_ceilings(&[], 1_000).is_empty());
}
