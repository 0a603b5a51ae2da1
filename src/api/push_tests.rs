//! A browser registers its subscription, a phone its token and its sealing key; what is wrong with either is told with its place.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use super::super::fixture_tests::{ALL, PUBLISHABLE, site, site_through};
use crate::base::seal::SealingKey;
use crate::base::seal::tests::Receiver;
use crate::base::secret::Secret;
use crate::channel::{Channels, Settings};
use actix_web::http::StatusCode;
use serde_json::{Value, json};

fn keys() -> Value {
    let key = Receiver::new().key;
    json!({ "p256dh": key.p256dh(), "auth": key.auth() })
}

/// As Chrome gives it.
fn subscription() -> Value {
    json!({ "endpoint": "https://push.example.org/send/abc:def", "expirationTime": null, "keys": keys() })
}

#[actix_web::test]
async fn a_browser_is_reached_by_its_subscription_and_by_one_device_alone() {
    let site = site().await;
    let first = site.device("installation-1").await;
    let push = json!({ "channel": "webpush", "subscription": subscription() });
    let answer = site.ask("PUT", "/v1/devices/me/push", &first, Some(push.clone())).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT, "{}", answer.text);
    let me = site.ask("GET", "/v1/devices/me", &first, None).await;
    assert_eq!(me.body["push_channel"], "webpush");
    // The same browser as another installation: members in another order, and padded.
    let key = Receiver::new().key;
    let same = json!({ "channel": "webpush", "subscription": {
        "keys": { "auth": format!("{}==", key.auth()), "p256dh": format!("{}=", key.p256dh()) },
        "endpoint": "https://PUSH.example.org:443/send/abc:def",
    } });
    let body = json!({ "installation_id": "installation-2", "platform": "web", "push": same, "sealing_key": keys() });
    let answer = site.ask("POST", "/v1/devices", PUBLISHABLE, Some(body)).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    let second = answer.body["token"].as_str().unwrap().to_owned();
    let me = site.ask("GET", "/v1/devices/me", &second, None).await;
    assert_eq!(
        (&me.body["push_channel"], &me.body["has_sealing_key"]),
        (&json!("webpush"), &json!(true))
    );
    let me = site.ask("GET", "/v1/devices/me", &first, None).await;
    assert_eq!(
        me.body["push_channel"],
        Value::Null,
        "an address belongs to one device at a time"
    );
}

/// A private key, and the public one that belongs to it, as RFC 8291 has them (appendix A).
const VAPID: (&str, &str) = (
    "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw",
    "BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8",
);

#[actix_web::test]
async fn a_web_app_is_told_the_key_that_its_project_sends_with() {
    let mut settings = Settings::default();
    settings.webpush.key = Some(Secret::new(VAPID.0));
    settings.webpush.subject = Some("mailto:push@example.org".into());
    let site = site_through(Channels::open(&settings).unwrap()).await;
    let body = json!({ "installation_id": "installation-1", "platform": "web" });
    let registered = site.ask("POST", "/v1/devices", PUBLISHABLE, Some(body)).await;
    assert_eq!(registered.body["webpush_key"], VAPID.1, "{}", registered.text);
    let device = registered.body["token"].as_str().unwrap();
    let told = || async { site.ask("GET", "/v1/devices/me", device, None).await.body["webpush_key"].clone() };
    assert_eq!(told().await, VAPID.1);
    // Credentials of the project's own have a key of their own.
    let own = json!({ "key": "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94", "subject": "mailto:push@example.org" });
    let put = site
        .ask("PUT", "/v1/channels/webpush/credentials", ALL, Some(own))
        .await;
    assert_eq!(put.status, StatusCode::OK, "{}", put.text);
    let theirs = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
    assert_eq!(told().await, theirs);
    let without = self::site().await;
    let device = without.device("installation-1").await;
    assert_eq!(
        without.ask("GET", "/v1/devices/me", &device, None).await.body["webpush_key"],
        Value::Null
    );
}

#[actix_web::test]
async fn a_push_address_that_cannot_be_one_is_refused_with_its_place() {
    let site = site().await;
    let device = site.device("installation-1").await;
    let with = |field: &str, value: Value| {
        let mut given = subscription();
        given[field] = value;
        json!({ "channel": "webpush", "subscription": given })
    };
    let other_key = |p256dh: &str, auth: &str| with("keys", json!({ "p256dh": p256dh, "auth": auth }));
    let key = Receiver::new().key;
    let table = [
        (json!({ "channel": "webpush" }), "/subscription"),
        (json!({ "channel": "webpush", "address": "x" }), "/subscription"),
        (
            json!({ "channel": "webpush", "address": "x", "subscription": subscription() }),
            "/address",
        ),
        (
            json!({ "channel": "fcm", "address": "x", "subscription": subscription() }),
            "/subscription",
        ),
        (json!({ "channel": "fcm" }), "/address"),
        (json!({ "channel": "apns", "address": "not hexadecimal" }), "/address"),
        (json!({ "channel": "apns", "address": "ab".repeat(101) }), "/address"),
        (json!({ "channel": "sms", "address": "+43123" }), "/channel"),
        (
            with("endpoint", json!("http://push.example.org/1")),
            "/subscription/endpoint",
        ),
        (with("endpoint", json!("push.example.org")), "/subscription/endpoint"),
        (
            with("endpoint", json!("https://a:b@push.example.org/")),
            "/subscription/endpoint",
        ),
        (
            with(
                "endpoint",
                json!(format!("https://push.example.org/{}", "x".repeat(2_048))),
            ),
            "/subscription/endpoint",
        ),
        (other_key("AAAA", &key.auth()), "/subscription/keys/p256dh"),
        (other_key(&key.p256dh(), "AAAA"), "/subscription/keys/auth"),
        (with("userVisibleOnly", json!(true)), "/subscription/userVisibleOnly"),
    ];
    for (push, pointer) in table {
        let answer = site
            .ask("PUT", "/v1/devices/me/push", &device, Some(push.clone()))
            .await;
        assert!(answer.status.is_client_error(), "{push}: {}", answer.text);
        assert!(answer.text.contains(pointer), "{push}: {}", answer.text);
        assert!(!answer.text.contains(&key.auth()), "{}", answer.text);
    }
    let token = json!({ "channel": "apns", "address": "ab".repeat(32) });
    let answer = site.ask("PUT", "/v1/devices/me/push", &device, Some(token)).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT, "{}", answer.text);
}

#[actix_web::test]
async fn a_sealing_key_is_set_shown_as_present_kept_and_forgotten() {
    let site = site().await;
    let device = site.device("installation-1").await;
    let has_key = async || {
        let me = site.ask("GET", "/v1/devices/me", &device, None).await;
        assert!(!me.text.contains("p256dh"), "{}", me.text);
        me.body["has_sealing_key"].clone()
    };
    assert_eq!(has_key().await, json!(false));
    let path = "/v1/devices/me/sealing-key";
    let answer = site.ask("PUT", path, &device, Some(keys())).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT, "{}", answer.text);
    assert_eq!(has_key().await, json!(true));
    let push = json!({ "channel": "tray", "address": "elsewhere" });
    site.ask("PUT", "/v1/devices/me/push", &device, Some(push)).await;
    assert_eq!(has_key().await, json!(true), "other news leave it alone");
    let exported = site.ask("GET", "/v1/devices/me/export", &device, None).await;
    let key: SealingKey = Receiver::new().key;
    assert!(exported.text.contains(&key.p256dh()) && !exported.text.contains(&key.auth()));

    let wrong = json!({ "p256dh": key.p256dh(), "auth": "short" });
    let answer = site.ask("PUT", path, &device, Some(wrong)).await;
    assert!(
        answer.status.is_client_error() && answer.text.contains("/auth"),
        "{}",
        answer.text
    );
    let answer = site.ask("DELETE", path, &device, None).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT, "{}", answer.text);
    assert_eq!(has_key().await, json!(false));
}
