//! RELIABILITY.md C7, C9 and D3: nobody sees or does what is another's, and who was erased stays erased.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

use super::server::{LAT, LNG, Usher, fix, register};
use serde_json::{Value, json};
use usher::engine::catalogue::Mode;

const NOW: &str = "2026-05-04T12:00:00Z";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c7_another_project_sees_the_same_nothing_as_if_it_were_not_there() {
    let usher = Usher::start(NOW).await;
    let (ours, theirs) = (
        usher.project("ours", Mode::Live).await,
        usher.project("theirs", Mode::Live).await,
    );
    let fence = ours.hotel().await;
    let phone = usher.phone(&ours, "anna").await;
    phone.identify("anna").await;
    phone
        .caller
        .post("/v1/devices/me/consents", &json!({ "location": true, "service": true }))
        .await
        .ok();
    ours.business
        .put(
            "/v1/facts/stay/s1",
            &json!({ "seq": 1, "subjects": ["anna"], "properties": {} }),
        )
        .await
        .ok();
    phone.track(usher.now(), &[fix("f1", usher.now(), LAT, LNG)]).await;
    usher.turn().await;
    let id = |row: &Value| row["id"].as_str().unwrap().to_owned();
    let decision = id(&ours.decisions("sent").await[0]);
    let delivery = id(&ours.business.list("/v1/deliveries").await[0]);
    let key = id(&ours.business.list_whole("/v1/keys").await[0]);

    let absent = |path: &str| {
        path.rsplit_once('_')
            .map(|(kind, _)| format!("{kind}_{}", "0".repeat(32)))
    };
    for path in [
        format!("/v1/geofences/{fence}"),
        format!("/v1/decisions/{decision}"),
        format!("/v1/deliveries/{delivery}"),
    ] {
        ours.business.get(&path).await.ok();
        let foreign = theirs.business.get(&path).await.refused(404, "not_found");
        let nowhere = theirs
            .business
            .get(&absent(&path).unwrap())
            .await
            .refused(404, "not_found");
        assert_eq!(foreign, nowhere, "{path}");
    }
    for path in [
        "/v1/users/anna",
        "/v1/users/anna/facts",
        "/v1/users/anna/consents",
        "/v1/users/anna/export",
        "/v1/facts/stay/s1",
        "/v1/contents/welcome",
        "/v1/triggers/welcome",
        "/v1/triggers/welcome/revisions",
    ] {
        ours.business.get(path).await.ok();
        theirs.business.get(path).await.refused(404, "not_found");
    }
    for path in [
        "/v1/users",
        "/v1/geofences",
        "/v1/contents",
        "/v1/triggers",
        "/v1/moments",
        "/v1/decisions",
        "/v1/deliveries",
        "/v1/moments?user_ref=anna",
        "/v1/decisions?trigger=welcome",
    ] {
        assert!(!ours.business.list(path).await.is_empty(), "{path}");
        assert_eq!(theirs.business.list(path).await, Vec::<Value>::new(), "{path}");
    }
    for path in [
        format!("/v1/geofences/{fence}"),
        format!("/v1/keys/{key}"),
        "/v1/users/anna".to_owned(),
    ] {
        theirs.business.delete(&path).await.refused(404, "not_found");
    }
    theirs
        .business
        .post("/v1/triggers/welcome/pause", &json!({}))
        .await
        .refused(404, "not_found");
    // The same names there are others' things.
    theirs
        .business
        .put(
            "/v1/facts/stay/s1",
            &json!({ "seq": 9, "subjects": ["anna"], "properties": { "theirs": true } }),
        )
        .await
        .ok();
    assert_eq!(ours.business.get("/v1/facts/stay/s1").await.ok()["seq"], json!(1));
    theirs.place("hotel", "h1", 0.0, 0.0, 10.0).await;
    assert_eq!(
        ours.business.get(&format!("/v1/geofences/{fence}")).await.ok()["version"],
        json!(1)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c9_a_device_and_an_app_key_can_do_their_own_and_nothing_else() {
    let usher = Usher::start(NOW).await;
    let project = usher.project("ours", Mode::Live).await;
    project.hotel().await;
    let (anna, boris) = (
        usher.phone(&project, "anna").await,
        usher.phone(&project, "boris").await,
    );
    anna.identify("anna").await;
    for path in [
        "/v1/users/anna",
        "/v1/users",
        "/v1/moments",
        "/v1/decisions",
        "/v1/deliveries",
        "/v1/geofences",
        "/v1/keys",
        "/v1/project",
        "/v1/stream",
    ] {
        for caller in [&anna.caller, &project.app] {
            caller.get(path).await.refused(403, "forbidden");
        }
        project.business.stranger().get(path).await.refused(401, "unauthorized");
        project
            .business
            .with("sk_test_nonsense")
            .get(path)
            .await
            .refused(401, "unauthorized");
    }
    for path in [
        "/v1/devices/me",
        "/v1/devices/me/export",
        "/v1/devices/me/regions?lat=1&lng=1",
    ] {
        for caller in [&project.business, &project.app] {
            caller.get(path).await.refused(403, "forbidden");
        }
    }
    project
        .business
        .post("/v1/devices", &json!({ "installation_id": "installation-x" }))
        .await
        .refused(403, "forbidden");
    // What one phone says is about its own person, whatever it names.
    boris.track(usher.now(), &[fix("f1", usher.now(), LAT, LNG)]).await;
    let moments = project.moments("entered").await;
    assert_eq!((moments.len(), &moments[0]["user_id"]), (1, &json!(boris.user_id)));
    let export = boris.caller.get("/v1/devices/me/export").await.text();
    assert!(export.contains(&boris.device_id) && !export.contains(&anna.device_id));
    // Registering again gives a new token; the old one ends.
    let again = register(&project.app, "boris").await;
    assert_eq!(again.device_id, boris.device_id);
    boris.caller.get("/v1/devices/me").await.refused(401, "unauthorized");
    again.caller.get("/v1/devices/me").await.ok();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_end_when_they_are_revoked_or_expire_and_scopes_bind() {
    let usher = Usher::start(NOW).await;
    let project = usher.project("ours", Mode::Live).await;
    let make = async |scopes: Value, expires_at: Value| {
        let body = json!({ "kind": "secret", "label": "k", "scopes": scopes, "expires_at": expires_at });
        let made = project.business.post("/v1/keys", &body).await.ok();
        (
            project.business.with(made["token"].as_str().unwrap()),
            made["id"].as_str().unwrap().to_owned(),
        )
    };
    let (reader, id) = make(json!(["read"]), Value::Null).await;
    reader.get("/v1/users").await.ok();
    reader
        .put("/v1/users/anna", &json!({}))
        .await
        .refused(403, "scope_missing");
    reader.get("/v1/keys").await.refused(403, "scope_missing");
    project.business.delete(&format!("/v1/keys/{id}")).await.ok();
    reader.get("/v1/users").await.refused(401, "unauthorized");
    let (passing, _) = make(json!(["read"]), json!("2026-05-04T13:00:00Z")).await;
    passing.get("/v1/users").await.ok();
    usher.pass(3_600);
    passing.get("/v1/users").await.refused(401, "unauthorized");
    let listed = project.business.get("/v1/keys").await.text();
    assert!(!listed.contains(reader.credential()) && !listed.contains(passing.credential()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d3_an_erased_person_stays_erased() {
    let usher = Usher::start(NOW).await;
    let project = usher.project("ours", Mode::Live).await;
    project.hotel().await;
    let phone = usher.phone(&project, "anna").await;
    phone.identify("anna").await;
    phone
        .caller
        .post("/v1/devices/me/consents", &json!({ "location": true, "service": true }))
        .await
        .ok();
    phone.track(usher.now(), &[fix("f1", usher.now(), LAT, LNG)]).await;
    // The message is queued, and must not go any more.
    project.business.delete("/v1/users/anna").await.ok();
    usher.turn().await;
    assert_eq!(usher.fcm.received().len(), 0);
    project.business.get("/v1/users/anna").await.refused(404, "not_found");
    assert_eq!(project.moments("entered").await, Vec::<Value>::new());
    // A late batch re-creates nobody. The credential may be gone with the person, or every record is refused.
    let late = phone
        .caller
        .post("/v1/track", &json!({ "records": [fix("f0", usher.now(), LAT, LNG)] }))
        .await;
    if late.status == 401 {
        late.refused(401, "unauthorized");
    } else {
        assert_eq!(late.ok()["acks"][0]["code"], json!("erased"));
    }
    project
        .business
        .post("/v1/events", &json!({ "user_ref": "anna", "name": "n" }))
        .await
        .never_5xx();
    usher.pass(60);
    usher.turn().await;
    assert_eq!(usher.fcm.received().len(), 0);
    let everything =
        project.business.get("/v1/moments").await.text() + &project.business.get("/v1/decisions").await.text();
    assert!(!everything.contains("f1") && !everything.contains(&phone.device_id));
}
