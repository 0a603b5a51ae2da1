//! The main job under load: from a fix to the FCM test server, through the optimised binary with SQLite that waits for the disk.
//!
//! `cargo bench --bench main_job -- [--seconds 40] [--rate 500] [--fences 10000] [--users 100000] [--messages 2.5]` offers fixes
//! at a fixed rate whether the server keeps up or not, and prints the figures of docs/PERFORMANCE.md. The store, the phones and
//! the load are those of `usher bench`, which measures everything but the provider. All of it is on this machine and bounded.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark reads clocks, prints, and stops at the first surprise"
)]

use fcm::test_server::TestServer;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use usher::cli::bench::child::{Scratch, Served, write_config};
use usher::cli::bench::crowd::{Crowd, Mix};
use usher::cli::bench::load::{Offer, Pace, offer};
use usher::cli::bench::meter::{median_sync, resident_bytes};
use usher::cli::bench::seed::{Amount, fill, push_address};
use usher::cli::bench::taken::{Taken, at_ms, count, latencies};
use usher::engine::delivery::ChannelKind;

/// Phones that report, a subset of the users.
const PHONES: usize = 2_000;
const CONNECTIONS: usize = 64;

fn main() {
    // Arguments of cargo's own, such as --bench, are none of ours.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .worker_threads(2)
        .build()
        .unwrap();
    runtime.block_on(run());
}

fn argument(name: &str, usual: f64) -> f64 {
    let mut arguments = std::env::args().skip_while(|argument| argument != name);
    arguments.nth(1).map_or(usual, |value| value.parse().expect("a number"))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts that a person wrote"
)]
async fn run() {
    let (rate, seconds) = (argument("--rate", 500.0), argument("--seconds", 40.0));
    let messages = argument("--messages", 2.5);
    let mix = Mix {
        transitions: messages * 2.0,
        messages,
    };
    let amount = Amount {
        fences: argument("--fences", 10_000.0) as usize,
        phones: PHONES,
        idle: (argument("--users", 100_000.0) as usize).saturating_sub(PHONES),
        mix,
        channel: ChannelKind::Fcm,
    };
    let parent = Path::new("target/bench-data");
    let scratch = Scratch::inside(parent).unwrap();
    let sync = median_sync(scratch.path()).unwrap();
    let fcm = TestServer::start().await.unwrap();
    println!("seeding {} geofences, {} users …", amount.fences, amount.idle + PHONES);
    let seeded = fill(scratch.path(), amount, |_| ()).await.unwrap();
    let server = start(scratch.path(), &fcm).await;
    let _ = rustls::crypto::ring::default_provider().install_default();
    let ready = server.ready(&reqwest::Client::new()).await.unwrap();
    println!(
        "start-up to ready: {} ms (budget 1 s at 10,000 geofences)",
        ready.as_millis()
    );
    tokio::time::sleep(Duration::from_secs(5)).await;
    println!(
        "resident memory, idle: {:.1} MiB (budget 100 MiB)",
        resident_mib(&server)
    );
    let crowd = Arc::new(Crowd::new(seeded.phones, mix, "main-job".into()));
    let go = |pace, lasts| {
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
        offer(offered, Arc::clone(&crowd))
    };
    // Every phone is heard once, so that arrivals are arrivals.
    go(Pace::Once, Duration::from_secs(60)).await.unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    println!("offering {rate} fixes/s for {seconds} s, {messages} % of them with a message …");
    let taken = go(Pace::Fixed(rate), Duration::from_secs_f64(seconds)).await.unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    println!("resident memory after the load: {:.1} MiB", resident_mib(&server));
    tell(&taken, &fcm, sync);
}

async fn start(folder: &Path, fcm: &TestServer) -> Served {
    let account = folder.join("service-account.json");
    std::fs::write(&account, fcm.service_account_json()).unwrap();
    let more = format!(
        "[channels.fcm]\nservice_account_file = {:?}\nendpoint = {:?}\n",
        account.display().to_string(),
        fcm.endpoint()
    );
    let config = write_config(folder, &more).unwrap();
    let config = config.display().to_string();
    tokio::task::spawn_blocking(move || {
        Served::start(Path::new(env!("CARGO_BIN_EXE_usher")), &["serve", "--config", &config]).unwrap()
    })
    .await
    .unwrap()
}

fn resident_mib(server: &Served) -> f64 {
    resident_bytes(server.pid()).map_or(f64::NAN, |bytes| bytes as f64 / 1_048_576.0)
}

fn tell(taken: &Taken, fcm: &TestServer, sync: Duration) {
    assert_eq!(
        (taken.errors(), taken.rejected),
        (0, 0),
        "no figure without good answers: {:?}",
        taken.first_failure
    );
    let mut arrived: HashMap<String, Vec<SystemTime>> = HashMap::new();
    for received in fcm.received() {
        arrived.entry(received.token.clone()).or_default().push(received.at);
    }
    let mut whole = latencies();
    for arrival in &taken.arrivals {
        let due = SystemTime::from(arrival.due);
        let pushes = arrived.get(&push_address(arrival.phone));
        let first = pushes.and_then(|pushes| pushes.iter().filter(|at| **at >= due).min());
        if let Some(took) = first.and_then(|at| at.duration_since(due).ok()) {
            count(&mut whole, took);
        }
    }
    let sync_ms = sync.as_secs_f64() * 1e3;
    let budget = format!(
        "budget p50 {:.1} ms, p99 {:.1} ms",
        2.0 * sync_ms + 3.0,
        6.0 * sync_ms + 10.0
    );
    println!("one write that waits for the disk: {sync_ms:.2} ms");
    for (name, histogram, budget) in [
        ("fix to answer", &taken.answers, ""),
        ("fix to answer, with a moment", &taken.moving, ""),
        ("fix to provider", &whole, budget.as_str()),
    ] {
        println!(
            "{name}: p50 {:.1} ms, p90 {:.1} ms, p99 {:.1} ms, worst {:.1} ms ({} samples) {budget}",
            at_ms(histogram, 0.5),
            at_ms(histogram, 0.9),
            at_ms(histogram, 0.99),
            at_ms(histogram, 1.0),
            histogram.len()
        );
    }
    println!(
        "arrivals {}, of which {} reached the provider",
        taken.arrivals.len(),
        whole.len()
    );
    println!(
        "CPU of the server per fix: {:.0} µs",
        taken.cpu_us_per_fix().unwrap_or(f64::NAN)
    );
}
