//! Messages with every field set, for tests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::*;

fn object(value: &Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn light() -> LightSettings {
    let color = Color {
        red: 1.0,
        green: 0.5,
        blue: 0.0,
        alpha: Some(0.25),
    };
    LightSettings::new(color, Duration::from_millis(500), Duration::from_secs(2))
}

/// Both generations of the Android notification have these fields, and serde fills either from the same JSON.
fn notification() -> Value {
    json!({
        "title": "Secret title", "body": "Secret body", "icon": "bell", "color": "#ff8800", "sound": "default", "tag": "room",
        "clickAction": "OPEN", "bodyLocKey": "b", "bodyLocArgs": ["Secret arg"], "titleLocKey": "t",
        "titleLocArgs": ["Secret arg"], "channelId": "stay", "ticker": "Secret ticker", "sticky": true,
        "eventTime": "2026-08-21T10:00:00Z", "localOnly": true, "notificationPriority": "PRIORITY_HIGH",
        "defaultSound": true, "defaultVibrateTimings": false, "defaultLightSettings": false,
        "vibrateTimings": ["0s", "0.250s"], "visibility": "SECRET", "notificationCount": 3,
        "lightSettings": serde_json::to_value(light()).unwrap(), "image": "https://example.com/secret.png",
    })
}

fn android() -> AndroidConfig {
    let mut own: AndroidNotification = serde_json::from_value(notification()).unwrap();
    own.bypass_proxy_notification = Some(false);
    own.proxy = Some(Proxy::IfPriorityLowered);
    let mut android = AndroidConfig::default()
        .collapse_key("room")
        .priority(MessagePriority::High)
        .ttl(Duration::from_millis(3_500))
        .restricted_package_name("com.example")
        .direct_boot_ok(true)
        .entry("room", "Secret 412")
        .notification(own)
        .analytics_label("label");
    android.bandwidth_constrained_ok = Some(true);
    android.restricted_satellite_ok = Some(true);
    android
}

fn android_v2() -> AndroidConfigV2 {
    let own: AndroidNotificationV2 = serde_json::from_value(notification()).unwrap();
    let mut remote = AndroidRemoteNotification::default()
        .notification(own.id(7))
        .mutable_content(true);
    remote.use_as_v1_data_message = Some(true);
    let mut android = AndroidConfigV2::default()
        .collapse_key("room")
        .ttl(Duration::from_mins(15))
        .restricted_package_name("com.example")
        .direct_boot_ok(true)
        .entry("room", "Secret 412")
        .remote_notification(remote)
        .background_sync(AndroidBackgroundSync::default())
        .analytics_label("label");
    android.bandwidth_constrained_ok = Some(true);
    android.restricted_satellite_ok = Some(true);
    android
}

fn apns() -> ApnsConfig {
    ApnsConfig::default()
        .collapse_id("room")
        .header("apns-priority", "10")
        .payload(object(
            &json!({ "aps": { "alert": { "title": "Secret title" }, "mutable-content": 1 }, "x": [1, null] }),
        ))
        .fcm_options(
            ApnsFcmOptions::default()
                .analytics_label("label")
                .image("https://example.com/secret.png"),
        )
        .live_activity_token("Secret activity")
}

fn webpush() -> WebpushConfig {
    let mut webpush = WebpushConfig::default()
        .topic("room")
        .header("TTL", "900")
        .entry("room", "Secret 412")
        .notification(object(&json!({ "title": "Secret title", "requireInteraction": true })))
        .link("https://example.com/secret");
    webpush.fcm_options.as_mut().unwrap().analytics_label = Some("label".to_owned());
    webpush
}

/// One message per kind of receiver; together they set every field that a request can hold.
pub(crate) fn all() -> [Message; 4] {
    let full = |message: Message| {
        message
            .notification(Notification::new("Secret title", "Secret body").image("https://example.com/secret.png"))
            .data(BTreeMap::from([("room".to_owned(), "Secret 412".to_owned())]))
            .apns(apns())
            .webpush(webpush())
            .analytics_label("label")
    };
    [
        full(Message::to_token("Secret-token")).android(android()),
        full(Message::to_fid("Secret-fid")).android_v2(android_v2()),
        full(Message::to_topic("Secret-topic")).android(android()),
        full(Message::to_condition("'Secret' in topics")).android_v2(android_v2()),
    ]
}
