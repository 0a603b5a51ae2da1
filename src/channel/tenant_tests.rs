//! What a project may set up, and that it can name no address.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may panic")]

use super::*;
use crate::channel::outside;
use crate::channel::peer::test_key;
use crate::channel::tests::CANARY;
use ::fcm::test_server::TestServer;
use serde_json::json;

fn fields(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn refusal(kind: ChannelKind, body: Value, server: &Settings) -> CredentialError {
    open_for(kind, &fields(body), server, &way_out()).err().unwrap()
}

fn way_out() -> Outside {
    Outside::open(&outside::Settings::default()).unwrap()
}

fn account(server: &TestServer) -> Value {
    serde_json::from_str(&server.service_account_json()).unwrap()
}

#[tokio::test]
async fn a_service_account_opens_as_an_object_and_as_text_at_the_address_of_the_server() {
    let peer = TestServer::start().await.unwrap();
    let mut server = Settings {
        tenant_endpoints: true,
        ..Settings::default()
    };
    server.fcm.endpoint = peer.endpoint();
    let account = account(&peer);
    for told in [account.clone(), json!(account.to_string())] {
        let told = fields(json!({ "service_account": told }));
        let channel = open_for(ChannelKind::Fcm, &told, &server, &way_out()).unwrap();
        assert_eq!(channel.kind(), ChannelKind::Fcm);
        channel.probe().await.unwrap();
    }
}

#[tokio::test]
async fn a_project_names_no_address_and_no_file() {
    let peer = TestServer::start().await.unwrap();
    let server = Settings::default();
    let account = account(&peer);
    let error = refusal(ChannelKind::Fcm, json!({ "service_account": account }), &server);
    assert_eq!(error.pointer, "/service_account/token_uri");
    assert!(error.detail.contains("oauth2.googleapis.com"), "{error}");
    for field in ["endpoint", "service_account_file", "timeout_s"] {
        let mut body = fields(json!({ "service_account": account }));
        body.insert(field.to_owned(), json!("http://169.254.169.254/"));
        let error = open_for(ChannelKind::Fcm, &body, &server, &way_out()).err().unwrap();
        assert_eq!(error.pointer, format!("/{field}"), "{error}");
        assert!(error.detail.contains("service_account"), "{error}");
    }
}

#[test]
fn what_is_wrong_is_told_with_its_place_and_without_the_secret() {
    let server = Settings::default();
    for (body, pointer) in [
        (json!({}), "/service_account"),
        (json!({ "service_account": 7 }), "/service_account"),
        (json!({ "service_account": CANARY }), "/service_account"),
        (
            json!({ "service_account": { "private_key": CANARY } }),
            "/service_account",
        ),
    ] {
        let error = refusal(ChannelKind::Fcm, body, &server);
        assert!(error.pointer.starts_with(pointer), "{error:?}");
        assert!(!error.detail.contains(CANARY) && error.detail.len() > 10, "{error}");
    }
    let error = refusal(ChannelKind::Tray, json!({}), &server);
    assert!(error.detail.contains("tray"), "{error}");
}

/// What opens each channel, beside FCM.
fn bodies() -> [(ChannelKind, Value); 4] {
    let (pem, bare, _) = test_key(7);
    [
        (
            ChannelKind::Apns,
            json!({ "key": pem, "key_id": "ABC123DEFG", "team_id": "DEF123GHIJ", "topic": "at.alpenhof.app", "endpoint": "sandbox" }),
        ),
        (
            ChannelKind::Webpush,
            json!({ "key": bare, "subject": "mailto:hello@alpenhof.example" }),
        ),
        (
            ChannelKind::Sms,
            json!({ "account_sid": "AC0123", "auth_token": CANARY, "from": "+43512000000" }),
        ),
        (
            ChannelKind::Email,
            json!({ "host": "mail.alpenhof.example", "port": 465, "tls": "implicit", "username": "hotel", "password": CANARY,
                "from": "Alpenhof <hello@alpenhof.example>", "reply_to": "desk@alpenhof.example" }),
        ),
    ]
}

#[tokio::test]
async fn every_channel_of_a_project_opens_and_without_its_first_field_says_which_is_missing() {
    let server = Settings::default();
    for (kind, body) in bodies() {
        let opened = open_for(kind, &fields(body.clone()), &server, &way_out());
        assert_eq!(opened.unwrap().kind(), kind);
        let first = settable(kind)[0];
        let mut without = fields(body.clone());
        without.remove(first);
        let error = open_for(kind, &without, &server, &way_out()).err().unwrap();
        assert_eq!(error.pointer, format!("/{first}"), "{kind:?}: {error}");
        assert!(error.detail.starts_with("is missing"), "{kind:?}: {error}");
    }
}

#[tokio::test]
async fn only_a_mail_server_may_be_anywhere_and_no_channel_reads_a_file() {
    let elsewhere = "https://gateway.example";
    for (kind, field) in [(ChannelKind::Apns, "endpoint"), (ChannelKind::Sms, "base_url")] {
        let body = bodies().into_iter().find(|(of, _)| *of == kind).unwrap().1;
        let mut body = fields(body);
        body.insert(field.to_owned(), json!(elsewhere));
        let mut server = Settings::default();
        let error = open_for(kind, &body, &server, &way_out()).err().unwrap();
        assert_eq!(error.pointer, format!("/{field}"), "{error}");
        assert!(error.detail.contains("no other place"), "{error}");
        server.tenant_endpoints = true;
        assert!(open_for(kind, &body, &server, &way_out()).is_ok(), "{kind:?}");
    }
    for (kind, body) in bodies() {
        for field in ["key_file", "timeout_s"] {
            let mut body = fields(body.clone());
            body.insert(field.to_owned(), json!("/etc/passwd"));
            let error = open_for(kind, &body, &Settings::default(), &way_out()).err().unwrap();
            assert_eq!(error.pointer, format!("/{field}"), "{kind:?}: {error}");
        }
    }
}

#[tokio::test]
async fn the_secrets_of_the_server_never_go_to_a_host_that_a_project_names() {
    let mut server = Settings::default();
    server.email.username = Some("server".into());
    server.email.password = Some(Secret::new(CANARY));
    server.sms.auth_token = Some(Secret::new(CANARY));
    let told = fields(json!({ "host": "mail.alpenhof.example", "from": "hello@alpenhof.example" }));
    let email = Told(&told).email(&server).unwrap();
    assert_eq!((email.username, email.password), (None, None));
    let error = refusal(
        ChannelKind::Sms,
        json!({ "account_sid": "AC1", "from": "+431" }),
        &server,
    );
    assert_eq!(error.pointer, "/auth_token", "{error}");
}

#[tokio::test]
async fn a_wrong_field_is_told_with_its_place_and_never_repeated() {
    let table = [
        (ChannelKind::Apns, "key", json!(CANARY)),
        (ChannelKind::Apns, "key_id", json!([CANARY])),
        (ChannelKind::Apns, "team_id", json!("")),
        (ChannelKind::Webpush, "key", json!(CANARY)),
        (ChannelKind::Webpush, "subject", json!(CANARY)),
        (ChannelKind::Sms, "account_sid", json!(format!("{CANARY}/../x"))),
        (ChannelKind::Sms, "auth_token", json!({ "token": CANARY })),
        (ChannelKind::Email, "port", json!(CANARY)),
        (ChannelKind::Email, "port", json!(0)),
        (ChannelKind::Email, "tls", json!("none")),
        (ChannelKind::Email, "from", json!(CANARY)),
    ];
    for (kind, field, wrong) in table {
        let body = bodies().into_iter().find(|(of, _)| *of == kind).unwrap().1;
        let mut body = fields(body);
        body.insert(field.to_owned(), wrong);
        let error = open_for(kind, &body, &Settings::default(), &way_out()).err().unwrap();
        assert_eq!(error.pointer, format!("/{field}"), "{kind:?}: {error}");
        assert!(!error.detail.contains(CANARY) && error.detail.len() > 10, "{error}");
    }
}
