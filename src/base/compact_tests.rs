//! Nothing of an instant or a number is lost, and their order is the same.

use super::{Micros, Number};
use crate::base::time::{Timestamp, truncated};
use chrono::{DateTime, Utc};
use proptest::prelude::*;

fn instants() -> impl Strategy<Value = Timestamp> {
    let any = DateTime::<Utc>::MIN_UTC.timestamp()..=DateTime::<Utc>::MAX_UTC.timestamp();
    // Near 1970 as well, where the sign changes; and with the nanoseconds of leap seconds.
    let seconds = prop_oneof![any, -3_i64..3, 1_700_000_000_i64..1_700_000_003];
    (seconds, 0_u32..2_000_000_000).prop_filter_map("leap seconds end a minute", |(seconds, nanos)| {
        DateTime::from_timestamp(seconds, nanos)
    })
}

proptest! {
    #[test]
    fn an_instant_is_kept_and_stored_as_it_was(at in instants(), other in instants()) {
        let (at, other) = (truncated(at), truncated(other));
        let (small, other_small) = (Micros::from(at), Micros::from(other));
        prop_assert_eq!(small.timestamp(), at);
        prop_assert_eq!(small.cmp(&other_small), at.cmp(&other));
        let stored = serde_json::to_string(&at).unwrap();
        prop_assert_eq!(serde_json::to_string(&small).unwrap(), &*stored);
        prop_assert_eq!(serde_json::from_str::<Micros>(&stored).unwrap(), small);
    }

    #[test]
    fn a_number_is_kept_and_stored_bit_for_bit(value in any::<f64>()) {
        prop_assert_eq!(Number::new(value).is_none(), value.is_nan());
        let Some(number) = Number::new(value) else { return Ok(()) };
        prop_assert_eq!(number.get().to_bits(), value.to_bits());
        if value.is_finite() {
            let stored = serde_json::to_string(&value).unwrap();
            prop_assert_eq!(serde_json::to_string(&number).unwrap(), &*stored);
            prop_assert_eq!(serde_json::from_str::<Number>(&stored).unwrap().get().to_bits(), value.to_bits());
        }
    }
}

#[test]
fn absent_or_not_they_take_eight_bytes() {
    assert_eq!((size_of::<Option<Micros>>(), size_of::<Option<Number>>()), (8, 8));
    assert!(Number::new(f64::from_bits(u64::MAX)).is_none() && Number::new(f64::NAN).is_none());
}
