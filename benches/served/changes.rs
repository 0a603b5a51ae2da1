//! Geofences that change while phones report: when a change counts, and whether anybody waits for it.
//!
//! A change is in force when it is answered. That is not believed but asked: the phone that stands where the geofence was put
//! reports next, and must be told that it is there.

use super::site::{Site, load, median, warm_up};
use super::verdict;
use hdrhistogram::Histogram;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use usher::base::clock::{Clock, SystemClock};
use usher::cli::bench::child::Served;
use usher::cli::bench::crowd::{Crowd, Mix};
use usher::cli::bench::load::Pace;
use usher::cli::bench::taken::{Taken, at_ms, count, latencies};
use usher::cli::bench::workload::{Drawn, Workload};

const PHONES: usize = 1_000;
/// Geofences put one after the other.
const PUT: usize = 200;
const RADIUS_M: f64 = 100.0;
/// Fixes a second beside the changes.
const RATE: f64 = 2_000.0;
const CHANGES_PER_S: u32 = 100;
const TURN: Duration = Duration::from_secs(8);
const ROUNDS: usize = 3;
/// Geofences that are changed again and again, far from the phones by this many degrees.
const CHANGED: usize = 500;
const ASIDE_DEG: f64 = 0.04;

pub async fn run(fences: usize) {
    let mix = Mix {
        transitions: 1.0,
        messages: 0.0,
    };
    let site = Site::fill(fences, PHONES, mix).await;
    let server = site.start("").await;
    println!("\n{fences} geofences, {PHONES} phones:");
    // They stand where they are: what they enter is what is put round them.
    let crowd = Arc::new(site.crowd.at_rest());
    warm_up(&server, &crowd).await;
    in_force(&site, &server, &crowd, fences).await;
    beside_load(&site, &server, &crowd, fences).await;
}

/// From a change sent to its answer, and that the next fix knows of it.
async fn in_force(site: &Site, server: &Served, crowd: &Arc<Crowd>, fences: usize) {
    let (mut answered, mut seen) = (latencies(), latencies());
    for number in 0..PUT {
        let phone = number * PHONES / PUT;
        let name = format!("new-{number}");
        // Where it says it is: a metre more or less than where it was.
        let said: Value = serde_json::from_slice(&crowd.next(phone, 1, &now()).body).unwrap();
        let degrees = |name: &str| said["records"][0][name].as_f64().unwrap();
        let at = (degrees("lat"), degrees("lng"));
        let begun = Instant::now();
        let asked = put(&site.http, server, &site.secret_key, &name, at, RADIUS_M);
        taken(asked).await;
        count(&mut answered, begun.elapsed());
        let begun = Instant::now();
        let asked = site
            .http
            .post(format!("{}/v1/track", server.url()))
            .bearer_auth(&crowd.phones[phone].token)
            .header("content-type", "application/json")
            .body(crowd.next(phone, 1, &now()).body);
        let answer: Value = asked.send().await.unwrap().json().await.unwrap();
        count(&mut seen, begun.elapsed());
        let entered = |moment: &Value| moment["place"]["external_id"] == name.as_str();
        let knows = answer["moments"]
            .as_array()
            .is_some_and(|moments| moments.iter().any(entered));
        assert!(knows, "the fix after the answer does not know of {name}: {answer}");
    }
    let asked = if fences >= 1_000_000 {
        (25.0, 100.0)
    } else {
        (10.0, 10.0)
    };
    let (p99, worst) = (at_ms(&answered, 0.99), at_ms(&answered, 1.0));
    tell("change sent to answered, and in force by then", &answered);
    println!(
        "    p99 <= {} ms {}, worst <= {} ms {}; the next fix knew of each of {PUT}",
        asked.0,
        verdict(p99 <= asked.0),
        asked.1,
        verdict(worst <= asked.1)
    );
    tell("  answered to the arrival it caused, durable", &seen);
}

fn now() -> String {
    SystemClock.now().to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
}

fn tell(what: &str, taken: &Histogram<u64>) {
    println!(
        "  {what:48} p50 {:>7.2} ms  p99 {:>7.2} ms  worst {:>7.2} ms  ({})",
        at_ms(taken, 0.5),
        at_ms(taken, 0.99),
        at_ms(taken, 1.0),
        taken.len()
    );
}

/// The request that puts a circle.
fn put(
    http: &reqwest::Client,
    server: &Served,
    key: &str,
    name: &str,
    at: (f64, f64),
    radius_m: f64,
) -> reqwest::RequestBuilder {
    let body = json!({ "name": name, "tag": "changed", "external_id": name, "radius_m": radius_m,
        "center": { "lat": at.0, "lng": at.1 } });
    let url = format!("{}/v1/geofences", server.url());
    http.post(url).bearer_auth(key).json(&body)
}

/// Sends it; it must be taken.
async fn taken(asked: reqwest::RequestBuilder) {
    let answer = asked.send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
}

/// The answers to phones that stand, without changes and with them, in turns.
async fn beside_load(site: &Site, server: &Served, crowd: &Arc<Crowd>, fences: usize) {
    let places: Vec<(f64, f64)> = Workload::new()
        .fences(fences)
        .step_by((fences / CHANGED).max(1))
        .map(|drawn: Drawn| (drawn.center().lat + ASIDE_DEG, drawn.center().lng))
        .collect();
    load(server, crowd, Pace::Fixed(RATE), Duration::from_secs(3)).await;
    let (mut calm, mut changing) = (Vec::new(), Vec::new());
    let (mut changes, mut number) = (latencies(), 0);
    for _ in 0..ROUNDS {
        calm.push(load(server, crowd, Pace::Fixed(RATE), TURN).await);
        let (taken, took) = tokio::join!(
            load(server, crowd, Pace::Fixed(RATE), TURN),
            keep_changing(site, server, &places, &mut number)
        );
        changing.push(taken);
        changes.add(took).unwrap();
    }
    let at = |taken: &[Taken], share: f64| median(taken.iter().map(|one| at_ms(&one.answers, share)).collect());
    let told = |what: &str, taken: &[Taken]| {
        println!(
            "  {what:48} p50 {:>7.2} ms  p99 {:>7.2} ms  worst {:>7.2} ms  (medians of {ROUNDS} rounds)",
            at(taken, 0.5),
            at(taken, 0.99),
            at(taken, 1.0)
        );
    };
    told(&format!("{RATE} fixes/s, no changes"), &calm);
    told(&format!("{RATE} fixes/s, {CHANGES_PER_S} changes/s"), &changing);
    let ratio = at(&changing, 0.99) / at(&calm, 0.99);
    let pause = at(&changing, 1.0) - at(&calm, 1.0);
    println!(
        "    p99 with changes {ratio:.2} x of without, <= 1.2 x {}; worst answer {pause:.1} ms later, no pause above 5 ms {}",
        verdict(ratio <= 1.2),
        verdict(pause <= 5.0)
    );
    tell("  change sent to answered, beside the load", &changes);
}

/// Changes at fixed instants, whether earlier ones were answered or not; how long each took from when it was due.
async fn keep_changing(site: &Site, server: &Served, places: &[(f64, f64)], number: &mut usize) -> Histogram<u64> {
    let begun = Instant::now();
    let mut waiting = JoinSet::new();
    let changes = CHANGES_PER_S * u32::try_from(TURN.as_secs()).unwrap();
    for change in 0..changes {
        let due = begun + Duration::from_secs(1) / CHANGES_PER_S * change;
        tokio::time::sleep_until(due.into()).await;
        *number += 1;
        let (name, at) = (
            format!("changed-{}", *number % places.len()),
            places[*number % places.len()],
        );
        // Never as it was: what is the same as before changes nothing.
        let radius_m = 60.0 + (*number / places.len() % 40) as f64;
        let asked = put(&site.http, server, &site.secret_key, &name, at, radius_m);
        waiting.spawn(async move {
            taken(asked).await;
            due.elapsed()
        });
    }
    let mut took = latencies();
    for each in waiting.join_all().await {
        count(&mut took, each);
    }
    took
}
