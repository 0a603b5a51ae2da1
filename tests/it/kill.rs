//! RELIABILITY.md A1 and A8: the server is killed again and again while it accepts. What it acknowledged is there once, and
//! what it decided to say is seen once.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests may panic and tell how far they are"
)]

use super::caller::{Answer, Caller};
use super::process::{Process, Told, sqlite_in};
use super::server::{Keys, LAT, LAT_OUTSIDE, LNG, Phone, Project, register};
use fcm::test_server::TestServer;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;
use usher::base::clock::{Clock, SystemClock};
use usher::store::Settings;
use usher::store::testing::{DATABASE_URL, open_empty};

const CLIENTS: usize = 3;
const SEED: u64 = 20_260_504;
/// The whole test must end, whatever happens.
const ENDS_WITHIN: Duration = Duration::from_secs(170);
/// A delivery that a killed process had claimed goes out again after this.
const LEASE_S: u64 = 2;

#[expect(
    clippy::disallowed_methods,
    reason = "how long a test runs is no setting of the service"
)]
fn told(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn cycles() -> usize {
    told("USHER_KILL_CYCLES").map_or(50, |text| text.parse().expect("USHER_KILL_CYCLES is a number"))
}

/// One business and one phone that send one request after the other, and each one until it is acknowledged.
struct Client {
    number: usize,
    phone: Phone,
    business: Caller,
    /// Steps acknowledged so far; the next one is sent, under the same ids, until it is.
    done: usize,
    /// Answers that asked to come again later.
    told_later: usize,
}

/// What every step of a client is. Inside, and then twice outside, is a visit: entered once, exited once.
fn step_of(client: usize, step: usize) -> (Method, String, Value) {
    let id = format!("c{client}-{step}");
    let now = SystemClock.now();
    let fix = |lat: f64| {
        let record = json!({ "id": id, "at": now, "type": "fix", "lat": lat, "lng": LNG, "accuracy_m": 5.0 });
        (
            Method::POST,
            "/v1/track".to_owned(),
            json!({ "sent_at": now, "records": [record] }),
        )
    };
    match step % 5 {
        0 => fix(LAT),
        1 => (
            Method::POST,
            "/v1/events".to_owned(),
            json!({ "id": id, "user_ref": format!("u{client}"), "name": "order_placed" }),
        ),
        2 | 3 => fix(LAT_OUTSIDE),
        _ => {
            let fact = json!({ "seq": step, "subjects": [format!("u{client}")], "properties": { "step": step } });
            (Method::PUT, format!("/v1/facts/order/o{client}"), fact)
        }
    }
}

/// One life of the server, between its start and its kill.
#[derive(Default)]
struct Life {
    ending: AtomicBool,
    acknowledged: AtomicUsize,
}

impl Client {
    /// Goes on where the last life of the server ended, until this one ends.
    async fn go_on(mut self, base: String, life: Arc<Life>) -> Self {
        let (phone, business) = (self.phone.caller.moved(&base), self.business.moved(&base));
        let mut pending = None;
        while !life.ending.load(Ordering::SeqCst) {
            let (method, path, body) = pending.take().unwrap_or_else(|| step_of(self.number, self.done));
            let caller = if path == "/v1/track" { &phone } else { &business };
            match caller.try_json(method.clone(), &path, &body).await {
                // Something was not at hand for a moment, and the server says so itself: the same again.
                Ok(answer) if answer.status == 503 => {
                    self.told_later += 1;
                    pending = Some((method, path, body));
                }
                Ok(answer) => {
                    self.take(&answer);
                    life.acknowledged.fetch_add(1, Ordering::SeqCst);
                }
                // Nobody is there any more: the next life gets it again.
                Err(_) => pending = Some((method, path, body)),
            }
        }
        self
    }

    fn take(&mut self, answer: &Answer) {
        let body = answer.ok();
        if let Some(acks) = body["acks"].as_array() {
            assert!(acks.iter().all(|ack| ack["status"] == json!("accepted")), "{body}");
        }
        self.done += 1;
    }

    fn steps(&self, kind: usize) -> impl Iterator<Item = usize> + use<> {
        (0..self.done).filter(move |step| step % 5 == kind)
    }

    fn ids(&self, kind: usize) -> impl Iterator<Item = String> + use<> {
        let number = self.number;
        self.steps(kind).map(move |step| format!("c{number}-{step}"))
    }
}

async fn set_up(process: &Process) -> (Project, Vec<Client>) {
    let Keys { publishable, secret } = process.keys("kill").await;
    let project = Project {
        app: process.caller.with(&publishable),
        business: process.caller.with(&secret),
    };
    // Leaving takes no minute here: the test has none for each visit.
    let thresholds = json!({ "exit_after": "PT0S" });
    let place = json!({ "name": "Shop", "tag": "hotel", "external_id": "h1", "center": { "lat": LAT, "lng": LNG },
        "radius_m": 150, "thresholds": thresholds });
    project.business.post("/v1/geofences", &place).await.ok();
    for name in ["welcome", "ordered", "known"] {
        project.content(name, name, "It happened").await;
    }
    project
        .trigger(
            "welcome",
            json!({ "entered": { "tag": "hotel" } }),
            "welcome",
            json!({}),
        )
        .await;
    project
        .trigger(
            "ordered",
            json!({ "event": { "name": "order_placed" } }),
            "ordered",
            json!({}),
        )
        .await;
    project
        .trigger(
            "known",
            json!({ "fact": { "type": "order", "becomes": "changed" } }),
            "known",
            json!({}),
        )
        .await;
    let mut clients = Vec::new();
    for number in 0..CLIENTS {
        let phone = register(&project.app, &format!("phone-{number}")).await;
        phone.identify(&format!("u{number}")).await;
        phone
            .caller
            .post("/v1/devices/me/consents", &json!({ "location": true, "service": true }))
            .await
            .ok();
        clients.push(Client {
            number,
            phone,
            business: project.business.clone(),
            done: 0,
            told_later: 0,
        });
    }
    (project, clients)
}

/// How often each text stands in a list.
fn counted(texts: impl Iterator<Item = String>) -> BTreeMap<String, usize> {
    texts.fold(BTreeMap::new(), |mut counts, text| {
        *counts.entry(text).or_default() += 1;
        counts
    })
}

fn once_each(ids: impl Iterator<Item = String>) -> BTreeMap<String, usize> {
    ids.map(|id| (id, 1)).collect()
}

/// Acknowledged events, fixes and facts made their moments exactly once. A step that was sent and never acknowledged may
/// have been committed: the next life repeats it, so at the end there is none.
async fn assert_all_there_once(project: &Project, clients: &[Client]) {
    let recorded = |moments: Vec<Value>| {
        counted(
            moments
                .iter()
                .map(|moment| moment["evidence"]["record_id"].as_str().unwrap().to_owned()),
        )
    };
    let ids = |kind: usize| once_each(clients.iter().flat_map(move |client| client.ids(kind)));
    assert_eq!(recorded(project.moments("event").await), ids(1), "events");
    assert_eq!(recorded(project.moments("entered").await), ids(0), "enters");
    let exited = recorded(project.moments("exited").await);
    assert!(exited.values().all(|count| *count == 1), "an exit happened twice");
    assert_eq!(
        exited.len(),
        clients.iter().map(|client| client.steps(3).count()).sum::<usize>(),
        "exits"
    );
    let facts = project.moments("fact").await;
    assert_eq!(
        facts.len(),
        clients.iter().map(|client| client.steps(4).count()).sum::<usize>(),
        "facts"
    );
    for client in clients {
        let last = client.steps(4).last().unwrap();
        let stored = project
            .business
            .get(&format!("/v1/facts/order/o{}", client.number))
            .await
            .ok();
        assert_eq!(
            (stored["seq"].as_u64(), stored["properties"]["step"].as_u64()),
            (Some(last as u64), Some(last as u64))
        );
    }
}

/// Every decision to send is seen on a phone, once; nothing else is.
fn assert_shown_once(fcm: &TestServer, sent: &[Value], clients: &[Client]) {
    let decided: BTreeSet<&str> = sent
        .iter()
        .map(|decision| decision["message_id"].as_str().unwrap())
        .collect();
    let expected: usize = clients
        .iter()
        .map(|client| [0, 1].map(|kind| client.steps(kind).count()).iter().sum::<usize>() + client.steps(4).count() - 1)
        .sum();
    assert_eq!(
        (sent.len(), decided.len()),
        (expected, expected),
        "one message for each moment that a trigger waits for"
    );
    let received = fcm.received();
    let accepted: Vec<_> = received.iter().filter(|one| one.accepted).collect();
    let mut tags: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for one in &accepted {
        let data = &one.message["data"];
        tags.entry(data["message_id"].as_str().unwrap())
            .or_default()
            .insert(data["tag"].as_str().unwrap());
    }
    let reached: BTreeSet<&str> = tags.keys().copied().collect();
    assert_eq!(reached, decided, "what was decided, and nothing else, reached Firebase");
    assert!(
        tags.values().all(|tags| tags.len() == 1),
        "every attempt of one message carries the same tag"
    );
    let visible: usize = clients.iter().map(|client| fcm.screen(&client.phone.push).len()).sum();
    assert_eq!(visible, decided.len(), "each is visible once");
    println!("{} messages in {} attempts", decided.len(), accepted.len());
}

/// The outbox is worked off: nothing is queued or on its way.
async fn worked_off(project: &Project) {
    let mut looks = tokio::time::interval(Duration::from_millis(100));
    loop {
        looks.tick().await;
        let mut open = 0;
        for state in ["queued", "sending"] {
            open += project
                .business
                .get(&format!("/v1/deliveries?state={state}"))
                .await
                .ok()["items"]
                .as_array()
                .unwrap()
                .len();
        }
        if open == 0 {
            return;
        }
    }
}

async fn kill_again_and_again(name: &str, database: &Settings) {
    let cycles = cycles();
    let (folder, fcm) = (tempfile::tempdir().unwrap(), TestServer::start().await.unwrap());
    let told = Told {
        folder: folder.path(),
        database,
        fcm: Some(&fcm),
        log_level: "warn",
        lease_s: LEASE_S,
    };
    let mut process = Process::start(&told).await;
    let (mut project, mut clients) = set_up(&process).await;
    let mut chance = StdRng::seed_from_u64(SEED);
    for cycle in 1..=cycles {
        let (life, base) = (Arc::new(Life::default()), process.caller.base().to_owned());
        let mut working = JoinSet::new();
        for client in clients.drain(..) {
            working.spawn(client.go_on(base.clone(), Arc::clone(&life)));
        }
        // However slow the machine is, two lives of three are to have something to lose.
        let mut looks = tokio::time::interval(Duration::from_millis(1));
        while cycle % 3 > 0 && life.acknowledged.load(Ordering::SeqCst) == 0 {
            looks.tick().await;
        }
        // The moment of the kill is the test: this waits for it, not for anything to become true.
        tokio::time::sleep(Duration::from_millis(chance.random_range(0..=400))).await;
        process.kill();
        life.ending.store(true, Ordering::SeqCst);
        while let Some(client) = working.join_next().await {
            clients.push(client.unwrap());
        }
        process = Process::start(&told).await;
        if cycle % 10 == 0 {
            let done: usize = clients.iter().map(|client| client.done).sum();
            println!("{name}: killed {cycle} of {cycles} times, {done} steps acknowledged");
        }
    }
    // The last life repeats what was not acknowledged, finishes every round of five, and is left in peace.
    let base = process.caller.base().to_owned();
    let mut finished = Vec::new();
    for mut client in clients {
        let (phone, business) = (client.phone.caller.moved(&base), client.business.moved(&base));
        // At least one step: the one that the last kill may have left unanswered.
        let done_before = client.done;
        while client.done == done_before || client.done % 5 != 0 || client.done < 10 {
            let (method, path, body) = step_of(client.number, client.done);
            let caller = if path == "/v1/track" { &phone } else { &business };
            let answer = caller.json(method, &path, &body).await;
            if answer.status == 503 {
                client.told_later += 1;
                continue;
            }
            client.take(&answer);
        }
        finished.push(client);
    }
    project.business = project.business.moved(&base);
    worked_off(&project).await;
    assert_all_there_once(&project, &finished).await;
    assert_shown_once(&fcm, &project.decisions("sent").await, &finished);
    let done: usize = finished.iter().map(|client| client.done).sum();
    let later: usize = finished.iter().map(|client| client.told_later).sum();
    println!("{name}: {done} steps acknowledged over {cycles} kills, {later} times told to come again");
    assert_eq!(later, 0, "the server found its own database busy");
    assert!(
        done > cycles / 2,
        "hardly anything was accepted between the kills: {done}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a1_what_was_acknowledged_survives_every_kill_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let database = sqlite_in(folder.path());
    tokio::time::timeout(ENDS_WITHIN, kill_again_and_again("SQLite", &database))
        .await
        .expect("it ends in time");
}

/// Runs where a PostgreSQL is at hand; elsewhere there is nothing to kill.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a1_what_was_acknowledged_survives_every_kill_on_postgresql() {
    if told(DATABASE_URL).is_none() {
        println!("{DATABASE_URL} is not set: SQLite alone was killed");
        return;
    }
    let fresh = open_empty().await.unwrap();
    let settings = fresh.settings().clone();
    tokio::time::timeout(ENDS_WITHIN, kill_again_and_again("PostgreSQL", &settings))
        .await
        .expect("it ends in time");
}
