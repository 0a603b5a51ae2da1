//! What a push service is told and can read, what its answers mean, and what the browser opens.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may panic")]

use super::peer::{Fault, Reply, test_key, verified};
use super::tests::{CANARY, message, noon, secret_shown, send_by, shown};
use super::webpush::Subscription;
use super::webpush_peer::{SUBJECT, WebpushPeer, vapid};
use super::{Channels, Settings};
use crate::base::seal::PLAIN_BYTES_MAX;
use crate::base::seal::tests::Receiver;
use crate::engine::delivery::{ChannelKind, Outcome};
use crate::engine::message::{Action, Message, Shown, Urgency};
use chrono::TimeDelta;
use serde_json::{Value, json};

struct Stage {
    service: WebpushPeer,
    channels: Channels,
}

impl Stage {
    fn new() -> Self {
        let service = WebpushPeer::start();
        let mut settings = Settings::default();
        WebpushPeer::set_up(&mut settings);
        Self {
            channels: Channels::open(&settings).unwrap(),
            service,
        }
    }

    async fn send_to(&self, address: &str, message: &Message, after_noon: TimeDelta) -> Outcome {
        send_by(
            &self.channels,
            (ChannelKind::Webpush, address),
            None,
            message,
            after_noon,
        )
        .await
    }

    async fn send(&self, message: &Message, after_noon: TimeDelta) -> Outcome {
        self.send_to(&self.service.address(), message, after_noon).await
    }
}

#[tokio::test]
async fn the_browser_reads_the_whole_message_sensitive_or_not_and_the_service_reads_nothing() {
    let stage = Stage::new();
    let action = Action {
        id: "open".into(),
        title: "Open the door".into(),
        link: None,
    };
    let text = message(Shown {
        link: Some("https://example.org/stay".into()),
        actions: vec![action],
        ..secret_shown()
    });
    let outcome = stage.send(&text, TimeDelta::zero()).await;
    assert!(
        matches!(&outcome, Outcome::Accepted { provider_id } if provider_id.ends_with("/message/1")),
        "{outcome:?}"
    );
    let seen = stage.service.peer.seen().pop().unwrap();
    let opened = stage.service.opened(&seen);
    let expected = json!({
        "id": text.id, "title": format!("Your room {CANARY}"), "body": format!("Go to {CANARY}"), "sensitive": true,
        "tag": "stay:b1", "link": "https://example.org/stay", "actions": [{ "id": "open", "title": "Open the door" }],
    });
    assert_eq!(opened, expected);
    let readable = format!("{:?} {}", seen.headers, String::from_utf8_lossy(&seen.body));
    for word in [CANARY, "Your room", "example.org/stay", "stay:b1"] {
        assert!(!readable.contains(word), "{word}");
    }
    stage.send(&message(shown()), TimeDelta::zero()).await;
    let opened = stage.service.opened(&stage.service.peer.seen().pop().unwrap());
    assert_eq!(
        (&opened["title"], &opened["sensitive"]),
        (&json!("Welcome"), &json!(false))
    );
}

#[tokio::test]
async fn life_urgency_and_topic_go_along_and_the_topic_is_the_same_every_time() {
    let stage = Stage::new();
    for (seconds, left) in [(0, "900"), (600, "300"), (1_000, "0")] {
        stage.send(&message(shown()), TimeDelta::seconds(seconds)).await;
        assert_eq!(stage.service.peer.seen().pop().unwrap().header("ttl"), left);
    }
    for (urgency, word) in [
        (Urgency::Low, "low"),
        (Urgency::Normal, "normal"),
        (Urgency::High, "high"),
    ] {
        stage
            .send(&message(Shown { urgency, ..shown() }), TimeDelta::zero())
            .await;
        assert_eq!(stage.service.peer.seen().pop().unwrap().header("urgency"), word);
    }
    for tag in ["s".repeat(65), "café".into(), "a b\nc".into()] {
        stage.send(&message(Shown { tag, ..shown() }), TimeDelta::zero()).await;
    }
    assert_eq!(stage.service.screen().len(), 4, "one for each tag");
    let seen = stage.service.peer.seen();
    assert!(
        seen.iter()
            .all(|seen| seen.accepted && seen.header("topic").len() == 32)
    );
    // Nothing is sealed twice with the same chance.
    assert_ne!(seen[0].body[..16], seen[1].body[..16]);
    assert_ne!(seen[0].body[21..86], seen[1].body[21..86]);
}

#[tokio::test]
async fn one_statement_serves_a_service_for_hours_and_ends_within_a_day() {
    let stage = Stage::new();
    for hour in 0..24 {
        let outcome = stage.send(&message(shown()), TimeDelta::hours(hour)).await;
        assert!(matches!(outcome, Outcome::Accepted { .. }), "{outcome:?}");
    }
    let seen = stage.service.peer.seen();
    let mut said: Vec<&str> = seen.iter().map(|seen| vapid(seen).unwrap().0).collect();
    for (hour, statement) in (0..24).zip(&said) {
        let (header, claims) = verified(statement, &test_key(5).2).unwrap();
        assert_eq!((&header["alg"], &claims["sub"]), (&json!("ES256"), &json!(SUBJECT)));
        assert_eq!(claims["aud"], stage.service.peer.endpoint());
        let ends_in = claims["exp"].as_i64().unwrap() - (noon() + TimeDelta::hours(hour)).timestamp();
        assert!((1..=24 * 3_600).contains(&ends_in), "{ends_in}");
    }
    said.dedup();
    assert_eq!(said.len(), 4);
    assert_eq!(stage.service.peer.connections(), 1);
}

#[tokio::test]
async fn each_answer_of_a_push_service_is_understood() {
    let stage = Stage::new();
    let minute = Some(TimeDelta::minutes(1));
    let again = |after, why: &str| Outcome::Retry { after, why: why.into() };
    let refused = |why: &str| Outcome::Misconfigured {
        why: why.into(),
        detail: "check channels.webpush".into(),
    };
    let gone = |why: &str| Outcome::Unregistered {
        why: why.into(),
        as_of: None,
    };
    let never = |why: &str| Outcome::Rejected { why: why.into() };
    let table = [
        (404, gone("status 404")),
        (410, gone("status 410")),
        (413, never("too_large")),
        (400, refused("status 400")),
        (401, refused("status 401")),
        (403, refused("status 403")),
        (429, again(minute, "status 429")),
        (500, again(None, "status 500")),
        (503, again(None, "status 503")),
        (405, never("status 405")),
    ];
    for (status, expected) in table {
        stage.service.peer.fail_next(Fault::Answer(Reply::status(status)));
        assert_eq!(
            stage.send(&message(shown()), TimeDelta::zero()).await,
            expected,
            "{status}"
        );
    }
    for status in [200, 202] {
        stage.service.peer.fail_next(Fault::Answer(Reply::status(status)));
        let outcome = stage.send(&message(shown()), TimeDelta::zero()).await;
        assert!(
            matches!(&outcome, Outcome::Accepted { provider_id } if provider_id.starts_with("webpush/msg_")),
            "{outcome:?}"
        );
    }
    for (header, after) in [
        ("30", 30),
        ("Mon, 04 May 2026 12:01:30 GMT", 90),
        ("Mon, 04 May 2026 11:00:00 GMT", 0),
        ("99999999999999999999", 86_400),
    ] {
        let busy = Reply::status(503).header("retry-after", header);
        stage.service.peer.fail_next(Fault::Answer(busy));
        let outcome = stage.send(&message(shown()), TimeDelta::zero()).await;
        assert_eq!(
            outcome,
            again(Some(TimeDelta::seconds(after)), "status 503"),
            "{header}"
        );
    }
}

#[tokio::test]
async fn a_redirect_is_never_followed() {
    let (stage, elsewhere) = (Stage::new(), WebpushPeer::start());
    for status in [301, 302, 307, 308] {
        let away = Reply::status(status).header("location", elsewhere.peer.endpoint());
        stage.service.peer.fail_next(Fault::Answer(away));
        let outcome = stage.send(&message(shown()), TimeDelta::zero()).await;
        assert!(matches!(outcome, Outcome::Rejected { .. }), "{outcome:?}");
    }
    assert_eq!(elsewhere.peer.connections(), 0);
}

#[tokio::test]
async fn an_answer_without_end_is_read_no_further_than_its_bound() {
    let stage = Stage::new();
    let mut endless = Reply::status(503);
    endless.body = "x".repeat(5 * 1024 * 1024);
    stage.service.peer.fail_next(Fault::Answer(endless));
    let outcome = stage.send(&message(shown()), TimeDelta::zero()).await;
    assert!(matches!(outcome, Outcome::Retry { after: None, .. }), "{outcome:?}");
}

#[tokio::test]
async fn what_fills_a_record_is_sent_and_one_byte_more_is_not() {
    let stage = Stage::new();
    let mut text = message(Shown {
        body: String::new(),
        ..shown()
    });
    stage.send(&text, TimeDelta::zero()).await;
    let seen = stage.service.peer.seen().pop().unwrap();
    let used = seen.body.len() - 103;
    text.shown.body = "x".repeat(PLAIN_BYTES_MAX - used);
    let outcome = stage.send(&text, TimeDelta::zero()).await;
    assert!(matches!(outcome, Outcome::Accepted { .. }), "{outcome:?}");
    assert_eq!(stage.service.peer.seen().pop().unwrap().body.len(), 4_096);
    text.shown.body.push('x');
    let outcome = stage.send(&text, TimeDelta::zero()).await;
    assert_eq!(
        outcome,
        Outcome::Rejected {
            why: "too_large".into()
        }
    );
    assert_eq!(stage.service.peer.seen().len(), 2);
}

#[tokio::test]
async fn a_browser_is_not_asked_silently_and_a_broken_subscription_is_forgotten() {
    let stage = Stage::new();
    let mut asking = message(shown());
    asking.silent = true;
    let outcome = stage.send(&asking, TimeDelta::zero()).await;
    assert!(matches!(outcome, Outcome::Rejected { .. }), "{outcome:?}");
    for address in [
        "",
        "{}",
        "token",
        r#"{"endpoint":"x","keys":{"auth":"a","p256dh":"b"}}"#,
    ] {
        let outcome = stage.send_to(address, &message(shown()), TimeDelta::zero()).await;
        assert!(matches!(outcome, Outcome::Unregistered { .. }), "{outcome:?}");
    }
    assert_eq!(stage.service.peer.seen().len(), 0);
}

#[test]
fn one_subscription_is_always_one_text() {
    let subscription = Subscription {
        endpoint: "https://push.example.org/1".into(),
        key: Receiver::new().key,
    };
    let text = subscription.to_text();
    assert_eq!(text, subscription.clone().to_text());
    let json: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["endpoint"], "https://push.example.org/1");
    assert_eq!(json["keys"]["auth"], subscription.key.auth());
    let said = format!("{subscription:?}");
    assert!(!said.contains(&subscription.key.auth()), "{said}");
}
