//! A phone that reports is known from memory, and no longer than it should be.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use super::fixture_tests::{ALL, Site, site};
use serde_json::{Value, json};

async fn track(site: &Site, token: &str, id: &str) -> u16 {
    let record = json!({ "type": "fix", "id": id, "at": NOON, "lat": 10.0, "lng": 10.0, "accuracy_m": 10 });
    let body = json!({ "sent_at": "2026-05-04T12:00:00Z", "records": [record] });
    site.ask("POST", "/v1/track", token, Some(body)).await.status.as_u16()
}

async fn event(site: &Site, token: &str, id: &str, at: &str) -> u16 {
    let record = json!({ "type": "event", "id": id, "at": at, "name": "key_used" });
    let body = json!({ "records": [record] });
    site.ask("POST", "/v1/track", token, Some(body)).await.status.as_u16()
}

const NOON: &str = "2026-05-04T12:00:00Z";

fn wait_a_minute(site: &Site) {
    site.clock.set(site.api.pipeline.now() + chrono::TimeDelta::seconds(60));
}

/// Whose the moments are.
async fn owners(site: &Site) -> Vec<Value> {
    let moments = site.ask("GET", "/v1/moments", ALL, None).await.body;
    let rows = moments.as_object().unwrap().values().find_map(Value::as_array).unwrap();
    rows.iter().map(|moment| moment["user_id"].clone()).collect()
}

#[actix_web::test]
async fn a_phone_that_reports_reads_nothing_from_the_database() {
    let site = site().await;
    let token = site.device("installation-1").await;
    assert_eq!(track(&site, &token, "f1").await, 200);
    for table in ["devices", "device_owners", "subjects", "tombstones"] {
        let away = format!("ALTER TABLE {table} RENAME TO {table}_away");
        site.fresh.meddle(&away).await.unwrap();
    }
    for number in 2..5 {
        assert_eq!(track(&site, &token, &format!("f{number}")).await, 200);
    }
    let overland = json!({ "locations": [] });
    let answer = site.ask("POST", "/v1/ingest/overland", &token, Some(overland)).await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        site.status("GET", "/v1/devices/me", &token).await,
        503,
        "whatever is not a record is looked up"
    );
}

#[actix_web::test]
async fn a_token_ends_at_once_when_it_is_renewed_and_when_its_person_is_erased() {
    let site = site().await;
    let first = site.device("installation-1").await;
    assert_eq!(track(&site, &first, "f1").await, 200);
    let second = site.device("installation-1").await;
    assert_eq!(track(&site, &first, "f2").await, 401);
    assert_eq!(track(&site, &second, "f3").await, 200);
    let erased = site.ask("POST", "/v1/devices/me/erase", &second, Some(json!({}))).await;
    assert_eq!(erased.status, 204);
    assert_eq!(track(&site, &second, "f4").await, 401);
}

#[actix_web::test]
async fn records_go_to_who_holds_the_phone_from_the_next_request_on() {
    let site = site().await;
    let token = site.device("installation-1").await;
    assert_eq!(event(&site, &token, "e1", NOON).await, 200);
    let mut holders = Vec::new();
    for name in ["ana", "ben"] {
        wait_a_minute(&site);
        let body = json!({ "user_ref": name });
        let user = site.ask("POST", "/v1/devices/me/identify", &token, Some(body)).await;
        holders.push(user.body["id"].clone());
        let now = site.api.pipeline.now().to_rfc3339();
        assert_eq!(event(&site, &token, &format!("e {name}"), &now).await, 200);
    }
    wait_a_minute(&site);
    let out = site
        .ask("POST", "/v1/devices/me/sign-out", &token, Some(json!({})))
        .await;
    holders.push(out.body["user_id"].clone());
    let now = site.api.pipeline.now().to_rfc3339();
    assert_eq!(event(&site, &token, "e out", &now).await, 200);
    // What happened while Ana held it is still hers.
    assert_eq!(event(&site, &token, "e late", "2026-05-04T12:01:30Z").await, 200);
    let (ana, ben, out) = (&holders[0], &holders[1], &holders[2]);
    let owned = owners(&site).await;
    assert_eq!(owned.iter().filter(|user| *user == ana).count(), 3, "{owned:?}");
    assert_eq!(owned.iter().filter(|user| *user == ben).count(), 1, "{owned:?}");
    assert_eq!(owned.iter().filter(|user| *user == out).count(), 1, "{owned:?}");
}
