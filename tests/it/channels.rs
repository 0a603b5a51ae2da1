//! Credentials of a project over HTTP: asked before they are taken, never shown, replaced with an overlap, paused and probed.

use super::server::Usher;
use fcm::test_server::Fault;
use reqwest::Method;
use serde_json::{Value, json};
use usher::engine::catalogue::Mode;

const NOW: &str = "2026-05-04T12:00:00Z";
const CREDENTIALS: &str = "/v1/channels/fcm/credentials";

fn body(usher: &Usher) -> Value {
    let account: Value = serde_json::from_str(&usher.fcm.service_account_json()).unwrap();
    json!({ "service_account": account })
}

async fn fcm_of(business: &super::caller::Caller) -> Value {
    let listed = business.get("/v1/channels").await;
    assert!(!listed.text().contains("PRIVATE KEY"), "no list shows a secret");
    let all = listed.ok();
    assert_eq!(all["items"].as_array().unwrap().len(), 7, "{all}");
    let mut kinds = all["items"].as_array().unwrap().iter();
    kinds.find(|channel| channel["kind"] == "fcm").unwrap().clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credentials_are_asked_for_before_they_are_taken_and_never_shown() {
    let usher = Usher::start(NOW).await;
    let project = usher.project("hotel", Mode::Live).await;
    let business = &project.business;
    assert_eq!(fcm_of(business).await["set_up_by"], "server");
    usher.fcm.fail_next_grant(Fault::status(400, None));
    let refused = business
        .put(CREDENTIALS, &body(&usher))
        .await
        .refused(422, "channel_refused");
    assert!(
        refused["detail"].as_str().unwrap().contains("nothing was changed"),
        "{refused}"
    );
    assert_eq!(fcm_of(business).await["set_up_by"], "server");

    let put = business.put(CREDENTIALS, &body(&usher)).await;
    assert!(!put.text().contains("PRIVATE KEY"), "{}", put.text());
    let view = put.ok();
    assert_eq!(
        (&view["set_up_by"], &view["probe"]["passed"]),
        (&json!("project"), &json!(true))
    );
    assert_eq!(view["previous_until"], Value::Null);
    // The same again replaces nothing; other ones do, and the first stay for a day.
    assert_eq!(
        business.put(CREDENTIALS, &body(&usher)).await.ok()["previous_until"],
        Value::Null
    );
    let mut renewed = body(&usher);
    renewed["service_account"]["client_id"] = json!("2");
    let view = business.put(CREDENTIALS, &renewed).await.ok();
    assert_eq!(view["previous_until"], "2026-05-05T12:00:00Z");
    assert_eq!(business.delete(&format!("{CREDENTIALS}/previous")).await.status, 204);
    business
        .delete(&format!("{CREDENTIALS}/previous"))
        .await
        .refused(404, "not_found");
    assert_eq!(fcm_of(business).await["previous_until"], Value::Null);

    // Another project has none of it.
    let other = usher.project("other", Mode::Live).await;
    assert_eq!(fcm_of(&other.business).await["set_up_by"], "server");
    assert_eq!(business.delete(CREDENTIALS).await.status, 204);
    assert_eq!(fcm_of(business).await["set_up_by"], "server");
    business.delete(CREDENTIALS).await.refused(404, "not_found");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_probe_says_what_the_provider_says_and_a_pause_is_kept() {
    let usher = Usher::start(NOW).await;
    let project = usher.project("hotel", Mode::Live).await;
    let business = &project.business;
    let probe = || async { business.post("/v1/channels/fcm/probe", &json!({})).await };
    assert_eq!(probe().await.ok()["passed"], true);
    assert_eq!(fcm_of(business).await["probe"]["passed"], true);
    business
        .post("/v1/channels/sms/probe", &json!({}))
        .await
        .refused(404, "not_found");
    assert_eq!(
        business.post("/v1/channels/fcm/pause", &json!({})).await.ok()["paused"],
        true
    );
    assert_eq!(fcm_of(business).await["paused"], true);
    assert_eq!(
        business.post("/v1/channels/fcm/resume", &json!({})).await.ok()["paused"],
        false
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_with_credentials_is_told_with_its_place() {
    let usher = Usher::start(NOW).await;
    let project = usher.project("hotel", Mode::Live).await;
    let mut with_endpoint = body(&usher);
    with_endpoint["endpoint"] = json!("http://169.254.169.254/");
    let mut without_key = body(&usher);
    without_key["service_account"]
        .as_object_mut()
        .unwrap()
        .remove("private_key");
    let table = [
        (CREDENTIALS, json!({}), "/service_account"),
        (CREDENTIALS, with_endpoint, "/endpoint"),
        (CREDENTIALS, without_key, "/service_account"),
        ("/v1/channels/tray/credentials", json!({}), ""),
    ];
    for (path, body, pointer) in table {
        let refused = project.business.put(path, &body).await.refused(422, "field_invalid");
        assert_eq!(refused["pointer"], pointer, "{refused}");
    }
    let (path, none) = ("/v1/channels/pigeon/credentials", json!({}));
    let answer = project.business.json(Method::PUT, path, &none).await;
    answer.refused(404, "not_found");
}
