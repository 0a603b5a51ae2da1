//! One suite for every channel to a provider, over a socket, against a peer that keeps the provider's rules and can be made to fail.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may panic")]

use super::apns_peer::{self, ApnsPeer};
use super::peer::{Fault, Peer, Reply};
use super::tests::{CANARY, message, secret_shown, send_by, shown};
use super::webpush_peer::WebpushPeer;
use super::{Channels, Settings};
use crate::base::seal::tests::Receiver;
use crate::base::secret::Secret;
use crate::engine::delivery::{ChannelKind, Outcome};
use crate::engine::message::{Message, Shown};
use ::fcm::test_server::{self as firebase, TestServer};
use chrono::TimeDelta;
use serde_json::json;
use std::time::Duration;

/// What can go wrong with any provider.
#[derive(Debug, Clone, Copy)]
enum Trouble {
    /// 503 with `Retry-After: 120`.
    Unavailable,
    /// 500.
    Internal,
    /// 429 with `Retry-After: 90`.
    TooMany,
    /// Whoever was there is gone.
    Gone,
    /// The message is refused for good.
    TooLarge,
    /// We are refused, not the message.
    NotAllowed,
    /// Taken, and the connection cut.
    Cut,
    /// Taken, and never answered.
    Silent,
}

/// A provider on loopback. One row of the suite.
trait Provider {
    fn kind(&self) -> ChannelKind;
    fn set_up(&self, settings: &mut Settings);
    fn address(&self) -> String;
    fn fail_next(&self, trouble: Trouble);
    /// How many messages the receiver sees in the end.
    fn shown(&self) -> usize;
    /// Everything the provider could read, headers included.
    fn readable(&self) -> Vec<String>;
    fn requests(&self) -> usize {
        self.readable().len()
    }
}

impl Provider for TestServer {
    fn kind(&self) -> ChannelKind {
        ChannelKind::Fcm
    }

    fn set_up(&self, settings: &mut Settings) {
        settings.fcm.service_account = Some(Secret::new(self.service_account_json()));
        settings.fcm.endpoint = self.endpoint();
    }

    fn address(&self) -> String {
        super::tests::TOKEN.to_owned()
    }

    fn fail_next(&self, trouble: Trouble) {
        let fault = match trouble {
            Trouble::Unavailable => firebase::Fault::unavailable().retry_after("120"),
            Trouble::Internal => firebase::Fault::internal(),
            Trouble::TooMany => firebase::Fault::quota_exceeded().retry_after("90"),
            Trouble::Gone => firebase::Fault::unregistered(),
            Trouble::TooLarge => firebase::Fault::BadRequest {
                field: "message".into(),
                description: "Android message is too big".into(),
            },
            Trouble::NotAllowed => firebase::Fault::status(403, None),
            Trouble::Cut => firebase::Fault::DropConnectionAfterRead,
            Trouble::Silent => firebase::Fault::Hang(Duration::from_secs(60)),
        };
        Self::fail_next(self, super::tests::TOKEN, fault);
    }

    fn shown(&self) -> usize {
        self.screen(super::tests::TOKEN).len()
    }

    fn readable(&self) -> Vec<String> {
        self.received().iter().map(|got| got.message.to_string()).collect()
    }
}

fn scripted(peer: &Peer, trouble: Trouble, gone: Reply) {
    let answer = |status| Fault::Answer(Reply::status(status));
    peer.fail_next(match trouble {
        Trouble::Unavailable => Fault::Answer(Reply::status(503).header("retry-after", "120")),
        Trouble::Internal => answer(500),
        Trouble::TooMany => Fault::Answer(Reply::status(429).header("retry-after", "90")),
        Trouble::Gone => Fault::Answer(gone),
        Trouble::TooLarge => answer(413),
        Trouble::NotAllowed => answer(403),
        Trouble::Cut => Fault::Drop,
        Trouble::Silent => Fault::Hang,
    });
}

fn read_by(peer: &Peer) -> Vec<String> {
    let all = |seen: &super::peer::Seen| format!("{:?} {}", seen.headers, String::from_utf8_lossy(&seen.body));
    peer.seen().iter().map(all).collect()
}

impl Provider for ApnsPeer {
    fn kind(&self) -> ChannelKind {
        ChannelKind::Apns
    }

    fn set_up(&self, settings: &mut Settings) {
        Self::set_up(self, settings);
    }

    fn address(&self) -> String {
        apns_peer::TOKEN.to_owned()
    }

    fn fail_next(&self, trouble: Trouble) {
        scripted(&self.peer, trouble, apns_peer::refusal(410, "Unregistered"));
    }

    fn shown(&self) -> usize {
        self.screen().len()
    }

    fn readable(&self) -> Vec<String> {
        read_by(&self.peer)
    }
}

impl Provider for WebpushPeer {
    fn kind(&self) -> ChannelKind {
        ChannelKind::Webpush
    }

    fn set_up(&self, settings: &mut Settings) {
        Self::set_up(settings);
    }

    fn address(&self) -> String {
        Self::address(self)
    }

    fn fail_next(&self, trouble: Trouble) {
        scripted(&self.peer, trouble, Reply::status(410));
    }

    fn shown(&self) -> usize {
        self.screen().len()
    }

    fn readable(&self) -> Vec<String> {
        read_by(&self.peer)
    }
}

/// One row for each channel.
async fn providers() -> Vec<Box<dyn Provider>> {
    vec![
        Box::new(TestServer::start().await.unwrap()),
        Box::new(ApnsPeer::start()),
        Box::new(WebpushPeer::start()),
    ]
}

fn opened(provider: &dyn Provider, timeout_s: u64) -> Channels {
    let mut settings = Settings::default();
    settings.tray.enabled = false;
    settings.webhook.enabled = false;
    provider.set_up(&mut settings);
    (
        settings.fcm.timeout_s,
        settings.apns.timeout_s,
        settings.webpush.timeout_s,
    ) = (timeout_s, timeout_s, timeout_s);
    let channels = Channels::open(&settings).unwrap();
    assert_eq!(channels.kinds(), [provider.kind()]);
    channels
}

async fn send(provider: &dyn Provider, channels: &Channels, message: &Message, after_noon: TimeDelta) -> Outcome {
    let key = Receiver::new().key;
    let to = provider.address();
    send_by(channels, (provider.kind(), &to), Some(&key), message, after_noon).await
}

#[tokio::test]
async fn every_channel_takes_a_message_as_often_as_it_comes_and_shows_it_once() {
    for provider in providers().await {
        let (provider, channels) = (provider.as_ref(), opened(provider.as_ref(), 10));
        for text in [shown(), secret_shown()] {
            for seconds in [0, 30, 600] {
                let outcome = send(provider, &channels, &message(text.clone()), TimeDelta::seconds(seconds)).await;
                assert!(
                    matches!(&outcome, Outcome::Accepted { provider_id } if !provider_id.is_empty()),
                    "{:?}: {outcome:?}",
                    provider.kind()
                );
            }
        }
        let other = message(Shown {
            tag: "another".into(),
            ..shown()
        });
        send(provider, &channels, &other, TimeDelta::zero()).await;
        assert_eq!(provider.shown(), 2, "{:?}: one for each tag", provider.kind());
    }
}

#[tokio::test]
async fn every_channel_understands_what_goes_wrong_alike() {
    for provider in providers().await {
        let (provider, channels) = (provider.as_ref(), opened(provider.as_ref(), 10));
        let table = [
            (Trouble::Unavailable, "again", Some(120)),
            (Trouble::Internal, "again", None),
            (Trouble::TooMany, "again", Some(90)),
            (Trouble::NotAllowed, "refused", None),
            (Trouble::Gone, "gone", None),
            (Trouble::TooLarge, "never", None),
            (Trouble::Cut, "again", None),
        ];
        for (trouble, expected, wait_s) in table {
            let before = provider.requests();
            provider.fail_next(trouble);
            let outcome = send(provider, &channels, &message(shown()), TimeDelta::zero()).await;
            let told = format!("{:?}: {trouble:?}: {outcome:?}", provider.kind());
            let (got, after) = match outcome {
                Outcome::Accepted { .. } => ("taken", None),
                Outcome::Retry { after, .. } => ("again", after),
                Outcome::Rejected { .. } => ("never", None),
                Outcome::Misconfigured { .. } => ("refused", None),
                Outcome::Unregistered { .. } => ("gone", None),
            };
            assert_eq!(got, expected, "{told}");
            if let Some(seconds) = wait_s {
                assert_eq!(after, Some(TimeDelta::seconds(seconds)), "{told}");
            }
            assert_eq!(provider.requests(), before + 1, "one attempt is one request: {told}");
        }
        // What was cut off had arrived: it is shown once, also when it is sent again.
        let outcome = send(provider, &channels, &message(shown()), TimeDelta::zero()).await;
        assert!(matches!(outcome, Outcome::Accepted { .. }), "{outcome:?}");
        assert_eq!(provider.shown(), 1);
    }
}

#[tokio::test]
async fn no_channel_waits_longer_for_an_answer_than_it_is_told() {
    for provider in providers().await {
        let (provider, channels) = (provider.as_ref(), opened(provider.as_ref(), 1));
        provider.fail_next(Trouble::Silent);
        let outcome = send(provider, &channels, &message(shown()), TimeDelta::zero()).await;
        let is_timeout = matches!(&outcome, Outcome::Retry { why, .. } if why == "timeout");
        assert!(is_timeout, "{:?}: {outcome:?}", provider.kind());
    }
}

#[tokio::test]
async fn a_room_number_is_in_nothing_that_any_provider_can_read() {
    for provider in providers().await {
        let (provider, channels) = (provider.as_ref(), opened(provider.as_ref(), 10));
        let texts = [
            secret_shown(),
            Shown {
                public_title: None,
                public_body: None,
                ..secret_shown()
            },
            // Too long to be sealed.
            Shown {
                body: CANARY.repeat(150),
                ..secret_shown()
            },
        ];
        for text in texts {
            send(provider, &channels, &message(text), TimeDelta::zero()).await;
        }
        let readable = provider.readable();
        assert!(readable.len() >= 3, "{:?}", provider.kind());
        for body in readable {
            assert!(!body.contains(CANARY), "{:?}: {body}", provider.kind());
        }
    }
}

#[tokio::test]
async fn a_message_that_is_too_large_is_refused_before_it_is_sent() {
    for provider in providers().await {
        let (provider, channels) = (provider.as_ref(), opened(provider.as_ref(), 10));
        let long = Shown {
            body: "x".repeat(5_000),
            ..shown()
        };
        let outcome = send(provider, &channels, &message(long), TimeDelta::zero()).await;
        assert!(matches!(outcome, Outcome::Rejected { .. }), "{outcome:?}");
        assert_eq!(provider.requests(), 0, "{:?}", provider.kind());
    }
}

#[tokio::test]
async fn no_channel_shows_its_keys_its_texts_or_its_addresses() {
    for provider in providers().await {
        let mut settings = Settings::default();
        provider.set_up(&mut settings);
        let said = format!("{settings:?}");
        let keys = [super::peer::test_key(3).0, super::peer::test_key(5).1];
        assert!(
            !said.contains("PRIVATE KEY") && !keys.iter().any(|key| said.contains(key.as_str())),
            "{said}"
        );
        let channels = opened(provider.as_ref(), 10);
        provider.fail_next(Trouble::NotAllowed);
        let outcome = send(
            provider.as_ref(),
            &channels,
            &message(secret_shown()),
            TimeDelta::zero(),
        )
        .await;
        let said = format!("{outcome:?}");
        assert!(!said.contains(CANARY) && !said.contains(&provider.address()), "{said}");
    }
}

#[tokio::test]
async fn a_key_that_is_none_or_stands_alone_says_which_setting_and_what_to_do() {
    let table = [
        (
            json!({ "apns": { "key": CANARY } }),
            "channels.apns.key: ",
            "developer site",
        ),
        (
            json!({ "apns": { "key": super::peer::test_key(3).0 } }),
            "channels.apns.topic: ",
            "developer site",
        ),
        (
            json!({ "apns": { "key_file": "/nowhere/key.p8" } }),
            "channels.apns.key_file: ",
            "/nowhere/key.p8",
        ),
        (
            json!({ "apns": { "key": super::peer::test_key(3).0, "endpoint": "http://example.org" } }),
            "channels.apns.endpoint: ",
            "https://",
        ),
        (
            json!({ "webpush": { "key": CANARY } }),
            "channels.webpush.key: ",
            "vapid",
        ),
        (
            json!({ "webpush": { "key": super::peer::test_key(5).1 } }),
            "channels.webpush.subject: ",
            "mailto:",
        ),
    ];
    for (settings, begins, tells) in table {
        let settings: Settings = serde_json::from_value(settings).unwrap();
        let said = Channels::open(&settings).err().unwrap();
        assert!(said.starts_with(begins) && said.contains(tells), "{said}");
        assert!(!said.contains(CANARY), "{said}");
    }
}
