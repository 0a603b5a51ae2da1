//! The rules of FCM that no schema holds: one receiver, sizes, reserved names.

use serde_json::Value;

use super::complaint::Violation;
use crate::message::size::{PAYLOAD_MAX_BYTES, TOPIC_PAYLOAD_MAX_BYTES, payload_bytes};
use crate::message::wire::parse_duration;

/// FCM keeps a message for at most four weeks.
const TTL_MAX_S: u64 = 28 * 24 * 3_600;
/// APNs takes collapse ids up to this size.
const COLLAPSE_ID_MAX_BYTES: usize = 64;
/// Web Push takes topics up to this length (RFC 8030, section 5.4).
const WEBPUSH_TOPIC_MAX_CHARS: usize = 32;
const TOPIC_MAX_CHARS: usize = 900;
const LABEL_MAX_CHARS: usize = 50;
const TARGETS: [&str; 4] = ["token", "fid", "topic", "condition"];

/// Everything that FCM itself would refuse in a message whose shape is right.
pub(super) fn check(message: &Value) -> Vec<Violation> {
    let mut found = Vec::new();
    targets(message, &mut found);
    platforms(message, &mut found);
    for (path, data) in [
        ("message.data", &message["data"]),
        ("message.android.data", &message["android"]["data"]),
        ("message.android_v2.data", &message["androidV2"]["data"]),
        ("message.webpush.data", &message["webpush"]["data"]),
    ] {
        reserved_keys(path, data, &mut found);
    }
    for (path, options) in [
        ("message.fcm_options", &message["fcmOptions"]),
        ("message.android.fcm_options", &message["android"]["fcmOptions"]),
        ("message.android_v2.fcm_options", &message["androidV2"]["fcmOptions"]),
        ("message.apns.fcm_options", &message["apns"]["fcmOptions"]),
        ("message.webpush.fcm_options", &message["webpush"]["fcmOptions"]),
    ] {
        if options["analyticsLabel"]
            .as_str()
            .is_some_and(|label| !is_name(label, LABEL_MAX_CHARS))
        {
            report(
                &format!("{path}.analytics_label"),
                "Invalid analytics label.",
                &mut found,
            );
        }
    }
    if found.is_empty() {
        size(message, &mut found);
    }
    found
}

fn report(field: &str, description: &str, found: &mut Vec<Violation>) {
    found.push(Violation {
        field: field.to_owned(),
        description: description.to_owned(),
        by_fcm: true,
    });
}

fn targets(message: &Value, found: &mut Vec<Violation>) {
    let given: Vec<&str> = TARGETS
        .into_iter()
        .filter(|target| !message[target].is_null())
        .collect();
    match given.as_slice() {
        [] => report("message", "Recipient of the message is not set.", found),
        [_] => {}
        [first, second, ..] => {
            let words = format!(
                "Invalid value at 'message' (oneof), oneof field 'target' is already set. Cannot set '{second}' after '{first}'"
            );
            report("message", &words, found);
        }
    }
    for target in ["token", "fid"] {
        if message[target] == "" {
            report(
                &format!("message.{target}"),
                "The registration token is not a valid FCM registration token",
                found,
            );
        }
    }
    if message["topic"]
        .as_str()
        .is_some_and(|topic| !is_name(topic, TOPIC_MAX_CHARS))
    {
        report("message.topic", "Invalid topic name.", found);
    }
    if message["condition"] == "" {
        report("message.condition", "Invalid condition expression provided.", found);
    }
    if !message["name"].is_null() {
        report("message.name", "The field is output only.", found);
    }
}

fn platforms(message: &Value, found: &mut Vec<Violation>) {
    if !message["android"].is_null() && !message["androidV2"].is_null() {
        report(
            "message.android_v2",
            "Only one of android and android_v2 may be set.",
            found,
        );
    }
    for (path, android) in [
        ("message.android", &message["android"]),
        ("message.android_v2", &message["androidV2"]),
    ] {
        if let Some(ttl) = android["ttl"].as_str()
            && parse_duration(ttl).is_none_or(|ttl| ttl.as_secs() > TTL_MAX_S)
        {
            report(
                &format!("{path}.ttl"),
                "Invalid value for ttl: must be non-negative and at most four weeks.",
                found,
            );
        }
    }
    for (path, notification) in [
        ("message.android.notification", &message["android"]["notification"]),
        (
            "message.android_v2.remote_notification.notification",
            &message["androidV2"]["remoteNotification"]["notification"],
        ),
    ] {
        if notification["color"].as_str().is_some_and(|color| !is_color(color)) {
            report(&format!("{path}.color"), "Invalid color: must be #RRGGBB.", found);
        }
    }
    for (name, value) in texts(&message["apns"]["headers"]) {
        let is_wrong = match name.to_ascii_lowercase().as_str() {
            "apns-collapse-id" => value.len() > COLLAPSE_ID_MAX_BYTES,
            "apns-priority" => !matches!(value, "1" | "5" | "10"),
            "apns-expiration" => value.parse::<u64>().is_err(),
            _ => false,
        };
        if is_wrong {
            report(
                "message.apns.headers",
                &format!("Invalid value for APNs header {name}."),
                found,
            );
        }
    }
    for (name, value) in texts(&message["webpush"]["headers"]) {
        let is_wrong = match name.to_ascii_lowercase().as_str() {
            "topic" => value.len() > WEBPUSH_TOPIC_MAX_CHARS || !value.bytes().all(is_base64url),
            "ttl" => value.parse::<u64>().is_err(),
            "urgency" => !matches!(value, "very-low" | "low" | "normal" | "high"),
            _ => false,
        };
        if is_wrong {
            report(
                "message.webpush.headers",
                &format!("Invalid value for Web Push header {name}."),
                found,
            );
        }
    }
    if message["webpush"]["fcmOptions"]["link"]
        .as_str()
        .is_some_and(|link| !link.starts_with("https://"))
    {
        report("message.webpush.fcm_options.link", "The link must use HTTPS.", found);
    }
}

fn reserved_keys(path: &str, data: &Value, found: &mut Vec<Violation>) {
    for (key, _) in texts(data) {
        if matches!(key, "from" | "message_type") || key.starts_with("google.") || key.starts_with("gcm.notification.")
        {
            report(path, &format!("Invalid data payload key: {key}"), found);
        }
    }
}

/// Only looked at when nothing else is wrong: FCM names it instead of a field.
fn size(message: &Value, found: &mut Vec<Violation>) {
    let is_one_device = !message["token"].is_null() || !message["fid"].is_null();
    let max_bytes = if is_one_device {
        PAYLOAD_MAX_BYTES
    } else {
        TOPIC_PAYLOAD_MAX_BYTES
    };
    if payload_bytes(message) > max_bytes {
        report("message", "Message is too big", found);
    }
}

fn texts(map: &Value) -> impl Iterator<Item = (&str, &str)> {
    map.as_object()
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)))
}

fn is_name(text: &str, max_chars: usize) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~%".contains(&byte);
    (1..=max_chars).contains(&text.len()) && text.bytes().all(is_plain)
}

fn is_color(text: &str) -> bool {
    text.strip_prefix('#')
        .is_some_and(|hex| hex.len() == 6 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

fn is_base64url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}
