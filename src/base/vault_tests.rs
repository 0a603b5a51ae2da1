//! What is sealed opens with its key, in its place, unchanged, and in no other way.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use super::*;
use crate::base::chance::SeededEntropy;

const HERE: Place = Place {
    project: Uuid::from_u128(1),
    column: "facts.properties",
};

fn key(seed: u64) -> String {
    Keyring::new_key(&SeededEntropy::new(seed)).expose().to_owned()
}

fn ring(keys: &[u64]) -> Keyring {
    let keys: Vec<String> = keys.iter().map(|seed| key(*seed)).collect();
    Keyring::read(&keys.join("\n")).unwrap()
}

#[test]
fn what_is_sealed_opens_again_and_looks_different_each_time() {
    let keys = ring(&[1]);
    for plain in ["", "4711", "{\"room\":\"4711\"}", &"long ".repeat(10_000)] {
        let (first, second) = (
            keys.seal(HERE, plain.as_bytes()).unwrap(),
            keys.seal(HERE, plain.as_bytes()).unwrap(),
        );
        assert_ne!(first, second);
        assert!(!first.contains("4711"), "{first}");
        assert_eq!(sealed_with(&first), Some(keys.current()));
        assert!(first.starts_with(&sealed_prefix(keys.current())));
        assert_eq!(keys.open(HERE, &first).unwrap(), plain.as_bytes());
    }
}

#[test]
fn what_is_not_sealed_says_so() {
    for plain in ["", "{}", "usher", "usher1", "usher1:nothing", "a:b:c"] {
        assert_eq!(ring(&[1]).open(HERE, plain), Err(OpenError::NotSealed), "{plain}");
    }
}

#[test]
fn it_opens_in_no_other_place() {
    let keys = ring(&[1]);
    let sealed = keys.seal(HERE, b"4711").unwrap();
    let elsewhere = [
        Place {
            project: Uuid::from_u128(2),
            ..HERE
        },
        Place {
            column: "subjects.state",
            ..HERE
        },
    ];
    for place in elsewhere {
        assert_eq!(keys.open(place, &sealed), Err(OpenError::Tampered));
    }
}

#[test]
fn every_change_is_noticed() {
    let keys = ring(&[1]);
    let sealed = keys.seal(HERE, b"4711").unwrap();
    let start = sealed_prefix(keys.current()).len();
    for at in start..sealed.len() {
        let mut changed = sealed.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        let opened = keys.open(HERE, &String::from_utf8(changed).unwrap());
        assert_eq!(opened, Err(OpenError::Tampered), "at {at}");
        let cut = keys.open(HERE, &sealed[..at]);
        assert_eq!(cut, Err(OpenError::Tampered), "cut at {at}");
    }
}

#[test]
fn the_first_key_seals_and_all_of_them_open() {
    let (old, both, new) = (ring(&[1]), ring(&[2, 1]), ring(&[2]));
    let before = old.seal(HERE, b"4711").unwrap();
    let after = both.seal(HERE, b"4711").unwrap();
    assert_eq!(both.open(HERE, &before).unwrap(), b"4711");
    assert_eq!(new.open(HERE, &after).unwrap(), b"4711");
    let missing = OpenError::KeyMissing {
        id: old.current().to_owned(),
    };
    assert_eq!(new.open(HERE, &before), Err(missing));
    assert_eq!(both.ids(), [new.current(), old.current()]);
}

#[test]
fn keys_are_read_from_lines_with_remarks_and_what_is_none_is_told_without_showing_it() {
    let text = format!("# the new one\n{} # since May\n\n{}\r\n", key(2), key(1));
    assert_eq!(Keyring::read(&text).unwrap().ids(), ring(&[2, 1]).ids());
    assert_eq!(
        Keyring::read(&format!("{},{}", key(2), key(1))).unwrap().ids(),
        ring(&[2, 1]).ids()
    );
    assert_eq!(Keyring::read("# nothing\n").unwrap_err(), KeyError::None);
    let twice = format!("{0} {0}", key(1));
    assert_eq!(Keyring::read(&twice).unwrap_err(), KeyError::Twice { number: 2 });
    for wrong in ["secret-word", "uvk_", "uvk_c2hvcnQ", &key(1)[1..]] {
        let error = Keyring::read(&format!("{} {wrong}", key(1))).unwrap_err();
        assert_eq!(error, KeyError::Malformed { number: 2 });
        assert!(!error.to_string().contains("secret-word"));
    }
    assert!(!format!("{:?}", ring(&[1])).contains(&key(1)[4..]));
}

#[test]
fn a_name_is_the_same_for_the_same_value_in_the_same_place_and_key() {
    let (one, other) = (
        IndexKey::draw(&SeededEntropy::new(1)),
        IndexKey::draw(&SeededEntropy::new(2)),
    );
    let name = one.name(HERE, "token");
    assert_eq!(name.len(), 32);
    assert_eq!(name, IndexKey::new(one.expose().to_vec()).name(HERE, "token"));
    assert_ne!(name, one.name(HERE, "tokem"));
    assert_ne!(name, other.name(HERE, "token"));
    let elsewhere = Place {
        project: Uuid::from_u128(2),
        ..HERE
    };
    assert_ne!(name, one.name(elsewhere, "token"));
}
