//! RELIABILITY.md D1 and D2: a room number, a name and a bar code in every field that takes one, and where they turn up: with
//! whom they are for, and nowhere else - not at the provider, not in logs, measures and problems, not in the database.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

use super::caller::Answer;
use super::process::{Process, Told, sqlite_in};
use super::server::{LAT, LNG, Phone, Project, fix, register};
use fcm::test_server::{Fault, TestServer};
use reqwest::Method;
use sea_orm::{ConnectionTrait, Database, Statement};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;
use usher::base::clock::{Clock, SystemClock};
use usher::base::time::Timestamp;
use usher::store::Settings;
use usher::store::testing::{DATABASE_URL, open_empty};

const ROOM: &str = "RoomCanary4711";
const NAME: &str = "Canaria Vogelsang";
const CODE: &str = "M1CANARIA/LUC         EXYZ987 YULFRAAC 0834 124J001A0025 100";
/// Any of these in a text gives a person away; the bar code also by its parts, once it is cut up.
const CANARIES: [&str; 5] = [ROOM, NAME, "Vogelsang", CODE, "CANARIA/LUC"];
/// The secret a device shares with us, that of RFC 8291, appendix A.
const SHARED: &str = "BTBZMqHH6r4Tts7J_aSIgg";
/// The reference of the business: no secret, it stands in addresses.
const PERSON: &str = "guest-1";

/// Puts the canaries wherever a fact, a profile, an event or a text takes a value, and lets messages be made of them.
async fn say_it_all(project: &Project, phone: &Phone) {
    project.place("hotel", "h1", LAT, LNG, 150.0).await;
    for (name, body) in [
        ("room", "Room {{ stay.room }} for {{ stay.guest_name }}"),
        (
            "pass",
            "Gate {{ flight.gate }}: {{ flight.bar_code }} {{ flight.passenger_name }}",
        ),
    ] {
        let content = json!({ "name": name, "default_locale": "en", "ttl": "PT4H", "collapse": format!("{name}:{{{{ user.ref }}}}"),
            "link": "app://stay/{{ stay.room | default('') }}{{ flight.bar_code | default('') }}",
            "locales": { "en": { "title": body, "body": body, "public_title": "News", "public_body": "Tap to read" } } });
        let put = project.business.put(&format!("/v1/contents/{name}"), &content).await;
        if !put.is_ok() {
            let mut plain = content.clone();
            plain.as_object_mut().unwrap().remove("link");
            project.business.put(&format!("/v1/contents/{name}"), &plain).await.ok();
        }
    }
    let entered = json!({ "entered": { "tag": "hotel" } });
    // A once-key that holds the room itself.
    let for_stay = json!({ "for_each": { "stay": "stay" }, "once_per": "stay.room + ':' + user.ref" });
    project.trigger("room", entered.clone(), "room", for_stay).await;
    project
        .trigger("pass", entered, "pass", json!({ "for_each": { "flight": "flight" } }))
        .await;
    let profile = json!({ "attributes": { "first_name": NAME, "room": ROOM, "code": CODE } });
    project
        .business
        .put(&format!("/v1/users/{PERSON}"), &profile)
        .await
        .ok();
    phone.identify(PERSON).await;
    let consents = json!({ "location": true, "service": true });
    phone.caller.post("/v1/devices/me/consents", &consents).await.ok();
    for seq in 1..=2 {
        let stay = json!({ "seq": seq, "subjects": [PERSON],
            "properties": { "room": ROOM, "guest_name": NAME, "hotel_id": "h1", "note": format!("{NAME} in {ROOM}") } });
        let headers = [("content-type", "application/json"), ("idempotency-key", "again")];
        let body = serde_json::to_vec(&stay).unwrap();
        project
            .business
            .send(Method::PUT, "/v1/facts/stay/s1", &headers, body)
            .await;
    }
    let flight = json!({ "seq": 1, "subjects": [PERSON],
        "properties": { "bar_code": CODE, "passenger_name": NAME, "gate": "B7", "seat": ROOM } });
    project.business.put("/v1/facts/flight/f1", &flight).await.ok();
    let event = json!({ "id": "e1", "user_ref": PERSON, "name": "ordered",
        "properties": { "room": ROOM, "to": NAME, "code": CODE } });
    project.business.post("/v1/events", &event).await.ok();
}

/// Requests that are refused, each with a canary somewhere in it.
async fn go_wrong(project: &Project, phone: &Phone, now: Timestamp) -> Vec<Answer> {
    let mut refused = Vec::new();
    for canary in [ROOM, NAME, CODE] {
        for (method, path, body) in [
            (
                Method::PUT,
                "/v1/facts/stay/s2",
                json!({ "seq": canary, "subjects": [PERSON], "properties": {} }),
            ),
            (
                Method::PUT,
                "/v1/facts/stay/s2",
                json!({ "seq": 1, "subjects": [PERSON], "lifecycle": canary, "properties": { "room": canary } }),
            ),
            (
                Method::PUT,
                "/v1/facts/stay/s2",
                json!({ "seq": 1, "subjects": [PERSON], "properties": { "arrives_at": canary } }),
            ),
            (
                Method::PUT,
                "/v1/facts/flight/f2",
                json!({ "seq": 1, "subjects": [PERSON], "properties": { "bar_code": format!("{canary}!") } }),
            ),
            (
                Method::POST,
                "/v1/events",
                json!({ "user_ref": PERSON, "name": "n", "occurred_at": canary }),
            ),
            (Method::PUT, "/v1/users/x", json!({ "locale": format!("{canary} !") })),
        ] {
            refused.push(project.business.json(method, path, &body).await);
        }
        let broken = format!("{{\"seq\":1,\"properties\":{{\"room\":\"{canary}\"}} oops");
        let headers = [("content-type", "application/json")];
        let answer = project
            .business
            .send(Method::PUT, "/v1/facts/stay/s3", &headers, broken.into());
        refused.push(answer.await);
        let record = json!({ "id": "x1", "at": now, "type": "receipt", "message_id": canary, "status": "opened" });
        refused.push(
            phone
                .caller
                .post("/v1/track", &json!({ "sent_at": now, "records": [record] }))
                .await,
        );
    }
    refused
}

async fn until_received(fcm: &TestServer, count: usize) {
    let mut looks = tokio::time::interval(Duration::from_millis(20));
    let arrived = async {
        while fcm.received().len() < count {
            looks.tick().await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(30), arrived).await;
    assert!(waited.is_ok(), "{} messages came", fcm.received().len());
}

/// Every byte of the database: the files of SQLite, the rows of PostgreSQL.
async fn everything_in(folder: &Path, database: &Settings) -> Vec<(String, Vec<u8>)> {
    if database.url.starts_with("sqlite") {
        let files = ["usher.db", "usher.db-wal", "usher.db-shm"].map(|name| folder.join(name));
        let there = files.iter().filter(|file| file.exists());
        return there
            .map(|file| (file.display().to_string(), std::fs::read(file).unwrap()))
            .collect();
    }
    let connection = Database::connect(database.url.as_str()).await.unwrap();
    let backend = connection.get_database_backend();
    let names = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'";
    let tables = connection
        .query_all_raw(Statement::from_string(backend, names))
        .await
        .unwrap();
    let mut all = Vec::new();
    for table in tables {
        let name: String = table.try_get("", "table_name").unwrap();
        let rows = format!("SELECT CAST(row_to_json(t) AS TEXT) AS row FROM \"{name}\" t");
        let rows = connection
            .query_all_raw(Statement::from_string(backend, rows))
            .await
            .unwrap();
        let texts: Vec<String> = rows.iter().map(|row| row.try_get("", "row").unwrap()).collect();
        all.push((name, texts.join("\n").into_bytes()));
    }
    all
}

fn assert_in_none(place: &str, bytes: &[u8], canaries: &[&str]) {
    for canary in canaries {
        let at = bytes
            .windows(canary.len())
            .position(|window| window == canary.as_bytes());
        let around = at
            .map(|at| String::from_utf8_lossy(&bytes[at.saturating_sub(200)..(at + 60).min(bytes.len())]).into_owned());
        assert!(around.is_none(), "{canary} stands in {place}: {}", around.unwrap());
    }
}

async fn whoever_reads_along_learns_nothing(folder: &Path, database: &Settings) {
    let fcm = TestServer::start().await.unwrap();
    let told = Told {
        folder,
        database,
        fcm: Some(&fcm),
        log_level: "trace",
        lease_s: 60,
    };
    let process = Process::start(&told).await;
    let keys = process.keys("canaries").await;
    let project = Project {
        app: process.caller.with(&keys.publishable),
        business: process.caller.with(&keys.secret),
    };
    let phone = register(&project.app, "canary").await;
    let public = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
    let key = json!({ "p256dh": public, "auth": SHARED });
    let put = phone.caller.put("/v1/devices/me/sealing-key", &key).await;
    assert_eq!(put.status, 204, "{}", put.text());
    let hook = json!({ "url": "https://hotel.example/hook", "description": "orders" });
    let hook = project.business.post("/v1/webhook-endpoints", &hook).await.ok();
    let signing = hook["secret"].as_str().unwrap().to_owned();
    say_it_all(&project, &phone).await;
    fcm.fail_next(&phone.push, Fault::unavailable().retry_after("1"));
    // Before the sign-in the phone was somebody else's: the fix comes after it.
    let now = SystemClock.now();
    phone.track(now, &[fix("f1", now, LAT, LNG)]).await;
    until_received(&fcm, 2).await;
    let messages: Vec<Value> = fcm.received().iter().map(|received| received.message.clone()).collect();
    for message in &messages {
        let id = message["data"]["message_id"].as_str().unwrap();
        let fetched = phone.caller.get(&format!("/v1/devices/me/messages/{id}")).await.text();
        let home = [ROOM, CODE].iter().any(|canary| fetched.contains(canary));
        assert!(home, "the canary lives where it belongs: {fetched}");
        for (number, status) in ["received", "displayed", "reply"].iter().enumerate() {
            let text = (*status == "reply").then(|| format!("{NAME} {ROOM} {CODE}"));
            let record = json!({ "id": format!("{id}-{number}"), "at": now, "type": "receipt", "message_id": id,
                "status": status, "text": text });
            phone.track(now, &[record]).await;
        }
    }
    let refused = go_wrong(&project, &phone, now).await;
    assert!(!project.decisions("sent").await.is_empty());

    let provider = serde_json::to_vec(&messages).unwrap();
    assert_in_none("what the provider was told", &provider, &CANARIES);
    for answer in &refused {
        assert_in_none(&answer.asked, &answer.body, &CANARIES);
    }
    let measures = process.caller.get("/metrics").await.text();
    assert!(measures.contains("usher_"));
    assert_in_none("the measures", measures.as_bytes(), &CANARIES);
    let log = process.log();
    assert!(log.contains("request answered"));
    let sealed = [&CANARIES[..], &[phone.push.as_str(), SHARED, signing.as_str()]].concat();
    assert_in_none("the log", log.as_bytes(), &sealed);
    let everything = everything_in(folder, database).await;
    assert!(
        everything
            .iter()
            .any(|(_, bytes)| bytes.windows(7).any(|window| window == b"usher1:"))
    );
    for (place, bytes) in everything {
        assert_in_none(&place, &bytes, &sealed);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d1_canaries_are_read_by_nobody_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let database = sqlite_in(folder.path());
    whoever_reads_along_learns_nothing(folder.path(), &database).await;
}

/// Runs where a PostgreSQL is at hand.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d1_canaries_are_read_by_nobody_on_postgresql() {
    let fresh = open_empty().await.unwrap();
    if !fresh.is_shared() {
        println!("{DATABASE_URL} is not set: SQLite alone was read");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    whoever_reads_along_learns_nothing(folder.path(), fresh.settings()).await;
}
