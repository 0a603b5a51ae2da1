//! A small client of Usher's own API, for the commands that speak to a running server.

use super::out::Failure;
use base64::Engine as _;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Method, Response, StatusCode};
use serde_json::Value;
use std::time::Duration;

/// Tries of one request that fails for reasons that pass.
const TRIES_MAX: u32 = 8;
/// The longest pause between two tries, whatever the server asks for.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// Speaks to one server with one credential.
#[derive(Debug, Clone)]
pub(super) struct Client {
    http: reqwest::Client,
    url: String,
    token: String,
}

/// Another try is worth it.
#[derive(Debug)]
struct Again {
    /// As the server wants it.
    after: Option<Duration>,
}

/// The client that every command speaks with.
pub(super) fn http() -> Result<reqwest::Client, Failure> {
    let client = reqwest::Client::builder()
        .connect_timeout(Duration::from_secs(5))
        .timeout(Duration::from_mins(1));
    client.build().map_err(|error| {
        Failure::new(
            format!("no HTTP client: {error}"),
            "this is a fault in Usher: please report it",
        )
    })
}

/// Why a request failed.
#[derive(Debug)]
struct Refusal {
    what: String,
    /// None when another try would fail the same way.
    again: Option<Again>,
    status: Option<StatusCode>,
}

impl Client {
    pub(super) fn new(url: &str, token: &str) -> Result<Self, Failure> {
        Ok(Self {
            http: http()?,
            url: url.trim_end_matches('/').to_owned(),
            token: token.to_owned(),
        })
    }

    /// The same server with another credential.
    pub(super) fn with_token(&self, token: &str) -> Self {
        Self {
            token: token.to_owned(),
            ..self.clone()
        }
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        self.send(Method::POST, path, "application/json", body.to_string().into_bytes())
            .await
    }

    pub(super) async fn put(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        self.send(Method::PUT, path, "application/json", body.to_string().into_bytes())
            .await
    }

    /// Sends, and tries again while the server is busy or away.
    pub(super) async fn send(&self, method: Method, path: &str, media: &str, body: Vec<u8>) -> Result<Value, Failure> {
        let mut tries = 0;
        loop {
            tries += 1;
            let refusal = match self.once(method.clone(), path, media, body.clone()).await {
                Ok(answer) => return Ok(answer),
                Err(refusal) => refusal,
            };
            match refusal.again {
                Some(Again { after }) if tries < TRIES_MAX => {
                    let pause = after.unwrap_or(Duration::from_millis(250 << tries)).min(PAUSE_MAX);
                    tokio::time::sleep(pause).await;
                }
                _ => return Err(self.told(&refusal)),
            }
        }
    }

    fn told(&self, refusal: &Refusal) -> Failure {
        let remedy = match refusal.status {
            None => format!(
                "is `usher serve` running at {}? Name another address with --url",
                self.url
            ),
            Some(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
                "check the credential: `usher keys create` makes keys, POST /v1/devices hands out device tokens"
                    .to_owned()
            }
            Some(status) if status.is_server_error() => "look at the log of the server".to_owned(),
            Some(_) => "correct what it says and send again; `usher openapi` describes every body".to_owned(),
        };
        Failure::new(&refusal.what, remedy)
    }

    async fn once(&self, method: Method, path: &str, media: &str, body: Vec<u8>) -> Result<Value, Refusal> {
        let address = format!("{}{path}", self.url);
        let request = self
            .http
            .request(method, &address)
            .bearer_auth(&self.token)
            .header(CONTENT_TYPE, media)
            .body(body);
        let answer = request.send().await.map_err(|error| Refusal {
            what: format!("{address}: {}", root_of(&error)),
            again: Some(Again { after: None }),
            status: None,
        })?;
        let status = answer.status();
        let busy = status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error();
        let again = busy.then(|| Again {
            after: asked_pause(&answer),
        });
        let text = answer.text().await.unwrap_or_default();
        if status.is_success() {
            return Ok(serde_json::from_str(&text).unwrap_or(Value::Null));
        }
        Err(Refusal {
            what: format!("{path}: {}", problem_in(status, &text)),
            again,
            status: Some(status),
        })
    }
}

fn asked_pause(answer: &Response) -> Option<Duration> {
    let seconds = answer.headers().get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// What an RFC 9457 problem says, with each field that is wrong; or the status alone.
fn problem_in(status: StatusCode, text: &str) -> String {
    let Ok(problem) = serde_json::from_str::<Value>(text) else {
        return status.to_string();
    };
    let read = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut told = format!("{status}: {} {}", read(&problem, "code"), read(&problem, "detail"));
    for error in problem
        .get("errors")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .take(10)
    {
        told.push_str(&format!("\n  {}: {}", read(error, "pointer"), read(error, "detail")));
    }
    told.trim_end().to_owned()
}

/// The innermost cause: reqwest's own words say only that a request failed.
fn root_of(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

/// A name as one segment of a path.
pub(super) fn segment(name: &str) -> String {
    let kept = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~');
    name.bytes()
        .map(|byte| {
            if kept(byte) {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}

/// 128 random bits as text, for ids of records and installations.
pub(super) fn random_name() -> String {
    use crate::base::chance::{Entropy, SystemEntropy};
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(SystemEntropy.seed().as_bytes())
}
