//! A link to Google Wallet is signed by the service account, and holds a flight or a generic pass.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use super::tests::{OPERATOR, flight, now, pass, wallets};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use serde_json::{Value, json};

fn decoded(part: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

/// Header and claims, when the signature is right.
fn verified(link: &str) -> (Value, Value) {
    let token = link.strip_prefix("https://pay.google.com/gp/v/save/").unwrap();
    let (told, signature) = token.rsplit_once('.').unwrap();
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &OPERATOR.google_public)
        .verify(told.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap())
        .unwrap();
    let (header, claims) = told.split_once('.').unwrap();
    (decoded(header), decoded(claims))
}

#[test]
fn the_link_is_a_signed_flight() {
    let google = wallets().google.unwrap();
    let luc = pass("flight", flight(), false);
    let link = google.save_link(&luc, now()).unwrap();
    assert!(
        link.len() < 2_000,
        "browsers and messengers cut longer ones: {}",
        link.len()
    );
    let (header, claims) = verified(&link);
    assert_eq!(header, json!({ "alg": "RS256", "typ": "JWT", "kid": "k1" }));
    assert_eq!(claims["iss"], "usher@project.example");
    assert_eq!(
        (&claims["aud"], &claims["typ"], &claims["iat"]),
        (&json!("google"), &json!("savetowallet"), &json!(now().timestamp()))
    );
    let class = &claims["payload"]["flightClasses"][0];
    assert_eq!(class["localScheduledDepartureDateTime"], "2026-05-04T18:30:00");
    assert_eq!(class["localBoardingDateTime"], "2026-05-04T17:50:00");
    assert_eq!(
        class["flightHeader"],
        json!({ "carrier": { "carrierIataCode": "AC" }, "flightNumber": "834" })
    );
    assert_eq!(
        class["origin"],
        json!({ "airportIataCode": "YUL", "gate": "B7", "terminal": "1" })
    );
    assert_eq!(class["destination"], json!({ "airportIataCode": "FRA" }));
    let object = &claims["payload"]["flightObjects"][0];
    assert_eq!(object["classId"], class["id"]);
    assert!(object["id"].as_str().unwrap().starts_with("3388000000000000000."));
    assert_eq!(
        (&object["state"], &object["passengerName"]),
        (&json!("ACTIVE"), &json!("LUC DESMARAIS"))
    );
    assert_eq!(
        object["boardingAndSeatingInfo"],
        json!({ "seatNumber": "1A", "sequenceNumber": "25" })
    );
    assert_eq!(object["reservationInfo"], json!({ "confirmationCode": "ABC123" }));
    assert_eq!(object["barcode"]["type"], "AZTEC");
}

#[test]
fn without_a_departure_or_a_flight_it_is_a_generic_pass() {
    let google = wallets().google.unwrap();
    let mut no_time = flight();
    no_time.as_object_mut().unwrap().remove("departs_at");
    for (kind, properties, header) in [
        ("flight", no_time, "AC 834"),
        ("stay", json!({ "room": "407" }), "Room 407"),
    ] {
        let (_, claims) = verified(&google.save_link(&pass(kind, properties, false), now()).unwrap());
        let object = &claims["payload"]["genericObjects"][0];
        assert_eq!(object["header"]["defaultValue"]["value"], header);
        assert_eq!(object["cardTitle"]["defaultValue"]["value"], "Air Example");
        assert_eq!(claims["payload"]["genericClasses"][0]["id"], object["classId"]);
    }
}

#[test]
fn a_void_pass_is_inactive_and_keeps_its_name() {
    let google = wallets().google.unwrap();
    let (good, void) = (
        google.saved(&pass("flight", flight(), false)),
        google.saved(&pass("flight", flight(), true)),
    );
    assert_eq!(
        (&void.object["state"], void.object.get("barcode")),
        (&json!("INACTIVE"), None)
    );
    assert_eq!(good.object["id"], void.object["id"]);
}
