//! What a client refuses to be made from, and how it meets servers that are not FCM.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

use std::io::{Read, Write};
use std::net::TcpListener;

use serde_json::Value;

use super::{Client, Settings};
use crate::error::{Advice, SendError, SetupError};
use crate::message::Message;
use crate::test_server::TestServer;

/// A server that answers each connection with these bytes, and then with `filler` for as long as anybody listens.
fn canned(answer: &'static str, filler: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let mut request = [0; 4_096];
            let _ = stream.read(&mut request);
            let _ = stream.write_all(answer.as_bytes());
            while !filler.is_empty() && stream.write_all(filler).is_ok() {}
        }
    });
    format!("http://{address}")
}

async fn answer_from(endpoint: String) -> SendError {
    let server = TestServer::start().await.unwrap();
    let client = Client::new(server.settings().endpoint(endpoint)).unwrap();
    client.send(&Message::to_token("t")).await.unwrap_err()
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let target = TestServer::start().await.unwrap();
    let answer = format!(
        "HTTP/1.1 307 Moved\r\nlocation: {}/\r\ncontent-length: 0\r\n\r\n",
        target.endpoint()
    );
    let error = answer_from(canned(Box::leak(answer.into_boxed_str()), b"")).await;
    assert_eq!(
        error,
        SendError::Unexpected {
            status: 307,
            body: String::new()
        }
    );
    assert_eq!(error.advice(), Advice::FixConfiguration);
}

#[tokio::test]
async fn an_endless_answer_is_read_up_to_the_bound() {
    let error = answer_from(canned(
        "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n\r\n",
        &[b'x'; 8_192],
    ))
    .await;
    assert_eq!(
        error,
        SendError::Unexpected {
            status: 200,
            body: "x".repeat(512)
        }
    );
}

#[tokio::test]
async fn an_answer_cut_in_the_middle_is_a_lost_answer() {
    let error = answer_from(canned("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"name\":", b"")).await;
    assert!(matches!(error, SendError::Transport(_)), "{error:?}");
}

#[tokio::test]
async fn a_service_account_that_is_none_is_refused_without_being_quoted() {
    let server = TestServer::start().await.unwrap();
    let good: Value = serde_json::from_str(&server.service_account_json()).unwrap();
    let without = |field: &str| {
        let mut account = good.clone();
        account.as_object_mut().unwrap().remove(field);
        account.to_string()
    };
    let mut broken_key = good.clone();
    broken_key["private_key"] = "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n".into();
    for (json, words) in [
        ("{ secret".to_owned(), "not JSON at line 1, column 3"),
        ("\"secret\"".to_owned(), "/private_key is missing"),
        (without("private_key"), "/private_key is missing"),
        (without("client_email"), "/client_email is missing"),
        (without("token_uri"), "/token_uri is missing"),
        (without("project_id"), "/project_id is missing"),
        (broken_key.to_string(), "/private_key is not an RSA key"),
    ] {
        let error = Client::new(Settings::new(json)).unwrap_err();
        assert!(matches!(error, SetupError::ServiceAccount { .. }), "{error}");
        assert!(error.to_string().contains(words), "{error}");
        assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
    }
    Client::new(Settings::new(without("project_id")).project_id("given")).unwrap();
}

#[tokio::test]
async fn addresses_where_a_token_could_be_overheard_are_refused() {
    let server = TestServer::start().await.unwrap();
    for endpoint in [
        "http://fcm.example",
        "ftp://localhost",
        "fcm.googleapis.com",
        "",
        "https://user:pw@fcm.example",
        "https://fcm.example/?x=1",
        "http://127.0.0.1.example",
    ] {
        let error = Client::new(server.settings().endpoint(endpoint)).unwrap_err();
        assert!(
            matches!(
                error,
                SetupError::Address {
                    what: "the endpoint",
                    ..
                }
            ),
            "{endpoint}: {error}"
        );
    }
    for endpoint in [
        "https://fcm.example",
        "http://localhost:1",
        "http://[::1]:1",
        "http://127.0.0.1:1/base/",
    ] {
        Client::new(server.settings().endpoint(endpoint)).unwrap();
    }
    Client::new(server.settings().endpoint("http://stub.test").allow_plain_http(true)).unwrap();
    let spied = server.service_account_json().replace("127.0.0.1", "token.example");
    assert!(matches!(
        Client::new(Settings::new(spied)),
        Err(SetupError::Address { .. })
    ));
    for project in ["", "..", "a/../b", "a b", "a?b", "a%2fb"] {
        assert!(Client::new(server.settings().project_id(project)).is_err(), "{project}");
    }
}

#[tokio::test]
async fn the_base_path_of_the_endpoint_is_kept() {
    let server = TestServer::start().await.unwrap();
    let client = Client::new(
        server
            .settings()
            .endpoint("http://127.0.0.1:1/fcm/")
            .project_id("example.com:p"),
    )
    .unwrap();
    assert_eq!(
        client.inner.send_url.as_str(),
        "http://127.0.0.1:1/fcm/v1/projects/example.com:p/messages:send"
    );
}
