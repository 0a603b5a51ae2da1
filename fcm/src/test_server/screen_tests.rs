//! Which notification replaces which.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

use serde_json::{Value, json};

use super::Screen;

fn tags_after(messages: &[Value]) -> Vec<Option<String>> {
    let mut screen = Screen::default();
    for message in messages {
        screen.show(message);
    }
    screen.shown().into_iter().map(|shown| shown.tag).collect()
}

#[test]
fn the_same_tag_replaces_on_every_platform() {
    for message in [
        json!({ "android": { "notification": { "tag": "a" } } }),
        json!({ "notification": {}, "apns": { "headers": { "Apns-Collapse-Id": "a" } } }),
        json!({ "notification": {}, "webpush": { "headers": { "Topic": "a" } } }),
        json!({ "webpush": { "notification": { "tag": "a" } } }),
        json!({ "androidV2": { "remoteNotification": { "notification": { "tag": "a" } } } }),
        json!({ "data": { "tag": "a" } }),
    ] {
        let other = json!({ "android": { "notification": { "tag": "b" } } });
        let expected = vec![Some("a".to_owned()), Some("b".to_owned())];
        assert_eq!(
            tags_after(&[message.clone(), other, message.clone()]),
            expected,
            "{message}"
        );
    }
}

#[test]
fn without_a_tag_each_is_shown_and_a_message_for_the_app_is_not() {
    let plain = json!({ "notification": { "title": "t" } });
    assert_eq!(tags_after(&[plain.clone(), plain]), [None, None]);
    assert!(
        tags_after(&[
            json!({ "data": { "sync": "1" } }),
            json!({ "apns": { "payload": { "aps": { "content-available": 1 } } } })
        ])
        .is_empty()
    );
}

#[test]
fn tag_and_id_together_are_the_identity_of_the_newer_form() {
    let with_id =
        |id: u8| json!({ "androidV2": { "remoteNotification": { "notification": { "tag": "a", "id": id } } } });
    assert_eq!(tags_after(&[with_id(1), with_id(2), with_id(1)]).len(), 2);
}

#[test]
fn the_platform_wins_over_the_shared_texts() {
    let mut screen = Screen::default();
    screen.show(&json!({ "notification": { "title": "shared", "body": "b" }, "android": { "notification": { "title": "own" } } }));
    let shown = screen.shown();
    assert_eq!(
        (shown[0].title.as_deref(), shown[0].body.as_deref()),
        (Some("own"), Some("b"))
    );
}
