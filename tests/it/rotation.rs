//! RELIABILITY.md D6: the key of the vault changes while the server works. Nothing stops, nothing is lost, everything stays
//! readable once the old key is gone, and nothing of it ever stands in plain text.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

use super::caller::Caller;
use super::process::{Process, Told, sqlite_in};
use super::server::{Phone, Project, register};
use fcm::test_server::TestServer;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;

const ROOM: &str = "RotatingRoom4711";
const NAME: &str = "Rotanda Vogelsang";
/// A server looks at the file of its keys every five seconds.
const WITHIN: Duration = Duration::from_secs(60);
const LOOKS_EVERY: Duration = Duration::from_millis(200);
const ORDERS_EVERY: Duration = Duration::from_millis(50);

/// A guest whose room every order tells.
async fn set_up(project: &Project) -> Phone {
    let content = json!({ "name": "room", "default_locale": "en", "ttl": "PT4H",
        "locales": { "en": { "title": "Order", "body": "Room {{ stay.room }}", "public_title": "News", "public_body": "Tap" } } });
    project.business.put("/v1/contents/room", &content).await.ok();
    let ordered = json!({ "event": { "name": "order_placed" } });
    let for_stay = json!({ "for_each": { "stay": "stay" } });
    project.trigger("room", ordered, "room", for_stay).await;
    let profile = json!({ "attributes": { "first_name": NAME } });
    project.business.put("/v1/users/guest", &profile).await.ok();
    let phone = register(&project.app, "guest's phone").await;
    phone.identify("guest").await;
    let consents = json!({ "location": true, "service": true });
    phone.caller.post("/v1/devices/me/consents", &consents).await.ok();
    let stay = json!({ "seq": 1, "subjects": ["guest"], "sensitive": ["room"], "properties": { "room": ROOM } });
    project.business.put("/v1/facts/stay/s1", &stay).await.ok();
    phone
}

/// Places one order after the other, and each must be taken; says how many there were.
async fn order(business: Caller, stop: Arc<AtomicBool>) -> usize {
    let (mut count, mut turns) = (0, tokio::time::interval(ORDERS_EVERY));
    while !stop.load(Ordering::SeqCst) {
        turns.tick().await;
        let event = json!({ "id": format!("order-{count}"), "user_ref": "guest", "name": "order_placed",
            "properties": { "for": NAME } });
        business.post("/v1/events", &event).await.ok();
        count += 1;
    }
    count
}

/// `usher vault …`, as a person runs it beside the server.
fn vault(folder: &Path, command: &str) -> Value {
    let ran = Command::new(env!("CARGO_BIN_EXE_usher"))
        .args(["vault", command, "--json", "--config"])
        .arg(folder.join("usher.toml"))
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(
        ran.status.success(),
        "{command}: {}",
        String::from_utf8_lossy(&ran.stderr)
    );
    serde_json::from_slice(&ran.stdout).unwrap()
}

fn keys(status: &Value) -> Vec<&str> {
    status["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| key.as_str().unwrap())
        .collect()
}

/// Looks until it is so.
async fn until(what: &str, process: &Process, mut is_so: impl FnMut() -> bool) {
    let mut looks = tokio::time::interval(LOOKS_EVERY);
    let looking = async {
        while !is_so() {
            looks.tick().await;
        }
    };
    let came = tokio::time::timeout(WITHIN, looking).await;
    came.unwrap_or_else(|_| panic!("{what}: {}", process.log()));
}

/// The messages that the provider was given, by their ids.
fn sent(fcm: &TestServer) -> BTreeSet<String> {
    let id = |message: &Value| message["data"]["message_id"].as_str().unwrap().to_owned();
    fcm.look(|received| received.iter().map(|one| id(&one.message)).collect())
}

async fn everything_is_readable(project: &Project, phone: &Phone, messages: &BTreeSet<String>) {
    let stay = project.business.get("/v1/facts/stay/s1").await.ok();
    assert_eq!(stay["properties"]["room"], ROOM);
    let user = project.business.get("/v1/users/guest").await.ok();
    assert_eq!(user["attributes"]["first_name"], NAME, "{user}");
    for message in messages {
        let fetched = phone.caller.get(&format!("/v1/devices/me/messages/{message}")).await;
        assert!(fetched.is_ok() && fetched.text().contains(ROOM), "{}", fetched.text());
    }
    assert_eq!(project.decisions("sent").await.len(), messages.len());
}

fn nothing_is_plain(folder: &Path) {
    for file in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let bytes = std::fs::read(&file).unwrap();
        for canary in [ROOM, NAME] {
            let found = bytes.windows(canary.len()).any(|part| part == canary.as_bytes());
            assert!(!found, "{canary} stands in {}", file.display());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_key_changes_while_messages_flow_and_the_old_one_can_go() {
    let (folder, fcm) = (tempfile::tempdir().unwrap(), TestServer::start().await.unwrap());
    let database = sqlite_in(folder.path());
    let told = Told {
        folder: folder.path(),
        database: &database,
        fcm: Some(&fcm),
        log_level: "info",
        lease_s: 60,
    };
    let mut process = Process::start(&told).await;
    let made = process.keys("rotation").await;
    let project = Project {
        app: process.caller.with(&made.publishable),
        business: process.caller.with(&made.secret),
    };
    let phone = set_up(&project).await;
    let stop = Arc::new(AtomicBool::new(false));
    let mut orders = JoinSet::new();
    orders.spawn(order(project.business.clone(), Arc::clone(&stop)));
    until("messages flow", &process, || fcm.count() >= 10).await;
    let before = vault(folder.path(), "status");
    let old = keys(&before)[0].to_owned();

    let rotated = vault(folder.path(), "rotate");
    let file = Path::new(rotated["file"].as_str().unwrap()).to_owned();
    nothing_is_plain(folder.path());
    // The server takes the new key and seals anew what the old one sealed, beside its work.
    until("the old key is not in use any more", &process, || {
        let status = vault(folder.path(), "status");
        let (keys, in_use) = (keys(&status), status["in_use"].as_object().unwrap());
        assert_eq!((keys.len(), keys[1]), (2, old.as_str()));
        in_use.contains_key(keys[0]) && in_use.len() == 1
    })
    .await;
    let lines = std::fs::read_to_string(&file).unwrap();
    let first = lines.lines().find(|line| !line.starts_with('#')).unwrap();
    std::fs::write(&file, format!("{first}\n")).unwrap();
    let taken = || process.log().matches("took new keys for the vault").count();
    until("the old key is forgotten", &process, || taken() == 2).await;
    let so_far = fcm.count();
    until("messages flow", &process, || fcm.count() >= so_far + 10).await;

    stop.store(true, Ordering::SeqCst);
    let count = orders.join_next().await.unwrap().unwrap();
    until("every order is told", &process, || sent(&fcm).len() == count).await;
    assert_eq!(fcm.count(), count, "each of them once");
    let messages = sent(&fcm);
    everything_is_readable(&project, &phone, &messages).await;
    nothing_is_plain(folder.path());

    // And with the new key alone from the start.
    assert!(process.terminate(WITHIN).await.is_some_and(|ended| ended.success()));
    let process = Process::start(&told).await;
    let moved = |caller: &Caller| caller.moved(process.caller.base());
    let project = Project {
        app: moved(&project.app),
        business: moved(&project.business),
    };
    let phone = Phone {
        caller: moved(&phone.caller),
        ..phone
    };
    everything_is_readable(&project, &phone, &messages).await;
    let log = process.log();
    assert!(!log.contains("ERROR"), "{log}");
    assert_eq!(keys(&vault(folder.path(), "status")).len(), 1);
}
