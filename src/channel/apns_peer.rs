//! Apple's push service as tests meet it: HTTP/2, provider tokens, its rules on headers and payload, and the screens of phones.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use super::peer::{Fault, Peer, Protocol, Reply, Seen, test_key, verified};
use super::{Settings, apns};
use crate::base::secret::Secret;
use crate::base::time::Timestamp;
use hyper::{Method, Version};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use uuid::Uuid;

pub(super) const TOKEN: &str = "00fc13adff785122b4ad28809a3420982341241421348097878e577c991de8f0";
const TOPIC: &str = "org.example.hotel";
const KEY_ID: &str = "ABC123DEFG";
const TEAM_ID: &str = "DEF123GHIJ";

/// What changes while it runs.
#[derive(Default)]
struct State {
    /// Provider tokens that are refused as ended.
    ended: Vec<String>,
    /// Device tokens that are dead, and since when.
    dead: BTreeMap<String, Timestamp>,
}

pub(super) struct ApnsPeer {
    pub(super) peer: Peer,
    state: Arc<Mutex<State>>,
}

impl ApnsPeer {
    pub(super) fn start() -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let kept = Arc::clone(&state);
        let peer = Peer::start(Protocol::Http2, |_| {
            move |seen: &Seen| judge(seen, &kept.lock().unwrap())
        });
        Self { peer, state }
    }

    pub(super) fn set_up(&self, settings: &mut Settings) {
        settings.apns = apns::Settings {
            key: Some(Secret::new(test_key(3).0)),
            key_id: Some(KEY_ID.into()),
            team_id: Some(TEAM_ID.into()),
            topic: Some(TOPIC.into()),
            endpoint: self.peer.endpoint(),
            ..settings.apns.clone()
        };
    }

    /// Refuses the next request with Apple's word.
    pub(super) fn refuse_next(&self, status: u16, reason: &str) {
        self.peer.fail_next(Fault::Answer(refusal(status, reason)));
    }

    /// All provider tokens seen so far have ended.
    pub(super) fn end_provider_tokens(&self) {
        let seen = self.peer.seen();
        let tokens = seen.iter().map(|seen| bearer(seen).to_owned());
        self.state.lock().unwrap().ended.extend(tokens);
    }

    pub(super) fn bury(&self, token: &str, since: Timestamp) {
        self.state.lock().unwrap().dead.insert(token.to_owned(), since);
    }

    /// What the phone shows: a notification takes the place of the one with its collapse id.
    pub(super) fn screen(&self) -> BTreeMap<String, Value> {
        let taken = self.peer.seen().into_iter().filter(|seen| seen.accepted);
        let payload = |seen: &Seen| serde_json::from_slice::<Value>(&seen.body).unwrap();
        taken
            .filter(|seen| seen.header("apns-push-type") == "alert")
            .map(|seen| (seen.header("apns-collapse-id").to_owned(), payload(&seen)))
            .collect()
    }
}

pub(super) fn refusal(status: u16, reason: &str) -> Reply {
    Reply::status(status).json(json!({ "reason": reason }))
}

pub(super) fn bearer(seen: &Seen) -> &str {
    let said = seen.header("authorization");
    said.strip_prefix("Bearer ")
        .or(said.strip_prefix("bearer "))
        .unwrap_or_default()
}

fn judge(seen: &Seen, state: &State) -> Reply {
    let id = seen.header("apns-id").to_owned();
    let wrong = |status, reason| refusal(status, reason).header("apns-id", id.clone());
    let Some(token) = seen.path.strip_prefix("/3/device/") else {
        return wrong(404, "BadPath");
    };
    if seen.method != Method::POST || seen.version != Version::HTTP_2 {
        return wrong(405, "MethodNotAllowed");
    }
    if let Some(reason) = wrong_provider(bearer(seen), state) {
        return wrong(403, reason);
    }
    if let Some((status, reason)) = wrong_request(seen) {
        return wrong(status, reason);
    }
    if token.len() != 64 || token.bytes().all(|byte| byte == b'0') {
        return wrong(400, "BadDeviceToken");
    }
    match state.dead.get(token) {
        Some(since) => wrong(410, "").json(json!({ "reason": "Unregistered", "timestamp": since.timestamp_millis() })),
        None => Reply::status(200).header("apns-id", id),
    }
}

fn wrong_provider(token: &str, state: &State) -> Option<&'static str> {
    if token.is_empty() {
        return Some("MissingProviderToken");
    }
    let Some((header, claims)) = verified(token, &test_key(3).2) else {
        return Some("InvalidProviderToken");
    };
    let is_ours =
        header["kid"] == KEY_ID && header["alg"] == "ES256" && claims["iss"] == TEAM_ID && claims["iat"].is_i64();
    if !is_ours {
        return Some("InvalidProviderToken");
    }
    state
        .ended
        .iter()
        .any(|ended| ended == token)
        .then_some("ExpiredProviderToken")
}

fn wrong_request(seen: &Seen) -> Option<(u16, &'static str)> {
    let payload: Value = serde_json::from_slice(&seen.body).unwrap_or_default();
    let (kind, priority) = (seen.header("apns-push-type"), seen.header("apns-priority"));
    let expiration = seen.header("apns-expiration");
    let id = seen.header("apns-id");
    if seen.header("apns-topic") != TOPIC {
        return Some((400, "BadTopic"));
    }
    if !["alert", "background"].contains(&kind) {
        return Some((400, "InvalidPushType"));
    }
    if !["5", "10"].contains(&priority) || (kind == "background" && priority != "5") {
        return Some((400, "BadPriority"));
    }
    if !expiration.is_empty() && expiration.parse::<u64>().is_err() {
        return Some((400, "BadExpirationDate"));
    }
    if seen.header("apns-collapse-id").len() > 64 {
        return Some((400, "BadCollapseId"));
    }
    if !id.is_empty() && id.parse::<Uuid>().is_err() {
        return Some((400, "BadMessageId"));
    }
    if !payload["aps"].is_object() {
        return Some((400, "PayloadEmpty"));
    }
    (seen.body.len() > 4_096).then_some((413, "PayloadTooLarge"))
}
