//! Opening and closing the database; the one way to begin a write.

use super::error::StoreError;
use super::settings::{Settings, Synchronous};
use super::vault::Vault;
use migration::{Migrator, MigratorTrait};
use sea_orm::sqlx::Connection as _;
use sea_orm::sqlx::sqlite::{SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sea_orm::{
    AccessMode, ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction, DbBackend,
    IsolationLevel, SqliteTransactionMode, TransactionOptions, TransactionTrait,
};
use std::path::Path;
use std::time::Duration;

/// How long a caller waits for a connection: longer than the longest commit, shorter than a client's patience.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(20);

/// SQLite: pages that the writer keeps, and those that all readers keep together. Each connection keeps its own, and fills what it
/// may; what is in neither is mostly in the system's cache of the file, a copy away.
const WRITER_CACHE_KIB: u32 = 32 * 1024;
const READERS_CACHE_KIB: u32 = 32 * 1024;

/// The database. Cheap to clone; all clones share the connections.
#[derive(Debug, Clone)]
pub struct Store {
    /// SQLite: the one connection that writes, so that writers queue here and never fail with "busy".
    pub(super) writer: DatabaseConnection,
    /// SQLite: connections that read beside the writer. PostgreSQL: the same pool.
    pub(super) reader: DatabaseConnection,
    /// What is sealed can be neither read nor written before it is open.
    pub(super) vault: Vault,
}

impl Store {
    /// Opens the database, creating the folder and file of a SQLite one. Runs no migration.
    pub async fn open(settings: &Settings) -> Result<Self, StoreError> {
        if settings.url.starts_with("sqlite:") {
            create_folder(&settings.url).await?;
            let writer = Database::connect(sqlite(settings, 1, WRITER_CACHE_KIB)).await?;
            let readers = settings.readers.max(1);
            let reader = Database::connect(sqlite(settings, readers, READERS_CACHE_KIB / readers)).await?;
            let vault = Vault::default();
            return Ok(Self { writer, reader, vault });
        }
        let mut options = quiet(&settings.url);
        options.max_connections(settings.connections.max(2));
        let pool = Database::connect(options).await?;
        Ok(Self {
            writer: pool.clone(),
            reader: pool,
            vault: Vault::default(),
        })
    }

    /// Brings the schema up to this version of Usher.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        Ok(Migrator::up(&self.writer, None).await?)
    }

    /// Migrations that have not run yet; asking changes nothing.
    pub async fn pending_migrations(&self) -> Result<Vec<String>, StoreError> {
        let pending = Migrator::get_pending_migrations_read_only(&self.reader).await?;
        Ok(pending.iter().map(|migration| migration.name().to_owned()).collect())
    }

    /// Answers when the database does.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.reader.ping().await?;
        Ok(self.writer.ping().await?)
    }

    /// Copies what SQLite's log holds into the database file; commits go on meanwhile.
    pub async fn checkpoint(&self) -> Result<(), StoreError> {
        if self.is_sqlite() {
            self.reader.execute_unprepared("PRAGMA wal_checkpoint(PASSIVE)").await?;
        }
        Ok(())
    }

    /// Closes every connection once running statements are done.
    pub async fn close(&self) -> Result<(), StoreError> {
        self.reader.close_by_ref().await?;
        Ok(self.writer.close_by_ref().await?)
    }

    /// May other processes write as well? A SQLite file belongs to one process.
    pub fn is_shared(&self) -> bool {
        !self.is_sqlite()
    }

    pub(super) fn is_sqlite(&self) -> bool {
        self.writer.get_database_backend() == DbBackend::Sqlite
    }

    /// Begins a write. IMMEDIATE takes SQLite's write lock at once: a deferred transaction that reads first and writes later
    /// fails when another one wrote in between. While it is open, nothing else may use the writer.
    pub(super) async fn write_txn(&self) -> Result<DatabaseTransaction, StoreError> {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        Ok(self.writer.begin_with_options(options).await?)
    }

    /// Begins a read of several statements that all see the same instant.
    pub(super) async fn read_txn(&self) -> Result<DatabaseTransaction, StoreError> {
        let options = if self.is_sqlite() {
            TransactionOptions::default()
        } else {
            TransactionOptions {
                isolation_level: Some(IsolationLevel::RepeatableRead),
                access_mode: Some(AccessMode::ReadOnly),
                ..TransactionOptions::default()
            }
        };
        Ok(self.reader.begin_with_options(options).await?)
    }
}

fn quiet(url: &str) -> ConnectOptions {
    let mut options = ConnectOptions::new(url);
    // Statements carry users' values: they do not belong in a log.
    options
        .sqlx_logging(false)
        .record_stmt_in_spans(false)
        .acquire_timeout(ACQUIRE_TIMEOUT);
    options
}

fn sqlite(settings: &Settings, connections: u32, cache_kib: u32) -> ConnectOptions {
    let mut options = quiet(&settings.url);
    let busy = Duration::from_millis(settings.busy_timeout_ms);
    let synchronous = match settings.synchronous {
        Synchronous::Full => SqliteSynchronous::Full,
        Synchronous::Normal => SqliteSynchronous::Normal,
        Synchronous::Off => SqliteSynchronous::Off,
    };
    options
        .max_connections(connections)
        // There is no network that could have cut it: to ask first would double what a read costs.
        .test_before_acquire(false)
        // A connection that is dropped and made anew would lose an in-memory database.
        .idle_timeout(None)
        .max_lifetime(None)
        .map_sqlx_sqlite_pool_opts(|pool| pool.after_release(|connection, _| Box::pin(is_at_rest(connection))))
        .map_sqlx_sqlite_opts(move |sqlite| {
            sqlite
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(synchronous)
                .busy_timeout(busy)
                .foreign_keys(true)
                // A commit of three rows is another statement than one of four: room for those that come back.
                .statement_cache_capacity(512)
                // Erased means gone: freed pages are overwritten with zeros.
                .pragma("secure_delete", "ON")
                // The thread of a connection and who reads from it wake one another once for so many rows; the usual 50 take a
                // fifth of the time to read a million.
                .row_buffer_size(1_024)
                // A negative size is one in KiB.
                .pragma("cache_size", format!("-{cache_kib}"))
                // The log is copied into the file beside the commits (`Store::checkpoint`). Only when that falls behind does a
                // commit do it, so that the log cannot grow without end.
                .pragma("wal_autocheckpoint", "16384")
        });
    options
}

/// May this connection be used again? A full disk makes SQLite end a transaction by itself; the driver, whose own "rollback" then
/// fails, goes on counting it, and every later "commit" would only end a savepoint of a transaction that nobody ever commits.
/// Such a connection is closed, and the next caller gets a fresh one.
async fn is_at_rest(connection: &mut SqliteConnection) -> Result<bool, sea_orm::sqlx::Error> {
    if connection.is_in_transaction() {
        // The rollback of what was dropped may still be under way.
        connection.ping().await?;
    }
    Ok(!connection.is_in_transaction())
}

async fn create_folder(url: &str) -> Result<(), StoreError> {
    let path = url.trim_start_matches("sqlite:").trim_start_matches("//");
    let path = path.split('?').next().unwrap_or(path);
    let Some(folder) = Path::new(path).parent().filter(|folder| !folder.as_os_str().is_empty()) else {
        return Ok(());
    };
    tokio::fs::create_dir_all(folder)
        .await
        .map_err(|error| StoreError::Unavailable(format!("cannot create the folder of the database: {}", error.kind())))
}
