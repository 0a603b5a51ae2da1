//! Settings that cannot work are refused with the setting, the file and the remedy, and never with what a file holds.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use super::tests::{OPERATOR, now};
use super::*;
use std::path::PathBuf;

fn refusal(change: impl FnOnce(&mut Settings)) -> String {
    let mut settings = OPERATOR.settings.clone();
    change(&mut settings);
    Wallets::open(&settings, now()).unwrap_err()
}

fn written(name: &str, text: &str) -> PathBuf {
    let path = OPERATOR.folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn nothing_set_is_nothing_offered() {
    let none = Wallets::open(&Settings::default(), now()).unwrap();
    assert!(none.apple.is_none() && none.google.is_none());
    let both = Wallets::open(&OPERATOR.settings, now()).unwrap();
    assert!(both.apple.is_some() && both.google.is_some());
}

#[test]
fn an_apple_setting_that_is_missing_or_wrong_is_named_with_its_remedy() {
    let missing = refusal(|settings| settings.apple.team_id = None);
    assert!(
        missing.starts_with("wallet.apple.team_id: is not set, but other settings of [wallet.apple] are; copy"),
        "{missing}"
    );
    let absent = refusal(|settings| settings.apple.key_file = Some("/nowhere/key.pem".into()));
    assert!(
        absent.starts_with("wallet.apple.key_file: /nowhere/key.pem: cannot be read") && absent.contains("RSA key"),
        "{absent}"
    );
    let other = refusal(|settings| settings.apple.pass_type_id = Some("pass.example.other".into()));
    assert!(
        other
            .contains("pass_type_id: `pass.example.other` is not what the certificate is for, `pass.example.boarding`"),
        "{other}"
    );
    let team = refusal(|settings| settings.apple.team_id = Some("Z".into()));
    assert!(team.contains("team_id") && team.contains("A1B2C3D4E5"), "{team}");
    let stranger = refusal(|settings| settings.apple.intermediate_file = settings.apple.certificate_file.clone());
    assert!(
        stranger.contains("intermediate_file") && stranger.contains("did not issue"),
        "{stranger}"
    );
    let no_certificate = refusal(|settings| settings.apple.certificate_file = settings.apple.key_file.clone());
    assert!(
        no_certificate.contains("certificate_file") && no_certificate.contains("is no certificate"),
        "{no_certificate}"
    );
    let picture = refusal(|settings| settings.apple.icon_file = settings.apple.key_file.clone());
    assert!(
        picture.contains("icon_file") && picture.contains("is no PNG"),
        "{picture}"
    );
}

#[test]
fn a_key_that_is_locked_or_another_is_told_without_showing_it() {
    let body = "c2VjcmV0";
    let locked = written(
        "locked.pem",
        &format!("-----BEGIN ENCRYPTED PRIVATE KEY-----\n{body}\n-----END ENCRYPTED PRIVATE KEY-----\n"),
    );
    let locked = refusal(|settings| settings.apple.key_file = Some(locked));
    assert!(
        locked.contains("locked with a password; unlock it with `openssl pkey"),
        "{locked}"
    );
    let rubbish = written(
        "rubbish.pem",
        &format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n"),
    );
    let rubbish = refusal(|settings| settings.apple.key_file = Some(rubbish));
    assert!(rubbish.contains("is no RSA key of 2,048 to 4,096 bits"), "{rubbish}");
    let account = std::fs::read(OPERATOR.settings.google.service_account_file.as_ref().unwrap()).unwrap();
    let account: serde_json::Value = serde_json::from_slice(&account).unwrap();
    let google_key = written("google.pem", account["private_key"].as_str().unwrap());
    let other = refusal(|settings| settings.apple.key_file = Some(google_key));
    assert!(
        other.contains("key_file") && other.contains("is not the key of the certificate"),
        "{other}"
    );
    for said in [locked, rubbish, other] {
        assert!(!said.contains(body) && !said.contains("BEGIN"), "{said}");
    }
}

#[test]
fn a_google_setting_that_is_wrong_is_named_with_its_remedy() {
    let issuer = refusal(|settings| settings.google.issuer_id = Some("hotel".into()));
    assert!(
        issuer.starts_with("wallet.google.issuer_id: `hotel` is no number; copy"),
        "{issuer}"
    );
    let account = refusal(|settings| settings.google.service_account_file = settings.apple.key_file.clone());
    assert!(
        account.contains("service_account_file") && account.contains("is no JSON with client_email"),
        "{account}"
    );
    let path = written("half.json", r#"{"client_email":"a@b.example","private_key":"hunter2"}"#);
    let key = refusal(|settings| settings.google.service_account_file = Some(path));
    assert!(
        key.contains("private_key is no key in PEM") && !key.contains("hunter2"),
        "{key}"
    );
}
