//! The client: one connection pool, one access token, any number of sends.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use reqwest::header::CONTENT_TYPE;
use serde::Serialize;

use crate::access::{Access, AccessToken};
use crate::account::ServiceAccount;
use crate::answer::Answer;
use crate::error::{SendError, SetupError};
use crate::message::Message;

/// Where messages go unless the settings say otherwise.
pub const DEFAULT_ENDPOINT: &str = "https://fcm.googleapis.com";
/// How long one exchange may take unless the settings say otherwise. Google asks for at least ten seconds.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// The topic of the dry run. Nobody subscribes to it, and nothing is delivered anyway.
const PROBE_TOPIC: &str = "fcm-probe";

/// Everything a [`Client`] needs to know. `Debug` does not show the service account.
#[derive(Clone)]
#[non_exhaustive]
pub struct Settings {
    /// The JSON file of a service account that may send messages, as the Firebase console gives it.
    pub service_account_json: String,
    /// Where messages go: [`DEFAULT_ENDPOINT`].
    pub endpoint: String,
    /// The Firebase project; without it the one of the service account.
    pub project_id: Option<String>,
    /// How long one exchange may take: [`DEFAULT_TIMEOUT`]. A send makes one, or up to four when the access token has to be
    /// got and then renewed.
    pub timeout: Duration,
    /// Allows plain `http` to other machines. Access tokens then travel in the clear: for closed test networks only. Plain
    /// `http` to this machine is always allowed.
    pub allow_plain_http: bool,
}

impl Settings {
    /// The settings for a service account, everything else as usual.
    pub fn new(service_account_json: impl Into<String>) -> Self {
        Self {
            service_account_json: service_account_json.into(),
            endpoint: DEFAULT_ENDPOINT.to_owned(),
            project_id: None,
            timeout: DEFAULT_TIMEOUT,
            allow_plain_http: false,
        }
    }

    /// Sets where messages go.
    #[must_use]
    pub fn endpoint(mut self, url: impl Into<String>) -> Self {
        self.endpoint = url.into();
        self
    }

    /// Sets the Firebase project.
    #[must_use]
    pub fn project_id(mut self, id: impl Into<String>) -> Self {
        self.project_id = Some(id.into());
        self
    }

    /// Sets how long one exchange may take.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Allows plain `http` to other machines, for closed test networks.
    #[must_use]
    pub fn allow_plain_http(mut self, allow: bool) -> Self {
        self.allow_plain_http = allow;
        self
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("endpoint", &self.endpoint)
            .field("project_id", &self.project_id)
            .field("timeout", &self.timeout)
            .field("allow_plain_http", &self.allow_plain_http)
            .finish_non_exhaustive()
    }
}

/// A message that FCM accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sent {
    /// Google's name for it: `projects/{project}/messages/{id}`.
    pub name: String,
}

/// Sends messages. Cloning is cheap, and clones share the connections and the access token: make one and keep it.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    http: reqwest::Client,
    access: Access,
    send_url: Url,
}

/// The body of `messages:send`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SendRequest<'a> {
    message: &'a Message,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    validate_only: bool,
}

impl Client {
    /// Reads the service account and makes ready; nothing is sent yet.
    ///
    /// Installs *ring* as the process's TLS provider if none is installed. `rustls` needs one, and forgetting it would
    /// surface as a panic on the first connection; an application that wants another installs it before.
    ///
    /// # Errors
    /// [`SetupError`] if the service account, an address or the machine's certificates cannot be used.
    pub fn new(settings: Settings) -> Result<Self, SetupError> {
        // An error means that a provider is installed already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let account = ServiceAccount::from_json(&settings.service_account_json)?;
        let project_id = settings
            .project_id
            .or_else(|| account.project_id.clone())
            .ok_or_else(|| SetupError::ServiceAccount {
                detail: "/project_id is missing, and the settings name none".to_owned(),
            })?;
        checked_url(
            "the token_uri of the service account",
            &account.token_uri,
            settings.allow_plain_http,
        )?;
        let mut send_url = checked_url("the endpoint", &settings.endpoint, settings.allow_plain_http)?;
        let base = send_url.path().trim_end_matches('/').to_owned();
        send_url.set_path(&format!(
            "{base}/v1/projects/{}/messages:send",
            checked_project(&project_id)?
        ));
        let http = reqwest::Client::builder()
            .timeout(settings.timeout)
            .connect_timeout(settings.timeout)
            // A redirect would carry the access token and the message to an address that nobody configured.
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("fcm/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| SetupError::Http(error.to_string()))?;
        Ok(Self {
            inner: Arc::new(Inner {
                http,
                access: Access::new(account),
                send_url,
            }),
        })
    }

    /// Sends one message. Never retries a refused or lost message: when and whether to try again is the caller's to
    /// decide, with [`SendError::advice`]. Only a refused access token is renewed, once, and the message sent again.
    ///
    /// # Errors
    /// [`SendError`], with what to do about it.
    pub async fn send(&self, message: &Message) -> Result<Sent, SendError> {
        self.post(message, false).await
    }

    /// Has FCM check a message without delivering it.
    ///
    /// # Errors
    /// [`SendError`], as for a real send.
    pub async fn validate(&self, message: &Message) -> Result<Sent, SendError> {
        self.post(message, true).await
    }

    /// Checks the whole way - key, token endpoint, permission, project - by a dry run of a message to a topic without
    /// subscribers. Nothing is delivered.
    ///
    /// # Errors
    /// [`SendError`]; its `Display` has Google's own words.
    pub async fn probe(&self) -> Result<(), SendError> {
        self.validate(&Message::to_topic(PROBE_TOPIC).entry("probe", "1"))
            .await
            .map(drop)
    }

    async fn post(&self, message: &Message, validate_only: bool) -> Result<Sent, SendError> {
        let (size_bytes, max_bytes) = (message.size_bytes(), message.size_max_bytes());
        if size_bytes > max_bytes {
            return Err(SendError::TooLarge { size_bytes, max_bytes });
        }
        let body =
            serde_json::to_vec(&SendRequest { message, validate_only }).map_err(|error| SendError::InvalidPayload {
                detail: format!("not expressible as JSON: {error}"),
            })?;
        let Inner { http, access, .. } = &*self.inner;
        let token = access.token(http).await?;
        let first = self.attempt(message, body.clone(), &token).await;
        if !matches!(first, Err(SendError::Unauthenticated { .. })) {
            return first;
        }
        access.refuse(&token);
        let token = access.token(http).await?;
        let second = self.attempt(message, body, &token).await;
        if matches!(second, Err(SendError::Unauthenticated { .. })) {
            access.refuse(&token);
        }
        second
    }

    async fn attempt(&self, message: &Message, body: Vec<u8>, token: &AccessToken) -> Result<Sent, SendError> {
        let request = self
            .inner
            .http
            .post(self.inner.send_url.clone())
            .bearer_auth(token.secret())
            .header(CONTENT_TYPE, "application/json; charset=utf-8")
            .body(body);
        Answer::of(request).await?.read(message)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("send_url", &self.inner.send_url.as_str())
            .finish_non_exhaustive()
    }
}

/// `https`, or `http` where it cannot be overheard or was asked for.
fn checked_url(what: &'static str, text: &str, allow_plain_http: bool) -> Result<Url, SetupError> {
    let refuse = |detail: &str| SetupError::Address {
        what,
        detail: detail.to_owned(),
    };
    let url = Url::parse(text).map_err(|error| refuse(&error.to_string()))?;
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let is_this_machine = host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback());
    match url.scheme() {
        "https" => {}
        "http" if is_this_machine || allow_plain_http => {}
        _ => return Err(refuse("it must start with https:// (http:// is for this machine only)")),
    }
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        return Err(refuse("it must not have a user name, a query or a fragment"));
    }
    Ok(url)
}

/// A project id becomes part of a path, so nothing in it may lead elsewhere.
fn checked_project(id: &str) -> Result<&str, SetupError> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b':' | b'_');
    if id.is_empty() || id.contains("..") || id == "." || !id.bytes().all(is_plain) {
        let detail = "a project id has letters, digits, hyphens, dots and colons only".to_owned();
        return Err(SetupError::Address {
            what: "the project id",
            detail,
        });
    }
    Ok(id)
}

#[cfg(all(test, feature = "test-server"))]
#[path = "client_tests.rs"]
mod tests;
