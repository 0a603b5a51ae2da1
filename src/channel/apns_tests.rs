//! What Apple is told, what each of its answers means, and how long one provider token serves.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may panic")]

use super::apns_peer::{ApnsPeer, TOKEN, bearer, refusal};
use super::peer::{Fault, Seen, test_key, verified};
use super::tests::{message, noon, secret_shown, send_by, shown};
use super::{Channels, Settings};
use crate::base::secret::Secret;
use crate::engine::delivery::{ChannelKind, Outcome};
use crate::engine::message::{Action, Message, Shown, Urgency};
use chrono::TimeDelta;
use futures_util::future::join_all;
use serde_json::{Value, json};
use std::collections::BTreeSet;

struct Stage {
    apple: ApnsPeer,
    channels: Channels,
}

impl Stage {
    fn new() -> Self {
        let apple = ApnsPeer::start();
        let mut settings = Settings::default();
        apple.set_up(&mut settings);
        Self {
            channels: Channels::open(&settings).unwrap(),
            apple,
        }
    }

    async fn send_to(&self, address: &str, message: &Message, after_noon: TimeDelta) -> Outcome {
        send_by(&self.channels, (ChannelKind::Apns, address), None, message, after_noon).await
    }

    async fn send(&self, message: &Message, after_noon: TimeDelta) -> Outcome {
        self.send_to(TOKEN, message, after_noon).await
    }

    /// What Apple got for this message.
    async fn request(&self, message: &Message) -> (Seen, Value) {
        let outcome = self.send(message, TimeDelta::zero()).await;
        assert!(matches!(outcome, Outcome::Accepted { .. }), "{outcome:?}");
        let seen = self.apple.peer.seen().pop().unwrap();
        let payload = serde_json::from_slice(&seen.body).unwrap();
        (seen, payload)
    }

    /// The times at which the provider tokens seen so far were made, each once.
    fn made_at(&self) -> Vec<i64> {
        let seen = self.apple.peer.seen();
        let made_at = |seen: &Seen| {
            verified(bearer(seen), &test_key(3).2).unwrap().1["iat"]
                .as_i64()
                .unwrap()
        };
        let mut made_at: Vec<i64> = seen.iter().map(made_at).collect();
        made_at.dedup();
        made_at
    }
}

#[tokio::test]
async fn an_open_text_is_shown_and_a_sensitive_one_stays_behind_its_public_text() {
    let stage = Stage::new();
    let action = Action {
        id: "open".into(),
        title: "Open the door".into(),
        link: None,
    };
    let text = message(Shown {
        link: Some("app://stay/b1".into()),
        image: Some("https://example.org/room.jpg".into()),
        actions: vec![action.clone()],
        ..shown()
    });
    let (seen, payload) = stage.request(&text).await;
    assert_eq!(
        payload["aps"],
        json!({ "alert": { "title": "Welcome", "body": "Good to see you" }, "interruption-level": "active", "mutable-content": 1 })
    );
    assert_eq!(payload["message_id"], text.id.to_string());
    assert_eq!(
        (&payload["link"], &payload["tag"]),
        (&json!("app://stay/b1"), &json!("stay:b1"))
    );
    assert_eq!(payload["image"], "https://example.org/room.jpg");
    let actions: Vec<Action> = serde_json::from_str(payload["actions"].as_str().unwrap()).unwrap();
    assert_eq!(actions, [action]);
    assert_eq!(seen.header("apns-collapse-id"), "stay:b1");
    assert_eq!(
        seen.header("apns-expiration"),
        (noon() + TimeDelta::minutes(15)).timestamp().to_string()
    );

    let (_, payload) = stage.request(&message(shown())).await;
    assert_eq!(payload["aps"]["mutable-content"], Value::Null, "nothing to put in");
    let (_, payload) = stage.request(&message(secret_shown())).await;
    assert_eq!(
        payload["aps"]["alert"],
        json!({ "title": "Alpenhof", "body": "Your room is ready" })
    );
    assert_eq!(
        (&payload["aps"]["mutable-content"], &payload["sensitive"]),
        (&json!(1), &json!("true"))
    );
}

#[tokio::test]
async fn urgency_silence_and_long_tags_are_said_in_apples_words() {
    let stage = Stage::new();
    let table = [
        (Urgency::Low, "5", "passive"),
        (Urgency::Normal, "10", "active"),
        (Urgency::High, "10", "time-sensitive"),
    ];
    for (urgency, priority, level) in table {
        let (seen, payload) = stage.request(&message(Shown { urgency, ..shown() })).await;
        assert_eq!(seen.header("apns-priority"), priority);
        assert_eq!(payload["aps"]["interruption-level"], level);
    }
    for tag in ["s".repeat(65), "café".into(), "a b\nc".into()] {
        let (seen, payload) = stage.request(&message(Shown { tag, ..shown() })).await;
        assert_eq!(seen.header("apns-collapse-id").len(), 32);
        assert_eq!(payload["tag"], seen.header("apns-collapse-id"));
    }
    let mut asking = message(shown());
    asking.silent = true;
    let (seen, payload) = stage.request(&asking).await;
    assert_eq!(
        payload,
        json!({ "aps": { "content-available": 1 }, "usher": "fix", "message_id": asking.id })
    );
    assert_eq!(
        (seen.header("apns-push-type"), seen.header("apns-priority")),
        ("background", "5")
    );
    assert_eq!(seen.header("apns-collapse-id"), "");
}

#[tokio::test]
async fn the_id_is_one_for_all_attempts_and_another_for_another_device() {
    let stage = Stage::new();
    let text = message(shown());
    for seconds in [0, 60] {
        stage.send(&text, TimeDelta::seconds(seconds)).await;
    }
    stage
        .send_to(&TOKEN.replace("00fc", "11fc"), &text, TimeDelta::zero())
        .await;
    let ids: Vec<_> = stage
        .apple
        .peer
        .seen()
        .iter()
        .map(|seen| seen.header("apns-id").to_owned())
        .collect();
    assert!(ids[0] == ids[1] && ids[0] != ids[2], "{ids:?}");
}

#[tokio::test]
async fn each_answer_of_apple_is_understood() {
    let stage = Stage::new();
    let minute = Some(TimeDelta::minutes(1));
    let again = |after, why: &str| Outcome::Retry { after, why: why.into() };
    let refused = |why: &str| Outcome::Misconfigured {
        why: why.into(),
        detail: "check channels.apns".into(),
    };
    let gone = |why: &str| Outcome::Unregistered {
        why: why.into(),
        as_of: None,
    };
    let never = |why: &str| Outcome::Rejected { why: why.into() };
    let table = [
        (400, "BadDeviceToken", gone("BadDeviceToken")),
        (400, "DeviceTokenNotForTopic", gone("DeviceTokenNotForTopic")),
        (410, "Unregistered", gone("Unregistered")),
        (410, "ExpiredToken", gone("ExpiredToken")),
        (400, "BadTopic", refused("BadTopic")),
        (400, "TopicDisallowed", refused("TopicDisallowed")),
        (403, "InvalidProviderToken", refused("InvalidProviderToken")),
        (403, "Forbidden", refused("Forbidden")),
        (400, "BadCollapseId", never("BadCollapseId")),
        (400, "PayloadEmpty", never("PayloadEmpty")),
        (404, "BadPath", never("BadPath")),
        (405, "MethodNotAllowed", never("MethodNotAllowed")),
        (413, "PayloadTooLarge", never("PayloadTooLarge")),
        (400, "IdleTimeout", again(None, "IdleTimeout")),
        (429, "TooManyRequests", again(minute, "TooManyRequests")),
        (
            429,
            "TooManyProviderTokenUpdates",
            again(minute, "TooManyProviderTokenUpdates"),
        ),
        (500, "InternalServerError", again(None, "InternalServerError")),
        (503, "ServiceUnavailable", again(None, "ServiceUnavailable")),
        (503, "Shutdown", again(None, "Shutdown")),
        (302, "", never("status 302")),
        (400, "<script>", never("status 400")),
    ];
    for (status, reason, expected) in table {
        stage.apple.refuse_next(status, reason);
        let outcome = stage.send(&message(shown()), TimeDelta::zero()).await;
        assert_eq!(outcome, expected, "{status} {reason}");
    }
    let date = refusal(503, "Shutdown").header("retry-after", "Mon, 04 May 2026 12:05:00 GMT");
    stage.apple.peer.fail_next(Fault::Answer(date));
    let outcome = stage.send(&message(shown()), TimeDelta::zero()).await;
    assert_eq!(outcome, again(Some(TimeDelta::minutes(5)), "Shutdown"));
}

#[tokio::test]
async fn a_dead_token_brings_the_time_of_its_death_and_one_that_is_none_is_not_sent() {
    let stage = Stage::new();
    let died_at = noon() - TimeDelta::hours(3);
    stage.apple.bury(TOKEN, died_at);
    let outcome = stage.send(&message(shown()), TimeDelta::zero()).await;
    let expected = Outcome::Unregistered {
        why: "Unregistered".into(),
        as_of: Some(died_at),
    };
    assert_eq!(outcome, expected);
    for address in ["../../admin", "", "00fc/..", &"a".repeat(201)] {
        let outcome = stage.send_to(address, &message(shown()), TimeDelta::zero()).await;
        assert!(matches!(outcome, Outcome::Unregistered { .. }), "{outcome:?}");
    }
    assert_eq!(stage.apple.peer.seen().len(), 1);
}

#[tokio::test]
async fn one_provider_token_and_one_connection_serve_all_sends() {
    let stage = Stage::new();
    let text = message(shown());
    stage.send(&text, TimeDelta::zero()).await;
    let sends = (0..50).map(|number| stage.send(&text, TimeDelta::milliseconds(50 - number)));
    for outcome in join_all(sends).await {
        assert!(matches!(outcome, Outcome::Accepted { .. }), "{outcome:?}");
    }
    assert_eq!(stage.made_at(), [noon().timestamp()]);
    assert_eq!(stage.apple.peer.connections(), 1);
}

#[tokio::test]
async fn a_provider_token_is_renewed_between_the_twentieth_and_the_sixtieth_minute() {
    let stage = Stage::new();
    let text = message(shown());
    for minute in 0..180 {
        stage.send(&text, TimeDelta::minutes(minute)).await;
    }
    let made_at = stage.made_at();
    assert!(made_at.len() > 2);
    for pair in made_at.windows(2) {
        assert!((20 * 60..60 * 60).contains(&(pair[1] - pair[0])), "{made_at:?}");
    }
    // A clock that was set back by hours makes a new one, since Apple takes none from the future.
    stage.send(&text, TimeDelta::minutes(-300)).await;
    assert_eq!(
        stage.made_at().last().unwrap(),
        &(noon() - TimeDelta::minutes(300)).timestamp()
    );
}

#[tokio::test]
async fn a_provider_token_that_ended_early_is_renewed_within_the_attempt_but_not_over_and_over() {
    let stage = Stage::new();
    let text = message(shown());
    stage.send(&text, TimeDelta::zero()).await;
    stage.apple.end_provider_tokens();
    let outcome = stage.send(&text, TimeDelta::minutes(1)).await;
    assert!(matches!(outcome, Outcome::Accepted { .. }), "{outcome:?}");
    assert_eq!(stage.apple.peer.seen().len(), 3, "refused, and sent again");
    // That one ends at once, too: our clock is wrong, and Apple forbids to renew more often than every 20 minutes.
    stage.apple.end_provider_tokens();
    for minute in 2..10 {
        let outcome = stage.send(&text, TimeDelta::minutes(minute)).await;
        assert!(
            matches!(&outcome, Outcome::Retry { after: Some(_), why } if why == "ExpiredProviderToken"),
            "{outcome:?}"
        );
    }
    let tokens: BTreeSet<_> = stage
        .apple
        .peer
        .seen()
        .iter()
        .map(|seen| bearer(seen).to_owned())
        .collect();
    assert_eq!(tokens.len(), 2);
    let outcome = stage.send(&text, TimeDelta::minutes(22)).await;
    assert!(matches!(outcome, Outcome::Accepted { .. }), "{outcome:?}");
}

#[tokio::test]
async fn many_sends_refused_together_renew_the_token_once() {
    let stage = Stage::new();
    let text = message(shown());
    stage.send(&text, TimeDelta::zero()).await;
    stage.apple.end_provider_tokens();
    let sends = (0..20).map(|_| stage.send(&text, TimeDelta::minutes(1)));
    for outcome in join_all(sends).await {
        assert!(matches!(outcome, Outcome::Accepted { .. }), "{outcome:?}");
    }
    assert_eq!(stage.made_at().len(), 2);
}

#[tokio::test]
async fn a_probe_passes_with_the_right_key_and_tells_apples_word_with_a_wrong_one() {
    let stage = Stage::new();
    stage.channels.get(ChannelKind::Apns).unwrap().probe().await.unwrap();
    let mut settings = Settings::default();
    stage.apple.set_up(&mut settings);
    settings.apns.key = Some(Secret::new(test_key(4).0));
    let channels = Channels::open(&settings).unwrap();
    let said = channels.get(ChannelKind::Apns).unwrap().probe().await.unwrap_err();
    assert!(said.contains("InvalidProviderToken"), "{said}");
    settings.apns.endpoint = "http://127.0.0.1:1".into();
    let channels = Channels::open(&settings).unwrap();
    let said = channels.get(ChannelKind::Apns).unwrap().probe().await.unwrap_err();
    assert!(said.contains("does not answer"), "{said}");
}
