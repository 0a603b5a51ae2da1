//! Our own server with the same geofences: what a fix costs it as a request, with everything that a request brings.
//!
//! Phones stand near geofences and elsewhere, as the fixes of the comparison do, and report places a metre apart: nothing is
//! entered or left, so that no side is measured by its disk.

use super::World;
use serde::Deserialize;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;
use usher::cli::bench::child::{Scratch, Served, write_config};
use usher::cli::bench::crowd::{Crowd, Mix};
use usher::cli::bench::load::{Offer, Pace, offer};
use usher::cli::bench::meter::resident_bytes;
use usher::cli::bench::seed::{Amount, fill};
use usher::cli::bench::taken::Taken;
use usher::engine::delivery::ChannelKind;
use usher::engine::fence::Position;

/// Phones that report.
pub const PHONES: usize = 2_000;
/// Fixes of one request, or of one flush of a pipeline.
pub const BATCH: usize = 50;
/// One turn of a measurement.
pub const TURN: Duration = Duration::from_secs(2);

pub struct Ours {
    runtime: Runtime,
    server: Served,
    crowd: Arc<Crowd>,
    /// After the server: it ends before its files go.
    _scratch: Scratch,
}

impl Ours {
    /// Starts a server with the geofences of the world, and lets every phone be heard once.
    pub fn start(world: &World) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .worker_threads(1)
            .build()
            .unwrap();
        let mix = Mix {
            transitions: 1.0,
            messages: 0.0,
        };
        let amount = Amount {
            fences: world.drawn,
            phones: PHONES,
            idle: 0,
            mix,
            channel: ChannelKind::Tray,
        };
        let scratch = Scratch::inside(Path::new("target/bench-data")).unwrap();
        let seeded = runtime.block_on(fill(scratch.path(), amount, |_| ())).unwrap();
        let config = write_config(scratch.path(), "").unwrap().display().to_string();
        let server = Served::start(Path::new(env!("CARGO_BIN_EXE_usher")), &["serve", "--config", &config]).unwrap();
        let _ = rustls::crypto::ring::default_provider().install_default();
        runtime.block_on(server.ready(&reqwest::Client::new())).unwrap();
        let mut phones = seeded.phones;
        let every = (world.fixes.len() / phones.len().max(1)).max(1);
        for (phone, fix) in phones.iter_mut().zip(world.fixes.iter().step_by(every)) {
            (phone.place, phone.greeted) = ((fix.lat, fix.lng), false);
        }
        let crowd = Arc::new(Crowd::new(phones, mix, "peers".into()).at_rest());
        let ours = Self {
            runtime,
            server,
            crowd,
            _scratch: scratch,
        };
        ours.offer(Pace::Once, 1, 8, Duration::from_secs(60));
        ours
    }

    /// As much as there can be for one turn.
    pub fn turn(&self, batch: usize, connections: usize) -> Taken {
        self.offer(Pace::Full, batch, connections, TURN)
    }

    fn offer(&self, pace: Pace, batch: usize, connections: usize, lasts: Duration) -> Taken {
        let offered = Offer {
            address: self.server.address,
            path: "/v1/track".into(),
            pace,
            lasts,
            batch,
            connections,
            pid: Some(self.server.pid()),
            progress: Arc::default(),
        };
        let taken = self.runtime.block_on(offer(offered, Arc::clone(&self.crowd))).unwrap();
        assert!(
            taken.errors() == 0 && taken.rejected == 0 && taken.fixes > 0,
            "no figure without good answers: {:?} {:?}",
            taken.statuses,
            taken.first_failure
        );
        taken
    }

    /// The median time of a fix in batches over one connection, from the first byte sent to the answer read.
    pub fn batched(&self) -> Duration {
        super::median(|| {
            let taken = self.turn(BATCH, 1);
            taken.lasted.div_f64(taken.fixes as f64)
        })
    }

    pub fn resident(&self) -> Option<u64> {
        resident_bytes(self.server.pid())
    }

    /// The places that each phone reports, one after the other.
    pub fn places(&self) -> Vec<Vec<Position>> {
        let twin = self.crowd.twin();
        (0..twin.phones.len())
            .map(|phone| {
                let made = twin.next(phone, BATCH, "2026-01-01T00:00:00.000Z");
                let body: Body = serde_json::from_slice(&made.body).unwrap();
                let place = |record: &Place| Position {
                    lat: record.lat,
                    lng: record.lng,
                };
                body.records.iter().map(place).collect()
            })
            .collect()
    }
}

/// What there is to read in a body of the load.
#[derive(Deserialize)]
struct Body {
    records: Vec<Place>,
}

#[derive(Deserialize)]
struct Place {
    lat: f64,
    lng: f64,
}
