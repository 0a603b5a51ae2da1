//! The model of a message: nothing is lost on the way to JSON, nothing leaks in `Debug`, sizes are counted.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

use serde_json::json;

use super::{AndroidConfig, AndroidNotification, Message, Notification, Target, Visibility, WebpushConfig, samples};

#[test]
fn a_full_message_survives_json() {
    for message in samples::all() {
        let json = serde_json::to_string(&message).unwrap();
        assert_eq!(serde_json::from_str::<Message>(&json).unwrap(), message);
    }
}

#[test]
fn what_is_not_set_is_not_sent() {
    let message = Message::to_fid("f").android(AndroidConfig::default());
    assert_eq!(
        serde_json::to_value(message).unwrap(),
        json!({ "fid": "f", "android": {} })
    );
}

#[test]
fn debug_names_fields_and_never_values() {
    for message in samples::all() {
        let parts = [
            format!("{message:?}"),
            format!("{message:#?}"),
            format!("{:?}", message.target),
            format!("{:?}", message.notification),
            format!("{:?} {:?}", message.android, message.android_v2),
            format!("{:?} {:?}", message.apns, message.webpush),
            format!("{:?}", message.android.as_ref().map(|android| &android.notification)),
            format!(
                "{:?}",
                message.android_v2.as_ref().map(|android| &android.remote_notification)
            ),
            format!("{:?}", message.apns.as_ref().map(|apns| &apns.fcm_options)),
            format!("{:?}", message.webpush.as_ref().map(|webpush| &webpush.fcm_options)),
        ];
        for part in parts {
            assert!(!part.to_lowercase().contains("secret"), "{part}");
        }
    }
    let debug = format!(
        "{:?}",
        Message::to_token("t")
            .entry("k", "v")
            .notification(Notification::new("a", "b"))
    );
    assert_eq!(debug, "Message(data, notification, token)");
    assert_eq!(format!("{:?}", Target::Token("t".to_owned())), "Token(..)");
    assert_eq!(
        format!("{:?}", AndroidNotification::default().visibility(Visibility::Private)),
        "AndroidNotification(visibility)"
    );
}

#[test]
fn the_size_is_that_of_the_largest_platform() {
    let message = Message::to_token("t")
        .entry("key", "value")
        .notification(Notification::new("title", "body"));
    // key + value, and title + body with the names of both fields.
    let shared = 3 + 5 + (5 + 5) + (4 + 4);
    assert_eq!(message.size_bytes(), shared);
    let android = AndroidConfig::default().notification(AndroidNotification::default().tag("room"));
    assert_eq!(message.clone().android(android).size_bytes(), shared + 3 + 4);
    let webpush = WebpushConfig::default().entry("k", "a value that replaces the shared one");
    assert_eq!(message.webpush(webpush).size_bytes(), shared - 8 + 1 + 36);
}
