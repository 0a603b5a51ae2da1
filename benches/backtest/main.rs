//! A backtest over many stored moments: 100,000 of 5,000 people, read from SQLite and judged by the production engine.
//!
//! `cargo bench --bench backtest -- [--moments 100000] [--users 5000]` fills a store, runs one backtest of a trigger with facts, a
//! wait, caps and a holdout, and prints how long it took.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark reads clocks, prints, and stops at the first surprise"
)]

mod seed;

use seed::{Seeded, seed};
use serde_json::json;
use std::sync::Arc;
use std::time::Instant;
use usher::base::chance::SystemEntropy;
use usher::base::clock::SystemClock;
use usher::channel::Channels;
use usher::engine::trigger::Trigger;
use usher::pipeline::{self, BacktestProgress, Pipeline};

fn main() {
    let (moments, users) = (
        argument("--moments").unwrap_or(100_000),
        argument("--users").unwrap_or(5_000),
    );
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(run(moments, users));
}

async fn run(moments: usize, users: usize) {
    let folder = tempfile::tempdir().unwrap();
    let began = Instant::now();
    let Seeded { store, project, span } = seed(&folder.path().join("usher.db"), moments, users).await;
    println!(
        "{moments} moments of {users} people stored in {:.1} s",
        began.elapsed().as_secs_f64()
    );
    let (clock, entropy) = (Arc::new(SystemClock), Arc::new(SystemEntropy));
    let pipeline = Pipeline::start(
        store,
        clock,
        entropy,
        Channels::default(),
        pipeline::Settings::default(),
    );
    let trigger: Trigger = serde_json::from_value(json!({
        "name": "room", "class": "promo", "when": { "entered": { "tag": "hotel" } }, "for_each": { "stay": "stay" },
        "if": "place.external_id == stay.hotel_id && stay.status == 'booked'",
        "wait": { "for": "PT2M", "while": "inside" }, "once_per": "stay.key + ':' + moment.date", "max_age": "PT15M",
        "then": { "content": "room" },
        "guards": { "holdout": 0.1, "cooldown": "PT1H", "caps": [{ "max": 2, "per": "P7D" }], "priority": 50 },
    }))
    .unwrap();
    let draft = (pipeline.new_id(), 1, trigger);
    let plan = pipeline.plan_backtest(project, draft, span).await.unwrap().unwrap();
    let began = Instant::now();
    pipeline.weigh_backtest(&plan).await.unwrap();
    let report = pipeline.run_backtest(plan, &BacktestProgress::default()).await.unwrap();
    let took = began.elapsed().as_secs_f64();
    for reason in &report.attrition {
        println!("  {:>8}  {}", reason.count, reason.says);
    }
    println!(
        "  {:>8}  would be sent, in {} messages",
        report.would_send.cases, report.would_send.messages
    );
    println!("backtest over {moments} stored moments: {took:.2} s (budget 10 s)");
    pipeline.stop().await;
}

fn argument(name: &str) -> Option<usize> {
    let mut arguments = std::env::args().skip_while(|argument| argument != name);
    arguments.nth(1).map(|value| value.parse().expect("a number"))
}
