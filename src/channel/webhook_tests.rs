//! Webhooks: the published vector, what is posted, and what each answer means.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use super::*;
use crate::base::chance::SystemEntropy;
use crate::channel::http_peer::{HttpPeer, Reply};
use crate::channel::outside;
use crate::channel::tests::{CANARY, message, noon, secret_shown, shown};
use chrono::TimeDelta;

const VECTOR: &str = include_str!("../../tests/data/payloads/webhooks/standard-webhooks-vector.json");
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const OTHER: &str = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

#[test]
fn the_published_vector_is_signed_as_published() {
    let vector: Value = serde_json::from_str(VECTOR).unwrap();
    let text = |name: &str| vector[name].as_str().unwrap();
    let timestamp = vector["webhook-timestamp"].as_i64().unwrap();
    let signed = signature(
        &Secret::new(text("secret")),
        text("webhook-id"),
        timestamp,
        text("body"),
    );
    assert_eq!(signed.unwrap(), text("webhook-signature"));
    assert_eq!(signature(&Secret::new("no secret of ours"), "m", 0, "x"), None);
}

pub(super) fn channel() -> Webhook {
    let allow = vec!["127.0.0.0/8".to_owned()];
    let outside = Outside::open(&outside::Settings { allow }).unwrap();
    open(&Settings::default(), &outside).unwrap()
}

fn address(peer: &HttpPeer, secrets: &[&str]) -> String {
    let secrets = secrets.iter().map(|secret| Secret::new(*secret)).collect();
    let url = peer.url("/hook?of=alpenhof");
    Address { url, secrets }.to_text()
}

async fn send(peer: &HttpPeer, message: &Message, after_noon: TimeDelta) -> Outcome {
    let address = address(peer, &[SECRET, OTHER]);
    let push = Push {
        report_url: None,
        message,
        address: &address,
        now: noon() + after_noon,
        sealing_key: None,
        entropy: &SystemEntropy,
    };
    channel().send(push).await
}

#[tokio::test]
async fn a_receiver_verifies_every_signature_by_the_words_of_the_standard() {
    let peer = HttpPeer::start().await;
    let message = message(shown());
    for seconds in [0, 300] {
        let outcome = send(&peer, &message, TimeDelta::seconds(seconds)).await;
        assert!(matches!(outcome, Outcome::Accepted { .. }), "{outcome:?}");
    }
    let received = peer.received();
    let ids: Vec<_> = received.iter().map(|one| one.header("webhook-id")).collect();
    assert_eq!(
        ids,
        [message.id.to_string(), message.id.to_string()],
        "a repeat can be told"
    );
    for (one, seconds) in received.iter().zip([0, 300]) {
        assert_eq!((one.method.as_str(), one.path.as_str()), ("POST", "/hook?of=alpenhof"));
        let timestamp = (noon() + TimeDelta::seconds(seconds)).timestamp();
        assert_eq!(one.header("webhook-timestamp"), timestamp.to_string());
        let signatures: Vec<_> = one.header("webhook-signature").split(' ').collect();
        let signed = |secret| signature(&Secret::new(secret), ids[0], timestamp, &one.body).unwrap();
        assert_eq!(
            signatures,
            [signed(SECRET), signed(OTHER)],
            "both secrets of a rotation"
        );
        let body: Value = serde_json::from_str(&one.body).unwrap();
        assert_eq!(
            (&body["type"], &body["data"]["title"]),
            (&json!("message"), &json!("Welcome"))
        );
        assert_eq!(body["data"]["user_id"], json!(message.user_id));
    }
}

#[tokio::test]
async fn each_answer_is_understood() {
    let peer = HttpPeer::start().await;
    let again = |after: Option<i64>, why: &str| Outcome::Retry {
        after: after.map(TimeDelta::seconds),
        why: why.to_owned(),
    };
    let table = [
        (Reply::Status(400), again(None, "status_400")),
        (Reply::Status(401), again(None, "status_401")),
        (Reply::Status(404), again(None, "status_404")),
        (Reply::Status(500), again(None, "status_500")),
        (Reply::Status(301), again(None, "status_301")),
        (Reply::Status(308), again(None, "status_308")),
        (Reply::Status(429), again(Some(60), "status_429")),
        (Reply::Status(502), again(Some(60), "status_502")),
        (Reply::Status(504), again(Some(60), "status_504")),
        (
            Reply::Full(429, "retry-after: 120\r\n", String::new()),
            again(Some(120), "status_429"),
        ),
        (
            Reply::Full(503, "retry-after: 30\r\n", String::new()),
            again(Some(30), "status_503"),
        ),
        (
            Reply::Full(503, "retry-after: Mon, 04 May 2026 12:00:30 GMT\r\n", String::new()),
            again(Some(30), "status_503"),
        ),
        (Reply::Drop, again(None, "the connection broke")),
    ];
    for (reply, expected) in table {
        peer.reply_next(reply.clone());
        assert_eq!(
            send(&peer, &message(shown()), TimeDelta::zero()).await,
            expected,
            "{reply:?}"
        );
    }
    peer.reply_next(Reply::Status(410));
    let gone = send(&peer, &message(shown()), TimeDelta::zero()).await;
    assert!(matches!(gone, Outcome::Unregistered { .. }), "{gone:?}");
    for status in [200, 201, 202, 204] {
        peer.reply_next(Reply::Status(status));
        let taken = send(&peer, &message(shown()), TimeDelta::zero()).await;
        assert!(matches!(taken, Outcome::Accepted { .. }), "{status}");
    }
}

#[tokio::test]
async fn a_sensitive_text_goes_whole_only_where_nobody_reads_along() {
    let peer = HttpPeer::start().await;
    send(&peer, &message(secret_shown()), TimeDelta::zero()).await;
    let body = &peer.received()[0].body;
    assert!(!body.contains(CANARY) && body.contains("Your room is ready"), "{body}");
    let private = body_of(&message(secret_shown()), true).to_string();
    assert!(private.contains(CANARY), "it is the business's own");
}

#[test]
fn what_it_is_signed_with_shows_in_no_log() {
    let secrets = vec![Secret::new(SECRET)];
    let url = "https://example.com".to_owned();
    assert!(!format!("{:?}", Address { url, secrets }).contains("MfKQ"));
}
