//! A store, the server on it, and the phones that report to it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use usher::cli::bench::child::{Scratch, Served, write_config};
use usher::cli::bench::crowd::{Crowd, Mix};
use usher::cli::bench::load::{Offer, Pace, offer};
use usher::cli::bench::seed::{Amount, fill};
use usher::cli::bench::taken::Taken;
use usher::engine::delivery::ChannelKind;

const CONNECTIONS: usize = 32;

/// A folder with a filled store, and who reports.
pub struct Site {
    pub crowd: Arc<Crowd>,
    pub secret_key: String,
    pub http: reqwest::Client,
    scratch: Scratch,
}

impl Site {
    pub async fn fill(fences: usize, phones: usize, mix: Mix) -> Self {
        let scratch = Scratch::inside(Path::new("target/bench-data")).unwrap();
        let amount = Amount {
            fences,
            phones,
            idle: 0,
            mix,
            channel: ChannelKind::Tray,
        };
        let seeded = fill(scratch.path(), amount, |_| ()).await.unwrap();
        Self {
            crowd: Arc::new(Crowd::new(seeded.phones, mix, "served".into())),
            secret_key: seeded.secret_key,
            http: reqwest::Client::new(),
            scratch,
        }
    }

    pub fn database(&self) -> PathBuf {
        self.scratch.path().join("usher.db")
    }

    /// Starts a server on the store; `more` is appended to its configuration.
    pub async fn start(&self, more: &str) -> Served {
        let config = write_config(self.scratch.path(), more).unwrap().display().to_string();
        let starting = move || {
            let executable = Path::new(env!("CARGO_BIN_EXE_usher"));
            Served::start(executable, &["serve", "--config", &config]).unwrap()
        };
        let server = tokio::task::spawn_blocking(starting).await.unwrap();
        server.ready(&self.http).await.unwrap();
        server
    }
}

/// Every phone is heard once.
pub async fn warm_up(server: &Served, crowd: &Arc<Crowd>) {
    load(server, crowd, Pace::Once, Duration::from_secs(60)).await;
}

/// One load of single fixes.
///
/// # Panics
/// When the server refuses any of it: no figure without good answers.
pub async fn load(server: &Served, crowd: &Arc<Crowd>, pace: Pace, lasts: Duration) -> Taken {
    let offered = Offer {
        address: server.address,
        path: "/v1/track".into(),
        pace,
        lasts,
        batch: 1,
        connections: CONNECTIONS,
        pid: Some(server.pid()),
        progress: Arc::default(),
    };
    let taken = offer(offered, Arc::clone(crowd)).await.unwrap();
    assert!(
        taken.errors() == 0 && taken.rejected == 0,
        "no figure without good answers: {:?} {:?}",
        taken.statuses,
        taken.first_failure
    );
    taken
}

/// The middle one.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
