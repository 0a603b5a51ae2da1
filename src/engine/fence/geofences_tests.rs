//! A copy keeps what it had.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

use super::*;
use crate::engine::fence::{Names, Position, Shape, ShapeLimits};
use proptest::prelude::*;
use std::collections::HashMap;
use uuid::Uuid;

fn id(number: u16) -> FenceId {
    Uuid::from_u128(number.into()).into()
}

fn fence(number: u16, version: i64) -> Arc<Geofence> {
    let at = Position::new(1.0, 2.0).unwrap();
    Arc::new(Geofence {
        id: id(number),
        names: Names::of("place", "1", "One"),
        shape: Shape::circle(at, 100.0, &ShapeLimits::default()).unwrap(),
        time_zone: None,
        details: None,
        version,
        updated_at: chrono::DateTime::UNIX_EPOCH,
    })
}

#[test]
fn a_million_of_them_are_small() {
    assert!(size_of::<Geofence>() + 2 * size_of::<usize>() <= 128);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn it_is_a_map_and_a_copy_is_its_own(edits in proptest::collection::vec((0_u16..4_000, proptest::option::weighted(0.8, 0_i64..9)), 0..3_000)) {
        let version = |fence: Option<Arc<Geofence>>| fence.map(|fence| fence.version);
        let mut fences = Geofences::default();
        let mut model: HashMap<u16, i64> = HashMap::new();
        let mut copies = Vec::new();
        for (place, (number, edit)) in edits.into_iter().enumerate() {
            if let Some(edit) = edit {
                prop_assert_eq!(version(fences.insert(fence(number, edit))), model.insert(number, edit));
            } else {
                prop_assert_eq!(version(fences.remove(&id(number))), model.remove(&number));
            }
            if place % 500 == 0 {
                copies.push((fences.clone(), model.clone()));
            }
        }
        copies.push((fences, model));
        for (fences, model) in copies {
            prop_assert_eq!((fences.len(), fences.is_empty()), (model.len(), model.is_empty()));
            let all: HashMap<FenceId, i64> = fences.values().map(|fence| (fence.id, fence.version)).collect();
            prop_assert_eq!(all, model.iter().map(|(number, version)| (id(*number), *version)).collect());
            for number in 0..300 {
                prop_assert_eq!(fences.get(&id(number)).map(|fence| fence.version), model.get(&number).copied());
            }
        }
    }
}
