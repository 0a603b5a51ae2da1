//! A token opens what it was made for, until its end, and nothing once anything in it was touched.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use super::*;

fn link() -> Link {
    Link {
        project_id: ProjectId::from(Uuid::from_u128(1)),
        user_id: UserId::from(Uuid::from_u128(2)),
        kind: "flight".into(),
        key: "AC834 Zürich".into(),
    }
}

fn key(secret: &str) -> LinkKey {
    LinkKey::new(&Secret::new(secret))
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn a_token_stands_for_its_link_until_its_end() {
    let (key, ends_at) = (key("one"), at("2026-05-04T12:00:00Z"));
    let token = key.sign(&link(), ends_at);
    assert_eq!(key.read(&token, at("2026-05-04T11:59:59Z")), Ok(link()));
    assert_eq!(key.read(&token, ends_at), Err(LinkError::Expired));
    assert!(
        token
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)),
        "{token}"
    );
}

#[test]
fn whatever_is_touched_opens_nothing() {
    let (now, ends_at) = (at("2026-05-04T11:00:00Z"), at("2026-05-04T12:00:00Z"));
    let token = key("one").sign(&link(), ends_at);
    assert_eq!(key("two").read(&token, now), Err(LinkError::Unknown));
    let bytes = URL_SAFE_NO_PAD.decode(&token).unwrap();
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        let changed = URL_SAFE_NO_PAD.encode(changed);
        assert_eq!(key("one").read(&changed, now), Err(LinkError::Unknown), "byte {at}");
        let cut = URL_SAFE_NO_PAD.encode(&bytes[..at]);
        assert_eq!(key("one").read(&cut, now), Err(LinkError::Unknown), "cut at {at}");
    }
    for rubbish in ["", "x", "%00", &"A".repeat(5_000), &format!("{token}=")] {
        assert_eq!(key("one").read(rubbish, now), Err(LinkError::Unknown), "{rubbish}");
    }
}

#[test]
fn a_serial_number_names_a_pass_and_only_the_key_proves_it() {
    let serial = link().serial();
    assert_eq!(Link::of_serial(&serial), Some(link()));
    assert_eq!(Link::of_serial("AAAA"), None);
    let secret = key("one").pass_secret(&serial);
    assert!(key("one").is_pass_secret(&serial, &secret));
    assert!(!key("two").is_pass_secret(&serial, &secret));
    assert!(!key("one").is_pass_secret("other", &secret));
    assert!(!key("one").is_pass_secret(&serial, ""));
    // The seal of a link is none of a pass.
    let token = key("one").sign(&link(), at("2026-05-04T12:00:00Z"));
    assert!(!key("one").is_pass_secret(&serial, &token));
}
