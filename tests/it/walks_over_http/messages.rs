//! Messages of a walk over HTTP: answered by the device that got them, and read back with every way they took.

use super::Stage;
use futures_util::future::{BoxFuture, FutureExt, ready};
use reqwest::Method;
use serde_json::{Value, json};
use std::sync::Arc;
use usher::base::clock::Clock;
use usher::channel::{Channel, Channels, Push};
use usher::engine::decision::Decision;
use usher::engine::delivery::{ChannelKind, Outcome};
use usher::engine::fix::Envelope;
use usher::walk::format::{AnswerAct, BatchAct};
use usher::walk::outcome::SeenMessage;

/// Takes every message to an address of a person's own.
struct Addresses(ChannelKind);

impl Channel for Addresses {
    fn kind(&self) -> ChannelKind {
        self.0
    }

    fn send<'a>(&'a self, push: Push<'a>) -> BoxFuture<'a, Outcome> {
        assert!(push.address.starts_with('+') || push.address.contains('@'));
        let provider_id = push.message.id.to_string();
        ready(Outcome::Accepted { provider_id }).boxed()
    }

    fn probe(&self) -> BoxFuture<'_, Result<(), String>> {
        ready(Ok(())).boxed()
    }
}

pub(super) fn with_addresses(channels: Channels) -> Channels {
    let kinds = [ChannelKind::Sms, ChannelKind::Email].into_iter();
    kinds.fold(channels, |channels, kind| channels.with(Arc::new(Addresses(kind))))
}

impl Stage {
    /// A receipt from the device that got the newest message of that content.
    pub(super) async fn answer(&mut self, number: usize, act: &AnswerAct) {
        let path = format!("/v1/decisions?user_ref={}&code=sent&limit=200", act.user);
        let decisions = self.asked(&self.secret, Method::GET, &path, None).await;
        let mut newest: Option<(String, String)> = None;
        for decision in decisions["items"].as_array().unwrap() {
            let path = format!("/v1/decisions/{}", decision["id"].as_str().unwrap());
            let explained = self.asked(&self.secret, Method::GET, &path, None).await;
            if explained["message"]["content"] == json!(act.content) {
                let text = |value: &Value| value.as_str().unwrap().to_owned();
                let mut deliveries = explained["deliveries"].as_array().unwrap().iter();
                let by_phone = |one: &&Value| one["state"] != "failed" && one["device_id"].is_string();
                let device = &deliveries.find(by_phone).unwrap()["device_id"];
                newest = Some((text(&explained["message"]["id"]), text(device)));
                break;
            }
        }
        let (message_id, device) = newest.unwrap();
        let (now, device) = (self.clock.now(), self.devices[&device].clone());
        let record = json!({ "id": format!("step-{number}"), "at": now, "type": "receipt", "message_id": message_id,
            "status": act.how, "action": act.action, "text": act.text });
        let envelope = Envelope {
            sent_at: Some(now),
            ..Envelope::default()
        };
        let records = vec![serde_json::from_value(record).unwrap()];
        self.track(&BatchAct {
            device,
            envelope,
            records,
        })
        .await;
    }

    /// The message of a decision, once for each way that it took; none when it reached nobody.
    pub(super) async fn messages(&self, decision: &Decision, user: &str) -> Vec<SeenMessage> {
        let path = format!("/v1/decisions/{}", decision.id);
        let explained = self.asked(&self.secret, Method::GET, &path, None).await;
        let (message, deliveries) = (&explained["message"], explained["deliveries"].as_array().unwrap());
        let got_out: Vec<&Value> = deliveries
            .iter()
            .filter(|delivery| delivery["state"] != "failed")
            .collect();
        let arrived = ["accepted", "received", "displayed", "opened"].map(|state| json!(state));
        let all = got_out.iter().all(|delivery| arrived.contains(&delivery["state"]));
        // Where a device took over, the one before failed; only a further way goes beside another.
        let first = got_out.iter().filter(|delivery| delivery["because"].is_null());
        assert!(all && first.count() <= 1, "{explained}");
        let text = |name: &str| message[name].as_str().map(str::to_owned);
        let tag = text("tag").filter(|tag| Some(tag.as_str()) != message["id"].as_str());
        let seen = |delivery: &Value| {
            let device = delivery["device_id"].as_str();
            let channel: ChannelKind = serde_json::from_value(delivery["channel"].clone()).unwrap();
            let taken = if delivery["because"].is_null() {
                message
            } else {
                delivery
            };
            SeenMessage {
                at: serde_json::from_value(taken["created_at"].clone()).unwrap(),
                user: user.to_owned(),
                device: device.map(|id| self.devices[id].clone()).unwrap_or_default(),
                title: text("title").unwrap(),
                body: text("body").unwrap(),
                public_title: text("public_title"),
                public_body: text("public_body"),
                link: text("link"),
                tag: tag.clone(),
                to: serde_json::from_value(message["to"].clone()).unwrap(),
                channel: Some(channel).filter(|channel| channel.is_personal()),
                id: None,
            }
        };
        got_out.into_iter().map(seen).collect()
    }
}
