//! One suite that every channel passes, and what Firebase is to be told and is understood to say.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may panic")]

use super::http_peer::{HttpPeer, Reply};
use super::smtp_peer::SmtpPeer;
use super::{Channels, Push, Settings, email, webhook};
use crate::base::chance::SystemEntropy;
use crate::base::seal::SealingKey;
use crate::base::secret::Secret;
use crate::base::time::Timestamp;
use crate::engine::delivery::{ChannelKind, Outcome};
use crate::engine::message::{Message, Shown, Urgency};
use crate::engine::trigger::Audience;
use ::fcm::test_server::{Fault, FcmCode, TestServer};
use chrono::TimeDelta;
use serde_json::{Value, json};
use std::time::Duration;
use uuid::Uuid;

pub(super) const TOKEN: &str = "token-of-a-phone";
/// Stands where a secret does: it must turn up nowhere else.
pub(super) const CANARY: &str = "room-4711-canary";

pub(super) fn noon() -> Timestamp {
    "2026-05-04T12:00:00Z".parse().unwrap()
}

/// Hands a message over as the pipeline does.
pub(super) async fn send_by(
    channels: &Channels,
    (kind, address): (ChannelKind, &str),
    sealing_key: Option<&SealingKey>,
    message: &Message,
    after_noon: TimeDelta,
) -> Outcome {
    let push = Push {
        report_url: None,
        message,
        address,
        sealing_key,
        now: noon() + after_noon,
        entropy: &SystemEntropy,
    };
    channels.get(kind).unwrap().send(push).await
}

pub(super) fn shown() -> Shown {
    Shown {
        locale: "en".into(),
        title: "Welcome".into(),
        body: "Good to see you".into(),
        sensitive: false,
        public_title: None,
        public_body: None,
        link: None,
        pass: None,
        image: None,
        actions: Vec::new(),
        tag: "stay:b1".into(),
        urgency: Urgency::Normal,
        ends_at: None,
    }
}

pub(super) fn message(shown: Shown) -> Message {
    Message {
        id: Uuid::from_u128(1).into(),
        user_id: Uuid::from_u128(2).into(),
        decision_id: Uuid::from_u128(3).into(),
        trigger_id: Uuid::from_u128(4).into(),
        content: "welcome".into(),
        send_key: "key".into(),
        created_at: noon(),
        expires_at: noon() + TimeDelta::minutes(15),
        facts: Vec::new(),
        shown,
        promo: false,
        corrects: None,
        silent: false,
        to: Audience::User,
        deliveries: Vec::new(),
    }
}

pub(super) fn secret_shown() -> Shown {
    Shown {
        title: format!("Your room {CANARY}"),
        body: format!("Go to {CANARY}"),
        sensitive: true,
        public_title: Some("Alpenhof".into()),
        public_body: Some("Your room is ready".into()),
        ..shown()
    }
}

/// The channels of the suite; each has a peer on the stage, an address there, and its settings.
const IN_SUITE: [ChannelKind; 5] = [
    ChannelKind::Tray,
    ChannelKind::Fcm,
    ChannelKind::Sms,
    ChannelKind::Email,
    ChannelKind::Webhook,
];

pub(super) struct Stage {
    pub(super) server: TestServer,
    gateway: HttpPeer,
    mail: SmtpPeer,
    receiver: HttpPeer,
    channels: Channels,
}

impl Stage {
    pub(super) async fn new() -> Self {
        Self::with_timeout(10).await
    }

    async fn with_timeout(timeout_s: u64) -> Self {
        let server = TestServer::start().await.unwrap();
        let mut settings = Settings::default();
        settings.fcm.service_account = Some(Secret::new(server.service_account_json()));
        settings.fcm.endpoint = server.endpoint();
        settings.fcm.timeout_s = timeout_s;
        settings.outside.allow = vec!["127.0.0.0/8".into()];
        let gateway = HttpPeer::start().await;
        gateway.reply_always(Reply::Full(201, "", json!({ "sid": "SM1" }).to_string()));
        settings.sms.account_sid = Some("AC1".into());
        settings.sms.auth_token = Some(Secret::new("token"));
        settings.sms.from = Some("Alpenhof".into());
        settings.sms.base_url = gateway.url("");
        let mail = SmtpPeer::start().await;
        settings.email.host = Some("127.0.0.1".into());
        settings.email.port = mail.address.port();
        settings.email.tls = email::Tls::None;
        settings.email.from = Some("hello@alpenhof.example".into());
        let channels = Channels::open(&settings).unwrap();
        Self {
            server,
            gateway,
            mail,
            receiver: HttpPeer::start().await,
            channels,
        }
    }

    fn address(&self, kind: ChannelKind) -> String {
        match kind {
            ChannelKind::Sms => "+436601234567".into(),
            ChannelKind::Email => "anna@guest.example".into(),
            ChannelKind::Webhook => {
                let secrets = vec![Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")];
                let url = self.receiver.url("/hook");
                webhook::Address { url, secrets }.to_text()
            }
            ChannelKind::Tray | ChannelKind::Fcm | ChannelKind::Apns | ChannelKind::Webpush => TOKEN.into(),
        }
    }

    /// Everything that peers were given, by channels that carry the text themselves.
    fn read_along(&self) -> String {
        let http = self.gateway.received().into_iter().chain(self.receiver.received());
        let mut read: Vec<String> = http.map(|received| received.body).collect();
        read.extend(self.mail.taken().into_iter().map(|taken| taken.text));
        read.join("\n")
    }

    pub(super) async fn send(&self, kind: ChannelKind, message: &Message, after_noon: TimeDelta) -> Outcome {
        send_by(&self.channels, (kind, &self.address(kind)), None, message, after_noon).await
    }

    /// What Firebase got for this text.
    pub(super) async fn request(&self, shown: Shown) -> Value {
        let outcome = self.send(ChannelKind::Fcm, &message(shown), TimeDelta::zero()).await;
        assert!(matches!(outcome, Outcome::Accepted { .. }), "{outcome:?}");
        self.server.received().pop().unwrap().message
    }
}

#[tokio::test]
async fn every_channel_takes_a_message_twice_and_shows_it_once() {
    let stage = Stage::new().await;
    assert_eq!(stage.channels.kinds(), IN_SUITE);
    for kind in IN_SUITE {
        let channel = stage.channels.get(kind).unwrap();
        assert_eq!(channel.kind(), kind);
        channel.probe().await.unwrap();
        for text in [shown(), secret_shown()] {
            let message = message(text);
            for seconds in [0, 30] {
                let outcome = stage.send(kind, &message, TimeDelta::seconds(seconds)).await;
                assert!(
                    matches!(&outcome, Outcome::Accepted { provider_id } if !provider_id.is_empty()),
                    "{outcome:?}"
                );
            }
        }
    }
    // Two messages of one tag: the second took the place of the first.
    assert_eq!(stage.server.screen(TOKEN).len(), 1);
    let read = stage.read_along();
    assert!(
        read.contains("Good to see you") && read.contains("Your room is ready"),
        "{read}"
    );
    assert!(!read.contains(CANARY), "a stranger read it: {read}");
}

#[tokio::test]
async fn no_channel_shows_texts_or_addresses_in_a_log() {
    let stage = Stage::new().await;
    let (text, push_to) = (message(secret_shown()), TOKEN);
    let push = Push {
        report_url: None,
        message: &text,
        address: push_to,
        sealing_key: None,
        now: noon(),
        entropy: &SystemEntropy,
    };
    let said = format!("{push:?}");
    assert!(
        said.contains("msg_") && !said.contains(CANARY) && !said.contains(TOKEN),
        "{said}"
    );
    let mut settings = Settings::default();
    let account = stage.server.service_account_json();
    settings.fcm.service_account = Some(Secret::new(account.as_str()));
    let said = format!("{settings:?}");
    let account: Value = serde_json::from_str(&account).unwrap();
    for name in ["private_key", "private_key_id", "client_email"] {
        assert!(
            !said.contains(account[name].as_str().unwrap()),
            "{name} is shown: {said}"
        );
    }
    stage.server.fail_next(TOKEN, Fault::unavailable());
    let outcome = stage.send(ChannelKind::Fcm, &text, TimeDelta::zero()).await;
    let said = format!("{outcome:?}");
    assert!(!said.contains(CANARY) && !said.contains(TOKEN), "{said}");
}

#[tokio::test]
async fn each_answer_of_firebase_is_understood() {
    let stage = Stage::new().await;
    let bad_request = Fault::BadRequest {
        field: "message.android.ttl".into(),
        description: "Invalid duration".into(),
    };
    let minute = Some(TimeDelta::minutes(1));
    let again = |after, why: &str| Outcome::Retry {
        after,
        why: why.to_owned(),
    };
    // The words of the provider are the operator's to read, and are not told here.
    let refused = |why: &str| Outcome::Misconfigured {
        why: why.to_owned(),
        detail: String::new(),
    };
    let gone = |why: &str| Outcome::Unregistered {
        why: why.to_owned(),
        as_of: None,
    };
    let ten = Some(TimeDelta::seconds(10));
    let table = [
        (Fault::unregistered(), gone("unregistered")),
        (
            Fault::status(403, FcmCode::SenderIdMismatch),
            refused("sender_id_mismatch"),
        ),
        (Fault::invalid_token(), gone("invalid_token")),
        (
            bad_request,
            Outcome::Rejected {
                why: "invalid_payload".into(),
            },
        ),
        (Fault::quota_exceeded(), again(minute, "quota_exceeded")),
        (
            Fault::quota_exceeded().retry_after("90"),
            again(Some(TimeDelta::seconds(90)), "quota_exceeded"),
        ),
        (
            Fault::unavailable().retry_after("120"),
            again(Some(TimeDelta::minutes(2)), "unavailable"),
        ),
        (
            Fault::status(401, FcmCode::ThirdPartyAuthError),
            refused("third_party_auth"),
        ),
        (Fault::status(403, None), refused("permission_denied")),
        (Fault::unavailable(), again(ten, "unavailable")),
        (Fault::internal(), again(ten, "internal")),
        (Fault::DropConnectionAfterRead, again(None, "transport")),
    ];
    for (fault, expected) in table {
        stage.server.fail_next(TOKEN, fault.clone());
        let mut outcome = stage.send(ChannelKind::Fcm, &message(shown()), TimeDelta::zero()).await;
        if let Outcome::Misconfigured { detail, .. } = &mut outcome {
            assert!(!detail.is_empty() && !detail.contains(TOKEN), "{detail}");
            detail.clear();
        }
        assert_eq!(outcome, expected, "{fault:?}");
    }
    stage.server.fail_next(TOKEN, Fault::InvalidJsonAnswer);
    let outcome = stage.send(ChannelKind::Fcm, &message(shown()), TimeDelta::zero()).await;
    assert!(matches!(outcome, Outcome::Retry { .. }), "{outcome:?}");
    // An access token that ended is renewed within the attempt.
    stage.server.fail_next(TOKEN, Fault::ExpireAccessToken);
    let outcome = stage.send(ChannelKind::Fcm, &message(shown()), TimeDelta::zero()).await;
    assert!(matches!(outcome, Outcome::Accepted { .. }), "{outcome:?}");
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_waited_for_no_longer_than_the_settings_say() {
    let stage = Stage::with_timeout(1).await;
    stage.channels.get(ChannelKind::Fcm).unwrap().probe().await.unwrap();
    stage.server.fail_next(TOKEN, Fault::Hang(Duration::from_secs(60)));
    let outcome = stage.send(ChannelKind::Fcm, &message(shown()), TimeDelta::zero()).await;
    let expected = Outcome::Retry {
        after: Some(TimeDelta::seconds(10)),
        why: "timeout".into(),
    };
    assert_eq!(outcome, expected);
}

#[tokio::test]
async fn a_message_too_large_for_firebase_is_refused_for_good() {
    let stage = Stage::new().await;
    let long = Shown {
        body: "x".repeat(5_000),
        ..shown()
    };
    let outcome = stage.send(ChannelKind::Fcm, &message(long), TimeDelta::zero()).await;
    let expected = Outcome::Rejected {
        why: "too_large".into(),
    };
    assert_eq!(outcome, expected);
}

#[tokio::test]
async fn a_channel_without_credentials_is_off_and_wrong_ones_say_what_to_do() {
    let channels = Channels::open(&Settings::default()).unwrap();
    assert_eq!(channels.kinds(), [ChannelKind::Tray, ChannelKind::Webhook]);
    assert!(channels.get(ChannelKind::Fcm).is_none());
    let mut settings = Settings::default();
    settings.tray.enabled = false;
    settings.webhook.enabled = false;
    assert!(Channels::open(&settings).unwrap().kinds().is_empty());
    let error = |settings: &Settings| Channels::open(settings).err().unwrap();
    settings.fcm.service_account = Some(Secret::new(format!("{{\"private_key\": \"{CANARY}\"")));
    let said = error(&settings);
    assert!(
        said.starts_with("channels.fcm.service_account: ") && said.contains("Firebase console"),
        "{said}"
    );
    assert!(!said.contains(CANARY), "{said}");
    settings.fcm.service_account = None;
    settings.fcm.service_account_file = Some("/nowhere/account.json".into());
    let said = error(&settings);
    assert!(
        said.contains("channels.fcm.service_account_file") && said.contains("/nowhere/account.json"),
        "{said}"
    );
    assert!(said.contains("Firebase console"), "what to do instead: {said}");
    let unknown = serde_json::from_value::<Settings>(json!({ "fcm": { "servic_account": "x" } }));
    assert!(unknown.is_err());
}

#[tokio::test]
async fn a_probe_tells_bad_credentials_in_words() {
    let stage = Stage::new().await;
    stage.server.fail_next_grant(Fault::status(400, None));
    let said = stage.channels.get(ChannelKind::Fcm).unwrap().probe().await.unwrap_err();
    assert!(!said.is_empty() && !said.contains("BEGIN"), "{said}");
}
