//! The one way out to an address that a tenant can set: judged where it is connected to, never redirected, answers capped.

mod address;

pub use address::{Inside, Net, NetError, judge};

use super::answer::Answer;
use crate::base::limits;
use futures_util::future::{BoxFuture, FutureExt};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Method, RequestBuilder, Url};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// `[channels.outside]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Networks that may be connected to although they are not on the public internet.
    pub allow: Vec<String>,
}

/// Asks for the addresses of a name.
pub trait Names: Send + Sync {
    /// The addresses, in the order to try them.
    fn addresses(&self, host: &str) -> BoxFuture<'static, std::io::Result<Vec<IpAddr>>>;
}

/// The machine's own resolver.
struct SystemNames;

impl Names for SystemNames {
    fn addresses(&self, host: &str) -> BoxFuture<'static, std::io::Result<Vec<IpAddr>>> {
        let host = host.to_owned();
        async move {
            let found = tokio::net::lookup_host((host, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        }
        .boxed()
    }
}

/// Why nothing came back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OutsideError {
    #[error("the address is not one to send to: {0}")]
    Address(String),
    /// Every address of the host is inside; nothing was connected to.
    #[error("{0}")]
    Refused(Refused),
    #[error("the name is not known")]
    NameUnknown,
    #[error("no connection: {0}")]
    Connect(String),
    #[error("timeout")]
    Timeout,
    #[error("the connection broke")]
    Transport,
}

/// A host whose addresses may not be connected to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the host is at an address that is {why}; an operator can allow its network in channels.outside.allow")]
pub struct Refused {
    why: String,
}

/// The way out. Cloning is cheap, and clones share the connections.
#[derive(Clone)]
pub struct Outside {
    gate: Gate,
    http: reqwest::Client,
}

impl fmt::Debug for Outside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outside").finish_non_exhaustive()
    }
}

/// Lets addresses through, or not.
#[derive(Clone)]
struct Gate {
    names: Arc<dyn Names>,
    allow: Arc<[Net]>,
}

impl Gate {
    /// The addresses of a host that may be connected to, asked for this once. A host that has some of both loses those inside.
    async fn open(&self, host: &str) -> Result<Vec<IpAddr>, OutsideError> {
        let found = match host.parse::<IpAddr>() {
            Ok(literal) => vec![literal],
            Err(_) => self
                .names
                .addresses(host)
                .await
                .map_err(|_| OutsideError::NameUnknown)?,
        };
        let mut why = None;
        let mut judged = Vec::new();
        for ip in found {
            match judge(ip, &self.allow) {
                Ok(()) => judged.push(ip),
                Err(inside) => why = Some(inside),
            }
        }
        match why {
            Some(inside) if judged.is_empty() => Err(OutsideError::Refused(Refused {
                why: inside.to_string(),
            })),
            None if judged.is_empty() => Err(OutsideError::NameUnknown),
            _ => Ok(judged),
        }
    }
}

impl Resolve for Gate {
    fn resolve(&self, name: Name) -> Resolving {
        let gate = self.clone();
        async move {
            let judged = gate.open(name.as_str()).await?;
            // What was judged is what is connected to: nobody asks for the name again in between.
            let addresses: Addrs = Box::new(judged.into_iter().map(|ip| SocketAddr::new(ip, 0)));
            Ok(addresses)
        }
        .boxed()
    }
}

impl Outside {
    /// # Errors
    /// A network in the settings that is none, or a machine without certificates.
    pub fn open(settings: &Settings) -> Result<Self, String> {
        Self::with_names(settings, Arc::new(SystemNames))
    }

    /// With names of one's own, for tests.
    ///
    /// # Errors
    /// As [`Outside::open`].
    pub fn with_names(settings: &Settings, names: Arc<dyn Names>) -> Result<Self, String> {
        let allow = settings.allow.iter().map(|text| text.parse());
        let allow: Vec<Net> = allow
            .collect::<Result<_, NetError>>()
            .map_err(|error| format!("channels.outside.allow: {error}"))?;
        let gate = Gate {
            names,
            allow: allow.into(),
        };
        // An error means that a provider is installed already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .dns_resolver(gate.clone())
            // A redirect would be followed to wherever the receiver likes; a proxy of the environment would resolve for itself.
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .connect_timeout(limits::OUTSIDE_CONNECT_MAX)
            .timeout(limits::OUTSIDE_EXCHANGE_MAX)
            .pool_max_idle_per_host(limits::OUTSIDE_IDLE_PER_HOST_MAX)
            .user_agent(concat!("usher/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| format!("channels.outside: {error}"))?;
        Ok(Self { gate, http })
    }

    /// The addresses of a host that may be connected to, for what is not HTTP. Connect to these, not to the name.
    ///
    /// # Errors
    /// [`OutsideError::Refused`] or [`OutsideError::NameUnknown`].
    pub async fn resolve_allowed(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, OutsideError> {
        let judged = self.gate.open(unbracketed(host)).await?;
        Ok(judged.into_iter().map(|ip| SocketAddr::new(ip, port)).collect())
    }

    /// Is this an address that could be sent to, as far as its text tells? A name is judged when it is connected to.
    ///
    /// # Errors
    /// What is wrong with it, in words for whoever typed it.
    pub fn check(&self, url: &str) -> Result<Url, OutsideError> {
        let url = checked_url(url).map_err(|why| OutsideError::Address(why.to_owned()))?;
        self.gate.judge_literal(&url)?;
        Ok(url)
    }

    /// A request to an address that was checked; whoever sends it caps the answer.
    ///
    /// # Errors
    /// [`OutsideError::Refused`] for an IP address that is inside; a name is judged when it is connected to.
    pub fn request(&self, method: Method, url: Url) -> Result<RequestBuilder, OutsideError> {
        self.gate.judge_literal(&url)?;
        Ok(self.http.request(method, url))
    }

    /// Sends to a tenant's address; add headers and a body with `shape`. Any status is an answer.
    ///
    /// # Errors
    /// [`OutsideError`]; no text of it holds the address.
    pub async fn send(
        &self,
        method: Method,
        url: &str,
        timeout: Duration,
        shape: impl FnOnce(RequestBuilder) -> RequestBuilder + Send,
    ) -> Result<Answer, OutsideError> {
        let request = self.request(method, self.check(url)?)?;
        let request = shape(request).timeout(timeout.min(limits::OUTSIDE_EXCHANGE_MAX));
        let response = request.send().await.map_err(understood)?;
        match Answer::read(response).await {
            (answer, None) => Ok(answer),
            (_, Some(broken_off)) => Err(understood(broken_off)),
        }
    }
}

impl Gate {
    /// A host that is an address is never asked for as a name.
    fn judge_literal(&self, url: &Url) -> Result<(), OutsideError> {
        let host = unbracketed(url.host_str().unwrap_or_default());
        let Ok(ip) = host.parse::<IpAddr>() else { return Ok(()) };
        judge(ip, &self.allow).map_err(|inside| {
            OutsideError::Refused(Refused {
                why: inside.to_string(),
            })
        })
    }
}

fn unbracketed(host: &str) -> &str {
    host.strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host)
}

/// An address that could be sent to, as far as its text tells; the parser has brought every spelling of an IP address to one.
pub fn checked_url(text: &str) -> Result<Url, &'static str> {
    let url = Url::parse(text).map_err(|_| "it is no URL such as https://example.com/hook")?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("it must begin with https://, or http:// in a network of one's own");
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err("it names no host");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it holds a user name or password, which would end up in logs; requests are signed");
    }
    if url.fragment().is_some() {
        return Err("it has a fragment (#…), which is never sent");
    }
    Ok(url)
}

/// What went wrong, without the address: `reqwest` would quote it.
pub(super) fn understood(error: reqwest::Error) -> OutsideError {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(error) = cause {
        if let Some(ours) = error.downcast_ref::<OutsideError>() {
            return ours.clone();
        }
        cause = error.source();
    }
    if error.is_timeout() {
        OutsideError::Timeout
    } else if error.is_connect() {
        OutsideError::Connect(root_of(&error))
    } else {
        OutsideError::Transport
    }
}

/// The innermost cause: "connection refused", "certificate expired".
fn root_of(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

#[cfg(test)]
#[path = "outside_tests.rs"]
mod tests;
