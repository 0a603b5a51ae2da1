//! Nobody takes the place of the others, and who waited is let in again.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use super::super::fixture_tests::{ALL, FOREIGN, noon, site_with};
use super::super::server::Settings;
use super::*;
use crate::base::clock::ManualClock;
use crate::base::id::{DeviceId, ProjectId};
use crate::pipeline::Holding;
use chrono::TimeDelta;
use serde_json::json;

fn phone(device: u128, project: u128) -> Caller {
    Caller::Reporting(Holding {
        project_id: ProjectId::from(Uuid::from_u128(project)),
        device_id: DeviceId::from(Uuid::from_u128(device)),
        user_id: Uuid::from_u128(9).into(),
        since: None,
    })
}

fn gate(rates: &Rates) -> (Gate, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new(noon()));
    (Gate::new(rates, clock.clone()), clock)
}

fn passes(gate: &Gate, caller: &Caller, tries: usize) -> usize {
    (0..tries).filter(|_| gate.pass(caller).is_ok()).count()
}

#[test]
fn one_device_takes_no_place_of_another() {
    let rates = Rates {
        device_per_s: 2,
        device_burst: 5,
        ..Rates::default()
    };
    let (gate, clock) = gate(&rates);
    assert_eq!(passes(&gate, &phone(1, 1), 50), 5);
    assert_eq!(passes(&gate, &phone(2, 1), 50), 5);
    clock.set(noon() + TimeDelta::seconds(1));
    assert_eq!(passes(&gate, &phone(1, 1), 50), 2, "two a second");
    clock.set(noon() + TimeDelta::seconds(60));
    assert_eq!(passes(&gate, &phone(1, 1), 50), 5, "and no more than its bucket holds");
    let problem = gate.pass(&phone(1, 1)).unwrap_err();
    assert_eq!(problem.body().code, ErrorCode::TooOften);
}

#[test]
fn a_project_has_a_bucket_for_all_its_callers() {
    let rates = Rates {
        project_per_s: 3,
        project_burst: 3,
        ..Rates::default()
    };
    let (gate, _) = gate(&rates);
    let passed: usize = (0..10).map(|device| passes(&gate, &phone(device, 1), 1)).sum();
    assert_eq!(passed, 3);
    assert_eq!(passes(&gate, &phone(1, 2), 9), 3, "another project has its own");
}

#[test]
fn only_who_came_lately_has_a_bucket() {
    let rates = Rates {
        device_per_s: 10,
        device_burst: 10,
        ..Rates::default()
    };
    let (gate, clock) = gate(&rates);
    for device in 0..limits::BUCKETS_SWEPT_EVERY as u128 * 2 {
        clock.set(noon() + TimeDelta::milliseconds(i64::try_from(device).unwrap()));
        gate.pass(&phone(device, 1)).unwrap();
    }
    let kept = gate.devices.as_ref().unwrap().limiter.len();
    assert!(kept <= limits::BUCKETS_SWEPT_EVERY + 200, "{kept} are kept");
}

#[actix_web::test]
async fn who_comes_too_often_is_told_when_to_come_again() {
    let settings = Settings {
        rates: Rates {
            device_per_s: 1,
            device_burst: 3,
            project_per_s: 100,
            project_burst: 100,
        },
        ..Settings::default()
    };
    let site = site_with(settings).await;
    let (noisy, quiet) = (site.device("installation-1").await, site.device("installation-2").await);
    let track = async |token: &str| {
        site.ask("POST", "/v1/track", token, Some(json!({ "records": [] })))
            .await
    };
    for _ in 0..3 {
        assert_eq!(track(&noisy).await.status, 200);
    }
    let refused = track(&noisy).await;
    assert_eq!(
        (refused.status.as_u16(), &refused.body["code"]),
        (429, &json!("too_often"))
    );
    assert_eq!(refused.headers.get("retry-after").unwrap(), "1");
    assert_eq!(track(&quiet).await.status, 200);
    assert_eq!(site.status("GET", "/v1/moments", ALL).await, 200);
    assert_eq!(site.status("GET", "/v1/moments", FOREIGN).await, 200);
    site.clock.set(noon() + TimeDelta::seconds(2));
    assert_eq!(track(&noisy).await.status, 200);
}
