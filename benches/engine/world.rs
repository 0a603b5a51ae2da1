//! The catalogue and the people of the benchmark: workload W in a store, read back as the server reads it.

use serde_json::json;
use std::sync::Arc;
use tempfile::TempDir;
use usher::base::chance::{Entropy, SeededEntropy};
use usher::base::clock::{Clock, SystemClock};
use usher::base::id::{DeviceId, IdSource, ProjectId, UserId};
use usher::base::sorted::SortedMap;
use usher::base::time::Timestamp;
use usher::cli::bench::crowd::Mix;
use usher::cli::bench::seed::{Amount, database_url, fill, is_greeted, visited};
use usher::cli::bench::workload::{Drawn, Workload};
use usher::engine::catalogue::Catalogue;
use usher::engine::delivery::ChannelKind;
use usher::engine::subject::{About, Consent, Device, Purpose, Subject};
use usher::engine::trigger::Trigger;
use usher::pipeline::read_catalogue;
use usher::store::{Settings, Store, Synchronous, VaultSettings};

pub const MIX: Mix = Mix {
    transitions: 1.0,
    messages: 0.2,
};

pub struct World {
    pub folder: TempDir,
    pub project: ProjectId,
    pub drawn: Vec<Drawn>,
    /// Workload W with one trigger.
    pub catalogue: Arc<Catalogue>,
    /// The same with a thousand.
    pub crowded: Arc<Catalogue>,
    /// Centres of circles whose visitors are told nothing, and of those whose visitors get a message.
    pub quiet: Vec<(f64, f64)>,
    pub greeted: Vec<(f64, f64)>,
    pub now: Timestamp,
}

impl World {
    pub async fn build(fences: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let amount = Amount {
            fences,
            phones: 1,
            idle: 0,
            mix: MIX,
            channel: ChannelKind::Tray,
        };
        fill(folder.path(), amount, |_| ()).await.unwrap();
        let settings = Settings {
            url: database_url(folder.path()),
            synchronous: Synchronous::Off,
            ..Settings::default()
        };
        let store = Store::open(&settings).await.unwrap();
        store
            .open_vault(&VaultSettings::default(), &settings.url)
            .await
            .unwrap();
        let now = SystemClock.now();
        let project = store.projects().await.unwrap()[0].id;
        let catalogue = read(&store, project, now).await;
        let mut ids = IdSource::new(SeededEntropy::new(1).seed(), now);
        for number in 1..1_000 {
            // Most listen to other places, one in ten to these and says no by its condition.
            let tag = if number % 10 == 0 { "quiet" } else { "elsewhere" };
            let trigger: Trigger = serde_json::from_value(json!({
                "name": format!("trigger-{number:03}"), "class": "service", "when": { "entered": { "tag": tag } },
                "if": "place.name == 'nowhere'", "then": { "content": "welcome" },
            }))
            .unwrap();
            let (row, revision) = store.put_draft(project, ids.draw(), &trigger, now).await.unwrap();
            store
                .publish_trigger(project, row.id, revision.revision, None, now)
                .await
                .unwrap();
        }
        let crowded = read(&store, project, now).await;
        store.close().await.unwrap();
        assert_eq!((catalogue.triggers.len(), crowded.triggers.len()), (1, 1_000));
        let drawn: Vec<Drawn> = Workload::new().fences(fences).collect();
        let places = visited(&drawn, fences);
        let centres = |wanted: bool| -> Vec<(f64, f64)> {
            let of_kind = places.iter().filter(|(number, _)| is_greeted(*number, MIX) == wanted);
            of_kind.map(|(_, centre)| *centre).collect()
        };
        Self {
            folder,
            project,
            quiet: centres(false),
            greeted: centres(true),
            drawn,
            catalogue,
            crowded,
            now,
        }
    }
}

async fn read(store: &Store, project: ProjectId, now: Timestamp) -> Arc<Catalogue> {
    read_catalogue(store, project, now, None).await.unwrap().catalogue
}

/// Somebody who may be spoken to, with one phone.
pub fn person(ids: &mut IdSource, now: Timestamp) -> (Box<Subject>, DeviceId) {
    let mut subject = Box::new(Subject::new(ids.draw::<UserId>()));
    let granted = Consent { granted: true, at: now };
    subject.consents = SortedMap::from([(Purpose::Location, granted), (Purpose::Service, granted)]);
    let device = ids.draw();
    subject.devices.insert(
        device,
        Device {
            about: About {
                channel: Some(ChannelKind::Tray),
                time_zone: Some("UTC".into()),
                ..About::default()
            }
            .into(),
            last_seen_at: Some(now.into()),
            ..Device::default()
        },
    );
    (subject, device)
}
