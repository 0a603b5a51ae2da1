//! What goes sealed beside the public text: by FCM and APNs alike, for the device's key alone, and only where it fits.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may panic")]

use super::apns_peer::{self, ApnsPeer};
use super::tests::{CANARY, TOKEN, message, secret_shown, send_by, shown};
use super::{Channels, Settings};
use crate::base::seal::SealingKey;
use crate::base::seal::tests::Receiver;
use crate::base::secret::Secret;
use crate::engine::delivery::{ChannelKind, Outcome};
use crate::engine::message::{Message, Shown};
use ::fcm::test_server::TestServer;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use serde_json::{Value, json};

/// Firebase and Apple, and a phone with a key of its own.
struct Stage {
    firebase: TestServer,
    apple: ApnsPeer,
    channels: Channels,
    phone: Receiver,
}

impl Stage {
    async fn new() -> Self {
        let (firebase, apple) = (TestServer::start().await.unwrap(), ApnsPeer::start());
        let mut settings = Settings::default();
        settings.fcm.service_account = Some(Secret::new(firebase.service_account_json()));
        settings.fcm.endpoint = firebase.endpoint();
        apple.set_up(&mut settings);
        Self {
            channels: Channels::open(&settings).unwrap(),
            firebase,
            apple,
            phone: Receiver::new(),
        }
    }

    /// What the provider got.
    async fn request(&self, kind: ChannelKind, message: &Message, sealing_key: Option<&SealingKey>) -> Value {
        let address = if kind == ChannelKind::Apns {
            apns_peer::TOKEN
        } else {
            TOKEN
        };
        let outcome = send_by(&self.channels, (kind, address), sealing_key, message, TimeDelta::zero()).await;
        assert!(matches!(outcome, Outcome::Accepted { .. }), "{kind:?}: {outcome:?}");
        if kind == ChannelKind::Apns {
            serde_json::from_slice(&self.apple.peer.seen().pop().unwrap().body).unwrap()
        } else {
            self.firebase.received().pop().unwrap().message
        }
    }

    fn opened(&self, kind: ChannelKind, request: &Value) -> Option<Value> {
        let sealed = sealed_in(kind, request).as_str()?;
        let sealed = URL_SAFE_NO_PAD.decode(sealed).unwrap();
        Some(serde_json::from_slice(&self.phone.open(&sealed).unwrap()).unwrap())
    }
}

fn sealed_in(kind: ChannelKind, request: &Value) -> &Value {
    if kind == ChannelKind::Apns {
        &request["sealed"]
    } else {
        &request["data"]["sealed"]
    }
}

const BOTH: [ChannelKind; 2] = [ChannelKind::Fcm, ChannelKind::Apns];

#[tokio::test]
async fn a_sensitive_text_goes_sealed_beside_its_public_text_and_the_phone_opens_it() {
    let stage = Stage::new().await;
    let text = message(secret_shown());
    for kind in BOTH {
        let request = stage.request(kind, &text, Some(&stage.phone.key)).await;
        let expected = json!({
            "id": text.id, "title": format!("Your room {CANARY}"), "body": format!("Go to {CANARY}"),
            "sensitive": true, "tag": "stay:b1",
        });
        assert_eq!(stage.opened(kind, &request).unwrap(), expected);
        assert!(!request.to_string().contains(CANARY), "{request}");
        assert!(request.to_string().contains("Your room is ready"), "{request}");
        // Whatever a system shows by itself is at most the public text, and nothing is public on a locked screen.
        assert!(!request.to_string().contains("PUBLIC"), "{request}");
        let again = stage.request(kind, &text, Some(&stage.phone.key)).await;
        assert_ne!(
            sealed_in(kind, &again),
            sealed_in(kind, &request),
            "no chance is used twice"
        );
    }
}

#[tokio::test]
async fn nothing_is_sealed_without_a_key_or_a_secret() {
    let stage = Stage::new().await;
    for kind in BOTH {
        let without_key = stage.request(kind, &message(secret_shown()), None).await;
        let open = stage.request(kind, &message(shown()), Some(&stage.phone.key)).await;
        let mut asking = message(secret_shown());
        asking.silent = true;
        for request in [&without_key, &open] {
            assert_eq!(sealed_in(kind, request), &Value::Null, "{request}");
        }
        let silent = stage.request(kind, &asking, Some(&stage.phone.key)).await;
        assert_eq!(sealed_in(kind, &silent), &Value::Null, "{silent}");
    }
}

#[tokio::test]
async fn a_text_of_any_length_arrives_sealed_where_it_fits_and_by_its_id_where_it_does_not() {
    let stage = Stage::new().await;
    for kind in BOTH {
        let mut fitted = Vec::new();
        for length in (0..=4_200).step_by(300) {
            let text = message(Shown {
                body: "x".repeat(length),
                ..secret_shown()
            });
            let request = stage.request(kind, &text, Some(&stage.phone.key)).await;
            assert!(request.to_string().contains(&text.id.to_string()));
            if let Some(opened) = stage.opened(kind, &request) {
                assert_eq!(opened["body"].as_str().unwrap().len(), length);
                fitted.push(length);
            }
        }
        assert!(fitted.len() > 6 && fitted.len() < 13, "{kind:?}: {fitted:?}");
        assert_eq!(fitted.len(), fitted.last().unwrap() / 300 + 1, "from the shortest on");
    }
}
