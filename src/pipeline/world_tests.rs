//! The world of the pipeline's tests: a real store, a clock set by hand, seeded chance, one hotel, and phones.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use super::{Ack, AckStatus, Pipeline, ServerEvent, Settings, Tracked};
use crate::base::chance::SeededEntropy;
use crate::base::clock::{Clock, ManualClock};
use crate::base::contact::Contact;
use crate::base::id::{ProjectId, TriggerId, UserId};
use crate::base::secret::Secret;
use crate::base::time::Timestamp;
use crate::channel::{self, Channel, Channels};
use crate::engine::catalogue::{Mode, ProjectSettings};
use crate::engine::decision::{Decision, ReasonCode};
use crate::engine::delivery::{ChannelKind, DeliveryState};
use crate::engine::fact::{Fact, FactRef, Lifecycle};
use crate::engine::fence::{Position, Shape, ShapeLimits, StoredShape};
use crate::engine::fix::{Envelope, Event, Fix, Permission, RawBody, RawRecord};
use crate::engine::message::Content;
use crate::engine::moment::Moment;
use crate::engine::subject::{Consent, Profile, Purpose, Subject};
use crate::engine::trigger::Trigger;
use crate::store::testing::{Fresh, open_fresh};
use crate::store::{
    DecisionFilter, DeliveryFilter, DeliveryRow, DeviceRow, FactPut, FenceRow, MomentFilter, PageAsk, ProjectRow,
    Registration,
};
use ::fcm::test_server::TestServer;
use chrono::TimeDelta;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

pub(super) const HOTEL: (f64, f64) = (48.2, 16.37);
pub(super) const STREET: (f64, f64) = (48.22, 16.37);

pub(super) struct World {
    pub(super) fresh: Fresh,
    pub(super) clock: Arc<ManualClock>,
    entropy: Arc<SeededEntropy>,
    channels: Channels,
    settings: Settings,
    pub(super) pipeline: Pipeline,
    pub(super) fcm: Option<TestServer>,
    pub(super) project: ProjectId,
}

pub(super) fn id<T: From<Uuid>>(number: u128) -> T {
    Uuid::from_u128(number).into()
}

pub(super) fn noon() -> Timestamp {
    "2026-05-04T12:00:00Z".parse().unwrap()
}

/// A world where phones are reached through the tray.
pub(super) async fn world() -> World {
    open(None, 2).await
}

/// A world where phones are reached through a look-alike of Firebase.
pub(super) async fn world_with_fcm() -> World {
    open(Some(TestServer::start().await.unwrap()), 2).await
}

pub(super) async fn open(fcm: Option<TestServer>, lanes: usize) -> World {
    open_with(fcm, lanes, Vec::new()).await
}

/// The same with further channels.
pub(super) async fn open_with(fcm: Option<TestServer>, lanes: usize, further: Vec<Arc<dyn Channel>>) -> World {
    let fresh = open_fresh().await.unwrap();
    let mut channels = channel::Settings::default();
    channels.outside.allow = vec!["127.0.0.0/8".into()];
    if let Some(server) = &fcm {
        channels.fcm.service_account = Some(Secret::new(server.service_account_json()));
        channels.fcm.endpoint = server.endpoint();
        channels.tenant_endpoints = true;
    }
    let clock = Arc::new(ManualClock::new(noon()));
    let entropy = Arc::new(SeededEntropy::new(7));
    let channels = further
        .into_iter()
        .fold(Channels::open(&channels).unwrap(), Channels::with);
    let settings = Settings {
        lanes,
        ..Settings::default()
    };
    let project: ProjectId = id(1);
    let row = ProjectRow {
        id: project,
        name: "Alpenhof".into(),
        mode: Mode::Live,
        salt: "salt".into(),
        settings: ProjectSettings::default(),
        catalogue_version: 0,
        created_at: noon(),
    };
    fresh.create_project(&row).await.unwrap();
    let pipeline = start(&fresh, &clock, &entropy, &channels, &settings);
    let world = World {
        fresh,
        clock,
        entropy,
        channels,
        settings,
        pipeline,
        fcm,
        project,
    };
    let hotel = [world.hotel()];
    Box::pin(world.pipeline.put_geofences(project, &hotel, false))
        .await
        .unwrap();
    Box::pin(world.say("welcome", "PT1H", "Welcome")).await;
    world
}

fn start(
    fresh: &Fresh,
    clock: &Arc<ManualClock>,
    entropy: &Arc<SeededEntropy>,
    channels: &Channels,
    settings: &Settings,
) -> Pipeline {
    Pipeline::start(
        (**fresh).clone(),
        Arc::clone(clock) as _,
        Arc::clone(entropy) as _,
        channels.clone(),
        settings.clone(),
    )
}

impl World {
    /// A new process over the same database: what was in memory alone is gone.
    pub(super) async fn restart(&mut self) {
        self.pipeline.stop().await;
        self.pipeline = start(&self.fresh, &self.clock, &self.entropy, &self.channels, &self.settings);
    }

    /// A second process beside the first one.
    pub(super) fn another(&self) -> Pipeline {
        start(&self.fresh, &self.clock, &self.entropy, &self.channels, &self.settings)
    }

    pub(super) fn wait(&self, seconds: i64) {
        self.clock.set(self.clock.now() + TimeDelta::seconds(seconds));
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(super) fn hotel(&self) -> FenceRow {
        let center = Position::new(HOTEL.0, HOTEL.1).unwrap();
        let circle = Shape::circle(center, 150.0, &ShapeLimits::default()).unwrap();
        FenceRow {
            id: id(100),
            project_id: self.project,
            name: "Alpenhof".into(),
            tag: "hotel".into(),
            external_id: "h1".into(),
            shape: StoredShape::of(&circle),
            metadata: Map::new(),
            time_zone: None,
            opening_hours: BTreeMap::new(),
            thresholds: None,
            version: 1,
            updated_at: noon(),
        }
    }

    pub(super) async fn say(&self, name: &str, ttl: &str, title: &str) {
        let content = json!({
            "name": name, "default_locale": "en", "ttl": ttl,
            "locales": { "en": { "title": title, "body": "Good to see you" } },
        });
        self.put_content(content).await;
    }

    pub(super) async fn put_content(&self, content: Value) {
        let content: Content = serde_json::from_value(content).unwrap();
        self.pipeline.put_content(self.project, &content).await.unwrap();
    }

    pub(super) async fn publish(&self, trigger: Value) -> TriggerId {
        let trigger: Trigger = serde_json::from_value(trigger).unwrap();
        let problems = self.pipeline.check_trigger(self.project, &trigger).await.unwrap();
        assert!(problems.is_empty(), "{problems:?}");
        let (row, revision) = self.pipeline.put_draft(self.project, &trigger).await.unwrap();
        let live = self
            .pipeline
            .publish(self.project, row.id, revision.revision, None)
            .await;
        assert!(live.unwrap().is_some());
        row.id
    }

    /// "Welcome" to everybody who walks into a hotel.
    pub(super) async fn publish_welcome(&self) -> TriggerId {
        self.publish(json!({
            "name": "welcome", "class": "service", "when": { "entered": { "tag": "hotel" } }, "then": { "content": "welcome" },
        }))
        .await
    }

    /// A message for each `key_used`, once for each booking.
    pub(super) async fn publish_key(&self) -> TriggerId {
        self.publish(json!({
            "name": "key", "class": "service", "when": { "event": { "name": "key_used" } },
            "once_per": "event.properties.booking", "then": { "content": "welcome" },
        }))
        .await
    }

    /// Phone `number` of user `number`, who agreed to everything.
    pub(super) async fn phone(&self, number: u128) -> DeviceRow {
        self.phone_that(number, &[Purpose::Location, Purpose::Service, Purpose::Promo])
            .await
    }

    pub(super) async fn phone_that(&self, number: u128, agreed: &[Purpose]) -> DeviceRow {
        let channel = if self.fcm.is_some() {
            ChannelKind::Fcm
        } else {
            ChannelKind::Tray
        };
        let device = DeviceRow {
            id: id(number),
            project_id: self.project,
            user_id: id(number),
            installation_id: format!("installation {number}"),
            token_hash: number.to_be_bytes().to_vec(),
            platform: Some("android".into()),
            app_version: None,
            locale: None,
            time_zone: None,
            notifications: Permission::Granted,
            push: Some((channel, token(number))),
            push_set_at: None,
            sealing_key: None,
            created_at: self.now(),
            last_seen_at: Some(self.now()),
        };
        let consent = Consent {
            granted: true,
            at: self.now(),
        };
        let registration = Registration {
            device,
            consents: agreed.iter().map(|purpose| (*purpose, consent)).collect(),
            source: "device".into(),
        };
        self.pipeline.register(registration).await.unwrap().device
    }

    pub(super) async fn consent(&self, user_id: UserId, purpose: Purpose, granted: bool) {
        let consent = Consent {
            granted,
            at: self.now(),
        };
        self.pipeline
            .consent(self.project, user_id, vec![(purpose, consent)], "device")
            .await
            .unwrap();
    }

    pub(super) async fn track(&self, device: &DeviceRow, records: Vec<RawRecord>) -> Tracked {
        self.pipeline
            .track(device.into(), &Envelope::default(), records, None)
            .await
            .unwrap()
    }

    /// A fix outside and a minute later one inside.
    pub(super) async fn walk_in(&self, device: &DeviceRow) -> Tracked {
        let outside = fix(&format!("{} street {}", device.id, self.now()), self.now(), STREET);
        self.wait(60);
        let inside = fix(&format!("{} hotel {}", device.id, self.now()), self.now(), HOTEL);
        self.track(device, vec![outside, inside]).await
    }

    pub(super) fn key_used(&self, event_id: &str, booking: &str) -> ServerEvent {
        let mut properties = Map::new();
        properties.insert("booking".into(), json!(booking));
        ServerEvent {
            id: event_id.into(),
            name: "key_used".into(),
            properties,
            occurred_at: self.now(),
        }
    }

    pub(super) fn stay(&self, seq: i64, subjects: &[UserId], properties: Value) -> FactPut {
        let properties = properties.as_object().cloned().unwrap_or_default();
        FactPut {
            project_id: self.project,
            fact: Fact {
                id: stay_ref(),
                seq,
                subjects: subjects.to_vec(),
                lifecycle: Lifecycle::Active,
                valid_from: None,
                valid_to: None,
                sensitive: vec!["room".into()],
                properties,
                changed_at: self.now(),
            },
            subject_refs: Vec::new(),
        }
    }

    pub(super) async fn subject(&self, user_id: UserId) -> Subject {
        let mut subjects = self.fresh.load_subjects(self.project, &[user_id]).await.unwrap();
        subjects.remove(0)
    }

    pub(super) async fn moments(&self) -> Vec<Moment> {
        let (filter, ask) = (MomentFilter::default(), PageAsk::first(200));
        self.fresh.moments(self.project, &filter, &ask).await.unwrap().rows
    }

    pub(super) async fn decisions(&self) -> Vec<Decision> {
        let (filter, ask) = (DecisionFilter::default(), PageAsk::first(200));
        self.fresh.decisions(self.project, &filter, &ask).await.unwrap().rows
    }

    /// Reason codes, in order.
    pub(super) async fn codes(&self) -> Vec<ReasonCode> {
        let mut codes: Vec<ReasonCode> = self.decisions().await.iter().map(|decision| decision.code).collect();
        codes.sort();
        codes
    }

    pub(super) async fn deliveries(&self) -> Vec<DeliveryRow> {
        let (filter, ask) = (DeliveryFilter::default(), PageAsk::first(200));
        self.fresh.deliveries(self.project, &filter, &ask).await.unwrap().rows
    }

    pub(super) async fn states(&self) -> Vec<DeliveryState> {
        let mut states: Vec<DeliveryState> = self.deliveries().await.iter().map(|delivery| delivery.state).collect();
        states.sort();
        states
    }

    pub(super) fn server(&self) -> &TestServer {
        self.fcm.as_ref().unwrap()
    }

    pub(super) async fn profile(&self, user_ref: &str) -> UserId {
        let nothing = (Profile::default(), Contact::default());
        let user = self.pipeline.put_user(self.project, user_ref, nothing).await;
        user.unwrap().id
    }
}

pub(super) fn stay_ref() -> FactRef {
    FactRef {
        kind: "stay".into(),
        key: "b1".into(),
    }
}

pub(super) fn token(number: u128) -> String {
    format!("token-{number}")
}

pub(super) fn fix(record_id: &str, at: Timestamp, (lat, lng): (f64, f64)) -> RawRecord {
    let body = RawBody::Fix(Fix {
        lat,
        lng,
        accuracy_m: Some(10.0),
        ..Fix::default()
    });
    raw(record_id, at, body)
}

pub(super) fn event(record_id: &str, at: Timestamp, name: &str) -> RawRecord {
    let mut properties = Map::new();
    properties.insert("booking".into(), json!(record_id));
    let name = name.to_owned();
    raw(record_id, at, RawBody::Event(Event { name, properties }))
}

pub(super) fn raw(record_id: &str, at: Timestamp, body: RawBody) -> RawRecord {
    RawRecord {
        id: record_id.into(),
        at: Some(at),
        mono_ms: None,
        boot_id: None,
        body,
    }
}

pub(super) fn accepted(acks: &[Ack]) -> bool {
    acks.iter().all(|ack| ack.status == AckStatus::Accepted)
}

pub(super) fn user_id(number: u128) -> UserId {
    id(number)
}
