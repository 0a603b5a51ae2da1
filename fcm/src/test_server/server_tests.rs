//! The server against requests that our own client would never make.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

use serde_json::{Value, json};

use super::{PROJECT_ID, TestServer};
use crate::account::ServiceAccount;
use crate::clock;

struct Raw {
    server: TestServer,
    http: reqwest::Client,
    access_token: String,
}

impl Raw {
    async fn start() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (server, http) = (
            TestServer::start().await.unwrap(),
            reqwest::Client::builder()
                .timeout(crate::DEFAULT_TIMEOUT)
                .build()
                .unwrap(),
        );
        let account = ServiceAccount::from_json(&server.service_account_json()).unwrap();
        let form = format!(
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion={}",
            account.assertion(clock::unix_s()).unwrap()
        );
        let request = http
            .post(&account.token_uri)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form);
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        assert_eq!(
            (answer["token_type"].as_str(), answer["expires_in"].as_u64()),
            (Some("Bearer"), Some(3_600))
        );
        let access_token = answer["access_token"].as_str().unwrap().to_owned();
        Self {
            server,
            http,
            access_token,
        }
    }

    fn request(&self) -> reqwest::RequestBuilder {
        let url = format!("{}/v1/projects/{PROJECT_ID}/messages:send", self.server.endpoint());
        self.http.post(url).bearer_auth(&self.access_token)
    }

    async fn refusal(&self, message: Value) -> Value {
        let answer = self
            .request()
            .json(&json!({ "message": message }))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 400, "{message}");
        answer.json::<Value>().await.unwrap()["error"].take()
    }
}

#[tokio::test]
async fn a_wrong_shape_is_refused_as_google_does() {
    let raw = Raw::start().await;
    for (message, field) in [
        (json!({ "token": "t", "colour": "red" }), "message"),
        (
            json!({ "token": "t", "android": { "priority": "URGENT" } }),
            "message.android.priority",
        ),
        (json!({ "token": "t", "data": { "a": 42 } }), "message.data[0].value"),
        (
            json!({ "token": "t", "android": { "ttl": "15m" } }),
            "message.android.ttl",
        ),
    ] {
        let error = raw.refusal(message).await;
        assert_eq!(
            (error["code"].as_u64(), error["status"].as_str()),
            (Some(400), Some("INVALID_ARGUMENT"))
        );
        let details = error["details"].as_array().unwrap();
        assert_eq!(details.len(), 1, "the parser does not speak for FCM: {error}");
        assert_eq!(details[0]["@type"], "type.googleapis.com/google.rpc.BadRequest");
        assert_eq!(details[0]["fieldViolations"][0]["field"], field);
    }
    assert!(raw.server.received().iter().all(|received| !received.accepted));
}

#[tokio::test]
async fn a_broken_rule_of_fcm_carries_its_code() {
    let raw = Raw::start().await;
    for (message, words) in [
        (json!({ "data": { "a": "b" } }), "Recipient of the message is not set."),
        (
            json!({ "token": "t", "topic": "news" }),
            "oneof field 'target' is already set",
        ),
        (
            json!({ "token": "t", "fid": "f" }),
            "oneof field 'target' is already set",
        ),
        (
            json!({ "token": "t", "data": { "google.x": "1" } }),
            "Invalid data payload key: google.x",
        ),
        (
            json!({ "token": "t", "data": { "k": "x".repeat(4_096) } }),
            "Message is too big",
        ),
        (
            json!({ "token": "t", "android": { "ttl": "-1s" } }),
            "Invalid value for ttl",
        ),
        (json!({ "token": "t", "name": "projects/p/messages/1" }), "output only"),
        (
            json!({ "token": "t", "android": { "notification": { "color": "red" } } }),
            "Invalid color",
        ),
        (
            json!({ "token": "t", "apns": { "headers": { "apns-priority": "7" } } }),
            "apns-priority",
        ),
        (
            json!({ "token": "t", "webpush": { "headers": { "Urgency": "now" } } }),
            "Urgency",
        ),
        (
            json!({ "token": "t", "fcmOptions": { "analyticsLabel": "no spaces" } }),
            "Invalid analytics label.",
        ),
    ] {
        let error = raw.refusal(message).await;
        assert!(error["message"].as_str().unwrap().contains(words), "{error}");
        assert_eq!(error["details"][0]["errorCode"], "INVALID_ARGUMENT", "{error}");
    }
}

#[tokio::test]
async fn credentials_type_and_path_are_checked() {
    let raw = Raw::start().await;
    let message = json!({ "message": { "token": "t", "data": { "a": "b" } } });
    let send = async |request: reqwest::RequestBuilder| request.send().await.unwrap().status().as_u16();
    let url = raw.request().build().unwrap().url().clone();
    assert_eq!(send(raw.request().json(&message)).await, 200);
    assert_eq!(send(raw.http.post(url.clone()).json(&message)).await, 401);
    assert_eq!(
        send(raw.http.post(url.clone()).bearer_auth("forged").json(&message)).await,
        401
    );
    assert_eq!(
        send(raw.request().body(message.to_string())).await,
        400,
        "no content type"
    );
    assert_eq!(
        send(raw.request().header("content-type", "application/json").body("{")).await,
        400
    );
    assert_eq!(send(raw.http.get(url.clone())).await, 405);
    assert_eq!(
        send(raw.http.post(url.join("/fcm/send").unwrap()).json(&message)).await,
        404,
        "the old endpoint is gone"
    );
    let other = url.join("/v1/projects/other/messages:send").unwrap();
    assert_eq!(
        send(raw.http.post(other).bearer_auth(&raw.access_token).json(&message)).await,
        403
    );
    raw.server.expire_access_tokens();
    assert_eq!(send(raw.request().json(&message)).await, 401);
    assert_eq!(
        raw.server
            .received()
            .iter()
            .filter(|received| received.accepted)
            .count(),
        1
    );
}

#[tokio::test]
async fn snake_case_is_understood_and_recorded_in_camel_case() {
    let raw = Raw::start().await;
    let body = json!({ "message": { "token": "t", "fcm_options": { "analytics_label": "a" } }, "validate_only": true });
    let answer: Value = raw.request().json(&body).send().await.unwrap().json().await.unwrap();
    assert_eq!(answer["name"], "projects/fcm-test/messages/fake_message_id");
    let received = raw.server.received();
    assert!(received[0].validate_only);
    assert_eq!(received[0].message["fcmOptions"]["analyticsLabel"], "a");
}

/// What TLS and HTTP/2 add: clients that trust the certificate share one connection, and others get no answer.
#[tokio::test]
async fn behind_tls_one_http2_connection_serves_all_who_trust_it() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let server = TestServer::start_tls().await.unwrap();
    let certificate = reqwest::Certificate::from_pem(server.certificate_pem().unwrap().as_bytes()).unwrap();
    let trusting = reqwest::Client::builder()
        .tls_certs_only([certificate])
        .timeout(crate::DEFAULT_TIMEOUT)
        .build()
        .unwrap();
    let url = format!("{}/v1/projects/{PROJECT_ID}/messages:send", server.endpoint());
    for _ in 0..3 {
        let answer = trusting.post(&url).json(&json!({})).send().await.unwrap();
        assert_eq!(
            (answer.status().as_u16(), answer.version()),
            (401, reqwest::Version::HTTP_2)
        );
    }
    let connections = server.connections();
    assert_eq!(connections.len(), 1);
    assert_eq!((connections[0].requests, connections[0].is_http2), (3, true));
    let stranger = reqwest::Client::builder()
        .timeout(crate::DEFAULT_TIMEOUT)
        .build()
        .unwrap();
    assert!(stranger.post(&url).json(&json!({})).send().await.is_err());
}
