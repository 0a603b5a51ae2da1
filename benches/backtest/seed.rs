//! The store of the benchmark: people with a phone and a booking, and their comings and goings.

use chrono::{TimeDelta, Utc};
use sea_orm::{ConnectionTrait, Database, EntityTrait};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use usher::base::chance::{Entropy, SeededEntropy};
use usher::base::id::{IdSource, ProjectId, UserId, stamped};
use usher::base::time::{Timestamp, truncated};
use usher::engine::catalogue::{Mode, ProjectSettings};
use usher::engine::delivery::ChannelKind;
use usher::engine::fact::{Fact, FactRef, Lifecycle};
use usher::engine::fence::{Position, Shape, ShapeLimits, StoredShape};
use usher::engine::fix::Permission;
use usher::engine::message::Content;
use usher::engine::moment::{Evidence, Moment, MomentKind, Place};
use usher::engine::subject::{Consent, Purpose};
use usher::store::{
    DeviceRow, FactPut, FenceRow, ProjectRow, Registration, Settings, Store, Synchronous, VaultSettings,
};

/// What the benchmark works on.
pub struct Seeded {
    pub store: Store,
    pub project: ProjectId,
    /// When the moments happened.
    pub span: (Timestamp, Timestamp),
}

/// Rows of one insert.
const CHUNK: usize = 1_000;

pub async fn seed(file: &Path, moments: usize, users: usize) -> Seeded {
    let settings = Settings {
        url: format!("sqlite://{}", file.display()),
        synchronous: Synchronous::Off,
        ..Settings::default()
    };
    let store = Store::open(&settings).await.unwrap();
    store.migrate().await.unwrap();
    store
        .open_vault(&VaultSettings::default(), &settings.url)
        .await
        .unwrap();
    let entropy = SeededEntropy::new(42);
    let to = truncated(Utc::now());
    let from = to - TimeDelta::days(30);
    let mut ids = IdSource::new(entropy.seed(), from);
    let project: ProjectId = ids.draw();
    let row = ProjectRow {
        id: project,
        name: "bench".into(),
        mode: Mode::Live,
        salt: "bench".into(),
        settings: ProjectSettings::default(),
        catalogue_version: 0,
        created_at: from,
    };
    store.create_project(&row).await.unwrap();
    let hotel = hotel(&mut ids, project, from);
    store
        .upsert_geofences(project, std::slice::from_ref(&hotel), false)
        .await
        .unwrap();
    let content: Content = serde_json::from_value(json!({
        "name": "room", "default_locale": "en", "ttl": "PT12H",
        "locales": { "en": { "title": "Welcome", "body": "Room {{ stay.room }} at {{ place.name }}." } },
    }))
    .unwrap();
    store.put_content(project, &content, from).await.unwrap();
    let people = people(&store, project, users, from, &entropy).await;
    let place = Place {
        id: hotel.id,
        external_id: hotel.external_id,
        tag: hotel.tag,
        name: hotel.name,
        version: 1,
    };
    write_moments(&settings.url, project, &people, &place, moments, from).await;
    Seeded {
        store,
        project,
        span: (from, to),
    }
}

fn hotel(ids: &mut IdSource, project_id: ProjectId, at: Timestamp) -> FenceRow {
    let center = Position::new(48.2, 16.37).unwrap();
    let circle = Shape::circle(center, 150.0, &ShapeLimits::default()).unwrap();
    FenceRow {
        id: ids.draw(),
        project_id,
        name: "Hotel".into(),
        tag: "hotel".into(),
        external_id: "H1".into(),
        shape: StoredShape::of(&circle),
        metadata: Map::new(),
        time_zone: None,
        opening_hours: BTreeMap::new(),
        thresholds: None,
        version: 1,
        updated_at: at,
    }
}

/// Each has a phone and a booking; one in ten never agreed to promotion.
async fn people(
    store: &Store,
    project_id: ProjectId,
    count: usize,
    at: Timestamp,
    entropy: &dyn Entropy,
) -> Vec<UserId> {
    let mut users = Vec::with_capacity(count);
    let mut ids = IdSource::new(entropy.seed(), at);
    for number in 0..count {
        let user_id: UserId = stamped(entropy.seed(), at).into();
        let device = DeviceRow {
            id: ids.draw(),
            project_id,
            user_id,
            installation_id: format!("installation-{number}"),
            token_hash: number.to_be_bytes().to_vec(),
            platform: Some("android".into()),
            app_version: None,
            locale: Some("en".into()),
            time_zone: Some("UTC".into()),
            notifications: Permission::Granted,
            push: Some((ChannelKind::Tray, format!("push-{number}"))),
            push_set_at: None,
            sealing_key: None,
            created_at: at,
            last_seen_at: None,
        };
        let mut agreed = vec![Purpose::Location, Purpose::Service];
        agreed.extend((number % 10 != 3).then_some(Purpose::Promo));
        let consents = agreed
            .into_iter()
            .map(|purpose| (purpose, Consent { granted: true, at }));
        let registration = Registration {
            device,
            consents: consents.collect(),
            source: "bench".into(),
        };
        store.register_device(&registration).await.unwrap();
        let hotel = if number % 5 == 0 { "H2" } else { "H1" };
        let put = FactPut {
            project_id,
            fact: stay(number, user_id, hotel, at),
            subject_refs: Vec::new(),
        };
        store.put_fact(put, &mut ids).await.unwrap();
        users.push(user_id);
    }
    users
}

fn stay(number: usize, user_id: UserId, hotel: &str, at: Timestamp) -> Fact {
    let properties: Value = json!({ "hotel_id": hotel, "status": "booked", "room": "1204" });
    Fact {
        id: FactRef {
            kind: "stay".into(),
            key: format!("S{number}"),
        },
        seq: 1,
        subjects: vec![user_id],
        lifecycle: Lifecycle::Active,
        valid_from: None,
        valid_to: None,
        sensitive: Vec::new(),
        properties: properties.as_object().cloned().unwrap(),
        changed_at: at,
    }
}

/// In and out, some hours apart, the same number for everybody.
async fn write_moments(url: &str, project: ProjectId, people: &[UserId], place: &Place, count: usize, from: Timestamp) {
    let database = Database::connect(url).await.unwrap();
    database.execute_unprepared("PRAGMA synchronous=OFF").await.unwrap();
    let each = count / people.len();
    let mut rows = Vec::with_capacity(CHUNK);
    let entropy = SeededEntropy::new(43);
    for (number, user_id) in people.iter().enumerate() {
        for turn in 0..each {
            let minutes = (turn * 29 * 24 * 60 / each) + number % 60 + 60;
            let at = from + TimeDelta::minutes(i64::try_from(minutes).unwrap());
            let place = place.clone();
            let moment = Moment {
                id: stamped(entropy.seed(), at).into(),
                user_id: *user_id,
                device_id: None,
                occurred_at: at,
                noticed_at: at,
                kind: if turn % 2 == 0 {
                    MomentKind::Entered { place }
                } else {
                    MomentKind::Exited { place }
                },
                evidence: Evidence::default(),
                of: None,
            };
            rows.push(entity::moment::ActiveModel::from(entity::moment::Model {
                id: moment.id.uuid(),
                project_id: project.uuid(),
                user_id: user_id.uuid(),
                kind: moment.kind.name().to_owned(),
                noticed_at: at,
                body: serde_json::to_string(&moment).unwrap(),
            }));
            if rows.len() == CHUNK {
                let full = std::mem::take(&mut rows);
                entity::moment::Entity::insert_many(full)
                    .exec_without_returning(&database)
                    .await
                    .unwrap();
            }
        }
    }
    if !rows.is_empty() {
        entity::moment::Entity::insert_many(rows)
            .exec_without_returning(&database)
            .await
            .unwrap();
    }
    database.close().await.unwrap();
}
