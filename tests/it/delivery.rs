//! The whole way from a fix to the phone's screen, over HTTP and Firebase's look-alike: once, and only what may be read.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

use super::server::{LAT, LAT_OUTSIDE, LNG, Project, Usher, fix};
use fcm::test_server::Fault;
use serde_json::{Value, json};
use usher::engine::catalogue::Mode;

const NOW: &str = "2026-05-04T12:00:00Z";

async fn delivery_of(project: &Project) -> Value {
    let rows = project.business.list("/v1/deliveries").await;
    assert_eq!(rows.len(), 1, "{rows:?}");
    project
        .business
        .get(&format!("/v1/deliveries/{}", rows[0]["id"].as_str().unwrap()))
        .await
        .ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fix_becomes_one_notification_and_the_reason_is_on_record() {
    let usher = Usher::start(NOW).await;
    let project = usher.project("hotels", Mode::Live).await;
    project.hotel().await;
    let phone = usher.phone(&project, "anna").await;
    let answer = phone.track(usher.now(), &[fix("f1", usher.now(), LAT, LNG)]).await;
    assert_eq!(answer["acks"][0], json!({ "id": "f1", "status": "accepted" }));
    assert_eq!(
        (
            answer["moments"].as_array().unwrap().len(),
            &answer["moments"][0]["kind"]
        ),
        (1, &json!("entered"))
    );
    usher.turn().await;
    usher.turn().await;

    let received = usher.fcm.received();
    assert_eq!(received.len(), 1, "{received:?}");
    let message = &received[0].message;
    assert_eq!(message["token"], json!(phone.push));
    let (android, data) = (&message["android"], &message["data"]);
    assert_eq!(android["ttl"], json!("86400s"));
    assert_eq!(android["notification"]["title"], json!("Welcome"));
    assert_eq!(android["notification"]["tag"], data["tag"]);
    assert!(data["tag"].as_str().is_some_and(|tag| !tag.is_empty()));
    assert!(android.get("collapseKey").is_none(), "FCM keeps only four of them");
    assert_eq!(usher.fcm.screen(&phone.push).len(), 1);

    let sent = project.decisions("sent").await;
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0]["message_id"], data["message_id"]);
    let explained = project
        .business
        .get(&format!("/v1/decisions/{}", sent[0]["id"].as_str().unwrap()))
        .await
        .ok();
    assert_eq!(explained["moment"]["evidence"]["record_id"], json!("f1"));
    assert_eq!(explained["message"]["title"], json!("Welcome"));
    let delivery = delivery_of(&project).await;
    assert_eq!(
        (&delivery["state"], &delivery["tries"]),
        (&json!("accepted"), &json!(1))
    );
    assert_eq!(delivery["attempts"].as_array().unwrap().len(), 1);

    let receipt = json!({ "id": "r1", "at": usher.now(), "type": "receipt", "status": "displayed", "message_id": data["message_id"] });
    phone.track(usher.now(), std::slice::from_ref(&receipt)).await;
    assert_eq!(delivery_of(&project).await["state"], json!("displayed"));
}

/// A stay whose room number is nobody's business but the guest's.
async fn sensitive_stay(project: &Project, room: &str) {
    project.place("hotel", "h1", LAT, LNG, 150.0).await;
    let content = json!({ "name": "room", "default_locale": "en", "ttl": "PT4H", "collapse": "stay:{{ stay.key }}",
        "locales": { "en": { "title": "Your room is ready", "body": "Room {{ stay.room }}", "public_title": "Your hotel has news", "public_body": "Tap to read" } } });
    project.business.put("/v1/contents/room", &content).await.ok();
    let more = json!({ "for_each": { "stay": "stay" }, "once_per": "stay.key" });
    project
        .trigger("room", json!({ "entered": { "tag": "hotel" } }), "room", more)
        .await;
    let stay = json!({ "seq": 1, "subjects": ["anna"], "sensitive": ["room"], "properties": { "room": room } });
    project.business.put("/v1/facts/stay/s1", &stay).await.ok();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d1_a_sensitive_text_is_fetched_by_its_device_and_never_pushed() {
    let usher = Usher::start(NOW).await;
    let project = usher.project("hotels", Mode::Live).await;
    sensitive_stay(&project, "room-4711-canary").await;
    let phone = usher.phone(&project, "anna").await;
    phone.identify("anna").await;
    phone
        .caller
        .post("/v1/devices/me/consents", &json!({ "location": true, "service": true }))
        .await
        .ok();
    phone.track(usher.now(), &[fix("f1", usher.now(), LAT, LNG)]).await;
    usher.turn().await;

    let received = usher.fcm.received();
    assert_eq!(received.len(), 1, "{received:?}");
    let message = &received[0].message;
    assert!(!message.to_string().contains("4711"), "{message}");
    assert!(
        message["android"].get("notification").is_none(),
        "data only: the app fetches and shows the text"
    );
    assert!(message.get("notification").is_none());
    let data = &message["data"];
    assert_eq!((&data["tag"], &data["sensitive"]), (&json!("stay:s1"), &json!("true")));
    assert_eq!(
        (&data["public_title"], &data["public_body"]),
        (&json!("Your hotel has news"), &json!("Tap to read"))
    );
    assert_eq!(message["android"]["ttl"], json!("14400s"));
    assert_eq!(message["apns"]["headers"]["apns-collapse-id"], json!("stay:s1"));
    assert_eq!(message["apns"]["payload"]["aps"]["mutable-content"], json!(1));

    let path = format!("/v1/devices/me/messages/{}", data["message_id"].as_str().unwrap());
    let fetched = phone.caller.get(&path).await.ok();
    assert_eq!(fetched["body"], json!("Room room-4711-canary"));
    assert_eq!(fetched["tag"], json!("stay:s1"));
    let other = usher.phone(&project, "boris").await;
    other.caller.get(&path).await.refused(404, "not_found");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a7_a_dead_token_is_forgotten_on_the_first_word_and_lives_again_when_it_comes_back() {
    let usher = Usher::start(NOW).await;
    let project = usher.project("hotels", Mode::Live).await;
    project.hotel().await;
    let phone = usher.phone(&project, "anna").await;
    usher.fcm.unregister(&phone.push);
    phone.track(usher.now(), &[fix("f1", usher.now(), LAT, LNG)]).await;
    usher.turn().await;
    assert_eq!(delivery_of(&project).await["state"], json!("failed"));
    assert_eq!(
        phone.caller.get("/v1/devices/me").await.ok()["push_channel"],
        Value::Null
    );
    for _ in 0..3 {
        usher.pass(3_600);
        usher.turn().await;
    }
    assert_eq!(usher.fcm.received().len(), 1, "nothing is sent to a dead token again");

    leave_and_return(&usher, &phone, "f2").await;
    assert_eq!(project.decisions("no_token").await.len(), 1);
    assert_eq!(usher.fcm.received().len(), 1);

    usher.fcm.register(&phone.push);
    let push = json!({ "channel": "fcm", "address": phone.push });
    phone.caller.put("/v1/devices/me/push", &push).await.ok();
    leave_and_return(&usher, &phone, "f3").await;
    assert_eq!(usher.fcm.screen(&phone.push).len(), 1);
}

async fn leave_and_return(usher: &Usher, phone: &super::server::Phone, id: &str) {
    for (step, lat) in [LAT_OUTSIDE, LAT_OUTSIDE, LAT].into_iter().enumerate() {
        usher.pass(90);
        phone
            .track(usher.now(), &[fix(&format!("{id}-{step}"), usher.now(), lat, LNG)])
            .await;
    }
    usher.turn().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a6_retry_after_is_obeyed_and_every_attempt_carries_the_same_tag() {
    let usher = Usher::start(NOW).await;
    let project = usher.project("hotels", Mode::Live).await;
    project.hotel().await;
    let phone = usher.phone(&project, "anna").await;
    usher
        .fcm
        .fail_next(&phone.push, Fault::quota_exceeded().retry_after("120"));
    usher.fcm.fail_next(&phone.push, Fault::DropConnectionAfterRead);
    phone.track(usher.now(), &[fix("f1", usher.now(), LAT, LNG)]).await;
    usher.turn().await;
    assert_eq!(delivery_of(&project).await["state"], json!("queued"));

    usher.pass(119);
    usher.turn().await;
    assert_eq!(usher.fcm.received().len(), 1, "not before the time the provider named");
    // Up to half as much again of jitter may follow.
    usher.pass(62);
    usher.turn().await;
    assert_eq!(usher.fcm.received().len(), 2);
    // The answer was lost: nobody knows whether it was shown, so it goes out again and replaces itself.
    assert_eq!(delivery_of(&project).await["state"], json!("queued"));
    usher.pass(9);
    usher.turn().await;
    assert_eq!(
        usher.fcm.received().len(),
        2,
        "the first retry after a 5xx comes after ten seconds"
    );
    usher.pass(600);
    usher.turn().await;

    let received = usher.fcm.received();
    assert_eq!(received.len(), 3);
    let tag = |at: usize| received[at].message["android"]["notification"]["tag"].clone();
    assert!(tag(0).is_string() && tag(0) == tag(1) && tag(1) == tag(2));
    assert_eq!(
        usher.fcm.screen(&phone.push).len(),
        1,
        "a8: two were accepted, one is visible"
    );
    let delivery = delivery_of(&project).await;
    assert_eq!(
        (&delivery["state"], &delivery["tries"]),
        (&json!("accepted"), &json!(3))
    );
    assert_eq!(delivery["attempts"].as_array().unwrap().len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a10_a_repeated_request_has_one_effect_and_one_answer() {
    let usher = Usher::start(NOW).await;
    let project = usher.project("shops", Mode::Live).await;
    let body = json!({ "user_ref": "anna", "name": "order_placed" })
        .to_string()
        .into_bytes();
    for round in 0..40 {
        let key = format!("order-{round}");
        let headers = [("content-type", "application/json"), ("idempotency-key", key.as_str())];
        let ask = || {
            project
                .business
                .send(reqwest::Method::POST, "/v1/events", &headers, body.clone())
        };
        let (first, second) = tokio::join!(ask(), ask());
        // The one that came second is told to wait, or is given the answer of the first.
        let mut answers = Vec::new();
        for answer in [first, second, ask().await] {
            if answer.status == 409 {
                answer.refused(409, "idempotency_in_progress");
                assert!(answer.headers.contains_key("retry-after"));
            } else {
                answers.push((answer.status, answer.body));
            }
        }
        assert!(answers.len() >= 2, "round {round}");
        assert!(
            answers.iter().all(|answer| *answer == answers[0] && answer.0 == 201),
            "round {round}: {answers:?}"
        );
    }
    assert_eq!(project.moments("event").await.len(), 40, "one effect for each key");

    let headers = [("content-type", "application/json"), ("idempotency-key", "order-0")];
    let other = json!({ "user_ref": "anna", "name": "order_cancelled" })
        .to_string()
        .into_bytes();
    let reused = project
        .business
        .send(reqwest::Method::POST, "/v1/events", &headers, other)
        .await;
    reused.refused(422, "idempotency_key_reused");
    assert_eq!(project.moments("event").await.len(), 40);

    // A day later the key is free again; and another caller's key of the same name never gives this one's answer.
    let stranger = usher.project("others", Mode::Live).await;
    let theirs = stranger
        .business
        .send(reqwest::Method::POST, "/v1/events", &headers, body.clone())
        .await;
    assert!(theirs.headers.get("idempotency-replayed").is_none());
    assert_eq!(theirs.status, 201);
    usher.pass(24 * 3_600 + 1);
    let again = project
        .business
        .send(reqwest::Method::POST, "/v1/events", &headers, body)
        .await;
    assert!(again.headers.get("idempotency-replayed").is_none(), "{}", again.text());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn repeats_of_every_kind_leave_the_way_free() {
    let usher = Usher::start(NOW).await;
    let project = usher.project("shops", Mode::Live).await;
    project.hotel().await;
    let fact = |seq: i64| json!({ "seq": seq, "subjects": ["anna"], "properties": {} });
    let all = async {
        for round in 0..30 {
            for seq in [round + 1, round + 1, round] {
                project.business.put("/v1/facts/stay/s1", &fact(seq)).await.ok();
            }
            project.hotel_again().await;
            project
                .business
                .post("/v1/events", &json!({ "id": "e", "user_ref": "anna", "name": "n" }))
                .await
                .ok();
            usher.phone(&project, "anna").await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(15), all)
        .await
        .expect("nothing waits for a connection");
}
