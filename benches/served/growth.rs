//! What has piled up: the same phones report to stores that hold few or many users, moments and decisions, and to one that is
//! forgetting what is old meanwhile.
//!
//! The rows are copies of rows that the server wrote itself, with ids and times of their own, the times spread over four months: a
//! quarter of the moments and three quarters of the decisions are older than they are kept.

use super::site::{Site, load, median, warm_up};
use super::verdict;
use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteSynchronous};
use sea_orm::sqlx::{AssertSqlSafe, Connection, Executor, Row, SqliteConnection, query};
use std::path::Path;
use std::time::{Duration, Instant};
use usher::cli::bench::child::Served;
use usher::cli::bench::crowd::Mix;
use usher::cli::bench::load::Pace;
use usher::cli::bench::taken::{Taken, at_ms};

const FENCES: usize = 10_000;
const PHONES: usize = 2_000;
const RATE: f64 = 2_000.0;
const TURN: Duration = Duration::from_secs(8);
const ROUNDS: usize = 3;
/// Nothing is old enough to go.
const KEPT: &str = "[retention]\ndecisions_days = 3650\nmoments_days = 3650\nrecords_days = 3650\n";
/// Days that the rows are spread over.
const SPREAD_DAYS: u32 = 120;

/// Medians over the rounds, in milliseconds.
struct Figures {
    stored: usize,
    p50: f64,
    p99: f64,
    moving_p99: f64,
    cpu_us: f64,
}

pub async fn run(sizes: &[usize]) {
    println!(
        "\n{RATE} fixes/s of {PHONES} phones, 1 % transitions, {FENCES} geofences, and stored of each: users, moments, decisions"
    );
    let mut all: Vec<Figures> = Vec::new();
    for stored in sizes {
        let mix = Mix {
            transitions: 1.0,
            messages: 0.2,
        };
        let site = Site::fill(FENCES, PHONES, mix).await;
        // The rows that are copied: what the server writes for an arrival.
        let server = site.start(KEPT).await;
        warm_up(&server, &site.crowd).await;
        load(&server, &site.crowd, Pace::Fixed(RATE), Duration::from_secs(3)).await;
        drop(server);
        let begun = Instant::now();
        pile_up(&site.database(), *stored).await;
        let seeded = begun.elapsed();
        let server = site.start(KEPT).await;
        let calm = figures(*stored, &rounds(&site, &server).await);
        drop(server);
        println!("  (stored in {:.0} s)", seeded.as_secs_f64());
        calm.tell(&format!("{stored} stored"));
        forget(&site, &calm).await;
        all.push(calm);
    }
    if let ([few, .., many], true) = (all.as_slice(), all.len() > 1) {
        let (p50, cpu) = (many.p50 / few.p50, many.cpu_us / few.cpu_us);
        println!(
            "from {} to {} stored: p50 {p50:.2} x, p99 {:.2} x, server time a fix {cpu:.2} x; flat within 20 % {}",
            few.stored,
            many.stored,
            many.p99 / few.p99,
            verdict(p50.max(cpu) <= 1.2)
        );
    }
}

/// The same load while what is old goes.
async fn forget(site: &Site, calm: &Figures) {
    let before = decisions(&site.database()).await;
    // It begins when the server does.
    let server = site.start("").await;
    let taken = rounds(site, &server).await;
    drop(server);
    let gone = before - decisions(&site.database()).await;
    // Below that it was over before the load began.
    if gone < 50_000 {
        println!("    retention: only {gone} decisions to forget: nothing to measure");
        return;
    }
    let busy = figures(calm.stored, &taken);
    busy.tell(&format!("  while {gone} decisions were forgotten"));
    let ratio = busy.p99 / calm.p99;
    println!(
        "    p99 with retention {ratio:.2} x of without, <= 2 x {}",
        verdict(ratio <= 2.0)
    );
}

async fn rounds(site: &Site, server: &Served) -> Vec<Taken> {
    warm_up(server, &site.crowd).await;
    let mut taken = Vec::new();
    for _ in 0..ROUNDS {
        taken.push(load(server, &site.crowd, Pace::Fixed(RATE), TURN).await);
    }
    taken
}

fn figures(stored: usize, taken: &[Taken]) -> Figures {
    let middle = |value: &dyn Fn(&Taken) -> f64| median(taken.iter().map(value).collect());
    Figures {
        stored,
        p50: middle(&|one| at_ms(&one.answers, 0.5)),
        p99: middle(&|one| at_ms(&one.answers, 0.99)),
        moving_p99: middle(&|one| at_ms(&one.moving, 0.99)),
        cpu_us: middle(&|one| one.cpu_us_per_fix().unwrap_or(f64::NAN)),
    }
}

impl Figures {
    fn tell(&self, what: &str) {
        println!(
            "  {what:44} p50 {:>6.2} ms  p99 {:>6.2} ms  transitions p99 {:>6.2} ms  {:>5.0} µs of the server a fix",
            self.p50, self.p99, self.moving_p99, self.cpu_us
        );
    }
}

async fn open(file: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .synchronous(SqliteSynchronous::Off)
        .pragma("cache_size", "-262144");
    SqliteConnection::connect_with(&options).await.unwrap()
}

async fn decisions(file: &Path) -> i64 {
    let mut database = open(file).await;
    let row = query("SELECT count(*) FROM decisions")
        .fetch_one(&mut database)
        .await
        .unwrap();
    database.close().await.unwrap();
    row.get(0)
}

/// Copies rows until there are so many users, subjects, moments and decisions more.
async fn pile_up(file: &Path, count: usize) {
    let mut database = open(file).await;
    // Ids that grow with time, as those of the server do, and a new user for each number.
    let id = "unhex(printf('%012x', ms) || '7' || substr(hex(randomblob(2)), 1, 3) || '8' || substr(hex(randomblob(8)), 1, 15))";
    let user = "unhex(printf('%016x%016x', 4611686018427387904 + n, n))";
    let spread = u64::from(SPREAD_DAYS) * 86_400_000;
    let numbers = format!(
        "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {count}), \
         dated AS (SELECT n, CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER) - {spread} + n * {spread} / {count} AS ms \
         FROM numbers)"
    );
    let at = "strftime('%Y-%m-%dT%H:%M:%f+00:00', ms / 1000.0, 'unixepoch')";
    let tables: [(&str, &[(&str, &str)]); 4] = [
        (
            "users",
            &[
                ("id", user),
                ("user_ref", "NULL"),
                ("created_at", at),
                ("updated_at", at),
            ],
        ),
        ("subjects", &[("user_id", user), ("wake_at", "NULL")]),
        ("moments", &[("id", id), ("user_id", user), ("noticed_at", at)]),
        (
            "decisions",
            &[
                ("id", id),
                ("user_id", user),
                ("moment_id", "randomblob(16)"),
                ("decided_at", at),
            ],
        ),
    ];
    for (table, columns) in tables {
        let names = columns_of(&mut database, table).await;
        let value = |name: &String| {
            let own = columns.iter().find(|(column, _)| column == name);
            own.map_or(name.clone(), |(_, value)| (*value).to_owned())
        };
        let values: Vec<String> = names.iter().map(value).collect();
        let sql = format!(
            "INSERT INTO {table} ({}) {numbers} SELECT {} FROM dated, (SELECT * FROM {table} LIMIT 1)",
            names.join(", "),
            values.join(", ")
        );
        let done = database.execute(query(AssertSqlSafe(sql))).await.unwrap();
        assert_eq!(done.rows_affected(), count as u64, "no row of {table} to copy");
    }
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)").await.unwrap();
    database.close().await.unwrap();
}

async fn columns_of(database: &mut SqliteConnection, table: &str) -> Vec<String> {
    let sql = format!("SELECT name FROM pragma_table_info('{table}')");
    let rows = query(AssertSqlSafe(sql)).fetch_all(database).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}
