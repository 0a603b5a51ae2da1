//! A flight with its bar code becomes a pass of the traveller's phone, and of nobody else's.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use super::fixture_tests::{ALL, Site, noon, site};
use super::server::app;
use actix_web::test::{self, TestRequest};
use chrono::TimeDelta;
use serde_json::{Value, json};

const CODE: &str = "M1DESMARAIS/LUC       EABC123 YULFRAAC 0834 124J001A0025 100";
const PNG: &str = "/v1/devices/me/passes/flight/AC834/bar-code.png";
const SVG: &str = "/v1/devices/me/passes/flight/AC834/bar-code.svg";

/// Luc's phone and Eve's, and Luc's flight.
async fn travelling(site: &Site) -> (String, String) {
    let (luc, eve) = (site.device("luc's phone").await, site.device("eve's phone").await);
    for (token, name) in [(&luc, "luc"), (&eve, "eve")] {
        let body = json!({ "user_ref": name });
        let answer = site.ask("POST", "/v1/devices/me/identify", token, Some(body)).await;
        assert!(answer.status.is_success(), "{}", answer.text);
    }
    fly(
        site,
        1,
        json!({ "bar_code": CODE, "departs_at": "2026-05-04T18:30:00Z", "gate": "B7" }),
    )
    .await;
    (luc, eve)
}

async fn fly(site: &Site, seq: i64, properties: Value) {
    let status = properties.get("status").cloned();
    let body = json!({ "seq": seq, "subjects": ["luc"], "properties": properties });
    let answer = site.ask("PUT", "/v1/facts/flight/AC834", ALL, Some(body)).await;
    assert_eq!(answer.status, 200, "{status:?}: {}", answer.text);
}

async fn passes(site: &Site, token: &str) -> Vec<Value> {
    let answer = site.ask("GET", "/v1/devices/me/passes", token, None).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.body["items"].as_array().unwrap().clone()
}

#[actix_web::test]
async fn the_pass_is_told_with_what_is_known_of_the_flight_by_now() {
    let site = site().await;
    let (luc, eve) = travelling(&site).await;
    let pass = &passes(&site, &luc).await[0];
    assert_eq!((&pass["type"], &pass["key"]), (&json!("flight"), &json!("AC834")));
    assert_eq!(
        (&pass["passenger"], &pass["bar_code"]),
        (&json!("DESMARAIS/LUC"), &json!(CODE))
    );
    let leg = &pass["legs"][0];
    assert_eq!(
        (&leg["flight"], &leg["date"], &leg["seat"], &leg["from"]),
        (&json!("AC 834"), &json!("2026-05-04"), &json!("1A"), &json!("YUL"))
    );
    assert_eq!(pass["properties"]["gate"], "B7");
    assert!(passes(&site, &eve).await.is_empty());
    fly(
        &site,
        2,
        json!({ "bar_code": CODE, "gate": "C1", "status": "cancelled" }),
    )
    .await;
    let pass = &passes(&site, &luc).await[0];
    assert_eq!(
        (&pass["lifecycle"], &pass["properties"]["gate"]),
        (&json!("cancelled"), &json!("C1"))
    );
    site.clock.set(noon() + TimeDelta::hours(25));
    assert!(passes(&site, &luc).await.is_empty(), "it was taken away by now");
}

#[actix_web::test]
async fn its_bar_code_is_drawn_for_its_owner_alone() {
    let site = site().await;
    let (luc, eve) = travelling(&site).await;
    for symbology in ["aztec", "qr", "pdf417"] {
        let drawn = site
            .ask("GET", &format!("{SVG}?symbology={symbology}"), &luc, None)
            .await;
        assert_eq!(drawn.status, 200, "{}", drawn.text);
        assert!(drawn.text.starts_with("<svg"), "{symbology}");
        assert_eq!(drawn.headers.get("cache-control").unwrap(), "private, no-store");
    }
    let service = test::init_service(app(site.api.clone())).await;
    let request = TestRequest::get()
        .uri(PNG)
        .insert_header(("authorization", format!("Bearer {luc}")));
    let answer = test::call_service(&service, request.to_request()).await;
    assert_eq!(answer.headers().get("content-type").unwrap(), "image/png");
    assert!(test::read_body(answer).await.starts_with(b"\x89PNG"));
    for path in [PNG, SVG] {
        assert_eq!(site.status("GET", path, &eve).await, 404, "a stranger's");
        assert_eq!(site.status("GET", path, ALL).await, 403);
    }
    assert_eq!(site.status("GET", &SVG.replace("AC834", "AC1"), &luc).await, 404);
    assert_eq!(site.status("GET", &format!("{SVG}?symbology=ean"), &luc).await, 400);
}

#[actix_web::test]
async fn a_bar_code_that_no_gate_would_read_is_refused_when_it_is_put() {
    let site = site().await;
    let wrong = CODE.replacen("YUL", "Y1L", 1);
    let body = json!({ "seq": 1, "subjects": ["luc"], "properties": { "bar_code": wrong } });
    let refused = site.ask("PUT", "/v1/facts/flight/AC834", ALL, Some(body)).await;
    assert_eq!(
        (refused.status.as_u16(), &refused.body["code"]),
        (422, &json!("fact_invalid"))
    );
    assert_eq!(refused.body["errors"][0]["pointer"], "/properties/bar_code");
    let detail = refused.body["errors"][0]["detail"].as_str().unwrap();
    assert!(detail.contains("at character 30, from city airport code"), "{detail}");
    assert!(
        !refused.text.contains("DESMARAIS"),
        "the traveller is not named: {}",
        refused.text
    );
}
