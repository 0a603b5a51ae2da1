//! The rate at which messages are handed over: a full outbox, the production dispatcher over SQLite that waits for the disk, and
//! the FCM test server in a process of its own, behind TLS and HTTP/2.
//!
//! `cargo bench --bench hand_over -- [--messages 20000] [--rounds 3]` prints messages a second, the processor time that Usher's
//! process takes for each, and how many connections it opened. The sender trusts the server's certificate as any installation
//! trusts one of its own: by `SSL_CERT_FILE`. The server takes its share of the same cores, which is told beside.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark reads clocks, prints, and stops at the first surprise"
)]

#[allow(dead_code, reason = "shared with the tests, which use more of it")]
#[path = "../../tests/it/siege/letters.rs"]
mod letters;

use chrono::TimeDelta;
use fcm::test_server::TestServer;
use letters::{Letter, found, project, queue, register};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};
use usher::base::chance::SystemEntropy;
use usher::base::clock::{Clock, SystemClock};
use usher::base::secret::Secret;
use usher::base::time::Timestamp;
use usher::base::vault::Keyring;
use usher::channel::{self, Channels};
use usher::cli::bench::child::Scratch;
use usher::cli::bench::meter::{median_sync, processor_time};
use usher::engine::delivery::DeliveryState;
use usher::pipeline::{Pipeline, Settings};
use usher::store::{self, Store, Synchronous};

/// As in the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const TENANT: u128 = 1;
const PHONES: u128 = 5_000;

fn argument(name: &str) -> Option<String> {
    std::env::args().skip_while(|argument| argument != name).nth(1)
}

fn count(name: &str, usual: u128) -> u128 {
    argument(name).map_or(usual, |value| value.parse().expect("a number"))
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .worker_threads(2)
        .build()
        .unwrap();
    match argument("--endpoint") {
        Some(endpoint) => runtime.block_on(hand_over(&endpoint, Path::new(&argument("--folder").unwrap()))),
        None => runtime.block_on(provide()),
    }
}

/// The provider: starts the sender as a child that trusts its certificate.
async fn provide() {
    let fcm = TestServer::start_tls().await.unwrap();
    fcm.forget();
    let scratch = Scratch::inside(Path::new("target/bench-data")).unwrap();
    let certificate = scratch.path().join("certificate.pem");
    std::fs::write(&certificate, fcm.certificate_pem().unwrap()).unwrap();
    std::fs::write(account_in(scratch.path()), fcm.service_account_json()).unwrap();
    let (messages, rounds) = (count("--messages", 20_000), count("--rounds", 3));
    let mut sender = Command::new(std::env::current_exe().unwrap());
    sender
        .args(["--endpoint", &fcm.endpoint(), "--folder"])
        .arg(scratch.path())
        .args(["--messages", &messages.to_string(), "--rounds", &rounds.to_string()])
        .env("SSL_CERT_FILE", &certificate);
    let before = processor_time(std::process::id()).unwrap();
    let ended = tokio::task::spawn_blocking(move || sender.status()).await.unwrap();
    let took = processor_time(std::process::id()).unwrap().saturating_sub(before);
    assert!(ended.unwrap().success());
    let sent = fcm.count();
    let connections = fcm.connections();
    assert_eq!(sent as u128, messages * rounds, "each was sent once");
    assert!(
        connections.iter().all(|connection| connection.is_http2),
        "{connections:?}"
    );
    println!(
        "test server: {sent} messages by {} connection(s), HTTP/2 all of them, {:?} requests each; {:.0} µs of processor time a message",
        connections.len(),
        connections
            .iter()
            .map(|connection| connection.requests)
            .collect::<Vec<_>>(),
        each_us(took, messages * rounds),
    );
}

fn account_in(folder: &Path) -> PathBuf {
    folder.join("account.json")
}

/// Usher: fills an outbox and hands it over, several times.
async fn hand_over(endpoint: &str, folder: &Path) {
    let (messages, rounds) = (count("--messages", 0), count("--rounds", 0));
    let sync = median_sync(folder).unwrap();
    println!("a write waits {:.1} ms for the disk", sync.as_secs_f64() * 1e3);
    let key = Keyring::new_key(&SystemEntropy);
    let filling = open(folder, &key, Synchronous::Off).await;
    let now = SystemClock.now();
    found(&filling, TENANT, now).await;
    for phone in 1..=PHONES {
        register(&filling, TENANT, phone, now).await;
    }
    for round in 0..rounds {
        let began = SystemClock.now();
        queue(&filling, &letters(round * messages..(round + 1) * messages), began).await;
        filling.checkpoint().await.unwrap();
        let store = open(folder, &key, Synchronous::Full).await;
        let clock = Late(SystemClock.now() - began);
        one_round(store, clock, channels(endpoint, folder), messages).await;
    }
    let counts = filling.delivery_counts(project(TENANT)).await.unwrap();
    let all = u64::try_from(messages * rounds).unwrap();
    assert_eq!(counts, BTreeMap::from([(DeliveryState::Accepted, all)]), "none is lost");
}

async fn one_round(store: Store, clock: Late, channels: Channels, messages: u128) {
    let checkpoints = tokio::spawn(checkpoints(store.clone()));
    let pipeline = Pipeline::start(
        store.clone(),
        Arc::new(clock),
        Arc::new(SystemEntropy),
        channels,
        Settings::default(),
    );
    let (before, begun) = (processor_time(std::process::id()).unwrap(), Instant::now());
    let claimed = pipeline.dispatch().await.unwrap();
    let took = begun.elapsed();
    let processor = processor_time(std::process::id()).unwrap().saturating_sub(before);
    println!(
        "{claimed} messages in {:.2} s: {:.0} a second, {:.0} µs of Usher's processor time each",
        took.as_secs_f64(),
        messages as f64 / took.as_secs_f64(),
        each_us(processor, messages),
    );
    assert_eq!(claimed as u128, messages, "every one went at the first attempt");
    pipeline.stop().await;
    checkpoints.abort();
    store.close().await.unwrap();
}

/// As the server does beside its commits.
async fn checkpoints(store: Store) {
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        store.checkpoint().await.unwrap();
    }
}

/// Shows the time at which the outbox was filled, so that its messages are as fresh as those that a server has just decided.
struct Late(TimeDelta);

impl Clock for Late {
    fn now(&self) -> Timestamp {
        SystemClock.now() - self.0
    }
}

async fn open(folder: &Path, key: &Secret, synchronous: Synchronous) -> Store {
    let settings = store::Settings {
        url: format!("sqlite://{}/usher.db", folder.display()),
        synchronous,
        ..store::Settings::default()
    };
    let store = Store::open(&settings).await.unwrap();
    store.migrate().await.unwrap();
    store.unlock(Keyring::read(key.expose()).unwrap(), None).await.unwrap();
    store
}

fn channels(endpoint: &str, folder: &Path) -> Channels {
    let fcm = channel::fcm::Settings {
        service_account_file: Some(account_in(folder)),
        endpoint: endpoint.to_owned(),
        // How a provider's rate is approached is tested elsewhere; here Usher itself is to be the bound.
        messages_per_min: 1_000_000_000,
        ..channel::fcm::Settings::default()
    };
    Channels::open(&channel::Settings {
        fcm,
        ..channel::Settings::default()
    })
    .unwrap()
}

fn letters(numbers: std::ops::Range<u128>) -> Vec<Letter> {
    let letter = |number| Letter {
        tenant: TENANT,
        phone: number % PHONES + 1,
        number: number + 1,
        lives_s: 86_400,
    };
    numbers.map(letter).collect()
}

fn each_us(time: Duration, messages: u128) -> f64 {
    time.as_secs_f64() * 1e6 / messages as f64
}
