//! Journeys of a walk over HTTP: published, moved by hand, and read back as states that began and reasons to leave.

use super::Stage;
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use usher::engine::journey::Journey;
use usher::engine::moment::{Moment, MomentKind};
use usher::walk::format::InstanceAct;
use usher::walk::outcome::SeenJourney;

impl Stage {
    pub(super) async fn publish_journey(&self, journey: &Journey) {
        let path = format!("/v1/journeys/{}", journey.name);
        let put = self.business(Method::PUT, &path, &json!(journey)).await;
        let found = put["findings"].as_array().unwrap().iter();
        let accept: BTreeSet<&str> = found.map(|finding| finding["code"].as_str().unwrap()).collect();
        self.business(Method::POST, &format!("{path}/publish"), &json!({ "accept": accept }))
            .await;
    }

    pub(super) async fn order_instance(&self, act: &InstanceAct) {
        let path = format!("/v1/journeys/{}/instances", act.journey);
        let open = format!("{path}?open=true&user_ref={}&limit=200", act.user);
        let page = self.asked(&self.secret, Method::GET, &open, None).await;
        let mut items = page["items"].as_array().unwrap().iter();
        let known = items.find(|item| item["key"] == *act.key).unwrap();
        let path = format!("{path}/{}", known["id"].as_str().unwrap());
        match &act.state {
            Some(state) => {
                self.business(Method::POST, &format!("{path}/move"), &json!({ "state": state }))
                    .await
            }
            None => self.business(Method::POST, &format!("{path}/cancel"), &json!({})).await,
        };
    }

    /// States are told by the moments of their beginning, ends by the instances.
    pub(super) async fn journeys(&self, moments: &[Moment], name: impl Fn(String) -> String) -> Vec<SeenJourney> {
        let mut seen = Vec::new();
        for moment in moments {
            if let MomentKind::Begun {
                journey, key, state, ..
            } = &moment.kind
            {
                seen.push(SeenJourney {
                    at: moment.occurred_at,
                    user: name(moment.user_id.to_string()),
                    journey: journey.clone(),
                    key: key.clone(),
                    state: Some(state.clone()),
                    exit: None,
                });
            }
        }
        for journey in self.list::<Value>("/v1/journeys").await {
            let journey = journey["name"].as_str().unwrap().to_owned();
            for instance in self.list::<Value>(&format!("/v1/journeys/{journey}/instances")).await {
                let text = |field: &str| instance[field].as_str().map(str::to_owned);
                let Some(exit) = text("exit") else { continue };
                seen.push(SeenJourney {
                    at: serde_json::from_value(instance["ended_at"].clone()).unwrap(),
                    user: name(text("user_id").unwrap()),
                    journey: journey.clone(),
                    key: text("key").unwrap(),
                    state: None,
                    exit: Some(exit),
                });
            }
        }
        seen
    }
}
