//! A link to a pass opens it for who was given it, shows what is known now, and ends when it should.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use super::fixture_tests::{ALL, Answer, FOREIGN, PUBLISHABLE, Site, noon, site, site_offering};
use super::server::{Settings, app};
use crate::base::secret::token_hash;
use crate::wallet::tests::{pass_json, wallets};
use actix_web::test::{self, TestRequest};
use chrono::TimeDelta;
use serde_json::{Value, json};

const CODE: &str = "M1DESMARAIS/LUC       EABC123 YULFRAAC 0834 124J001A0025 100";

fn flight() -> Value {
    json!({ "bar_code": CODE, "departs_at": "2026-05-04T18:30:00Z", "gate": "B7", "status": "scheduled" })
}

async fn put(site: &Site, path: &str, seq: i64, properties: Value) {
    let body = json!({ "seq": seq, "subjects": ["luc"], "properties": properties });
    let answer = site.ask("PUT", path, ALL, Some(body)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

async fn fly(site: &Site, seq: i64, properties: Value) {
    put(site, "/v1/facts/flight/AC834", seq, properties).await;
}

/// The phone of Luc, who reads German and is in Montréal.
async fn phone(site: &Site) -> String {
    let token = site.device("luc's phone").await;
    let body = json!({ "user_ref": "luc", "locale": "de-CH" });
    let answer = site.ask("POST", "/v1/devices/me/identify", &token, Some(body)).await;
    assert!(answer.status.is_success(), "{}", answer.text);
    let body = json!({ "time_zone": "America/Toronto" });
    let answer = site.ask("PATCH", "/v1/devices/me", &token, Some(body)).await;
    assert!(answer.status.is_success(), "{}", answer.text);
    token
}

async fn passes(site: &Site, token: &str) -> Vec<Value> {
    let answer = site.ask("GET", "/v1/devices/me/passes", token, None).await;
    answer.body["items"].as_array().unwrap().clone()
}

fn path(address: &Value) -> String {
    address
        .as_str()
        .unwrap()
        .strip_prefix("https://usher.example")
        .unwrap()
        .to_owned()
}

async fn open(site: &Site, path: &str) -> Answer {
    site.send(TestRequest::get().uri(path)).await
}

#[actix_web::test]
async fn the_page_shows_the_pass_as_it_is_now_without_a_credential() {
    let site = site().await;
    let luc = phone(&site).await;
    fly(&site, 1, flight()).await;
    let pass = &passes(&site, &luc).await[0];
    assert_eq!(
        (pass.get("apple_wallet"), pass.get("google_wallet")),
        (None, None),
        "not set up"
    );
    let path = path(&pass["page"]);
    let page = open(&site, &path).await;
    assert_eq!(page.status, 200, "{}", page.text);
    for shown in [
        "AC 834",
        "B7",
        "LUC DESMARAIS",
        "Flugsteig",
        "14:30",
        "<svg",
        "lang=\"de\"",
        ">mine<",
    ] {
        assert!(page.text.contains(shown), "{shown}: {}", page.text);
    }
    assert!(!page.text.contains("Wallet") && !page.text.contains("<script") && !page.text.contains("http://usher"));
    let header = |name: &str| page.headers.get(name).unwrap().to_str().unwrap();
    assert_eq!(header("cache-control"), "private, no-store");
    assert_eq!(header("referrer-policy"), "no-referrer");
    assert!(header("x-robots-tag").starts_with("noindex"));
    let policy = header("content-security-policy");
    assert!(
        policy.starts_with("default-src 'none'; style-src 'sha256-") && !policy.contains("unsafe"),
        "{policy}"
    );
    // The same link shows what came later.
    let mut later = flight();
    later["gate"] = json!("C21");
    fly(&site, 2, later).await;
    let page = open(&site, &path).await;
    assert!(page.text.contains("C21") && !page.text.contains("B7"), "{}", page.text);
}

#[actix_web::test]
async fn a_value_is_never_read_as_html() {
    let site = site().await;
    let luc = phone(&site).await;
    let mut evil = flight();
    evil["gate"] = json!("<img src=x onerror=alert(1)>\"'&");
    evil["status"] = json!("</dd><script>");
    fly(&site, 1, evil).await;
    let page = open(&site, &path(&passes(&site, &luc).await[0]["page"])).await;
    assert!(
        page.text.contains("&lt;img src=x onerror=alert(1)&gt;&quot;&#39;&amp;"),
        "{}",
        page.text
    );
    assert!(
        !page.text.contains("<img") && !page.text.contains("<script"),
        "{}",
        page.text
    );
}

#[actix_web::test]
async fn what_was_touched_or_expired_says_what_to_do() {
    let site = site().await;
    let luc = phone(&site).await;
    fly(&site, 1, flight()).await;
    let path = path(&passes(&site, &luc).await[0]["page"]);
    let mut touched = path.clone();
    let last = touched.pop().unwrap();
    touched.push(if last == 'A' { 'Q' } else { 'A' });
    for wrong in [touched.as_str(), "/p/x", "/p/%00", &format!("/p/{}", "A".repeat(3_000))] {
        let refused = open(&site, wrong).await;
        assert_eq!(refused.status, 404, "{wrong}");
        assert!(
            refused.text.contains("Open the newest message or the app again"),
            "{}",
            refused.text
        );
        assert_eq!(refused.headers.get("content-type").unwrap(), "text/html; charset=utf-8");
    }
    let german = TestRequest::get()
        .uri("/p/x")
        .insert_header(("accept-language", "xx, de-AT;q=0.8, en;q=0.1"));
    assert!(site.send(german).await.text.contains("Dieser Link funktioniert nicht"));
    site.clock.set(noon() + TimeDelta::hours(24));
    for below in ["", "/pass.pkpass", "/google"] {
        let expired = open(&site, &format!("{path}{below}")).await;
        assert_eq!(expired.status, 410, "{below}");
        assert!(expired.text.contains("This link has expired"), "{}", expired.text);
        assert!(!expired.text.contains("DESMARAIS"));
    }
}

#[actix_web::test]
async fn what_was_cancelled_or_is_over_or_whose_person_is_gone_is_gone() {
    let site = site().await;
    let luc = phone(&site).await;
    let flight_until = |seq: i64, valid_to: &str, status: &str| {
        let mut properties = flight();
        properties["status"] = json!(status);
        json!({ "seq": seq, "subjects": ["luc"], "properties": properties, "valid_to": valid_to })
    };
    let put = async |body: Value| {
        let answer = site.ask("PUT", "/v1/facts/flight/AC834", ALL, Some(body)).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    };
    put(flight_until(1, "2026-05-04T20:00:00Z", "scheduled")).await;
    let page = path(&passes(&site, &luc).await[0]["page"]);
    put(flight_until(2, "2026-05-04T20:00:00Z", "cancelled")).await;
    let cancelled = open(&site, &page).await;
    assert_eq!(cancelled.status, 410);
    assert!(
        cancelled.text.contains("Das wurde abgesagt") && !cancelled.text.contains("<svg"),
        "{}",
        cancelled.text
    );
    let told = &passes(&site, &luc).await[0];
    assert_eq!(
        (&told["lifecycle"], told.get("page")),
        (&json!("cancelled"), None),
        "no link to what is void"
    );
    put(flight_until(3, "2026-05-04T20:00:00Z", "scheduled")).await;
    assert_eq!(open(&site, &page).await.status, 200, "it flies after all");
    // It lands earlier than was thought, and then the link itself is over.
    put(flight_until(4, "2026-05-04T13:00:00Z", "scheduled")).await;
    site.clock.set(noon() + TimeDelta::hours(1));
    let over = open(&site, &page).await;
    assert!(
        over.status == 410 && over.text.contains("Dieser Pass ist abgelaufen"),
        "{}",
        over.text
    );
    put(flight_until(5, "2026-05-04T20:00:00Z", "scheduled")).await;
    assert_eq!(open(&site, &page).await.status, 200);
    let erased = site.ask("DELETE", "/v1/users/luc", ALL, None).await;
    assert!(erased.status.is_success(), "{}", erased.text);
    let gone = open(&site, &page).await;
    assert_eq!(gone.status, 410, "{}", gone.text);
    assert!(!gone.text.contains("DESMARAIS"));
}

#[actix_web::test]
async fn a_message_opens_the_pass_and_no_provider_reads_the_link() {
    let site = site().await;
    let luc = phone(&site).await;
    let content = json!({ "name": "pass", "default_locale": "en", "ttl": "PT2H", "link": "{{ flight.pass_link }}",
        "variables": { "flight.pass_link": "do_not_send", "flight.gate": "do_not_send" },
        "locales": { "en": { "title": "Your boarding pass", "body": "Gate {{ flight.gate }}", "public_title": "Your boarding pass is ready" } } });
    let answer = site.ask("PUT", "/v1/contents/pass", ALL, Some(content.clone())).await;
    assert!(answer.status.is_success(), "{}", answer.text);
    let mut in_text = content;
    in_text["locales"]["en"]["body"] = json!("{{ flight.pass_link }}");
    let refused = site.ask("PUT", "/v1/contents/pass", ALL, Some(in_text)).await;
    assert_eq!(
        (refused.status.as_u16(), &refused.body["code"]),
        (422, &json!("content_invalid")),
        "{}",
        refused.text
    );
    let trigger = json!({ "name": "boarding-pass", "class": "service", "when": { "fact": { "type": "flight", "becomes": "created" } },
        "for_each": { "flight": "flight" }, "once_per": "flight.key + ':' + user.ref", "max_age": "PT15M",
        "then": { "content": "pass" } });
    let saved = site.ask("PUT", "/v1/triggers/boarding-pass", ALL, Some(trigger)).await;
    assert!(saved.status.is_success(), "{}", saved.text);
    let live = site
        .ask("POST", "/v1/triggers/boarding-pass/publish", ALL, Some(json!({})))
        .await;
    assert!(live.status.is_success(), "{}", live.text);
    fly(&site, 1, flight()).await;
    let deliveries = site.ask("GET", "/v1/deliveries", ALL, None).await;
    let message = deliveries.body["items"][0]["message_id"].as_str().unwrap();
    let told = site
        .ask("GET", &format!("/v1/devices/me/messages/{message}"), &luc, None)
        .await;
    assert_eq!(told.status, 200, "{}", told.text);
    assert_eq!(
        (&told.body["sensitive"], &told.body["pass"]),
        (&json!(true), &json!({ "type": "flight", "key": "AC834" }))
    );
    let page = open(&site, &path(&told.body["link"])).await;
    assert!(
        page.status == 200 && page.text.contains("LUC DESMARAIS"),
        "{}",
        page.text
    );
    // What is stored, and so all that a channel could send, has no link.
    let key = site
        .api
        .pipeline
        .store()
        .key_by_hash(&token_hash(ALL))
        .await
        .unwrap()
        .unwrap();
    let (project, id) = (key.project_id, message.parse().unwrap());
    let stored = site.api.pipeline.store().message(project, id).await.unwrap().unwrap();
    assert_eq!((stored.shown.link, stored.shown.sensitive), (None, true));
    assert_eq!(
        stored.shown.public_title.as_deref(),
        Some("Your boarding pass is ready")
    );
    assert_eq!(
        site.status("GET", &format!("/v1/devices/me/messages/{message}"), FOREIGN)
            .await,
        403
    );
}

#[actix_web::test]
async fn the_pass_goes_into_both_wallets() {
    let site = site_offering(Settings::default(), wallets()).await;
    let luc = phone(&site).await;
    fly(&site, 1, flight()).await;
    put(&site, "/v1/facts/stay/S1", 1, json!({ "room": "407" })).await;
    let all = passes(&site, &luc).await;
    assert_eq!(all.len(), 2);
    let service = test::init_service(app(site.api.clone())).await;
    for pass in &all {
        let request = TestRequest::get().uri(&path(&pass["apple_wallet"])).to_request();
        let answer = test::call_service(&service, request).await;
        assert_eq!(answer.status(), 200);
        assert_eq!(
            answer.headers().get("content-type").unwrap(),
            "application/vnd.apple.pkpass"
        );
        assert_eq!(answer.headers().get("cache-control").unwrap(), "private, no-store");
        let pass_json = pass_json(&test::read_body(answer).await);
        assert_eq!(pass_json["webServiceURL"], "https://usher.example/v1/wallet/apple");
        let google = open(&site, &path(&pass["google_wallet"])).await;
        assert_eq!(google.status, 303);
        let location = google.headers.get("location").unwrap().to_str().unwrap();
        assert!(
            location.starts_with("https://pay.google.com/gp/v/save/ey"),
            "{location}"
        );
    }
    let page = open(&site, &path(&all[0]["page"])).await;
    for word in [
        "Zu Apple Wallet hinzufügen",
        "In Google Wallet speichern",
        "/pass.pkpass\"",
        "/google\"",
    ] {
        assert!(page.text.contains(word), "{word}: {}", page.text);
    }
    let room = &all[1];
    assert_eq!(
        (room.get("passenger"), room.get("bar_code"), &room["legs"]),
        (None, None, &json!([]))
    );
    let page = open(&site, &path(&room["page"])).await;
    assert!(
        page.text.contains("Zimmer") && page.text.contains("407"),
        "{}",
        page.text
    );
    assert_eq!(site.status("GET", "/v1/devices/me/passes", PUBLISHABLE).await, 403);
}
