//! Validation: clocks that are wrong, numbers that are absurd.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn fix_at(wall: &str, mono_ms: Option<u64>, boot: Option<&str>) -> RawRecord {
    let fix = Fix {
        lat: 48.2,
        lng: 16.37,
        accuracy_m: Some(20.0),
        ..Fix::default()
    };
    RawRecord {
        id: "r1".into(),
        at: Some(at(wall)),
        mono_ms,
        boot_id: boot.map(Into::into),
        body: RawBody::Fix(fix),
    }
}

#[test]
fn n15_a_wrong_wall_clock_is_corrected_exactly_within_a_boot_and_by_its_skew_after_one() {
    let received = at("2026-05-04T12:00:00Z");
    let envelope = Envelope {
        sent_at: Some(at("2026-05-04T15:00:00Z")),
        sent_mono_ms: Some(600_000),
        boot_id: Some("b1".into()),
    };
    let same = validate(
        fix_at("2026-05-04T14:55:00Z", Some(300_000), Some("b1")),
        &envelope,
        received,
    )
    .unwrap();
    assert_eq!(
        (same.at, same.quality, same.suspect),
        (at("2026-05-04T11:55:00Z"), Quality::Exact, false)
    );
    let rebooted = validate(
        fix_at("2026-05-04T14:50:00Z", Some(900_000), Some("b0")),
        &envelope,
        received,
    )
    .unwrap();
    assert_eq!(
        (rebooted.at, rebooted.quality),
        (at("2026-05-04T11:50:00Z"), Quality::Skewed)
    );
}

#[test]
fn the_far_future_and_the_far_past_are_suspect() {
    let received = at("2026-05-04T12:00:00Z");
    for (wall, suspect) in [
        ("2026-05-04T12:02:00Z", true),
        ("2026-05-04T12:00:30Z", false),
        ("2026-04-26T12:00:00Z", true),
        ("1901-12-13T20:45:52.207Z", true),
    ] {
        let record = validate(fix_at(wall, None, None), &Envelope::default(), received).unwrap();
        assert_eq!(record.suspect, suspect, "{wall}");
        assert!(record.suspect || record.at <= received);
    }
}

#[test]
fn absurd_numbers_are_refused_with_a_pointer() {
    let now = at("2026-05-04T12:00:00Z");
    for (lat, lng, pointer) in [
        (f64::NAN, 0.0, "/lat"),
        (116.4, 39.9, "/lat"),
        (0.0, 1e308, "/lng"),
        (f64::INFINITY, 0.0, "/lat"),
    ] {
        let mut raw = fix_at("2026-05-04T12:00:00Z", None, None);
        raw.body = RawBody::Fix(Fix {
            lat,
            lng,
            ..Fix::default()
        });
        let refused = validate(raw, &Envelope::default(), now).unwrap_err();
        assert_eq!((refused.code, refused.pointer), ("number_out_of_range", pointer));
    }
}

#[test]
fn a_record_without_any_time_is_refused_never_guessed() {
    let mut raw = fix_at("2026-05-04T12:00:00Z", None, None);
    raw.at = None;
    assert_eq!(
        validate(raw, &Envelope::default(), at("2026-05-04T12:00:00Z"))
            .unwrap_err()
            .code,
        "time_missing"
    );
}
