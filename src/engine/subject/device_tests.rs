//! A device is stored as it ever was, takes little room, and shares what it says of itself.

use super::{About, Device, Shared};
use crate::base::id::{DeviceId, FenceId};
use crate::engine::presence::Inside;
use std::sync::Arc;

/// Stored before devices shared anything: with all there is, and with as little as there may be.
const FORMER: [&str; 2] = [
    r#"{"platform":"android","locale":"pt-BR","time_zone":"Europe/Vienna","notifications":"granted","channel":"fcm","last_seen_at":"2026-05-04T10:00:00.000001Z","battery":0.87,"newest":{"at":"2026-05-04T09:59:00Z","record_id":"01970a3e-5c00-7000-8000-000000000001"},"last_fix":{"at":"2026-05-04T09:58:00Z","lat":48.20480000000001,"lng":16.3696,"accuracy_m":8.1,"speed_mps":1.3},"presence":{"fen_00000000000000000000000000000007":{"since":"2026-05-04T09:00:00Z","evidence_at":"2026-05-04T09:58:00Z","leaving":null},"fen_00000000000000000000000000000008":{"since":"2026-05-04T09:00:00Z","evidence_at":"2026-05-04T09:30:00Z","leaving":{"since":"2026-05-04T09:40:00Z","fixes":1,"by_crossing":false}}},"flagged":["fen_00000000000000000000000000000009"]}"#,
    r#"{"platform":null,"locale":null,"time_zone":null,"notifications":"unknown","channel":null,"last_seen_at":null,"newest":null,"last_fix":null,"presence":{},"flagged":[]}"#,
];

#[test]
fn what_was_stored_is_read_and_stored_the_same() {
    for stored in FORMER {
        let device: Device = serde_json::from_str(stored).unwrap();
        assert_eq!(serde_json::to_string(&device).unwrap(), stored);
    }
    let least = r#"{"notifications":"unknown","presence":{}}"#;
    assert_eq!(serde_json::from_str::<Device>(least).unwrap(), Device::default());
}

#[test]
fn devices_that_are_alike_share_what_they_say() {
    let [mut one, mut other] = [(); 2].map(|()| serde_json::from_str::<Device>(FORMER[0]).unwrap());
    assert!(Arc::ptr_eq(&one.about.0, &other.about.0));
    assert!(one.describe(|about| about.locale = Some("de".to_owned())));
    assert!(
        !one.describe(|about| about.locale = Some("de".to_owned())),
        "it said so already"
    );
    assert_eq!(
        (one.about.locale.as_deref(), other.about.locale.as_deref()),
        (Some("de"), Some("pt-BR"))
    );
    assert!(other.describe(|about| about.locale = Some("de".to_owned())));
    assert!(Arc::ptr_eq(&one.about.0, &other.about.0));
    assert!(Arc::ptr_eq(
        &Device::default().about.0,
        &Shared::from(About::default()).0
    ));
}

#[test]
fn it_takes_little_room() {
    assert!(size_of::<Device>() <= 104, "{}", size_of::<Device>());
    assert!(
        size_of::<(DeviceId, Device)>() <= 120,
        "{}",
        size_of::<(DeviceId, Device)>()
    );
    assert!(
        size_of::<(FenceId, Inside)>() <= 32,
        "{}",
        size_of::<(FenceId, Inside)>()
    );
}
