//! A pass that was saved to Google Wallet is patched there when its fact changes: Google's interface over a socket.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use super::fixture_tests::{ALL, Site, noon, site_offering};
use super::server::Settings;
use crate::base::clock::Clock;
use crate::channel::http_peer::{HttpPeer, Received, Reply};
use crate::wallet::tests::{OPERATOR, now};
use crate::wallet::{Updates, Wallets};
use actix_web::test::TestRequest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use serde_json::{Value, json};
use std::sync::Arc;

const CODE: &str = "M1DESMARAIS/LUC       EABC123 YULFRAAC 0834 124J001A0025 100";

/// Google, as far as it is spoken to: the token endpoint and the wallet objects.
struct Google {
    peer: HttpPeer,
    site: Site,
    updates: Updates,
}

impl Google {
    async fn start() -> Self {
        let peer = HttpPeer::start().await;
        let google = |peer: &HttpPeer| {
            let mut settings = OPERATOR.settings.clone();
            let path = settings.google.service_account_file.take().unwrap();
            let mut account: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
            account["token_uri"] = json!(peer.url("/token"));
            let path = OPERATOR
                .folder
                .path()
                .join(format!("account {}.json", peer.address.port()));
            std::fs::write(&path, account.to_string()).unwrap();
            settings.google.service_account_file = Some(path);
            settings.google.api_endpoint = peer.url("/");
            settings.apple = crate::wallet::apple::Settings::default();
            Wallets::open(&settings, now()).unwrap()
        };
        let site = site_offering(Settings::default(), google(&peer)).await;
        let clock: Arc<dyn Clock> = site.clock.clone();
        let updates = Updates::new(&site.fresh, &clock, &google(&peer)).unwrap();
        Self { peer, site, updates }
    }

    fn grants(&self) {
        let granted = json!({ "access_token": "ya29.secret", "expires_in": 3_599, "token_type": "Bearer" });
        self.peer.reply_next(Reply::Full(200, "", granted.to_string()));
    }

    async fn fly(&self, seq: i64, change: Value) {
        let mut properties = json!({ "bar_code": CODE, "gate": "B7", "departs_at": "2026-05-04T18:30:00-04:00",
            "boarding_at": "2026-05-04T17:50:00-04:00", "status": "scheduled" });
        let change = change.as_object().unwrap().clone();
        properties.as_object_mut().unwrap().extend(change);
        let body = json!({ "seq": seq, "subjects": ["luc"], "properties": properties });
        let answer = self.site.ask("PUT", "/v1/facts/flight/AC834", ALL, Some(body)).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }

    /// Luc opens the link to Google Wallet; the ids of the class and the object that it would save.
    async fn open_link(&self) -> (String, String) {
        let luc = self.site.device("luc's phone").await;
        let body = json!({ "user_ref": "luc" });
        let answer = self.site.ask("POST", "/v1/devices/me/identify", &luc, Some(body)).await;
        assert!(answer.status.is_success(), "{}", answer.text);
        let passes = self.site.ask("GET", "/v1/devices/me/passes", &luc, None).await;
        let link = passes.body["items"][0]["google_wallet"].as_str().unwrap().to_owned();
        let path = link.strip_prefix("https://usher.example").unwrap();
        let answer = self.site.send(TestRequest::get().uri(path)).await;
        assert_eq!(answer.status, 303, "{}", answer.text);
        let location = answer.headers.get("location").unwrap().to_str().unwrap().to_owned();
        let claims = location.split('.').nth(3).unwrap_or_default();
        let claims = decoded(claims);
        let id = |what: &str| claims["payload"][what][0]["id"].as_str().unwrap().to_owned();
        (id("flightClasses"), id("flightObjects"))
    }

    /// Asks for news, and says how many there were and what was asked of Google meanwhile.
    async fn round(&self) -> (usize, Vec<Received>) {
        let before = self.peer.received().len();
        let count = self.updates.round().await.unwrap();
        (count, self.peer.received().split_off(before))
    }
}

fn decoded(part: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

fn body(asked: &Received) -> Value {
    serde_json::from_str(&asked.body).unwrap()
}

fn calls(asked: &[Received]) -> Vec<String> {
    asked.iter().map(|one| format!("{} {}", one.method, one.path)).collect()
}

/// The claims of the statement that asks for an access token, when Google would take it.
fn asserted(asked: &Received) -> Value {
    let form: Vec<(&str, &str)> = asked.body.split('&').filter_map(|pair| pair.split_once('=')).collect();
    assert_eq!(
        form[0],
        ("grant_type", "urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer")
    );
    assert_eq!(form[1].0, "assertion");
    let (told, signature) = form[1].1.rsplit_once('.').unwrap();
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &OPERATOR.google_public)
        .verify(told.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap())
        .unwrap();
    decoded(told.split_once('.').unwrap().1)
}

#[actix_web::test]
async fn a_new_gate_and_a_delay_reach_the_saved_pass() {
    let google = Google::start().await;
    google.fly(1, json!({})).await;
    let (class, object) = google.open_link().await;
    assert_eq!(google.round().await.0, 0, "nothing is new");
    google
        .fly(2, json!({ "gate": "C21", "departs_at": "2026-05-05T00:40:00-04:00" }))
        .await;
    google.grants();
    let (count, asked) = google.round().await;
    let patches = [
        format!("PATCH /walletobjects/v1/flightObject/{object}"),
        format!("PATCH /walletobjects/v1/flightClass/{class}"),
    ];
    assert_eq!(
        (count, calls(&asked)),
        (1, [&["POST /token".to_owned()][..], &patches[..]].concat())
    );
    let claims = asserted(&asked[0]);
    assert_eq!(claims["scope"], "https://www.googleapis.com/auth/wallet_object.issuer");
    assert_eq!(
        (&claims["iss"], &claims["aud"]),
        (&json!("usher@project.example"), &json!(google.peer.url("/token")))
    );
    assert_eq!(asked[1].header("authorization"), "Bearer ya29.secret");
    assert_eq!(body(&asked[1])["state"], "ACTIVE");
    let shared = body(&asked[2]);
    assert_eq!(
        shared["origin"],
        json!({ "airportIataCode": "YUL", "gate": "C21", "terminal": null })
    );
    assert_eq!(
        (
            &shared["localEstimatedOrActualDepartureDateTime"],
            &shared["reviewStatus"]
        ),
        (&json!("2026-05-05T00:40:00"), &json!("UNDER_REVIEW"))
    );
    assert_eq!(
        shared.get("localScheduledDepartureDateTime"),
        None,
        "Google wants it left alone"
    );
    assert_eq!(google.round().await.0, 0, "told");
    // Cancelled: the bar code goes. The access token is still good.
    google.fly(3, json!({ "status": "cancelled" })).await;
    let (_, asked) = google.round().await;
    assert_eq!(calls(&asked), patches);
    let void = body(&asked[0]);
    assert_eq!((&void["state"], &void["barcode"]), (&json!("INACTIVE"), &Value::Null));
}

#[actix_web::test]
async fn what_fails_is_tried_again_and_a_refused_token_is_replaced() {
    let google = Google::start().await;
    google.fly(1, json!({})).await;
    google.open_link().await;
    google.fly(2, json!({ "gate": "C21" })).await;
    // The token endpoint is down; then Google is; then it takes the token for ended.
    google.peer.reply_next(Reply::Status(503));
    assert_eq!(calls(&google.round().await.1), ["POST /token"]);
    assert_eq!(google.round().await.0, 0, "not yet again");
    let mut wait = TimeDelta::seconds(16);
    for (reply, granted) in [
        (Reply::Drop, true),
        (Reply::Status(401), false),
        (Reply::Status(200), true),
    ] {
        google.site.clock.set(noon() + wait);
        wait = wait * 3;
        if granted {
            google.grants();
        }
        google.peer.reply_next(reply);
        let (count, asked) = google.round().await;
        assert_eq!(count, 1);
        let asks_for_token = asked.iter().filter(|asked| asked.path == "/token").count();
        assert_eq!(asks_for_token, usize::from(granted), "{:?}", calls(&asked));
    }
    google.site.clock.set(noon() + TimeDelta::hours(1));
    assert_eq!(google.round().await.0, 0, "told");
}

#[actix_web::test]
async fn nobody_saved_it_and_that_is_no_trouble() {
    let google = Google::start().await;
    google.fly(1, json!({})).await;
    google.open_link().await;
    google.fly(2, json!({ "gate": "C21" })).await;
    google.grants();
    google.peer.reply_next(Reply::Status(404));
    let (count, asked) = google.round().await;
    assert_eq!((count, asked.len()), (1, 2), "{:?}", calls(&asked));
    google.site.clock.set(noon() + TimeDelta::minutes(30));
    assert_eq!(google.round().await.0, 0, "it is not tried again");
    // Saved meanwhile: further news arrive.
    google.fly(3, json!({ "gate": "C22" })).await;
    let (count, asked) = google.round().await;
    assert_eq!((count, asked.len()), (1, 2), "{:?}", calls(&asked));
}

#[actix_web::test]
async fn somebody_whose_pass_it_is_no_more_learns_that_and_nothing_else() {
    let google = Google::start().await;
    google.fly(1, json!({})).await;
    google.open_link().await;
    let properties =
        json!({ "bar_code": CODE, "gate": "C21", "seat": "9F", "departs_at": "2026-05-04T18:30:00-04:00" });
    let given_away = json!({ "seq": 2, "subjects": ["mia"], "properties": properties });
    let answer = google
        .site
        .ask("PUT", "/v1/facts/flight/AC834", ALL, Some(given_away))
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    google.grants();
    let (_, asked) = google.round().await;
    assert_eq!(asked.len(), 2, "{:?}", calls(&asked));
    assert_eq!(body(&asked[1]), json!({ "state": "INACTIVE" }));
}
