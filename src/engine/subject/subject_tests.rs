//! A subject is stored as it ever was, whatever its parts are kept in, and takes little room.

use super::{Profile, Purpose, Subject};
use crate::base::compact::Micros;

/// Stored when every part of a subject had room of its own.
const FORMER: [&str; 2] = [
    r#"{"user_id":"usr_00000000000000000000000000000001","profile":{"user_ref":"ana","locale":"pt-BR","time_zone":null,"attributes":{"tier":"gold"},"reached_by":["sms","email"]},"consents":{"location":{"granted":true,"at":"2026-05-04T10:00:00Z"}},"devices":{},"facts":[],"visits":{},"waits":[],"reached":[{"fact":{"type":"stay","key":"S1"},"time":"arrives_at","at":"2026-05-04T10:00:00Z"}],"counted":[{"name":"tick","at":"2026-05-04T10:00:00Z","same":{"door":0.1}}],"journeys":[{"id":"ins_00000000000000000000000000000002","journey_id":"jny_00000000000000000000000000000003","version":1,"key":"S1","facts":{"stay":{"type":"stay","key":"S1"}},"state":"begun","passed":1,"started_at":"2026-05-04T10:00:00Z","since":"2026-05-04T10:00:00Z","ends_at":"2026-05-05T10:00:00Z"}],"erased":true,"merged_into":"usr_00000000000000000000000000000004","stepped_at":"2026-05-04T10:00:00.000001Z","stored_at":"2026-05-04T10:00:00Z","wakes_at":"2026-05-04T12:00:00Z"}"#,
    r#"{"user_id":"usr_00000000000000000000000000000001","profile":{"user_ref":null,"locale":null,"time_zone":null,"attributes":{}},"consents":{},"devices":{},"facts":[],"visits":{},"waits":[],"erased":false,"stepped_at":null,"stored_at":null,"wakes_at":null}"#,
];

#[test]
fn what_was_stored_is_read_and_stored_the_same() {
    for stored in FORMER {
        let subject: Subject = serde_json::from_str(stored).unwrap();
        assert_eq!(serde_json::to_string(&subject).unwrap(), stored);
    }
    let of_nobody: Subject = serde_json::from_str(FORMER[1]).unwrap();
    assert_eq!(of_nobody, Subject::new(of_nobody.user_id));
    // The oldest states say nothing of what came later.
    let least = FORMER[1].replace(
        r#","erased":false,"stepped_at":null,"stored_at":null,"wakes_at":null"#,
        "",
    );
    assert_eq!(serde_json::from_str::<Subject>(&least).unwrap(), of_nobody);
}

#[test]
fn its_parts_are_read_where_they_belong() {
    let subject: Subject = serde_json::from_str(FORMER[0]).unwrap();
    let seldom = &subject.seldom;
    assert_eq!(
        (seldom.reached.len(), seldom.counted.len(), seldom.journeys.len()),
        (1, 1, 1)
    );
    assert!(seldom.erased && seldom.merged_into.is_some() && !subject.is_idle());
    assert_eq!(
        (subject.profile.user_ref.as_deref(), subject.profile.reached_by.len()),
        (Some("ana"), 2)
    );
    assert!(subject.has_consent(Purpose::Location));
    let at: Micros = "2026-05-04T10:00:00.000001Z"
        .parse::<chrono::DateTime<chrono::Utc>>()
        .unwrap()
        .into();
    assert_eq!(subject.stepped_at, Some(at));
}

#[test]
fn it_takes_little_room() {
    assert!(size_of::<Subject>() <= 104, "{}", size_of::<Subject>());
    let mut subject = Subject::new(uuid::Uuid::from_u128(1).into());
    assert!(subject.is_idle() && *subject.profile == Profile::default());
    subject.profile.locale = Some("de".to_owned());
    assert_eq!(subject.profile.locale.as_deref(), Some("de"));
}
