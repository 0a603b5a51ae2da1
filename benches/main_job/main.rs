//! The main job under load: start-up with a filled store, idle memory, and the time from a fix to the provider.
//!
//! `cargo bench --bench main_job -- [--seconds 60] [--rate 500] [--fences 10000] [--users 100000]` starts the optimised server
//! with SQLite and `synchronous=FULL` against the FCM test server, offers fixes at a fixed rate whether it keeps up or not, and
//! prints the figures of docs/PERFORMANCE.md. Everything is on this machine and bounded in time.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark reads clocks, prints, and stops at the first surprise"
)]

mod load;
mod seed;
mod server;

use fcm::test_server::TestServer;
use std::time::Duration;

/// What is measured.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    pub seconds: u64,
    pub rate: u64,
    pub fences: usize,
    pub users: usize,
    /// Devices that report; a subset of the users.
    pub devices: usize,
    /// Of a hundred fixes so many walk into a geofence and make a message.
    pub arrivals_percent: u64,
}

fn main() {
    let plan = Plan {
        seconds: argument("--seconds").unwrap_or(60),
        rate: argument("--rate").unwrap_or(500),
        fences: usize::try_from(argument("--fences").unwrap_or(10_000)).unwrap(),
        users: usize::try_from(argument("--users").unwrap_or(100_000)).unwrap(),
        devices: 2_000,
        arrivals_percent: 5,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .worker_threads(2)
        .build()
        .unwrap();
    runtime.block_on(run(plan));
}

fn argument(name: &str) -> Option<u64> {
    let mut arguments = std::env::args().skip_while(|argument| argument != name);
    arguments.nth(1).and_then(|value| value.parse().ok())
}

async fn run(plan: Plan) {
    let folder = tempfile::tempdir().unwrap();
    let fcm = TestServer::start().await.unwrap();
    println!("seeding {} geofences and {} users …", plan.fences, plan.users);
    let seeded = seed::fill(folder.path(), plan).await;
    let mut server = server::Server::start(folder.path(), &fcm);
    let ready = server.wait_until_ready().await;
    println!(
        "start-up to ready, {} geofences and {} users stored: {} ms",
        plan.fences,
        plan.users,
        ready.as_millis()
    );
    tokio::time::sleep(Duration::from_secs(5)).await;
    println!("resident memory, idle: {:.1} MiB", server.resident_mib());
    let outcome = load::offer(&server.url, &seeded, plan, &fcm).await;
    println!("resident memory after the load: {:.1} MiB", server.resident_mib());
    println!(
        "CPU of the server per fix: {:.0} µs",
        server.cpu().as_secs_f64() * 1e6 / outcome.sent as f64
    );
    outcome.print(plan);
    server.stop();
}
