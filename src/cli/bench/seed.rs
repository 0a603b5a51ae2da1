//! A store filled as an operator's would be, without going through the API: geofences of workload W, users, phones, a trigger.

use super::crowd::{Mix, Phone};
use super::workload::{Drawn, Workload};
use crate::base::chance::{Entropy, SeededEntropy};
use crate::base::clock::{Clock, SystemClock};
use crate::base::id::{DeviceId, ProjectId, UserId, stamped};
use crate::base::secret::new_token;
use crate::base::secret::token_hash;
use crate::base::time::{Span, Timestamp};
use crate::cli::keys::new_key;
use crate::cli::out::Failure;
use crate::engine::catalogue::{Mode, ProjectSettings};
use crate::engine::delivery::ChannelKind;
use crate::engine::fence::StoredShape;
use crate::engine::fix::Permission;
use crate::engine::presence::Thresholds;
use crate::engine::subject::{Consent, Purpose};
use crate::store::{
    DeviceRow, FenceRow, KeyKind, ProjectRow, Registration, Settings, Store, Synchronous, VaultSettings,
};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::AtomicU64;

/// Rows of one insert.
const CHUNK: usize = 1_000;
/// Arrivals at places with this tag are greeted.
pub const GREETED: &str = "greeted";
const QUIET: &str = "quiet";

/// How much there is.
#[derive(Debug, Clone, Copy)]
pub struct Amount {
    pub fences: usize,
    /// People with a phone that reports.
    pub phones: usize,
    /// People who are only stored.
    pub idle: usize,
    pub mix: Mix,
    /// The channel the phones are reached by.
    pub channel: ChannelKind,
}

/// What the load needs to know.
pub struct Seeded {
    pub phones: Vec<Phone>,
    pub secret_key: String,
}

/// Where the database of a run is.
pub fn database_url(folder: &Path) -> String {
    format!("sqlite://{}", folder.join("usher.db").display())
}

/// The content and the trigger of the load, as the API takes them.
pub fn sentences() -> (Value, Value) {
    let content = json!({ "name": "welcome", "default_locale": "en", "ttl": "PT1H",
        "locales": { "en": { "title": "Welcome", "body": "You are at {{ place.name }}." } } });
    let trigger = json!({ "name": "on-arrival", "class": "service", "when": { "entered": { "tag": GREETED } },
        "if": format!("place.tag == '{GREETED}'"), "max_age": "PT15M", "then": { "content": "welcome" } });
    (content, trigger)
}

/// Which of the geofences are greeted, by their number: the share that the mix asks for, evenly spread.
pub fn is_greeted(number: usize, mix: Mix) -> bool {
    let share = mix.greeted();
    ((number + 1) as f64 * share).floor() > (number as f64 * share).floor()
}

/// The circle that each phone visits: its number among the geofences, and its centre.
pub fn visited(drawn: &[Drawn], phones: usize) -> Vec<(usize, (f64, f64))> {
    let circles: Vec<usize> = (0..drawn.len())
        .filter(|number| matches!(drawn[*number], Drawn::Circle { .. }))
        .collect();
    let visit = |phone: usize| {
        let number = *circles.get(phone % circles.len().max(1))?;
        let center = drawn[number].center();
        Some((number, (center.lat, center.lng)))
    };
    (0..phones).filter_map(visit).collect()
}

/// Fills the store in `folder`. `step` is told how many rows of how many are written.
///
/// # Errors
/// The database cannot be written.
pub async fn fill(folder: &Path, amount: Amount, step: impl Fn(u64)) -> Result<Seeded, Failure> {
    // Seeding is not what is measured: the server opens the same file and waits for the disk.
    let settings = Settings {
        url: database_url(folder),
        synchronous: Synchronous::Off,
        ..Settings::default()
    };
    let store = Store::open(&settings).await?;
    store.migrate().await?;
    let vault = store.open_vault(&VaultSettings::default(), &settings.url).await;
    vault.map_err(|error| Failure::new(error.to_string(), error.remedy()))?;
    let entropy = SeededEntropy::new(42);
    let now = SystemClock.now();
    let project = ProjectRow {
        id: stamped(entropy.seed(), now).into(),
        name: "bench".into(),
        mode: Mode::Live,
        salt: "bench".into(),
        settings: ProjectSettings {
            // Phones come and go within seconds here: two fixes outside are enough.
            thresholds: Thresholds {
                exit_after: Span::seconds(0),
                ..Thresholds::default()
            },
            ..ProjectSettings::default()
        },
        catalogue_version: 0,
        created_at: now,
    };
    store.create_project(&project).await?;
    let (key, secret_key) = new_key(&project, KeyKind::Secret, vec!["all".into()], "bench".into(), now);
    store.create_key(&key).await?;
    let drawn: Vec<Drawn> = Workload::new().fences(amount.fences).collect();
    write_fences(&store, project.id, &drawn, amount.mix, &entropy, &step).await?;
    write_trigger(&store, project.id, &entropy).await?;
    let phones = write_people(&store, project.id, &drawn, amount, &entropy, &step).await?;
    store.close().await?;
    Ok(Seeded {
        phones,
        secret_key: secret_key.expose().to_owned(),
    })
}

async fn write_fences(
    store: &Store,
    project: ProjectId,
    drawn: &[Drawn],
    mix: Mix,
    entropy: &dyn Entropy,
    step: &impl Fn(u64),
) -> Result<(), Failure> {
    for (chunk, first) in drawn.chunks(CHUNK).zip((0..).step_by(CHUNK)) {
        // Each with the time of its own, as imports have: ids begin with it, and those of a time lie together on the disk.
        let now = SystemClock.now();
        // The few whose noise made them cross themselves are refused, as an import would refuse them.
        let rows: Vec<FenceRow> = chunk
            .iter()
            .zip(first..)
            .filter_map(|(fence, number): (&Drawn, usize)| {
                let shape = fence.shape().ok()?;
                Some(FenceRow {
                    id: stamped(entropy.seed(), now).into(),
                    project_id: project,
                    name: format!("Place {number}"),
                    tag: if is_greeted(number, mix) { GREETED } else { QUIET }.into(),
                    external_id: format!("p{number}"),
                    shape: StoredShape::of(&shape),
                    metadata: Map::new(),
                    time_zone: None,
                    opening_hours: BTreeMap::new(),
                    thresholds: None,
                    version: 1,
                    updated_at: now,
                })
            })
            .collect();
        store.upsert_geofences(project, &rows, false).await?;
        step(chunk.len() as u64);
    }
    Ok(())
}

async fn write_trigger(store: &Store, project: ProjectId, entropy: &dyn Entropy) -> Result<(), Failure> {
    let now = SystemClock.now();
    let wrong =
        |error: serde_json::Error| Failure::new(error.to_string(), "this is a fault in Usher: please report it");
    let (content, trigger) = sentences();
    let content = serde_json::from_value(content).map_err(wrong)?;
    store.put_content(project, &content, now).await?;
    let trigger = serde_json::from_value(trigger).map_err(wrong)?;
    let id = stamped(entropy.seed(), now).into();
    let (row, revision) = store.put_draft(project, id, &trigger, now).await?;
    store
        .publish_trigger(project, row.id, revision.revision, None, now)
        .await?;
    Ok(())
}

async fn write_people(
    store: &Store,
    project: ProjectId,
    drawn: &[Drawn],
    amount: Amount,
    entropy: &dyn Entropy,
    step: &impl Fn(u64),
) -> Result<Vec<Phone>, Failure> {
    let now = SystemClock.now();
    let mut phones = Vec::with_capacity(amount.phones);
    for (place, (fence, centre)) in visited(drawn, amount.phones).into_iter().enumerate() {
        let token = new_token("dt", entropy);
        let device_id = DeviceId::from(stamped(entropy.seed(), now));
        let registration = registration(project, device_id, place, token.expose(), amount.channel, entropy, now);
        store.register_device(&registration).await?;
        phones.push(Phone {
            token: token.expose().to_owned(),
            device_id: device_id.to_string(),
            place: centre,
            greeted: is_greeted(fence, amount.mix),
            made: AtomicU64::new(0),
        });
        step(1);
    }
    for number in 0..amount.idle {
        let id = stamped(entropy.seed(), now).into();
        store.user_or_new(project, &format!("idle-{number}"), id, now).await?;
        step(1);
    }
    Ok(phones)
}

fn registration(
    project_id: ProjectId,
    id: DeviceId,
    number: usize,
    token: &str,
    channel: ChannelKind,
    entropy: &dyn Entropy,
    now: Timestamp,
) -> Registration {
    let granted = |purpose| (purpose, Consent { granted: true, at: now });
    Registration {
        device: DeviceRow {
            id,
            project_id,
            user_id: UserId::from(stamped(entropy.seed(), now)),
            installation_id: format!("installation-{number}"),
            token_hash: token_hash(token).to_vec(),
            platform: Some("android".into()),
            app_version: None,
            locale: Some("en".into()),
            time_zone: Some("UTC".into()),
            notifications: Permission::Granted,
            push: Some((channel, push_address(number))),
            push_set_at: None,
            sealing_key: None,
            created_at: now,
            last_seen_at: None,
        },
        consents: vec![granted(Purpose::Location), granted(Purpose::Service)],
        source: "bench".into(),
    }
}

/// Where pushes for a phone go.
pub fn push_address(number: usize) -> String {
    format!("push-{number}")
}
