//! The small map answers as a `BTreeMap` does, and is stored as one.

use super::SortedMap;
use std::collections::BTreeMap;

#[test]
fn it_answers_as_a_tree_does() {
    let (mut small, mut tree) = (SortedMap::new(), BTreeMap::new());
    for number in 0..200_u64 {
        let (key, value) = (number * 7_919 % 31, number);
        match number % 5 {
            0 | 1 => assert_eq!(small.insert(key, value), tree.insert(key, value)),
            2 => assert_eq!(small.remove(&key), tree.remove(&key)),
            3 => assert_eq!(
                small.get_or_insert_with(key, || value),
                tree.entry(key).or_insert(value)
            ),
            _ => assert_eq!(small.get(&key).is_some(), tree.contains_key(&key)),
        }
        if let Some(value) = small.get_mut(&key) {
            *value = number;
            tree.insert(key, number);
        }
        assert!(small.iter().eq(tree.iter()) && small.keys().eq(tree.keys()) && small.values().eq(tree.values()));
        assert_eq!((small.len(), small.is_empty()), (tree.len(), tree.is_empty()));
    }
    small.retain(|key, value| key % 2 == 0 && *value > 3);
    tree.retain(|key, value| key % 2 == 0 && *value > 3);
    assert!(small.iter().eq(tree.iter()) && small.contains_key(small.keys().next().unwrap()));
}

#[test]
fn it_is_stored_as_a_tree_is() {
    let entries = [("b".to_owned(), 2), ("a".to_owned(), 1), ("b".to_owned(), 3)];
    let (small, tree) = (SortedMap::from(entries.clone()), BTreeMap::from(entries));
    let text = serde_json::to_string(&small).unwrap();
    assert_eq!(text, serde_json::to_string(&tree).unwrap());
    assert_eq!(serde_json::from_str::<SortedMap<String, i32>>(&text).unwrap(), small);
    assert_eq!(serde_json::to_string(&SortedMap::<String, i32>::new()).unwrap(), "{}");
    assert!(serde_json::from_str::<SortedMap<String, i32>>("[]").is_err());
}

#[test]
fn it_has_room_for_what_it_holds() {
    let mut small = SortedMap::new();
    for key in 0..5 {
        small.insert(key, [0_u8; 100]);
        assert_eq!(small.0.capacity(), small.len());
    }
}
