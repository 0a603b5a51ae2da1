//! The load: single fixes at a fixed rate, from many devices, a share of them walking into a geofence.

use crate::Plan;
use crate::seed::Seeded;
use crate::server::client;
use fcm::test_server::TestServer;
use serde_json::json;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

/// What came of it.
pub struct Outcome {
    pub sent: u64,
    refused: u64,
    /// From sending the request to its answer.
    answers: Vec<Duration>,
    /// From sending the request to its message reaching the provider.
    deliveries: Vec<Duration>,
    arrivals: usize,
}

/// Offers `plan.rate` fixes a second for `plan.seconds`, then waits a little for the last messages.
pub async fn offer(url: &str, seeded: &Seeded, plan: Plan, fcm: &TestServer) -> Outcome {
    let client = client();
    let answers: Arc<Mutex<Vec<Duration>>> = Arc::default();
    let refused = Arc::new(std::sync::atomic::AtomicU64::new(0));
    let mut left_at: HashMap<String, Vec<SystemTime>> = HashMap::new();
    let mut visits: HashMap<usize, usize> = HashMap::new();
    let total = plan.rate * plan.seconds;
    let begun = Instant::now();
    let mut under_way = Vec::new();
    for number in 0..total {
        let due = begun + Duration::from_micros(number * 1_000_000 / plan.rate);
        tokio::time::sleep_until(due.into()).await;
        let device = usize::try_from(number).unwrap() % seeded.devices.len();
        let (token, address) = &seeded.devices[device];
        // In every round over the devices another share of them arrives, each once.
        let shares = usize::try_from(100 / plan.arrivals_percent.max(1)).unwrap();
        let round = usize::try_from(number).unwrap() / seeded.devices.len();
        let arrives = device % shares == round % shares && !visits.contains_key(&device);
        let (lat, lng) = if arrives {
            visits.insert(device, 1);
            left_at.entry(address.clone()).or_default().push(SystemTime::now());
            seeded.centres[device % seeded.centres.len()]
        } else {
            // Beside the place before, in it after: no impossible jump, and nothing new either.
            let (lat, lng) = seeded.centres[device % seeded.centres.len()];
            let away = if visits.contains_key(&device) { 0.000_01 } else { 0.012 };
            (lat + away, lng)
        };
        let body = json!({ "records": [{
            "id": format!("f{number}"), "type": "fix", "at": chrono::Utc::now(), "lat": lat, "lng": lng, "accuracy_m": 8.0
        }] });
        let request = client.post(format!("{url}/v1/track")).bearer_auth(token).json(&body);
        let (answers, refused) = (Arc::clone(&answers), Arc::clone(&refused));
        under_way.push(tokio::spawn(async move {
            let sent_at = Instant::now();
            match request.send().await {
                Ok(answer) if answer.status().is_success() => answers.lock().unwrap().push(sent_at.elapsed()),
                Ok(_) | Err(_) => {
                    refused.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                }
            }
        }));
        if number % (plan.rate * 10) == 0 {
            println!("  {:>3} s of {} s", number / plan.rate, plan.seconds);
        }
    }
    for request in under_way {
        let _ = request.await;
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    let deliveries = matched(&left_at, fcm);
    let answers = std::mem::take(&mut *answers.lock().unwrap());
    let refused = refused.load(std::sync::atomic::Ordering::Relaxed);
    Outcome {
        sent: total,
        refused,
        answers,
        deliveries,
        arrivals: visits.len(),
    }
}

/// The first message each address got after its device arrived.
fn matched(left_at: &HashMap<String, Vec<SystemTime>>, fcm: &TestServer) -> Vec<Duration> {
    let mut found = Vec::new();
    for received in fcm.received() {
        if let Some(first) = left_at.get(&received.token).and_then(|times| times.first())
            && let Ok(took) = received.at.duration_since(*first)
        {
            found.push(took);
        }
    }
    found
}

impl Outcome {
    pub fn print(mut self, plan: Plan) {
        println!(
            "offered {} fixes at {}/s; refused or failed: {}",
            self.sent, plan.rate, self.refused
        );
        percentiles("fix to answer", &mut self.answers);
        println!(
            "arrivals: {}, messages that reached the provider: {}",
            self.arrivals,
            self.deliveries.len()
        );
        percentiles("fix to provider", &mut self.deliveries);
    }
}

fn percentiles(name: &str, times: &mut [Duration]) {
    times.sort_unstable();
    let at = |share: f64| {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "an index below the length"
        )]
        let index = ((times.len() as f64 * share) as usize).min(times.len().saturating_sub(1));
        times.get(index).map_or(f64::NAN, |time| time.as_secs_f64() * 1e3)
    };
    println!(
        "{name}: p50 {:.1} ms, p90 {:.1} ms, p99 {:.1} ms, worst {:.1} ms ({} samples)",
        at(0.5),
        at(0.9),
        at(0.99),
        at(1.0),
        times.len()
    );
}
