//! The token endpoint takes a proper statement and refuses everything that is not quite one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

use serde_json::{Value, json};

use super::*;
use crate::account::ServiceAccount;
use crate::test_server::key::Key;
use crate::test_server::schema::Schemas;

const NOW_S: i64 = 1_790_000_000;

fn book() -> Book {
    Book::new(
        Key::of_this_process().unwrap(),
        "http://127.0.0.1:9".to_owned(),
        Schemas::load().unwrap(),
    )
}

fn account_json(book: &Book) -> String {
    json!({ "private_key": book.key.private_pem(), "client_email": CLIENT_EMAIL, "token_uri": book.token_uri() })
        .to_string()
}

/// A statement signed with the right key, whatever it says.
fn signed(book: &Book, header: &Value, claims: &Value) -> String {
    let signed = format!(
        "{}.{}",
        BASE64.encode(header.to_string()),
        BASE64.encode(claims.to_string())
    );
    let account = gcp_auth::CustomServiceAccount::from_json(&account_json(book)).unwrap();
    let signature = account.signer().sign(signed.as_bytes()).unwrap();
    format!("{signed}.{}", BASE64.encode(signature))
}

#[test]
fn the_clients_own_statement_is_taken() {
    let book = book();
    let account = ServiceAccount::from_json(&account_json(&book)).unwrap();
    let assertion = account.assertion(u64::try_from(NOW_S).unwrap()).unwrap();
    assert_eq!(check(&book, &assertion, NOW_S), Ok(()));
    assert_eq!(check(&book, &assertion, NOW_S + 3_599), Ok(()));
    assert!(check(&book, &assertion, NOW_S + 3_600).is_err(), "it has ended");
    assert!(check(&book, &assertion, NOW_S - 301).is_err(), "it is from the future");
}

#[test]
fn every_claim_is_checked() {
    let book = book();
    let header = json!({ "alg": "RS256" });
    let good =
        json!({ "iss": CLIENT_EMAIL, "aud": book.token_uri(), "scope": SCOPE, "iat": NOW_S, "exp": NOW_S + 3_600 });
    assert_eq!(check(&book, &signed(&book, &header, &good), NOW_S), Ok(()));
    for (claim, value, words) in [
        ("iss", json!("somebody@else"), "account not found"),
        ("aud", json!("https://oauth2.googleapis.com/token"), "audience"),
        (
            "scope",
            json!("https://www.googleapis.com/auth/firebase.messaging.not"),
            "scope",
        ),
        ("scope", Value::Null, "scope"),
        ("exp", json!(NOW_S), "short-lived"),
        ("exp", json!(NOW_S + 3_601), "short-lived"),
        ("exp", json!("soon"), "numbers"),
        ("iat", json!(NOW_S + 301), "short-lived"),
        ("iat", Value::Null, "numbers"),
    ] {
        let mut claims = good.clone();
        claims[claim] = value;
        let refusal = check(&book, &signed(&book, &header, &claims), NOW_S).unwrap_err();
        assert!(refusal.contains(words), "{claim}: {refusal}");
    }
    assert!(check(&book, &signed(&book, &json!({ "alg": "none" }), &good), NOW_S).is_err());
}

#[test]
fn a_signature_must_fit_the_statement() {
    let book = book();
    let header = json!({ "alg": "RS256" });
    let good = json!({ "iss": CLIENT_EMAIL, "aud": book.token_uri(), "scope": SCOPE, "iat": NOW_S, "exp": NOW_S + 60 });
    let mut longer = good.clone();
    longer["exp"] = json!(NOW_S + 61);
    let (_, signature) = signed(&book, &header, &good)
        .rsplit_once('.')
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .unwrap();
    let other = signed(&book, &header, &longer);
    let forged = format!("{}.{signature}", other.rsplit_once('.').unwrap().0);
    assert_eq!(check(&book, &forged, NOW_S), Err("Invalid JWT Signature."));
    for nonsense in [
        "",
        ".",
        "..",
        "a.b.c",
        "a.b",
        &format!("{}.", other.rsplit_once('.').unwrap().0),
    ] {
        assert!(check(&book, nonsense, NOW_S).is_err(), "{nonsense}");
    }
}
