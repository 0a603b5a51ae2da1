//! A copy keeps what it had.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

use super::*;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn it_is_a_map_and_a_copy_is_its_own(edits in proptest::collection::vec((0_u16..4_000, proptest::option::weighted(0.8, 0_u32..9)), 0..3_000)) {
        let mut map = SharedMap::new();
        let mut model = HashMap::new();
        let mut copies = Vec::new();
        for (number, (key, value)) in edits.into_iter().enumerate() {
            if let Some(value) = value {
                prop_assert_eq!(map.insert(key, value), model.insert(key, value));
            } else {
                prop_assert_eq!(map.remove(&key), model.remove(&key));
            }
            if number % 500 == 0 {
                copies.push((map.clone(), model.clone()));
            }
        }
        copies.push((map, model));
        for (map, model) in copies {
            prop_assert_eq!((map.len(), map.is_empty()), (model.len(), model.is_empty()));
            prop_assert_eq!(map.iter().map(|(k, v)| (*k, *v)).collect::<HashMap<_, _>>(), model.clone());
            for key in 0..300 {
                prop_assert_eq!((map.get(&key), map.contains_key(&key)), (model.get(&key), model.contains_key(&key)));
            }
        }
    }
}
