//! What the lint finds keeps a trigger back, unless it is accepted by name; what was accepted is kept with the revision.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use super::fixture_tests::{ALL, Site, site};
use serde_json::{Value, json};

async fn ok(site: &Site, method: &str, path: &str, body: Value) -> Value {
    let body = (!body.is_null()).then_some(body);
    let answer = site.ask(method, path, ALL, body).await;
    assert!(
        answer.status.is_success(),
        "{method} {path}: {} {}",
        answer.status,
        answer.text
    );
    answer.body
}

fn codes(list: &Value) -> Vec<&str> {
    let list = list.as_array().unwrap();
    list.iter().map(|finding| finding["code"].as_str().unwrap()).collect()
}

const PUBLISH: &str = "/v1/triggers/hello/publish";

#[actix_web::test]
async fn a_finding_keeps_a_trigger_back_until_it_is_accepted() {
    let site = site().await;
    let content = json!({ "name": "hi", "default_locale": "en", "ttl": "PT1H", "locales": { "en": { "title": "Hi", "body": "" } } });
    ok(&site, "PUT", "/v1/contents/hi", content).await;
    let trigger = json!({ "name": "hello", "class": "service", "when": { "entered": { "tag": "hotel" } }, "max_age": "PT15M",
        "then": { "content": "hi" }, "guards": { "holdout": 0.1 } });
    let checked = ok(&site, "POST", "/v1/triggers/validate", trigger.clone()).await;
    let all = ["no_once_key", "service_holdout", "tag_without_fences"];
    assert_eq!(checked["valid"], true, "{checked}");
    assert_eq!(codes(&checked["findings"]), all);
    let put = ok(&site, "PUT", "/v1/triggers/hello", trigger).await;
    assert_eq!(codes(&put["findings"]), all);
    assert_eq!(put["findings"][1]["level"], "warns");

    let refused = site
        .ask("POST", PUBLISH, ALL, Some(json!({ "accept": ["no_once_key"] })))
        .await;
    assert_eq!(refused.status.as_u16(), 422, "{}", refused.text);
    assert_eq!(refused.body["code"], "trigger_blocked");
    assert_eq!(codes(&refused.body["errors"]), ["tag_without_fences"]);
    assert_eq!(refused.body["errors"][0]["pointer"], "/when/entered");
    assert!(refused.body["errors"][0]["hint"].is_string());
    let unknown = site
        .ask("POST", PUBLISH, ALL, Some(json!({ "accept": ["everything"] })))
        .await;
    assert_eq!(unknown.status.as_u16(), 422, "{}", unknown.text);

    let accepting = json!({ "accept": ["no_once_key", "tag_without_fences"], "reason": "drawn next week" });
    let published = ok(&site, "POST", PUBLISH, accepting.clone()).await;
    assert_eq!(published["state"], "live", "{published}");
    assert_eq!(codes(&published["accepted"]["findings"]), all);
    assert_eq!(published["accepted"]["reason"], "drawn next week");
    let revisions = ok(&site, "GET", "/v1/triggers/hello/revisions", Value::Null).await;
    assert_eq!(revisions["items"][0]["accepted"], published["accepted"], "{revisions}");

    // Going back is publishing, too.
    let back = site
        .ask(
            "POST",
            "/v1/triggers/hello/rollback",
            ALL,
            Some(json!({ "revision": 1 })),
        )
        .await;
    assert_eq!(back.body["code"], "trigger_blocked", "{}", back.text);
    let again = json!({ "revision": 1, "accept": ["no_once_key", "tag_without_fences"] });
    let back = ok(&site, "POST", "/v1/triggers/hello/rollback", again).await;
    assert_eq!(codes(&back["accepted"]["findings"]), all);
}
