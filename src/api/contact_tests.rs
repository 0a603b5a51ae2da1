//! Contacts, taking back and timeliness over HTTP.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use super::fixture_tests::{ALL, FOREIGN, Site, site};
use serde_json::{Value, json};

async fn ok(site: &Site, method: &str, path: &str, token: &str, body: Value) -> Value {
    let body = (!body.is_null()).then_some(body);
    let answer = site.ask(method, path, token, body).await;
    assert!(
        answer.status.is_success(),
        "{method} {path}: {} {}",
        answer.status,
        answer.text
    );
    answer.body
}

#[actix_web::test]
async fn a_contact_is_checked_kept_in_one_form_shown_to_the_business_and_gone_with_the_person() {
    let site = site().await;
    let body = json!({ "phone": "+43 664 123-45-67", "email": "Ana@Example.COM" });
    let put = ok(&site, "PUT", "/v1/users/ana", ALL, body).await;
    assert_eq!(
        (&put["phone"], &put["email"]),
        (&json!("+436641234567"), &json!("Ana@example.com"))
    );
    let shown = ok(&site, "GET", "/v1/users/ana", ALL, Value::Null).await;
    assert_eq!(shown["phone"], "+436641234567");
    let export = ok(&site, "GET", "/v1/users/ana/export", ALL, Value::Null).await;
    assert_eq!(export["user"]["contact"]["email"], "Ana@example.com");
    assert!(
        !export["state"].to_string().contains("664"),
        "the engine knows no address"
    );
    for (field, wrong) in [("phone", "0664 1234567"), ("email", "ana@localhost")] {
        let answer = site
            .ask("PUT", "/v1/users/ana", ALL, Some(json!({ field: wrong })))
            .await;
        assert_eq!(answer.status.as_u16(), 422);
        assert!(
            answer.text.contains(&format!("/{field}")) && !answer.text.contains(wrong),
            "{}",
            answer.text
        );
    }
    // Who signs in on a device is not told where else the person is reached, and takes nothing away.
    let token = site.device("installation-1").await;
    let who = json!({ "user_ref": "ana", "locale": "de" });
    let identified = ok(&site, "POST", "/v1/devices/me/identify", &token, who).await;
    assert_eq!(identified["phone"], Value::Null);
    let shown = ok(&site, "GET", "/v1/users/ana", ALL, Value::Null).await;
    assert_eq!(
        (&shown["phone"], &shown["locale"]),
        (&json!("+436641234567"), &json!("de"))
    );
    ok(
        &site,
        "PUT",
        "/v1/users/ana",
        ALL,
        json!({ "email": "ana@example.com" }),
    )
    .await;
    let shown = ok(&site, "GET", "/v1/users/ana", ALL, Value::Null).await;
    assert_eq!(shown["phone"], Value::Null, "a person is put as a whole");
    assert_eq!(
        site.ask("DELETE", "/v1/users/ana", ALL, None).await.status.as_u16(),
        204
    );
    assert_eq!(
        site.ask("GET", "/v1/users/ana/export", ALL, None).await.status.as_u16(),
        404
    );
}

#[actix_web::test]
async fn a_message_is_taken_back_once_and_its_way_can_be_told() {
    let site = site().await;
    let content = json!({ "name": "ready", "default_locale": "en", "ttl": "PT2H",
        "locales": { "en": { "title": "Ready", "body": "Come up" } } });
    ok(&site, "PUT", "/v1/contents/ready", ALL, content).await;
    let trigger = json!({ "name": "ready", "class": "service", "when": { "event": { "name": "ready" } },
        "once_per": "moment.id", "max_age": "PT15M",
        "then": { "content": "ready", "fallback": [{ "channel": "sms", "after": "PT2M" }] } });
    ok(&site, "PUT", "/v1/triggers/ready", ALL, trigger).await;
    ok(&site, "POST", "/v1/triggers/ready/publish", ALL, json!({})).await;
    let token = site.device("installation-1").await;
    ok(
        &site,
        "POST",
        "/v1/devices/me/identify",
        &token,
        json!({ "user_ref": "ana" }),
    )
    .await;
    ok(
        &site,
        "POST",
        "/v1/users/ana/consents",
        ALL,
        json!({ "service": true, "sms": true }),
    )
    .await;
    let event = json!({ "id": "e1", "user_ref": "ana", "name": "ready" });
    ok(&site, "POST", "/v1/events", ALL, event).await;
    let deliveries = ok(&site, "GET", "/v1/deliveries?user_ref=ana", ALL, Value::Null).await;
    let delivery = &deliveries["items"][0];
    let message = delivery["message_id"].as_str().unwrap();
    let path = format!("/v1/deliveries/{}", delivery["id"].as_str().unwrap());
    let told = ok(&site, "GET", &path, ALL, Value::Null).await;
    let hops = &told["timeliness"]["hops_ms"];
    assert_eq!((&hops["noticed"], &hops["judged"]), (&json!(0), &json!(0)), "{told}");
    assert_eq!(hops["handed_over"], Value::Null, "{told}");
    let cancel = format!("/v1/messages/{message}/cancel");
    assert_eq!(site.ask("POST", &cancel, FOREIGN, None).await.status.as_u16(), 404);
    for _ in 0..2 {
        let back = ok(&site, "POST", &cancel, ALL, Value::Null).await;
        assert_eq!(back["deliveries"][0]["state"], "cancelled", "{back}");
    }
    let decisions = ok(
        &site,
        "GET",
        "/v1/decisions?user_ref=ana&code=cancelled",
        ALL,
        Value::Null,
    )
    .await;
    assert_eq!(decisions["items"][0]["message_id"], *message);
}
