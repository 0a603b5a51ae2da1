//! Durable transitions: the commit of the server against raw multi-row inserts of the same rows into the same kind of file.

use super::raw::{Rows, TABLES};
use super::verdict;
use super::world::World;
use std::path::Path;
use std::time::{Duration, Instant};
use usher::cli::bench::meter::median_sync;
use usher::store::{Change, Settings, Store, Synchronous, VaultSettings};

/// Transitions of one run.
const TRANSITIONS: usize = 6_000;
/// Inputs of one commit: a small group, and the most a lane puts into one.
const GROUPS: [usize; 2] = [100, 512];
const ROUNDS: usize = 3;

pub async fn run(world: &World) {
    let sync = median_sync(world.folder.path()).unwrap();
    println!(
        "{:44} {:>9.2} ms",
        "one write that waits for the disk",
        sync.as_secs_f64() * 1e3
    );
    let changes: Vec<Change> = super::steps::effects(world, TRANSITIONS)
        .into_iter()
        .map(|effects| Change {
            project_id: world.project,
            effects,
            rows: Vec::new(),
            inbox_done: None,
            leased_until: None,
        })
        .collect();
    for group in GROUPS {
        let (mut ours, mut raw) = (Vec::new(), Vec::new());
        let mut rows_written = 0;
        for round in 0..ROUNDS {
            let name = |kind: &str| world.folder.path().join(format!("{kind}-{group}-{round}.db"));
            let file = name("commit");
            ours.push(committed(&file, &changes, group).await);
            let rows = Rows::read(&file).await;
            rows_written = rows.count();
            raw.push(
                rows.insert(&fresh(&name("raw")).await, TRANSITIONS.div_ceil(group))
                    .await,
            );
            for kind in ["commit", "raw"] {
                for ending in ["", "-wal", "-shm"] {
                    let _ = std::fs::remove_file(format!("{}{ending}", name(kind).display()));
                }
            }
        }
        let per_s = |times: &mut Vec<Duration>| {
            times.sort_unstable();
            TRANSITIONS as f64 / times[ROUNDS / 2].as_secs_f64()
        };
        let (ours, raw) = (per_s(&mut ours), per_s(&mut raw));
        println!(
            "{:44} {ours:>10.0}/s  {}; {}",
            format!("transitions with a message, {group} a commit"),
            verdict(
                ours / raw,
                ours / raw >= 0.7,
                &format!(">= 0.7 x raw inserts ({raw:.0}/s)")
            ),
            if ours >= 15_000.0 {
                ">= 15,000/s met"
            } else {
                ">= 15,000/s MISSED"
            },
        );
        println!(
            "    {rows_written} rows in {} tables for {TRANSITIONS} transitions",
            TABLES.len()
        );
    }
}

/// A new database with the tables of the server, in the same settings.
async fn fresh(file: &Path) -> std::path::PathBuf {
    store(file).await.close().await.unwrap();
    file.to_owned()
}

async fn store(file: &Path) -> Store {
    let settings = Settings {
        url: format!("sqlite://{}", file.display()),
        synchronous: Synchronous::Full,
        ..Settings::default()
    };
    let store = Store::open(&settings).await.unwrap();
    store.migrate().await.unwrap();
    store
        .open_vault(&VaultSettings::default(), &settings.url)
        .await
        .unwrap();
    store
}

async fn committed(file: &Path, changes: &[Change], group: usize) -> Duration {
    let store = store(file).await;
    let mut messages = 0;
    let begun = Instant::now();
    for changes in changes.chunks(group) {
        messages += store.commit(changes).await.unwrap().messages;
    }
    let took = begun.elapsed();
    assert!(messages >= TRANSITIONS, "each transition made a message");
    store.close().await.unwrap();
    took
}
