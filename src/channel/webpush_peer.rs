//! The push service of a browser as tests meet it, and the browser behind it, which opens what was sealed to it.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use super::peer::{Peer, Protocol, Reply, Seen, test_key, verified};
use super::webpush::Subscription;
use super::{Settings, webpush};
use crate::base::seal::tests::Receiver;
use crate::base::secret::Secret;
use hyper::Method;
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::SocketAddr;

pub(super) const SUBJECT: &str = "mailto:push@example.org";
const PATH: &str = "/push/browser-1";

pub(super) struct WebpushPeer {
    pub(super) peer: Peer,
    browser: Receiver,
}

impl WebpushPeer {
    pub(super) fn start() -> Self {
        Self {
            peer: Peer::start(Protocol::Http1, |address| move |seen: &Seen| judge(seen, address)),
            browser: Receiver::new(),
        }
    }

    pub(super) fn set_up(settings: &mut Settings) {
        settings.webpush = webpush::Settings {
            key: Some(Secret::new(test_key(5).1)),
            subject: Some(SUBJECT.into()),
            ..settings.webpush.clone()
        };
        settings.outside.allow = vec!["127.0.0.0/8".into()];
    }

    /// The address of the browser.
    pub(super) fn address(&self) -> String {
        let subscription = Subscription {
            endpoint: format!("{}{PATH}", self.peer.endpoint()),
            key: self.browser.key.clone(),
        };
        subscription.to_text()
    }

    /// What the browser reads.
    pub(super) fn opened(&self, seen: &Seen) -> Value {
        serde_json::from_slice(&self.browser.open(&seen.body).unwrap()).unwrap()
    }

    /// What the browser shows when it comes back: of one topic the service keeps the last message alone.
    pub(super) fn screen(&self) -> BTreeMap<String, Value> {
        let taken = self.peer.seen().into_iter().filter(|seen| seen.accepted);
        taken
            .map(|seen| (seen.header("topic").to_owned(), self.opened(&seen)))
            .collect()
    }
}

/// The statement and the key of `vapid t=…, k=…`.
pub(super) fn vapid(seen: &Seen) -> Option<(&str, &str)> {
    seen.header("authorization")
        .strip_prefix("vapid t=")?
        .split_once(", k=")
}

fn judge(seen: &Seen, own: SocketAddr) -> Reply {
    if seen.method != Method::POST || seen.path != PATH {
        return Reply::status(404);
    }
    let Some((_, claims)) = vapid(seen).and_then(|(statement, key)| verified(statement, key)) else {
        return Reply::status(401);
    };
    let is_subscribed = vapid(seen).unwrap().1 == test_key(5).2;
    if !is_subscribed || claims["aud"] != format!("http://{own}") || claims["sub"] != SUBJECT || !claims["exp"].is_i64()
    {
        return Reply::status(403);
    }
    let topic = seen.header("topic");
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    let is_right = seen.header("ttl").parse::<u32>().is_ok()
        && ["very-low", "low", "normal", "high"].contains(&seen.header("urgency"))
        && topic.len() <= 32
        && topic.bytes().all(is_plain)
        && seen.header("content-encoding") == "aes128gcm";
    match seen.body.len() {
        _ if !is_right => Reply::status(400),
        0..=4_096 => Reply::status(201).header("location", format!("http://{own}/message/1")),
        _ => Reply::status(413),
    }
}
