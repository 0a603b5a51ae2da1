//! Every walk once more, over HTTP against a running server: the outcome read through the API must be the engine's own.
//!
//! Nothing sleeps: the server's clock stands still and is set from step to step, and timers fire at their own instant.

mod journeys;
mod messages;

use crate::server::create_project;
use crate::walks::{WALKS, expected, folder};
use actix_web::web;
use fcm::test_server::TestServer;
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::sync::Arc;
use tokio::task::JoinSet;
use usher::api::{self, Api, Progress};
use usher::base::chance::{Entropy, SeededEntropy};
use usher::base::clock::{Clock, ManualClock};
use usher::base::secret::Secret;
use usher::base::time::Timestamp;
use usher::channel::{self, Channels};
use usher::cli::walk::load;
use usher::engine::decision::Decision;
use usher::engine::fix::{Crossing, Envelope, RawBody, RawRecord};
use usher::engine::moment::Moment;
use usher::engine::trigger::Trigger;
use usher::pipeline::{self, Pipeline};
use usher::store::testing::{Fresh, open_fresh};
use usher::walk::format::{Act, BatchAct, WalkPlace, WalkUser};
use usher::walk::outcome::{SeenDecision, SeenMoment, SeenRefusal};
use usher::walk::path::expand;
use usher::walk::{Expected, Outcome, Walk, differences, run};

/// A server with one project, and the names of a walk for what it knows by ids.
struct Stage {
    http: reqwest::Client,
    base: String,
    secret: String,
    publishable: String,
    clock: Arc<ManualClock>,
    pipeline: Pipeline,
    handle: actix_web::dev::ServerHandle,
    _serving: JoinSet<std::io::Result<()>>,
    fresh: Fresh,
    /// Name of a device -> its token.
    tokens: BTreeMap<String, String>,
    /// Id of a device -> its name.
    devices: BTreeMap<String, String>,
    places: BTreeMap<String, String>,
    erased: BTreeSet<String>,
    refused: Vec<SeenRefusal>,
    fcm: Option<TestServer>,
    /// Devices whose push token dies in the walk: they are reached through the look-alike of Firebase.
    mortal: BTreeSet<String>,
}

impl Stage {
    async fn start(walk: &Walk, now: Timestamp) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let fresh = open_fresh().await.unwrap();
        let clock = Arc::new(ManualClock::new(now));
        let entropy: Arc<dyn Entropy> = Arc::new(SeededEntropy::new(11));
        // Only where a token dies is a provider needed to say so.
        let mortal = mortal(walk);
        let fcm = if mortal.is_empty() {
            None
        } else {
            Some(TestServer::start().await.unwrap())
        };
        let mut channels = channel::Settings::default();
        if let Some(server) = &fcm {
            channels.fcm.service_account = Some(Secret::new(server.service_account_json()));
            channels.fcm.endpoint = server.endpoint();
        }
        let channels = messages::with_addresses(Channels::open(&channels).unwrap());
        let told: Arc<dyn Clock> = Arc::clone(&clock) as Arc<dyn Clock>;
        let settings = pipeline::Settings {
            lanes: 2,
            ..pipeline::Settings::default()
        };
        let pipeline = Pipeline::start((*fresh).clone(), told, entropy, channels, settings);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let settings = api::Settings {
            workers: 1,
            shutdown_s: 1,
            ..api::Settings::default()
        };
        let api = Api::new(pipeline.clone(), settings, Progress::default(), None);
        let server = api::serve(listener, web::Data::new(api)).unwrap();
        let handle = server.handle();
        let mut serving = JoinSet::new();
        serving.spawn(server);
        let project = &walk.project;
        let keys = create_project(&fresh, pipeline.entropy(), now, &project.name, project.mode).await;
        let row = fresh.project_by_name(&project.name).await.unwrap().unwrap();
        assert!(pipeline.update_settings(row.id, &project.settings).await.unwrap());
        Self {
            http: reqwest::Client::builder()
                .timeout(std::time::Duration::from_mins(1))
                .build()
                .unwrap(),
            base,
            secret: keys.secret,
            publishable: keys.publishable,
            clock,
            pipeline,
            handle,
            _serving: serving,
            fresh,
            tokens: BTreeMap::new(),
            devices: BTreeMap::new(),
            places: BTreeMap::new(),
            erased: BTreeSet::new(),
            refused: Vec::new(),
            fcm,
            mortal,
        }
    }

    async fn send(&self, credential: &str, method: Method, path: &str, body: Option<&Value>) -> (u16, Value) {
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.base))
            .header("authorization", format!("Bearer {credential}"));
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    async fn asked(&self, credential: &str, method: Method, path: &str, body: Option<&Value>) -> Value {
        let (status, answer) = self.send(credential, method.clone(), path, body).await;
        assert!(
            (200..300).contains(&status),
            "{method} {path} {body:?}: {status} {answer}"
        );
        answer
    }

    async fn business(&self, method: Method, path: &str, body: &Value) -> Value {
        self.asked(&self.secret, method, path, Some(body)).await
    }

    async fn list<T: serde::de::DeserializeOwned>(&self, path: &str) -> Vec<T> {
        let mut rows = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = self
                .asked(&self.secret, Method::GET, &format!("{path}?limit=200{cursor}"), None)
                .await;
            let items = page
                .get("items")
                .or_else(|| page.get("data"))
                .unwrap_or_else(|| panic!("{page}"));
            rows.extend(serde_json::from_value::<Vec<T>>(items.clone()).unwrap());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return rows,
            }
        }
    }

    async fn set_up(&mut self, walk: &Walk) {
        for fact_type in &walk.fact_types {
            let path = format!("/v1/fact-types/{}", fact_type.kind);
            self.business(Method::PUT, &path, &json!(fact_type)).await;
        }
        for content in &walk.contents {
            let path = format!("/v1/contents/{}", content.name);
            self.business(Method::PUT, &path, &json!(content)).await;
        }
        for place in &walk.places {
            self.draw(place).await;
        }
        for trigger in &walk.triggers {
            self.publish(trigger).await;
        }
        for journey in &walk.journeys {
            self.publish_journey(journey).await;
        }
        for user in &walk.users {
            self.meet(user).await;
        }
    }

    async fn draw(&mut self, place: &WalkPlace) {
        let put = self.business(Method::POST, "/v1/geofences", &json!(place)).await;
        self.places
            .insert(place.external_id.clone(), put["id"].as_str().unwrap().to_owned());
    }

    async fn publish(&self, trigger: &Trigger) {
        let path = format!("/v1/triggers/{}", trigger.name);
        let put = self.business(Method::PUT, &path, &json!(trigger)).await;
        // Some walks are about a trigger that the lint would keep back: they accept by name whatever it finds.
        let found = put["findings"].as_array().unwrap().iter();
        let accept: BTreeSet<&str> = found.map(|finding| finding["code"].as_str().unwrap()).collect();
        self.business(Method::POST, &format!("{path}/publish"), &json!({ "accept": accept }))
            .await;
    }

    async fn meet(&mut self, user: &WalkUser) {
        let path = format!("/v1/users/{}", user.user_ref);
        let profile = json!({ "locale": user.locale, "time_zone": user.time_zone, "attributes": user.attributes,
                              "phone": user.contact.phone, "email": user.contact.email });
        self.business(Method::PUT, &path, &profile).await;
        if !user.consents.is_empty() {
            self.business(Method::POST, &format!("{path}/consents"), &json!(user.consents))
                .await;
        }
        for device in &user.devices {
            let channel = if self.mortal.contains(&device.id) {
                "fcm"
            } else {
                "tray"
            };
            let body = json!({
                "installation_id": format!("installation-{}", device.id), "platform": device.platform,
                "locale": device.locale, "time_zone": device.time_zone, "notifications": device.notifications,
                "push": device.push.then(|| json!({ "channel": channel, "address": device.id })),
            });
            let registered = self
                .asked(&self.publishable, Method::POST, "/v1/devices", Some(&body))
                .await;
            let text = |name: &str| registered[name].as_str().unwrap().to_owned();
            self.tokens.insert(device.id.clone(), text("token"));
            self.devices.insert(text("device_id"), device.id.clone());
            self.identify(&device.id, &user.user_ref).await;
        }
    }

    async fn identify(&self, device: &str, user: &str) {
        let body = json!({ "user_ref": user });
        self.asked(
            &self.tokens[device],
            Method::POST,
            "/v1/devices/me/identify",
            Some(&body),
        )
        .await;
    }

    /// Timers fire at their own instant, then what was said goes out.
    async fn pass_time_until(&self, at: Timestamp) {
        for _ in 0..10_000 {
            let Some(due) = self.fresh.next_wake().await.unwrap().filter(|due| *due <= at) else {
                self.clock.set(at);
                return;
            };
            self.clock.set(due.max(self.clock.now()));
            assert!(self.pipeline.tick().await.unwrap() > 0, "nobody was woken at {due}");
            while self.pipeline.dispatch().await.unwrap() > 0 {}
        }
        panic!("timers fire for ever");
    }

    async fn act(&mut self, number: usize, act: &Act) {
        let now = self.clock.now();
        let single = |id: &Option<String>, at: Option<Timestamp>, body: RawBody| RawRecord {
            id: id.clone().unwrap_or_else(|| format!("step-{number}")),
            at: Some(at.unwrap_or(now)),
            mono_ms: None,
            boot_id: None,
            body,
        };
        let at_once = |device: &str, record: RawRecord| BatchAct {
            device: device.to_owned(),
            envelope: Envelope {
                sent_at: Some(now),
                ..Envelope::default()
            },
            records: vec![record],
        };
        match act {
            Act::Fix(act) => {
                let record = single(&act.id, act.fixed_at, RawBody::Fix(act.fix.clone()));
                self.track(&at_once(&act.device, record)).await;
            }
            Act::Crossing(act) => {
                let body = RawBody::Crossing(Crossing {
                    geofence_id: self.places[&act.place].parse().unwrap(),
                    transition: act.transition,
                });
                let record = single(&act.id, act.crossed_at, body);
                self.track(&at_once(&act.device, record)).await;
            }
            Act::Batch(act) => self.track(act).await,
            // Paths were cut into fixes before the first step.
            Act::Path(_) => {}
            Act::Fact(act) => {
                let mut body = json!(act);
                let fields = body.as_object_mut().unwrap();
                fields.retain(|name, _| name != "type" && name != "key");
                self.business(Method::PUT, &format!("/v1/facts/{}/{}", act.kind, act.key), &body)
                    .await;
            }
            Act::Event(act) => {
                let id = act.id.clone().unwrap_or_else(|| format!("step-{number}"));
                let body = json!({ "id": id, "user_ref": act.user, "name": act.name, "properties": act.properties,
                                   "occurred_at": act.occurred_at });
                self.business(Method::POST, "/v1/events", &body).await;
            }
            Act::Answer(act) => self.answer(number, act).await,
            Act::Consent(act) => {
                let path = format!("/v1/users/{}/consents", act.user);
                self.business(Method::POST, &path, &json!(act.purposes)).await;
            }
            Act::Identify(act) => self.identify(&act.device, &act.user).await,
            Act::SignOut(act) => {
                self.asked(&self.tokens[&act.device], Method::POST, "/v1/devices/me/sign-out", None)
                    .await;
            }
            Act::PublishJourney(journey) => self.publish_journey(journey).await,
            Act::Instance(act) => self.order_instance(act).await,
            Act::TokenGone(act) => {
                self.fcm.as_ref().unwrap().unregister(&act.device);
            }
            Act::Erase(_) | Act::Tick(_) | Act::Publish(_) | Act::Pause(_) | Act::Place(_) => self.operate(act).await,
        }
        while self.pipeline.dispatch().await.unwrap() > 0 {}
        crate::books::assert_books_balance(&self.fresh).await;
    }

    /// What the business does apart from telling facts and events.
    async fn operate(&mut self, act: &Act) {
        match act {
            Act::Erase(act) => {
                self.asked(&self.secret, Method::DELETE, &format!("/v1/users/{}", act.user), None)
                    .await;
                self.erased.insert(act.user.clone());
            }
            Act::Publish(act) => match &act.sentence {
                Some(sentence) => self.publish(sentence).await,
                None => drop(
                    self.business(
                        Method::POST,
                        &format!("/v1/triggers/{}/resume", act.trigger),
                        &json!({}),
                    )
                    .await,
                ),
            },
            Act::Pause(act) => {
                self.business(Method::POST, &format!("/v1/triggers/{}/pause", act.trigger), &json!({}))
                    .await;
            }
            Act::Place(place) => self.draw(place).await,
            Act::Fix(_)
            | Act::Path(_)
            | Act::Crossing(_)
            | Act::Batch(_)
            | Act::Fact(_)
            | Act::Event(_)
            | Act::Answer(_)
            | Act::Tick(_)
            | Act::Consent(_)
            | Act::Identify(_)
            | Act::SignOut(_)
            | Act::PublishJourney(_)
            | Act::Instance(_)
            | Act::TokenGone(_) => {}
        }
    }

    async fn track(&mut self, act: &BatchAct) {
        let mut body = json!(act.envelope);
        body["records"] = json!(act.records);
        let (status, answer) = self
            .send(&self.tokens[&act.device], Method::POST, "/v1/track", Some(&body))
            .await;
        let at = self.clock.now();
        if !self.erased.is_empty() && (status == 401 || status == 410) {
            // Nothing is left of an erased person, not even the device's credential.
            let refused = act
                .records
                .iter()
                .map(|record| (record.id.clone(), "erased".to_owned()));
            self.refused
                .extend(refused.map(|(record, code)| SeenRefusal { at, record, code }));
            return;
        }
        assert_eq!(status, 200, "{answer}");
        for ack in answer["acks"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|ack| ack["status"] == "rejected")
        {
            let text = |name: &str| ack[name].as_str().unwrap().to_owned();
            self.refused.push(SeenRefusal {
                at,
                record: text("id"),
                code: text("code"),
            });
        }
    }

    /// Reads everything through the API and tells it in names.
    async fn outcome(&self) -> Outcome {
        let users: Vec<Value> = self.list("/v1/users").await;
        let names: BTreeMap<String, String> = users
            .iter()
            .filter_map(|user| Some((user["id"].as_str()?.to_owned(), user["user_ref"].as_str()?.to_owned())))
            .collect();
        let name = |id: String| names.get(&id).cloned().unwrap_or(id);
        let mut outcome = Outcome {
            refused: self.refused.clone(),
            ..Outcome::default()
        };
        let moments = self.list::<Moment>("/v1/moments").await;
        outcome.journeys = self.journeys(&moments, name).await;
        for moment in moments {
            outcome.moments.push(SeenMoment {
                at: moment.occurred_at,
                user: name(moment.user_id.to_string()),
                kind: moment.kind.name().to_owned(),
                of: Some(moment.kind.of()),
            });
        }
        let mut told = BTreeSet::new();
        for decision in self.list::<Decision>("/v1/decisions").await {
            let user = name(decision.user_id.to_string());
            if decision.message_id.is_some_and(|message| told.insert(message)) {
                outcome.messages.extend(self.messages(&decision, &user).await);
            }
            let facts = decision.facts.into_iter().map(|(name, fact)| (name, fact.key));
            outcome.decisions.push(SeenDecision {
                at: decision.decided_at,
                user,
                trigger: decision.trigger,
                code: decision.code,
                facts: facts.collect(),
                late: decision.late,
                arm: decision.arm,
                says: None,
                trace: Vec::new(),
            });
        }
        outcome
    }
}

fn mortal(walk: &Walk) -> BTreeSet<String> {
    let mut gone = BTreeSet::new();
    for step in &walk.steps {
        if let Act::TokenGone(act) = &step.act {
            gone.insert(act.device.clone());
        }
    }
    gone
}

impl Drop for Stage {
    fn drop(&mut self) {
        drop(self.handle.stop(false));
    }
}

async fn walk_over_http(walk: &Walk) -> Outcome {
    let first = walk.steps.first().unwrap().at;
    let start = walk.starts_at.unwrap_or(first - chrono::TimeDelta::hours(1));
    let mut stage = Stage::start(walk, start).await;
    stage.set_up(walk).await;
    let steps = expand(walk, 1.0, usize::MAX).unwrap();
    for (number, (_, step)) in steps.iter().enumerate() {
        stage.pass_time_until(step.at).await;
        stage.act(number, &step.act).await;
    }
    let outcome = stage.outcome().await;
    stage.pipeline.stop().await;
    outcome
}

/// The engine's outcome as an expectation: equal outcomes differ in nothing.
fn exactly(outcome: Outcome) -> Expected {
    Expected {
        moments: Some(outcome.moments),
        decisions: Some(outcome.decisions),
        messages: Some(outcome.messages),
        refused: Some(outcome.refused),
        journeys: Some(outcome.journeys),
    }
}

/// How many servers of walks run side by side.
const SIDE_BY_SIDE: usize = 4;

/// What differs between the outcome over HTTP, the expected one and the engine's own.
async fn found_in(name: &'static str) -> Vec<String> {
    let walk = load(&folder(name)).unwrap_or_else(|error| panic!("{error}"));
    let alone = run(&walk).unwrap_or_else(|error| panic!("{error}"));
    let over_http = walk_over_http(&walk).await;
    // An expectation may leave things out, so the engine's outcome is compared both ways.
    let both_ways = [
        ("HTTP against expected", differences(&expected(name), &over_http)),
        ("HTTP against engine", differences(&exactly(alone.clone()), &over_http)),
        ("engine against HTTP", differences(&exactly(over_http), &alone)),
    ];
    let mut found = Vec::new();
    for (what, lines) in both_ways {
        found.extend(lines.into_iter().map(|line| format!("{name}, {what}: {line}")));
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http_walks_as_the_engine_does_and_as_expected() {
    let (mut wrong, mut walking, mut names) = (Vec::new(), JoinSet::new(), BTreeMap::new());
    let mut next = WALKS.into_iter();
    loop {
        while walking.len() < SIDE_BY_SIDE
            && let Some(name) = next.next()
        {
            names.insert(walking.spawn(found_in(name)).id(), name);
        }
        // A walk that breaks off keeps none of the others from telling what it found.
        match walking.join_next().await {
            Some(Ok(found)) => wrong.extend(found),
            Some(Err(error)) => wrong.push(format!("{} broke off: {error}", names[&error.id()])),
            None => break,
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
