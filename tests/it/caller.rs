//! A client of the API for tests: it shows every answer as it came, and says what it was when it is not what was expected.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests may panic")]

use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::Value;
use std::time::Duration;

/// Speaks to one server with one credential.
#[derive(Debug, Clone)]
pub struct Caller {
    http: reqwest::Client,
    base: String,
    credential: Option<String>,
}

/// An answer as it came.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    pub asked: String,
}

impl Caller {
    pub fn new(base: impl Into<String>) -> Self {
        // Another test of this process may have installed it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(5))
            .timeout(Duration::from_mins(1))
            .build()
            .unwrap();
        Self {
            http,
            base: base.into(),
            credential: None,
        }
    }

    /// The same connections with another credential.
    pub fn with(&self, credential: &str) -> Self {
        Self {
            credential: Some(credential.to_owned()),
            ..self.clone()
        }
    }

    /// The same connections without any credential.
    pub fn stranger(&self) -> Self {
        Self {
            credential: None,
            ..self.clone()
        }
    }

    pub fn credential(&self) -> &str {
        self.credential.as_deref().unwrap_or_default()
    }

    pub fn base(&self) -> &str {
        &self.base
    }

    /// The same credential at another address: a server that was started again.
    pub fn moved(&self, base: &str) -> Self {
        Self {
            base: base.to_owned(),
            ..self.clone()
        }
    }

    /// Sends anything; an error is one of the connection.
    pub async fn try_send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Result<Answer, reqwest::Error> {
        let asked = format!("{method} {path}");
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        let own = headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("authorization"));
        if let Some(credential) = self.credential.as_ref().filter(|_| !own) {
            request = request.header("authorization", format!("Bearer {credential}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.body(body).send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.bytes().await?.to_vec();
        Ok(Answer {
            status,
            headers,
            body,
            asked,
        })
    }

    pub async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Answer {
        let sent = self.try_send(method.clone(), path, headers, body).await;
        sent.unwrap_or_else(|error| panic!("{method} {path}: {error:?}"))
    }

    pub async fn try_json(&self, method: Method, path: &str, body: &Value) -> Result<Answer, reqwest::Error> {
        self.try_send(method, path, &JSON, body.to_string().into_bytes()).await
    }

    pub async fn json(&self, method: Method, path: &str, body: &Value) -> Answer {
        self.send(method, path, &JSON, body.to_string().into_bytes()).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[], Vec::new()).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, &[], Vec::new()).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.json(Method::POST, path, body).await
    }

    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.json(Method::PUT, path, body).await
    }

    /// Every row of a list that has no pages.
    pub async fn list_whole(&self, path: &str) -> Vec<Value> {
        self.get(path).await.ok()["items"].as_array().unwrap().clone()
    }

    /// Every row of a list, over all its pages.
    pub async fn list(&self, path: &str) -> Vec<Value> {
        let (mut rows, mut cursor) = (Vec::new(), String::new());
        loop {
            let mark = if path.contains('?') { '&' } else { '?' };
            let page = self.get(&format!("{path}{mark}limit=200{cursor}")).await.ok();
            rows.extend(page["items"].as_array().unwrap().iter().cloned());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return rows,
            }
        }
    }
}

const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn value(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{}: {error}: {}", self.asked, self.text()))
    }

    pub fn is_ok(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body of an answer that must be a success; null when it has none.
    #[track_caller]
    pub fn ok(&self) -> Value {
        assert!(self.is_ok(), "{}: {} {}", self.asked, self.status, self.text());
        if self.body.is_empty() {
            Value::Null
        } else {
            self.value()
        }
    }

    /// A refusal as the house writes it: a problem with a code, a title and a detail, and never a 5xx. Gives the body.
    #[track_caller]
    pub fn refusal(&self) -> Value {
        assert!(
            (400..500).contains(&self.status),
            "{}: {} {}",
            self.asked,
            self.status,
            self.text()
        );
        let kind = self
            .headers
            .get("content-type")
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        assert_eq!(
            kind,
            "application/problem+json",
            "{}: {} {}",
            self.asked,
            self.status,
            self.text()
        );
        let body = self.value();
        let code = body["code"].as_str().unwrap_or_default();
        assert!(is_code(code), "{}: code {code:?}", self.asked);
        assert_eq!(body["status"].as_u64(), Some(u64::from(self.status)), "{}", self.asked);
        assert!(
            body["detail"].as_str().is_some_and(|detail| !detail.is_empty()),
            "{}: {body}",
            self.asked
        );
        assert!(
            body["pointer"]
                .as_str()
                .is_none_or(|at| at.is_empty() || at.starts_with('/')),
            "{body}"
        );
        body
    }

    /// A refusal with this status and this code.
    #[track_caller]
    pub fn refused(&self, status: u16, code: &str) -> Value {
        let body = self.refusal();
        assert_eq!(
            (self.status, body["code"].as_str()),
            (status, Some(code)),
            "{}: {body}",
            self.asked
        );
        body
    }

    /// Either a success or a refusal as the house writes it; anything else ends the test.
    #[track_caller]
    pub fn never_5xx(&self) -> bool {
        if !self.is_ok() {
            self.refusal();
        }
        self.is_ok()
    }
}

/// Stable codes are `snake_case`.
pub fn is_code(code: &str) -> bool {
    !code.is_empty()
        && code
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

/// A text as one segment of a path or value of a query.
pub fn escaped(text: &str) -> String {
    text.bytes()
        .map(|byte| {
            if byte.is_ascii_alphanumeric() {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}
