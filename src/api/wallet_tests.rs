//! A pass in Apple Wallet hears of what changed: Apple's web service, and pushes to a push service over a socket.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use super::fixture_tests::{ALL, Answer, Site, noon, site_offering};
use super::server::{Settings, app};
use crate::base::clock::Clock;
use crate::wallet::tests::{OPERATOR, now, opened, pass_json, wallets};
use crate::wallet::{Updates, Wallets};
use actix_web::test::{self, TestRequest};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use chrono::TimeDelta;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

const CODE: &str = "M1DESMARAIS/LUC       EABC123 YULFRAAC 0834 124J001A0025 100";
const SERVICE: &str = "/v1/wallet/apple/v1";
const TYPE: &str = "pass.example.boarding";

async fn fly(site: &Site, seq: i64, gate: &str, status: &str) {
    let properties = json!({ "bar_code": CODE, "gate": gate, "status": status });
    let body = json!({ "seq": seq, "subjects": ["luc"], "properties": properties });
    let answer = site.ask("PUT", "/v1/facts/flight/AC834", ALL, Some(body)).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

/// Asks as a phone does; the answer's body as bytes.
async fn ask(site: &Site, request: TestRequest) -> (u16, actix_web::http::header::HeaderMap, Vec<u8>) {
    let service = test::init_service(app(site.api.clone())).await;
    let answer = test::call_service(&service, request.to_request()).await;
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    (status, headers, test::read_body(answer).await.to_vec())
}

/// A phone with a pass in its wallet.
struct Phone {
    serial: String,
    secret: String,
}

async fn with_a_pass(site: &Site) -> Phone {
    let luc = site.device("luc's phone").await;
    let body = json!({ "user_ref": "luc" });
    let answer = site.ask("POST", "/v1/devices/me/identify", &luc, Some(body)).await;
    assert!(answer.status.is_success(), "{}", answer.text);
    fly(site, 1, "B7", "scheduled").await;
    let passes = site.ask("GET", "/v1/devices/me/passes", &luc, None).await;
    let address = passes.body["items"][0]["apple_wallet"].as_str().unwrap().to_owned();
    let (status, _, bytes) = ask(
        site,
        TestRequest::get().uri(address.strip_prefix("https://usher.example").unwrap()),
    )
    .await;
    assert_eq!(status, 200);
    let pass = pass_json(&bytes);
    let text = |name: &str| pass[name].as_str().unwrap().to_owned();
    assert_eq!(text("passTypeIdentifier"), TYPE);
    Phone {
        serial: text("serialNumber"),
        secret: text("authenticationToken"),
    }
}

impl Phone {
    fn as_holder(&self, request: TestRequest) -> TestRequest {
        request.insert_header(("authorization", format!("ApplePass {}", self.secret)))
    }

    fn registration(&self, device: &str) -> String {
        format!("{SERVICE}/devices/{device}/registrations/{TYPE}/{}", self.serial)
    }

    async fn register(&self, site: &Site, device: &str, token: &str) -> u16 {
        let request = TestRequest::post()
            .uri(&self.registration(device))
            .set_json(json!({ "pushToken": token }));
        ask(site, self.as_holder(request)).await.0
    }

    async fn updated(&self, site: &Site, device: &str, since: &str) -> Answer {
        site.send(TestRequest::get().uri(&format!("{SERVICE}/devices/{device}/registrations/{TYPE}{since}")))
            .await
    }

    async fn pass(&self, site: &Site, known: Option<&str>) -> (u16, actix_web::http::header::HeaderMap, Vec<u8>) {
        let mut request = TestRequest::get().uri(&format!("{SERVICE}/passes/{TYPE}/{}", self.serial));
        if let Some(known) = known {
            request = request.insert_header(("if-modified-since", known));
        }
        ask(site, self.as_holder(request)).await
    }
}

#[actix_web::test]
async fn a_phone_registers_asks_what_changed_and_gets_the_new_version() {
    let site = site_offering(Settings::default(), wallets()).await;
    let phone = with_a_pass(&site).await;
    assert_eq!(phone.register(&site, "D1", "aa11").await, 201);
    assert_eq!(phone.register(&site, "D1", "bb22").await, 200, "the same phone again");
    assert_eq!(phone.register(&site, "D1", "not a token!").await, 422);
    let all = phone.updated(&site, "D1", "").await;
    assert_eq!(all.body["serialNumbers"], json!([phone.serial]), "{}", all.text);
    let since = format!("?passesUpdatedSince={}", all.body["lastUpdated"].as_str().unwrap());
    assert_eq!(phone.updated(&site, "D1", &since).await.status, 204);
    assert_eq!(phone.updated(&site, "D2", "").await.status, 204, "another phone");
    site.clock.set(noon() + TimeDelta::minutes(5));
    fly(&site, 2, "C21", "scheduled").await;
    let changed = phone.updated(&site, "D1", &since).await;
    assert_eq!(changed.body["serialNumbers"], json!([phone.serial]), "{}", changed.text);
    site.clock.set(noon() + TimeDelta::minutes(6));
    let (status, headers, bytes) = phone.pass(&site, None).await;
    assert_eq!(
        (status, headers.get("content-type").unwrap().to_str().unwrap()),
        (200, "application/vnd.apple.pkpass")
    );
    assert!(opened(&bytes).contains_key("signature"));
    let gate = |pass: &Value| pass["boardingPass"]["headerFields"][0]["value"].clone();
    assert_eq!(gate(&pass_json(&bytes)), "C21");
    let told = headers.get("last-modified").unwrap().to_str().unwrap();
    assert_eq!(told, "Mon, 04 May 2026 12:05:00 GMT");
    assert_eq!(phone.pass(&site, Some(told)).await.0, 304);
    fly(&site, 3, "C21", "cancelled").await;
    let (status, _, bytes) = phone.pass(&site, Some(told)).await;
    let void = pass_json(&bytes);
    assert_eq!(
        (status, &void["voided"], void.get("barcode")),
        (200, &json!(true), None)
    );
    let request = TestRequest::delete().uri(&phone.registration("D1"));
    assert_eq!(ask(&site, phone.as_holder(request)).await.0, 200);
    assert_eq!(phone.updated(&site, "D1", "").await.status, 204);
    let log = TestRequest::post()
        .uri(&format!("{SERVICE}/log"))
        .set_json(json!({ "logs": ["it broke"] }));
    assert_eq!(ask(&site, log).await.0, 200);
}

#[actix_web::test]
async fn only_the_pass_itself_proves_that_one_holds_it() {
    let site = site_offering(Settings::default(), wallets()).await;
    let phone = with_a_pass(&site).await;
    let stranger = Phone {
        serial: phone.serial.clone(),
        secret: "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".into(),
    };
    assert_eq!(stranger.register(&site, "D1", "aa11").await, 401);
    assert_eq!(stranger.pass(&site, None).await.0, 401);
    let delete = TestRequest::delete().uri(&phone.registration("D1"));
    assert_eq!(ask(&site, stranger.as_holder(delete)).await.0, 401);
    let other_type = format!("{SERVICE}/passes/pass.example.other/{}", phone.serial);
    assert_eq!(
        ask(&site, phone.as_holder(TestRequest::get().uri(&other_type))).await.0,
        401
    );
    for index in 0..50 {
        assert_eq!(phone.register(&site, &format!("D{index}"), "aa11").await, 201);
    }
    assert_eq!(phone.register(&site, "D50", "aa11").await, 409);
    let erased = site.ask("DELETE", "/v1/users/luc", ALL, None).await;
    assert!(erased.status.is_success(), "{}", erased.text);
    assert_eq!(phone.pass(&site, None).await.0, 404);
    assert_eq!(phone.updated(&site, "D1", "").await.status, 204);
    assert!(
        site.fresh.passes_held("D1").await.unwrap().is_empty(),
        "erased with the person"
    );
}

/// What a push service over a socket was asked, and what it answers next.
#[derive(Default)]
struct Peer {
    asked: Mutex<Vec<(String, String, String)>>,
    answers: Mutex<Vec<(u16, &'static str)>>,
}

async fn take(peer: web::Data<Peer>, request: HttpRequest, body: String) -> HttpResponse {
    let topic = request
        .headers()
        .get("apns-topic")
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned();
    peer.asked
        .lock()
        .unwrap()
        .push((request.path().to_owned(), topic, body));
    let (status, reason) = peer.answers.lock().unwrap().pop().unwrap_or((200, ""));
    HttpResponse::build(status.try_into().unwrap()).json(json!({ "reason": reason }))
}

#[actix_web::test]
async fn a_change_wakes_the_phones_until_it_worked_and_forgets_those_that_are_gone() {
    let peer = web::Data::new(Peer::default());
    let data = peer.clone();
    let server = HttpServer::new(move || App::new().app_data(data.clone()).default_service(web::to(take)));
    let server = server.workers(1).disable_signals().bind("127.0.0.1:0").unwrap();
    let address = server.addrs()[0];
    let server = server.run();
    let handle = server.handle();
    actix_web::rt::spawn(server);
    let mut settings = OPERATOR.settings.clone();
    settings.apple.push_endpoint = format!("http://{address}/");
    let wallets = Wallets::open(&settings, now()).unwrap();
    let site = site_offering(Settings::default(), crate::wallet::tests::wallets()).await;
    let clock: Arc<dyn Clock> = site.clock.clone();
    let updates = Updates::new(&site.fresh, &clock, &wallets).unwrap();
    let phone = with_a_pass(&site).await;
    assert_eq!(phone.register(&site, "D1", "aa11").await, 201);
    assert_eq!(updates.round().await.unwrap(), 0, "nothing is new");
    fly(&site, 2, "C21", "scheduled").await;
    // The first attempt meets an outage, the second one works.
    peer.answers.lock().unwrap().push((503, "ServiceUnavailable"));
    assert_eq!(updates.round().await.unwrap(), 1);
    assert_eq!(updates.round().await.unwrap(), 0, "not yet again");
    site.clock.set(noon() + TimeDelta::seconds(16));
    assert_eq!(updates.round().await.unwrap(), 1);
    assert_eq!(updates.round().await.unwrap(), 0, "told");
    let wake = ("/3/device/aa11".to_owned(), TYPE.to_owned(), "{}".to_owned());
    assert_eq!(*peer.asked.lock().unwrap(), [wake.clone(), wake]);
    // The phone threw the pass away.
    fly(&site, 3, "C22", "scheduled").await;
    peer.answers.lock().unwrap().push((410, "Unregistered"));
    assert_eq!(updates.round().await.unwrap(), 1);
    assert!(site.fresh.passes_held("D1").await.unwrap().is_empty());
    fly(&site, 4, "C23", "scheduled").await;
    assert_eq!(updates.round().await.unwrap(), 0);
    assert_eq!(peer.asked.lock().unwrap().len(), 3);
    handle.stop(false).await;
}
