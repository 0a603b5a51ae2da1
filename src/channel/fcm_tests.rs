//! What Firebase is told: nothing secret, one tag, the life that is left, and each platform's own words.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use super::tests::{CANARY, Stage, TOKEN, message, noon, secret_shown, shown};
use crate::engine::delivery::ChannelKind;
use crate::engine::message::{Action, Shown, Urgency};
use chrono::TimeDelta;
use serde_json::{Value, json};

#[tokio::test]
async fn a_sensitive_text_never_reaches_the_provider_and_the_public_one_does() {
    let stage = Stage::new().await;
    let request = stage.request(secret_shown()).await;
    assert!(!request.to_string().contains(CANARY), "{request}");
    assert_eq!(
        request["android"]["notification"],
        Value::Null,
        "data only: the app fetches and shows"
    );
    assert_eq!(request["android"]["priority"], "HIGH");
    assert_eq!(request["notification"], Value::Null);
    let aps = &request["apns"]["payload"]["aps"];
    assert_eq!(aps["mutable-content"], 1);
    assert_eq!(
        aps["alert"],
        json!({ "title": "Alpenhof", "body": "Your room is ready" })
    );
    assert_eq!(request["webpush"]["notification"]["title"], "Alpenhof");
    assert_eq!(request["webpush"]["notification"]["body"], "Your room is ready");
    let data = &request["data"];
    assert_eq!(
        (&data["sensitive"], &data["public_title"]),
        (&json!("true"), &json!("Alpenhof"))
    );
    assert_eq!(data["message_id"], message(shown()).id.to_string());
    let request = stage
        .request(Shown {
            public_title: None,
            public_body: None,
            ..secret_shown()
        })
        .await;
    assert!(
        !request.to_string().contains(CANARY),
        "also without a public text: {request}"
    );
}

#[tokio::test]
async fn an_open_text_is_shown_on_every_platform_and_is_private_on_a_locked_android_screen() {
    let stage = Stage::new().await;
    let request = stage.request(shown()).await;
    let notification = &request["android"]["notification"];
    assert_eq!(
        (&notification["title"], &notification["body"]),
        (&json!("Welcome"), &json!("Good to see you"))
    );
    assert_eq!(notification["visibility"], "PRIVATE");
    let aps = &request["apns"]["payload"]["aps"];
    assert_eq!(aps["alert"]["title"], "Welcome");
    assert_eq!(aps["mutable-content"], Value::Null);
    assert_eq!(request["webpush"]["notification"]["title"], "Welcome");
    assert_eq!(request["data"]["sensitive"], Value::Null);
}

#[tokio::test]
async fn the_tag_is_one_and_the_same_on_every_attempt_and_fits_every_platform() {
    let stage = Stage::new().await;
    let tags = [
        "stay:b1".to_owned(),
        "s".repeat(64),
        "s".repeat(65),
        "café".into(),
        "a b\nc".into(),
    ];
    for tag in tags {
        let text = message(Shown {
            tag: tag.clone(),
            ..shown()
        });
        for seconds in [0, 60, 600] {
            stage.send(ChannelKind::Fcm, &text, TimeDelta::seconds(seconds)).await;
        }
        let received = stage.server.received();
        let sent: Vec<_> = received
            .iter()
            .rev()
            .take(3)
            .map(|request| {
                let message = &request.message;
                assert!(request.accepted, "{message}");
                let text = |value: &Value| value.as_str().unwrap().to_owned();
                let android = text(&message["android"]["notification"]["tag"]);
                assert_eq!(text(&message["data"]["tag"]), android);
                assert_eq!(text(&message["apns"]["headers"]["apns-collapse-id"]), android);
                assert_eq!(text(&message["webpush"]["notification"]["tag"]), android);
                (android, text(&message["webpush"]["headers"]["Topic"]))
            })
            .collect();
        assert!(sent.iter().all(|pair| *pair == sent[0]), "{sent:?}");
        let (collapse, topic) = &sent[0];
        assert!(collapse.len() <= 64 && collapse.is_ascii(), "{collapse}");
        assert_eq!(topic.len(), 32);
        assert!(
            topic
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        );
        let fits = tag.len() <= 64 && tag.bytes().all(|byte| byte.is_ascii_graphic());
        assert_eq!(*collapse == tag, fits);
    }
    assert_eq!(stage.server.screen(TOKEN).len(), 5, "one for each tag");
}

#[tokio::test]
async fn a_provider_keeps_a_message_for_its_remaining_life() {
    let stage = Stage::new().await;
    for (seconds, left) in [(0, 900), (600, 300), (900, 0), (1_000, 0)] {
        stage
            .send(ChannelKind::Fcm, &message(shown()), TimeDelta::seconds(seconds))
            .await;
        let request = stage.server.received().pop().unwrap().message;
        assert_eq!(request["android"]["ttl"], format!("{left}s"));
        assert_eq!(request["webpush"]["headers"]["TTL"], left.to_string());
        let end = (noon() + TimeDelta::minutes(15)).timestamp().to_string();
        assert_eq!(request["apns"]["headers"]["apns-expiration"], end);
    }
}

#[tokio::test]
async fn urgency_is_said_in_each_platforms_words() {
    let stage = Stage::new().await;
    let table = [
        (Urgency::Low, ["NORMAL", "5", "passive", "low"]),
        (Urgency::Normal, ["NORMAL", "10", "active", "normal"]),
        (Urgency::High, ["HIGH", "10", "time-sensitive", "high"]),
    ];
    for (urgency, expected) in table {
        let request = stage.request(Shown { urgency, ..shown() }).await;
        let apns = &request["apns"];
        let said = [
            &request["android"]["priority"],
            &apns["headers"]["apns-priority"],
            &apns["payload"]["aps"]["interruption-level"],
            &request["webpush"]["headers"]["Urgency"],
        ];
        assert_eq!(said, expected.map(Value::from).each_ref());
        assert_eq!(apns["headers"]["apns-push-type"], "alert");
    }
}

#[tokio::test]
async fn link_image_and_actions_go_along() {
    let stage = Stage::new().await;
    let action = Action {
        id: "open".into(),
        title: "Open the door".into(),
        link: Some("app://door".into()),
    };
    let request = stage
        .request(Shown {
            link: Some("app://stay/b1".into()),
            image: Some("https://example.org/room.jpg".into()),
            actions: vec![action.clone()],
            ..shown()
        })
        .await;
    assert_eq!(request["data"]["link"], "app://stay/b1");
    assert_eq!(
        request["android"]["notification"]["image"],
        "https://example.org/room.jpg"
    );
    let actions: Vec<Action> = serde_json::from_str(request["data"]["actions"].as_str().unwrap()).unwrap();
    assert_eq!(actions, [action]);
}

#[tokio::test]
async fn a_question_to_the_phone_shows_nothing_anywhere_and_wakes_the_app() {
    let stage = Stage::new().await;
    let mut asking = message(shown());
    asking.silent = true;
    stage.send(ChannelKind::Fcm, &asking, TimeDelta::zero()).await;
    let request = stage.server.received().pop().unwrap();
    assert!(request.accepted, "{}", request.message);
    let request = request.message;
    assert_eq!(request["data"], json!({ "usher": "fix", "message_id": asking.id }));
    assert_eq!(request["android"], json!({ "priority": "HIGH", "ttl": "900s" }));
    let apns = &request["apns"];
    assert_eq!(apns["payload"], json!({ "aps": { "content-available": 1 } }));
    assert_eq!(apns["headers"]["apns-push-type"], "background");
    assert_eq!(apns["headers"]["apns-priority"], "5");
    assert_eq!(
        (&request["notification"], &request["webpush"]),
        (&Value::Null, &Value::Null)
    );
    assert!(stage.server.screen(TOKEN).is_empty());
}
