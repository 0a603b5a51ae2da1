//! A record's id is ordered, stored and told apart exactly as its text is.

use super::{Kept, Mark, RecordId};
use proptest::prelude::*;
use uuid::Uuid;

/// Ids as phones make them, and those that only look like them.
fn ids() -> impl Strategy<Value = String> {
    let uuid = any::<u128>().prop_map(|bits| Uuid::from_u128(bits).to_string());
    // Few values, that two of them are equal or share how they begin; some with a nought in the second half.
    let near =
        (0_u128..3, 0_u128..3).prop_map(|(high, low)| Uuid::from_u128(high << 64 | low << 62 | high).to_string());
    let shouted = uuid.clone().prop_map(|text| text.to_uppercase());
    let plain = any::<u128>().prop_map(|bits| Uuid::from_u128(bits).simple().to_string());
    let like_one = "[0-9a-fA-F-]{36}".prop_map(String::from);
    let cut = (uuid.clone(), 0_usize..37).prop_map(|(text, end)| text[..end].to_owned());
    let longer = uuid.clone().prop_map(|text| text + "0");
    prop_oneof![
        uuid,
        near,
        shouted,
        plain,
        like_one,
        cut,
        longer,
        ".{0,40}",
        "[ -~]{1,3}"
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn the_order_is_that_of_the_texts(one in ids(), other in ids()) {
        let (small, other_small) = (RecordId::from(&*one), RecordId::from(&*other));
        prop_assert_eq!(small.cmp(&other_small), one.cmp(&other));
        prop_assert_eq!(small == other_small, one == other);
    }

    #[test]
    fn it_is_stored_as_its_text(text in ids()) {
        let id = RecordId::from(&*text);
        prop_assert_eq!(id.to_string(), &*text);
        let stored = serde_json::to_string(&text).unwrap();
        prop_assert_eq!(serde_json::to_string(&id).unwrap(), &*stored);
        prop_assert_eq!(serde_json::from_str::<RecordId>(&stored).unwrap(), id);
    }
}

#[test]
fn what_phones_send_takes_sixteen_bytes() {
    assert_eq!((size_of::<RecordId>(), size_of::<Option<Mark>>()), (16, 24));
    let kept = |text: &str| matches!(RecordId::from(text).0, Kept::Uuid(..));
    assert!(kept("01970a3e-5c00-7000-8000-000000000001") && kept("f47ac10b-58cc-4372-a567-0e02b2c3d479"));
    assert!(!kept("F47AC10B-58CC-4372-A567-0E02B2C3D479") && !kept("00000000-0000-0000-0000-000000000000"));
}

#[test]
fn a_mark_is_stored_as_it_ever_was() {
    let stored = r#"{"at":"2026-05-04T10:00:00.000001Z","record_id":"fix 7"}"#;
    let mark: Mark = serde_json::from_str(stored).unwrap();
    assert_eq!(mark, Mark::of("2026-05-04T10:00:00.000001Z".parse().unwrap(), "fix 7"));
    assert_eq!(serde_json::to_string(&mark).unwrap(), stored);
}
