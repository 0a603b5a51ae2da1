//! The composition root: opens the store, starts pipeline, server and workers, and ends them in the opposite order.

pub use crate::config::{DEFAULTS, Effective, Settings};

use crate::api::{self, Api, Progress};
use crate::base::chance::{Entropy, SystemEntropy};
use crate::base::clock::{Clock, SystemClock};
use crate::channel::Channels;
use crate::pipeline::Pipeline;
use crate::store::{self, Store, StoreError, VaultError};
use crate::telemetry::measure::Measures;
use crate::wallet::{Links, Updates, Wallets};
use crate::worker::Workers;
use actix_web::dev::ServerHandle;
use actix_web::web;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinSet;

/// How long the loops may take to end their turns.
const WORKERS_END_WITHIN: Duration = Duration::from_secs(10);

/// Why Usher cannot start: what is wrong, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}\n  {remedy}")]
pub struct AppError {
    pub what: String,
    pub remedy: String,
}

impl AppError {
    pub fn new(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            remedy: remedy.into(),
        }
    }
}

/// The configuration in force: defaults, file and the environment of this process.
///
/// # Errors
/// An unknown key or a value that does not fit, with its place.
pub fn configuration(file: Option<&Path>) -> Result<Effective, AppError> {
    // Variables that are not UTF-8 cannot be settings.
    let variables =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    Effective::load(file, variables).map_err(|error| {
        AppError::new(
            format!("configuration: {error}"),
            "config.default.toml explains every key; `usher check` shows what is in force",
        )
    })
}

/// Opens the database; what goes wrong is told with what to do.
///
/// # Errors
/// A folder that may not be written, or a server that does not answer.
pub async fn open_store(settings: &store::Settings) -> Result<Store, AppError> {
    Store::open(settings)
        .await
        .map_err(|error| store_error(settings, &error))
}

fn store_error(settings: &store::Settings, error: &StoreError) -> AppError {
    let remedy = if let Some(path) = settings.url.strip_prefix("sqlite://") {
        let path = path.split('?').next().unwrap_or(path);
        format!(
            "is the folder of `{path}` there and writable for this user? Or set database.url (USHER__DATABASE__URL) to another place"
        )
    } else if settings.url.starts_with("postgres") {
        "is PostgreSQL running, and are user, password and database name in database.url right? `psql` with the same address tells".to_owned()
    } else {
        "database.url must begin with sqlite:// or postgres://".to_owned()
    };
    AppError::new(format!("the database cannot be opened: {error}"), remedy)
}

/// Opens the database and brings its tables up to this version.
///
/// # Errors
/// The database cannot be opened or migrated.
pub async fn open_migrated(settings: &store::Settings) -> Result<Store, AppError> {
    let store = open_store(settings).await?;
    store.migrate().await.map_err(|error| {
        AppError::new(
            format!("the tables cannot be brought up to date: {error}"),
            "restore the backup, or ask with this message: nothing was half done",
        )
    })?;
    Ok(store)
}

/// Opens the vault of a migrated database, with a key of its own when it is new.
///
/// # Errors
/// The keys are missing, wrong or unreadable.
pub async fn open_vault(store: &Store, settings: &Settings) -> Result<(), AppError> {
    let failed = |error: VaultError| AppError::new(error.to_string(), error.remedy());
    let state = store.open_vault(&settings.vault, &settings.database.url);
    let state = state.await.map_err(failed)?;
    if let Some(file) = state.file.filter(|_| state.made) {
        tracing::info!(
            file = %file.display(),
            "made the key that seals what the database holds of people: keep a copy, apart from the database's backups; without it that cannot be read"
        );
    }
    Ok(())
}

/// A server at work.
pub struct Running {
    /// Where it listens, with the port it got.
    pub address: SocketAddr,
    pub pipeline: Pipeline,
    server: ServerHandle,
    serving: JoinSet<std::io::Result<()>>,
    workers: Workers,
}

impl Running {
    /// Starts everything; when this returns, requests are answered.
    ///
    /// # Errors
    /// The database, a channel, or the address to listen on.
    pub async fn start(settings: &Settings) -> Result<Self, AppError> {
        let measures = Measures::install().map_err(|error| {
            AppError::new(
                format!("measures cannot be set up: {error}"),
                "this is a fault in Usher: please report it",
            )
        })?;
        let channels = Channels::open(&settings.channels).map_err(|why| {
            AppError::new(
                why,
                "correct the channel's settings or leave them out; `usher check` probes them",
            )
        })?;
        let wallets = Wallets::open(&settings.wallet, SystemClock.now()).map_err(|why| {
            AppError::new(
                why,
                "correct the wallet's settings, or leave all of them out to go without",
            )
        })?;
        // The address first: who cannot have it must not touch the database of the one who does.
        let listener = listen(settings.server.bind)?;
        let address = listener.local_addr().unwrap_or(settings.server.bind);
        let store = open_migrated(&settings.database).await?;
        open_vault(&store, settings).await?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy);
        let links = open_links(settings, address, entropy.as_ref())?;
        let channels = channels.reached_at(links.told_url());
        let pipeline = Pipeline::start(store, Arc::clone(&clock), entropy, channels, settings.pipeline.clone());
        let left = pipeline.recover().await.map_err(|error| {
            AppError::new(
                format!("inputs left by the last run cannot be stepped: {error}"),
                "look at the database and its disk",
            )
        })?;
        if left > 0 {
            tracing::info!(inputs = left, "stepped what the last run left");
        }
        let progress = Progress::default();
        let mut workers = Workers::start(&pipeline, &clock, &measures, &progress, settings.retention);
        if let Some(updates) = Updates::new(pipeline.store(), &clock, &wallets) {
            workers.follow_wallets(updates, &clock, &progress);
        }
        let api = Api::new(
            pipeline.clone(),
            api_settings(settings),
            progress,
            Some(measures.handle()),
        )
        .offering(links, wallets);
        let server = api::serve(listener, web::Data::new(api)).map_err(|error| {
            AppError::new(
                format!("the server cannot start: {error}"),
                "are there too many open files? Raise `ulimit -n`",
            )
        })?;
        let handle = server.handle();
        let mut serving = JoinSet::new();
        serving.spawn(server);
        Ok(Self {
            address,
            pipeline,
            server: handle,
            serving,
            workers,
        })
    }

    /// Waits for SIGTERM or SIGINT, or for the server to end by itself.
    pub async fn until_told(&mut self) {
        let Ok(mut told) = Told::listen() else {
            self.serving.join_next().await;
            return;
        };
        tokio::select! {
            () = told.next() => {}
            _ = self.serving.join_next() => {}
        }
    }

    /// Ends in order: nothing more is claimed, no new requests, those under way finish, the loops end their turns, the lanes
    /// commit. A second signal cuts the requests off; nothing that was answered is lost either way.
    pub async fn stop(mut self) {
        tracing::info!("stopping");
        self.pipeline.stop_sending();
        tokio::select! {
            () = self.server.stop(true) => {}
            () = told() => self.server.stop(false).await,
        }
        while self.serving.join_next().await.is_some() {}
        if !self.workers.stop(WORKERS_END_WITHIN).await {
            tracing::warn!("a loop did not end its turn in time and was cut off");
        }
        self.pipeline.stop().await;
        if let Err(error) = self.pipeline.store().close().await {
            tracing::warn!(%error, "the database did not close in order");
        }
        tracing::info!("stopped");
    }
}

fn open_links(settings: &Settings, address: SocketAddr, entropy: &dyn Entropy) -> Result<Links, AppError> {
    let links = Links::open(&settings.links, address, &settings.database.url, entropy)
        .map_err(|why| AppError::new(why, "config.default.toml explains [links]"))?;
    if !links.is_kept {
        // A wallet keeps its passes for longer than a process lives.
        if settings.wallet.apple.pass_type_id.is_some() {
            return Err(AppError::new(
                "links.secret: is not set, and passes in Apple Wallet would be strangers after the next start",
                "set links.secret (or links.secret_file), the same for every Usher: `openssl rand -base64 32` makes one",
            ));
        }
        tracing::warn!(
            "links.secret is not set: links to passes end with this process, and other processes do not know them"
        );
    }
    Ok(links)
}

fn api_settings(settings: &Settings) -> api::Settings {
    api::Settings {
        workers: settings.server.workers,
        osmand_query: settings.ingest.osmand_query,
        shutdown_s: settings.server.shutdown_s,
        rates: settings.rates.clone(),
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "a foreign enum: every other fault has one remedy"
)]
fn listen(bind: SocketAddr) -> Result<TcpListener, AppError> {
    TcpListener::bind(bind).map_err(|error| {
        let remedy = match error.kind() {
            std::io::ErrorKind::AddrInUse => "another program listens there: stop it, or set server.bind (USHER__SERVER__BIND); port 0 takes a free one",
            std::io::ErrorKind::PermissionDenied => "ports below 1024 are the administrator's: take a higher one and put a proxy in front",
            // Whatever else: the address is the first thing to look at.
            _ => "set server.bind (USHER__SERVER__BIND) to an address of this machine",
        };
        AppError::new(format!("cannot listen on {bind}: {error}"), remedy)
    })
}

/// Waits until this process is asked to end; for ever where it cannot be asked.
pub async fn told() {
    match Told::listen() {
        Ok(mut told) => told.next().await,
        Err(_) => std::future::pending().await,
    }
}

/// The signals that ask a process to end.
struct Told {
    terminate: Signal,
    interrupt: Signal,
}

impl Told {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
