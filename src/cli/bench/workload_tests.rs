//! The workload is what its description says, and the same every time.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use super::*;

#[test]
fn the_mix_is_four_circles_to_one_polygon_and_nearly_all_of_it_can_be_stored() {
    let fences: Vec<Drawn> = Workload::new().fences(5_000).collect();
    let circles = fences
        .iter()
        .filter(|fence| matches!(fence, Drawn::Circle { .. }))
        .count();
    assert!((3_900..4_100).contains(&circles), "{circles} circles");
    let refused = fences.iter().filter(|fence| fence.shape().is_err()).count();
    assert!(refused * 1_000 <= fences.len(), "{refused} of 5,000 shapes are refused");
}

#[test]
fn the_same_seeds_give_the_same_geofences_and_fewer_are_the_beginning_of_more() {
    let workload = Workload::new();
    let some: Vec<Position> = workload.fences(100).map(|fence| fence.center()).collect();
    let more: Vec<Position> = workload.fences(200).map(|fence| fence.center()).collect();
    assert_eq!(some[..], more[..100]);
}

#[test]
fn a_device_walks_ten_metres_at_a_time() {
    let fences: Vec<Drawn> = Workload::new().fences(10).collect();
    let fixes = Workload::device_fixes(&fences, 128);
    let step = crate::engine::fence::distance_m(fixes[0], fixes[1]);
    assert!((9.5..10.5).contains(&step), "{step} m");
    assert_eq!(fixes.len(), 128);
    assert_eq!(Workload::random_fixes(&fences, 7).len(), 7);
}
