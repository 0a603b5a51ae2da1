//! Fills a store as an operator's would be: geofences of the workload's mix, users, devices with tokens, one trigger.

use crate::Plan;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Map, json};
use std::collections::BTreeMap;
use std::path::Path;
use usher::base::chance::{Entropy, SeededEntropy};
use usher::base::clock::{Clock, SystemClock};
use usher::base::id::{DeviceId, KeyId, ProjectId, UserId, stamped};
use usher::base::secret::{new_token, token_hash};
use usher::engine::catalogue::{Mode, ProjectSettings};
use usher::engine::delivery::ChannelKind;
use usher::engine::fence::{Geofence, Position, Shape, ShapeLimits};
use usher::engine::fix::Permission;
use usher::engine::message::Content;
use usher::engine::subject::{Consent, Purpose};
use usher::engine::trigger::Trigger;
use usher::store::{DeviceRow, FenceRow, KeyKind, KeyRow, ProjectRow, Registration, Settings, Store, Synchronous};
use uuid::Uuid;

/// What the load needs to know.
pub struct Seeded {
    /// Token of each device, and the address its pushes go to.
    pub devices: Vec<(String, String)>,
    /// Centres of circles that are far from one another's edges: an arrival enters just there.
    pub centres: Vec<(f64, f64)>,
}

const METRES_PER_DEGREE: f64 = 111_194.93;
/// PERFORMANCE.md, workload W: cities over the inhabited world.
const CITIES: usize = 2_000;

/// Makes the store in `folder`.
pub async fn fill(folder: &Path, plan: Plan) -> Seeded {
    let url = format!("sqlite://{}", folder.join("usher.db").display());
    // Seeding is not what is measured: the server opens the same file with FULL.
    let store = Store::open(&Settings {
        url,
        synchronous: Synchronous::Off,
        ..Settings::default()
    })
    .await
    .unwrap();
    store.migrate().await.unwrap();
    let entropy = SeededEntropy::new(42);
    let now = SystemClock.now();
    let project = ProjectRow {
        id: stamped(entropy.seed(), now).into(),
        name: "bench".into(),
        mode: Mode::Live,
        salt: "bench".into(),
        settings: ProjectSettings::default(),
        catalogue_version: 0,
        created_at: now,
    };
    store.create_project(&project).await.unwrap();
    let key = KeyRow {
        id: KeyId::from(stamped(entropy.seed(), now)),
        project_id: project.id,
        kind: KeyKind::Secret,
        scopes: vec!["all".into()],
        token_hash: token_hash("sk_live_bench").to_vec(),
        label: "bench".into(),
        last4: "ench".into(),
        created_at: now,
        expires_at: None,
        revoked_at: None,
    };
    store.create_key(&key).await.unwrap();
    let (fences, centres) = fences(project.id, plan.fences, &entropy);
    for chunk in fences.chunks(1_000) {
        store.upsert_geofences(project.id, chunk, false).await.unwrap();
    }
    write_trigger(&store, project.id, &entropy).await;
    let devices = people(&store, project.id, plan, &entropy).await;
    store.close().await.unwrap();
    Seeded { devices, centres }
}

/// 80 % circles of 50-500 m, the rest polygons of 8-64 corners, round cities as in workload W.
fn fences(project_id: ProjectId, count: usize, entropy: &dyn Entropy) -> (Vec<FenceRow>, Vec<(f64, f64)>) {
    let mut random = StdRng::seed_from_u64(42);
    let cities: Vec<(f64, f64)> = (0..CITIES)
        .map(|_| (random.random_range(-40.0..60.0), random.random_range(-125.0..150.0)))
        .collect();
    let now = SystemClock.now();
    let limits = ShapeLimits::default();
    let (mut rows, mut centres) = (Vec::new(), Vec::new());
    for number in 0..count {
        let (city_lat, city_lng) = cities[random.random_range(0..CITIES)];
        let lat: f64 = city_lat + random.random_range(-0.1..0.1);
        let lng = city_lng + random.random_range(-0.1..0.1);
        let position = Position::new(lat, lng).unwrap();
        let shape = if number % 5 == 4 {
            Shape::from_geojson(&star(lat, lng, &mut random), &limits).unwrap()
        } else {
            let radius_m = 50.0 * 10_f64.powf(random.random_range(0.0..1.0));
            centres.push((lat, lng));
            Shape::circle(position, radius_m, &limits).unwrap()
        };
        rows.push(FenceRow {
            id: stamped(entropy.seed(), now).into(),
            project_id,
            name: format!("Place {number}"),
            tag: "place".into(),
            external_id: format!("p{number}"),
            shape: Geofence::shape_to_stored(&shape),
            metadata: Map::new(),
            time_zone: None,
            opening_hours: BTreeMap::new(),
            thresholds: None,
            version: 1,
            updated_at: now,
        });
    }
    (rows, centres)
}

fn star(lat: f64, lng: f64, random: &mut StdRng) -> serde_json::Value {
    let corners = random.random_range(8..65);
    let radius_m: f64 = 100.0 * 20_f64.powf(random.random_range(0.0..1.0));
    let mut ring: Vec<[f64; 2]> = (0..corners)
        .map(|corner| {
            let angle =
                (f64::from(corner) + random.random_range(0.0..0.8)) / f64::from(corners) * std::f64::consts::TAU;
            let reach = radius_m * random.random_range(0.7..1.3) / METRES_PER_DEGREE;
            [
                lng + reach * angle.cos() / lat.to_radians().cos(),
                lat + reach * angle.sin(),
            ]
        })
        .collect();
    ring.push(ring[0]);
    json!({ "type": "Polygon", "coordinates": [ring] })
}

async fn write_trigger(store: &Store, project_id: ProjectId, entropy: &dyn Entropy) {
    let now = SystemClock.now();
    let content: Content = serde_json::from_value(json!({
        "name": "welcome", "default_locale": "en", "ttl": "PT1H",
        "locales": { "en": { "title": "Welcome", "body": "You are at {{ place.name }}." } }
    }))
    .unwrap();
    store.put_content(project_id, &content, now).await.unwrap();
    let trigger: Trigger = serde_json::from_value(json!({
        "name": "on-arrival", "class": "service", "when": { "entered": { "tag": "place" } },
        "if": "place.tag == 'place'", "max_age": "PT15M", "then": { "content": "welcome" }
    }))
    .unwrap();
    let (row, revision) = store
        .put_draft(project_id, stamped(entropy.seed(), now).into(), &trigger, now)
        .await
        .unwrap();
    store
        .publish_trigger(project_id, row.id, revision.revision, None, now)
        .await
        .unwrap()
        .unwrap();
}

async fn people(store: &Store, project_id: ProjectId, plan: Plan, entropy: &dyn Entropy) -> Vec<(String, String)> {
    let now = SystemClock.now();
    let granted = |purpose| (purpose, Consent { granted: true, at: now });
    let mut devices = Vec::new();
    for number in 0..plan.users {
        if number >= plan.devices {
            let id = stamped(entropy.seed(), now).into();
            store
                .user_or_new(project_id, &format!("user-{number}"), id, now)
                .await
                .unwrap();
            continue;
        }
        let (token, address) = (new_token("dt", entropy), format!("push-{number}"));
        let device = DeviceRow {
            id: DeviceId::from(fresh(entropy)),
            project_id,
            user_id: UserId::from(fresh(entropy)),
            installation_id: format!("installation-{number}"),
            token_hash: token_hash(token.expose()).to_vec(),
            platform: Some("android".into()),
            app_version: None,
            locale: Some("en".into()),
            time_zone: Some("UTC".into()),
            notifications: Permission::Granted,
            push: Some((ChannelKind::Fcm, address.clone())),
            created_at: now,
            last_seen_at: None,
        };
        let consents = vec![granted(Purpose::Location), granted(Purpose::Service)];
        store
            .register_device(&Registration {
                device,
                consents,
                source: "bench".into(),
            })
            .await
            .unwrap();
        devices.push((token.expose().to_owned(), address));
    }
    devices
}

fn fresh(entropy: &dyn Entropy) -> Uuid {
    stamped(entropy.seed(), SystemClock.now())
}
