//! A fresh, migrated database for one test: SQLite in a folder of its own, or a new PostgreSQL database.

use super::connect::Store;
use super::error::StoreError;
use super::outbox::Claimed;
use super::settings::Settings;
use crate::base::chance::{Entropy, SystemEntropy};
use crate::base::secret::Secret;
use crate::base::time::Timestamp;
use crate::base::vault::Keyring;
use chrono::TimeDelta;
use sea_orm::{ConnectionTrait, Database};
use std::ops::Deref;
use std::path::{Path, PathBuf};

/// Set to a PostgreSQL url of a role that may create databases, the tests run there as well.
pub const DATABASE_URL: &str = "USHER_TEST_DATABASE_URL";

/// A store that is nobody else's. Keep it as long as the store is used: its folder goes with it.
#[derive(Debug)]
pub struct Fresh {
    store: Store,
    settings: Settings,
    key: Secret,
    /// Where the SQLite file is; none on PostgreSQL.
    folder: Option<PathBuf>,
}

impl Fresh {
    /// The settings it was opened with: a second store over the same data is opened with these.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The key of its vault.
    pub fn key(&self) -> &Secret {
        &self.key
    }

    /// Where the SQLite file is; none on PostgreSQL.
    pub fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// Runs a statement on a connection of its own, as a fault of the database would come.
    pub async fn meddle(&self, statement: &str) -> Result<(), sea_orm::DbErr> {
        let database = Database::connect(self.settings.url.as_str()).await?;
        database.execute_unprepared(statement).await?;
        database.close().await
    }
}

impl Deref for Fresh {
    type Target = Store;

    fn deref(&self) -> &Store {
        &self.store
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        if let Some(folder) = &self.folder {
            // A folder that stays behind in the system's temporary place harms nobody.
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}

impl Fresh {
    /// Gives the keys of this database to another handle of it.
    pub async fn give_keys(&self, store: &Store) -> Result<(), StoreError> {
        let keys = Keyring::read(self.key.expose()).map_err(|error| StoreError::Unavailable(error.to_string()))?;
        let unlocked = store.unlock(keys, None).await;
        unlocked.map_err(|error| StoreError::Unavailable(error.to_string()))
    }
}

impl Store {
    /// Claims whatever is due, by whatever route: for tests that look at what a claim does, not at who has a turn.
    pub async fn claim_deliveries(
        &self,
        now: Timestamp,
        lease: TimeDelta,
        limit: u64,
    ) -> Result<Vec<Claimed>, StoreError> {
        let mut claimed = Vec::new();
        for route in self.routes_due(now).await? {
            let share = usize::try_from(limit).unwrap_or(usize::MAX) - claimed.len();
            claimed.extend(self.claim_shares(now, lease, &[(route, share)]).await?);
        }
        Ok(claimed)
    }
}

/// Opens and migrates a fresh database: PostgreSQL when [`DATABASE_URL`] is set, SQLite otherwise.
pub async fn open_fresh() -> Result<Fresh, StoreError> {
    let fresh = open_empty().await?;
    fresh.store.migrate().await?;
    fresh.give_keys(&fresh.store).await?;
    Ok(fresh)
}

/// Opens a fresh database without any table.
#[expect(
    clippy::disallowed_methods,
    reason = "which database tests run on is no setting of the service"
)]
pub async fn open_empty() -> Result<Fresh, StoreError> {
    match std::env::var(DATABASE_URL) {
        Ok(url) => open_postgres(&url).await,
        Err(_) => open_sqlite().await,
    }
}

async fn open_sqlite() -> Result<Fresh, StoreError> {
    let folder = std::env::temp_dir().join(unique_name());
    let settings = Settings {
        url: format!("sqlite://{}", folder.join("usher.db").display()),
        ..Settings::default()
    };
    let store = Store::open(&settings).await?;
    Ok(Fresh {
        store,
        settings,
        key: Keyring::new_key(&SystemEntropy),
        folder: Some(folder),
    })
}

async fn open_postgres(url: &str) -> Result<Fresh, StoreError> {
    let name = unique_name();
    let server = Database::connect(url).await?;
    server.execute_unprepared(&format!("CREATE DATABASE {name}")).await?;
    server.close().await?;
    let (base, _) = url.rsplit_once('/').unwrap_or((url, ""));
    let settings = Settings {
        url: format!("{base}/{name}"),
        connections: 4,
        ..Settings::default()
    };
    let store = Store::open(&settings).await?;
    Ok(Fresh {
        store,
        settings,
        key: Keyring::new_key(&SystemEntropy),
        folder: None,
    })
}

fn unique_name() -> String {
    format!("usher_test_{}", SystemEntropy.seed().simple())
}
