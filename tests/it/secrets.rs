//! RELIABILITY.md D2: secrets stand where they belong, and in no log, measure, problem or push, at the finest level of the log.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

use super::process::{Process, Told, sqlite_in};
use super::server::{LAT, LNG, Project, fix, register};
use fcm::test_server::TestServer;
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;
use usher::base::clock::{Clock, SystemClock};

const ROOM: &str = "roomcanary4711";
const PERSON: &str = "canary.person@example.org";
const COORDINATE: &str = "48.2082173";

async fn say_it_all(process: &Process, project: &Project, phone: &super::server::Phone) -> Vec<String> {
    project.place("hotel", "h1", LAT, LNG, 150.0).await;
    let content = json!({ "name": "room", "default_locale": "en", "ttl": "PT4H",
        "locales": { "en": { "title": "Ready", "body": "Room {{ stay.room }}", "public_title": "News", "public_body": "Tap" } } });
    project.business.put("/v1/contents/room", &content).await.ok();
    project
        .trigger(
            "room",
            json!({ "entered": { "tag": "hotel" } }),
            "room",
            json!({ "for_each": { "stay": "stay" } }),
        )
        .await;
    let user = json!({ "attributes": { "email": PERSON } });
    project.business.put(&format!("/v1/users/{PERSON}"), &user).await.ok();
    phone.identify(PERSON).await;
    let vector: Value = serde_json::from_str(include_str!("../data/payloads/webpush/rfc8291-appendix-a.json")).unwrap();
    let key = json!({ "p256dh": vector["ua_public"], "auth": vector["auth_secret"] });
    phone.caller.put("/v1/devices/me/sealing-key", &key).await.ok();
    phone
        .caller
        .post("/v1/devices/me/consents", &json!({ "location": true, "service": true }))
        .await
        .ok();
    let stay = json!({ "seq": 1, "subjects": [PERSON], "sensitive": ["room"], "properties": { "room": ROOM } });
    project.business.put("/v1/facts/stay/s1", &stay).await.ok();
    // Before the sign-in the phone was somebody else's: the fix comes after it.
    let now = SystemClock.now();
    phone
        .track(now, &[fix("f1", now, COORDINATE.parse().unwrap(), LNG)])
        .await;

    // Requests that fail, each with the secret somewhere in it.
    let wrong = [
        (
            Method::PUT,
            "/v1/facts/stay/s2",
            json!({ "seq": -1, "subjects": [PERSON], "properties": { "room": ROOM } }),
        ),
        (
            Method::PUT,
            "/v1/facts/stay/s2",
            json!({ "seq": ROOM, "subjects": [], "properties": {} }),
        ),
        (
            Method::PUT,
            "/v1/facts/stay/s2",
            json!({ "seq": 1, "subjects": PERSON, "properties": { "room": ROOM } }),
        ),
        (
            Method::PUT,
            "/v1/facts/stay/s2",
            json!({ "seq": 1, "subjects": [PERSON], "lifecycle": ROOM, "properties": {} }),
        ),
        (
            Method::POST,
            "/v1/events",
            json!({ "user_ref": PERSON, "name": "n", "properties": ROOM }),
        ),
        (
            Method::POST,
            "/v1/events",
            json!({ "user_ref": PERSON, "name": "n", "occurred_at": ROOM }),
        ),
        (Method::PUT, "/v1/users/x", json!({ "locale": PERSON })),
        (
            Method::POST,
            "/v1/geofences",
            json!({ "name": ROOM, "tag": "t", "external_id": "e", "center": COORDINATE }),
        ),
    ];
    let mut problems = Vec::new();
    for (method, path, body) in wrong {
        let answer = project.business.json(method, path, &body).await;
        answer.refusal();
        problems.push(answer.text());
    }
    let broken = format!("{{\"seq\":1,\"properties\":{{\"room\":\"{ROOM}\"}} oops");
    let headers = [("content-type", "application/json")];
    problems.push(
        project
            .business
            .send(Method::PUT, "/v1/facts/stay/s3", &headers, broken.into())
            .await
            .text(),
    );
    problems.push(project.business.get(&format!("/v1/users/{ROOM}")).await.text());
    problems.push(
        project
            .business
            .get(&format!("/v1/moments?user_ref={PERSON}&limit={ROOM}"))
            .await
            .text(),
    );
    problems.push(process.caller.with(ROOM).get("/v1/users").await.text());
    problems
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d2_a_secret_is_in_no_log_no_measure_no_problem_and_no_push() {
    let (folder, fcm) = (tempfile::tempdir().unwrap(), TestServer::start().await.unwrap());
    let database = sqlite_in(folder.path());
    let told = Told {
        folder: folder.path(),
        database: &database,
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
    let problems = say_it_all(&process, &project, &phone).await;
    let mut looks = tokio::time::interval(Duration::from_millis(20));
    let arrived = async {
        while fcm.received().is_empty() {
            looks.tick().await;
        }
    };
    let looked = project.business.get("/v1/decisions").await.text();
    tokio::time::timeout(Duration::from_secs(20), arrived)
        .await
        .unwrap_or_else(|_| {
            panic!(
                "no message: {:?} {}",
                looked,
                process
                    .log()
                    .lines()
                    .filter(|line| line.contains("WARN") || line.contains("ERROR"))
                    .collect::<Vec<_>>()
                    .join("\n")
            )
        });
    let message = fcm.received()[0].message.clone();
    let fetched = phone
        .caller
        .get(&format!(
            "/v1/devices/me/messages/{}",
            message["data"]["message_id"].as_str().unwrap()
        ))
        .await;
    assert!(fetched.text().contains(ROOM), "the canary lives where it belongs");
    let sealed = message["data"]["sealed"].as_str().unwrap_or_default();
    assert!(sealed.len() > 137, "the phone gets it sealed, too: {message}");

    let metrics = process.caller.get("/metrics").await.text();
    assert!(metrics.contains("usher_"));
    let (log, pushed) = (
        process.log(),
        message["data"].to_string()
            + &message["android"].to_string()
            + &message["apns"].to_string()
            + &message["webpush"].to_string(),
    );
    assert!(log.contains("request answered"));
    let secrets = [
        ROOM,
        PERSON,
        COORDINATE,
        &phone.push,
        phone.caller.credential(),
        project.business.credential(),
        project.app.credential(),
    ];
    for secret in secrets {
        for (place, text) in [("log", &log), ("measures", &metrics), ("push", &pushed)] {
            let line = text.lines().find(|line| line.contains(secret));
            assert!(line.is_none(), "{secret} stands in the {place}: {}", line.unwrap());
        }
        for problem in &problems {
            assert!(!problem.contains(secret), "{secret} stands in a problem: {problem}");
        }
    }
}
