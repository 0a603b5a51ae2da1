//! What a project may set up, and that it can name no address.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may panic")]

use super::*;
use crate::channel::tests::CANARY;
use ::fcm::test_server::TestServer;
use serde_json::json;

fn fields(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn refusal(kind: ChannelKind, body: Value, server: &Settings) -> CredentialError {
    open_for(kind, &fields(body), server).err().unwrap()
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
        let channel = open_for(ChannelKind::Fcm, &fields(json!({ "service_account": told })), &server).unwrap();
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
        let error = open_for(ChannelKind::Fcm, &body, &server).err().unwrap();
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
