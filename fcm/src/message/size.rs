//! How large the payload of a message is, as FCM counts it: keys and values.
//!
//! Google documents "4096 bytes for most messages, or 2048 bytes in the case of messages to topics. This includes both the
//! keys and the values." A phone only gets the part for its own platform, so the largest of the platforms counts.

use serde_json::Value;

use super::Message;

/// The most that FCM takes for a message to one installation, in bytes.
pub const PAYLOAD_MAX_BYTES: usize = 4_096;
/// The most that FCM takes for a message to a topic or a condition, in bytes.
pub const TOPIC_PAYLOAD_MAX_BYTES: usize = 2_048;

impl Message {
    /// The size of the payload for the platform that gets most, in bytes: keys and values of the data, the notification
    /// and the platform's own payload.
    pub fn size_bytes(&self) -> usize {
        payload_bytes(&serde_json::to_value(self).unwrap_or_default())
    }

    /// The most that FCM takes for this receiver, in bytes.
    pub fn size_max_bytes(&self) -> usize {
        if self.target.is_one_device() {
            PAYLOAD_MAX_BYTES
        } else {
            TOPIC_PAYLOAD_MAX_BYTES
        }
    }
}

/// The same for a message in its JSON form.
pub(crate) fn payload_bytes(message: &Value) -> usize {
    let shared_data = weight(&message["data"]);
    let notification = weight(&message["notification"]);
    let platform = |data: &Value, own: &Value| {
        let data = if data.as_object().is_some_and(|map| !map.is_empty()) {
            weight(data)
        } else {
            shared_data
        };
        data + notification + weight(own)
    };
    let (android, android_v2, webpush) = (&message["android"], &message["androidV2"], &message["webpush"]);
    [
        platform(&android["data"], &android["notification"]),
        platform(&android_v2["data"], &android_v2["remoteNotification"]["notification"]),
        platform(&webpush["data"], &webpush["notification"]),
        platform(&Value::Null, &message["apns"]["payload"]),
    ]
    .into_iter()
    .fold(0, usize::max)
}

fn weight(part: &Value) -> usize {
    match part {
        Value::Null => 0,
        Value::Bool(_) | Value::Number(_) => part.to_string().len(),
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(weight).sum(),
        Value::Object(map) => map.iter().map(|(key, value)| key.len() + weight(value)).sum(),
    }
}
