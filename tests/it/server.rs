//! A whole Usher for one test: a port of its own over a fresh database, a clock that stands still, and Firebase's look-alike.
//!
//! Nothing sleeps here: time moves by [`Usher::set`], and the loops turn when a test calls [`Usher::turn`].
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

use super::caller::Caller;
use actix_web::dev::ServerHandle;
use actix_web::web;
use chrono::TimeDelta;
use fcm::test_server::TestServer;
use serde_json::{Value, json};
use std::net::TcpListener;
use std::sync::Arc;
use tokio::task::JoinSet;
use usher::api::{self, Api, Progress};
use usher::base::chance::{Entropy, SeededEntropy};
use usher::base::clock::{Clock, ManualClock};
use usher::base::id::{KeyId, ProjectId, stamped};
use usher::base::secret::{Secret, new_token, token_hash};
use usher::base::time::Timestamp;
use usher::channel::{self, Channels};
use usher::engine::catalogue::{Mode, ProjectSettings};
use usher::pipeline::{self, Pipeline};
use usher::store::testing::{Fresh, open_fresh};
use usher::store::{KeyKind, KeyRow, ProjectRow, Store};
use usher::telemetry::measure::Measures;

/// The middle of Vienna, where most tests take place.
pub const LAT: f64 = 48.2082;
pub const LNG: f64 = 16.3738;
/// Far enough from there that any fix is clearly outside, near enough to be no jump.
pub const LAT_OUTSIDE: f64 = 48.2182;

pub struct Usher {
    pub pipeline: Pipeline,
    pub clock: Arc<ManualClock>,
    pub fcm: TestServer,
    pub caller: Caller,
    pub fresh: Fresh,
    handle: ServerHandle,
    _serving: JoinSet<std::io::Result<()>>,
}

/// A tenant with its credentials.
#[derive(Debug, Clone)]
pub struct Project {
    /// With a publishable key.
    pub app: Caller,
    /// With a secret key that may do everything.
    pub business: Caller,
}

/// A registered device.
#[derive(Debug, Clone)]
pub struct Phone {
    pub caller: Caller,
    pub device_id: String,
    pub user_id: String,
    pub push: String,
}

impl Usher {
    /// Starts it at this instant.
    pub async fn start(now: &str) -> Self {
        let fcm = TestServer::start().await.unwrap();
        let fresh = open_fresh().await.unwrap();
        let clock = Arc::new(ManualClock::new(now.parse().unwrap()));
        let entropy: Arc<dyn Entropy> = Arc::new(SeededEntropy::new(7));
        let channels = Channels::open(&channel::Settings {
            tenant_endpoints: true,
            fcm: channel::fcm::Settings {
                service_account: Some(Secret::new(fcm.service_account_json())),
                endpoint: fcm.endpoint(),
                // The clock of these tests stands still, and with it the rate that rises with time.
                messages_per_min: u32::MAX,
                ..channel::fcm::Settings::default()
            },
            ..channel::Settings::default()
        });
        let told: Arc<dyn Clock> = Arc::clone(&clock) as Arc<dyn Clock>;
        let settings = pipeline::Settings {
            lanes: 2,
            ..pipeline::Settings::default()
        };
        let pipeline = Pipeline::start((*fresh).clone(), told, entropy, channels.unwrap(), settings);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let settings = api::Settings {
            workers: 1,
            osmand_query: true,
            shutdown_s: 1,
            ..api::Settings::default()
        };
        let measures = Measures::install().unwrap();
        let api = Api::new(pipeline.clone(), settings, Progress::default(), Some(measures.handle()));
        let server = api::serve(listener, web::Data::new(api)).unwrap();
        let handle = server.handle();
        let mut serving = JoinSet::new();
        serving.spawn(server);
        Self {
            pipeline,
            clock,
            fcm,
            caller: Caller::new(base),
            fresh,
            handle,
            _serving: serving,
        }
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Lets time stand at this instant.
    pub fn set(&self, at: Timestamp) {
        self.clock.set(at);
    }

    pub fn pass(&self, seconds: i64) {
        self.set(self.now() + TimeDelta::seconds(seconds));
    }

    /// One turn of the loops: due timers fire, due deliveries go out.
    pub async fn turn(&self) {
        while self.pipeline.tick().await.unwrap() > 0 {}
        while self.pipeline.dispatch().await.unwrap() > 0 {}
    }

    /// A project with its keys.
    pub async fn project(&self, name: &str, mode: Mode) -> Project {
        let entropy = self.pipeline.entropy();
        let keys = create_project(&self.fresh, entropy, self.now(), name, mode).await;
        Project {
            app: self.caller.with(&keys.publishable),
            business: self.caller.with(&keys.secret),
        }
    }

    pub async fn phone(&self, project: &Project, name: &str) -> Phone {
        register(&project.app, name).await
    }
}

impl Drop for Usher {
    fn drop(&mut self) {
        // The command is queued by the call; nobody waits for the end of a server that nobody asks any more.
        drop(self.handle.stop(false));
    }
}

/// The credentials of a new project.
pub struct Keys {
    pub publishable: String,
    pub secret: String,
}

pub async fn create_project(store: &Store, entropy: &dyn Entropy, now: Timestamp, name: &str, mode: Mode) -> Keys {
    let id = ProjectId::from(stamped(entropy.seed(), now));
    let row = ProjectRow {
        id,
        name: name.to_owned(),
        mode,
        salt: name.to_owned(),
        settings: ProjectSettings {
            quiet_hours: None,
            ..ProjectSettings::default()
        },
        catalogue_version: 1,
        created_at: now,
    };
    store.create_project(&row).await.unwrap();
    let mut tokens = Vec::new();
    for (kind, prefix) in [(KeyKind::Publishable, "pk_test"), (KeyKind::Secret, "sk_test")] {
        let token = new_token(prefix, entropy).expose().to_owned();
        let key = KeyRow {
            id: KeyId::from(stamped(entropy.seed(), now)),
            project_id: id,
            kind,
            scopes: if kind == KeyKind::Secret {
                vec!["all".to_owned()]
            } else {
                Vec::new()
            },
            token_hash: token_hash(&token).to_vec(),
            label: format!("{name} {prefix}"),
            last4: token[token.len() - 4..].to_owned(),
            created_at: now,
            expires_at: None,
            revoked_at: None,
        };
        store.create_key(&key).await.unwrap();
        tokens.push(token);
    }
    let secret = tokens.pop().unwrap();
    Keys {
        publishable: tokens.pop().unwrap(),
        secret,
    }
}

/// Registers an Android phone that allowed everything but promo.
pub async fn register(app: &Caller, name: &str) -> Phone {
    let push = format!("push-token-of-{name}");
    let body = json!({
        "installation_id": format!("installation-{name}"),
        "platform": "android", "locale": "en", "notifications": "granted",
        "push": { "channel": "fcm", "address": push },
        "consents": { "location": true, "service": true },
    });
    let registered = app.post("/v1/devices", &body).await.ok();
    Phone {
        caller: app.with(registered["token"].as_str().unwrap()),
        device_id: registered["device_id"].as_str().unwrap().to_owned(),
        user_id: registered["user_id"].as_str().unwrap().to_owned(),
        push,
    }
}

impl Phone {
    /// Sends a batch at once; the phone's clock is right.
    pub async fn track(&self, now: Timestamp, records: &[Value]) -> Value {
        let answer = self
            .caller
            .post("/v1/track", &json!({ "sent_at": now, "records": records }))
            .await
            .ok();
        assert_eq!(answer["acks"].as_array().unwrap().len(), records.len(), "{answer}");
        answer
    }

    pub async fn identify(&self, user_ref: &str) -> Value {
        self.caller
            .post("/v1/devices/me/identify", &json!({ "user_ref": user_ref }))
            .await
            .ok()
    }
}

impl Project {
    /// A circle.
    pub async fn place(&self, tag: &str, external_id: &str, lat: f64, lng: f64, radius_m: f64) -> String {
        let body = json!({ "name": external_id, "tag": tag, "external_id": external_id,
            "center": { "lat": lat, "lng": lng }, "radius_m": radius_m });
        self.business.post("/v1/geofences", &body).await.ok()["id"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// A content in English that lives for a day.
    pub async fn content(&self, name: &str, title: &str, body: &str) -> Value {
        let body = json!({ "name": name, "default_locale": "en", "ttl": "P1D",
            "locales": { "en": { "title": title, "body": body } } });
        self.business.put(&format!("/v1/contents/{name}"), &body).await.ok()
    }

    /// Saves a service trigger and publishes it, whatever the lint finds: these tests are about other things.
    pub async fn trigger(&self, name: &str, when: Value, content: &str, more: Value) -> Value {
        let mut body = json!({ "name": name, "class": "service", "when": when, "then": { "content": content } });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let put = self.business.put(&format!("/v1/triggers/{name}"), &body).await.ok();
        let found = put["findings"].as_array().unwrap().iter();
        let accept: Vec<&Value> = found.map(|finding| &finding["code"]).collect();
        self.business
            .post(&format!("/v1/triggers/{name}/publish"), &json!({ "accept": accept }))
            .await
            .ok()
    }

    /// A hotel in the middle of Vienna that says welcome.
    pub async fn hotel(&self) -> String {
        let fence = self.place("hotel", "h1", LAT, LNG, 150.0).await;
        self.content("welcome", "Welcome", "Good to see you").await;
        self.trigger(
            "welcome",
            json!({ "entered": { "tag": "hotel" } }),
            "welcome",
            json!({}),
        )
        .await;
        fence
    }

    /// The same words once more: no edit.
    pub async fn hotel_again(&self) {
        self.place("hotel", "h1", LAT, LNG, 150.0).await;
        self.content("welcome", "Welcome", "Good to see you").await;
    }

    pub async fn moments(&self, kind: &str) -> Vec<Value> {
        self.business.list(&format!("/v1/moments?kind={kind}")).await
    }

    pub async fn decisions(&self, code: &str) -> Vec<Value> {
        self.business.list(&format!("/v1/decisions?code={code}")).await
    }
}

/// A fix of ten metres.
pub fn fix(id: &str, at: Timestamp, lat: f64, lng: f64) -> Value {
    json!({ "id": id, "at": at, "type": "fix", "lat": lat, "lng": lng, "accuracy_m": 10.0 })
}

/// A file of the test data.
pub fn test_file(path: &str) -> Vec<u8> {
    let full = format!("{}/tests/data/{path}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&full).unwrap_or_else(|error| panic!("{full}: {error}"))
}

pub fn test_json(path: &str) -> Value {
    serde_json::from_slice(&test_file(path)).unwrap()
}
