//! Silent devices: each with the strongest reason the data supports, in pages, and nobody else's.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use super::super::fixture_tests::{ALL, FOREIGN, site};
use super::*;
use crate::base::clock::Clock as _;
use crate::base::id::IdSource;

#[test]
fn the_strongest_reason_is_told_and_none_is_made_up() {
    let mut ids = IdSource::new(uuid::Uuid::from_u128(1), DateTime::UNIX_EPOCH);
    let plain = SilentRow {
        device_id: ids.draw(),
        user_id: ids.draw(),
        user_ref: Some("ana".into()),
        platform: None,
        last_seen_at: DateTime::UNIX_EPOCH,
        notifications: Permission::Unknown,
        has_address: true,
        address_died: false,
        battery: Some(0.5),
        signed_out: false,
    };
    let told = |change: &dyn Fn(&mut SilentRow)| {
        let mut row = plain.clone();
        change(&mut row);
        reason(&row)
    };
    assert_eq!(told(&|_| {}), SilentBecause::Unknown);
    assert_eq!(told(&|row| row.battery = None), SilentBecause::Unknown);
    assert_eq!(told(&|row| row.battery = Some(0.04)), SilentBecause::BatteryLow);
    assert_eq!(told(&|row| row.has_address = false), SilentBecause::NoToken);
    assert_eq!(
        told(&|row| row.notifications = Permission::Denied),
        SilentBecause::NoPermission
    );
    let dead = |row: &mut SilentRow| (row.has_address, row.address_died) = (false, true);
    assert_eq!(told(&dead), SilentBecause::TokenDead);
    assert_eq!(told(&|row| row.signed_out = true), SilentBecause::SignedOut);
}

#[actix_web::test]
async fn who_is_not_heard_of_is_listed_in_pages_and_who_is_heard_is_not() {
    let site = site().await;
    let mut tokens = Vec::new();
    for number in 0..3 {
        tokens.push(site.device(&format!("installation-{number}")).await);
        site.clock.set(site.clock.now() + chrono::TimeDelta::seconds(1));
    }
    site.ask("DELETE", "/v1/devices/me/push", &tokens[1], None).await;
    let denied = serde_json::json!({ "notifications": "denied" });
    site.ask("PATCH", "/v1/devices/me", &tokens[2], Some(denied)).await;
    site.clock.set(site.clock.now() + chrono::TimeDelta::hours(23));
    let path = |query: &str| format!("/v1/devices/silent{query}");
    let nobody = site.ask("GET", &path(""), ALL, None).await;
    assert_eq!(nobody.body["items"], serde_json::json!([]), "{}", nobody.text);
    let early = site.ask("GET", &path("?for=PT22H"), ALL, None).await;
    assert_eq!(early.body["items"].as_array().unwrap().len(), 3, "{}", early.text);
    // The first one speaks again.
    let event =
        serde_json::json!({ "records": [{ "id": "e1", "type": "event", "name": "hello", "at": site.clock.now() }] });
    let answer = site.ask("POST", "/v1/track", &tokens[0], Some(event)).await;
    assert!(answer.status.is_success(), "{}", answer.text);
    site.clock.set(site.clock.now() + chrono::TimeDelta::hours(2));
    let mut told = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = site
            .ask("GET", &path(&format!("?limit=1{cursor}")), ALL, None)
            .await
            .body;
        for device in page["items"].as_array().unwrap() {
            told.push(device["reason"].as_str().unwrap().to_owned());
        }
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(told, ["no_permission", "no_token"]);
    let foreign = site.ask("GET", &path("?for=PT1H"), FOREIGN, None).await;
    assert_eq!(foreign.body["items"], serde_json::json!([]));
    for query in ["?for=PT0S", "?for=P9999D", "?for=day"] {
        let refused = site.ask("GET", &path(query), ALL, None).await;
        assert_eq!(
            (refused.status.as_u16(), &refused.body["code"]),
            (400, &serde_json::json!("query_invalid")),
            "{query}"
        );
    }
}
