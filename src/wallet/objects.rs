//! Google's interface for wallet objects: what was saved is patched when the fact it was made of changes.

use super::push::Woken;
use crate::base::secret::Secret;
use crate::base::time::Timestamp;
use chrono::TimeDelta;
use reqwest::{Client, RequestBuilder, StatusCode, Url};
use serde::Deserialize;
use serde_json::Value;
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;
use tokio::sync::Mutex;

/// What a service account may do with an access token.
pub(super) const SCOPE: &str = "https://www.googleapis.com/auth/wallet_object.issuer";
/// Where access tokens are given out unless the service account says otherwise.
pub(super) const TOKEN_URI: &str = "https://oauth2.googleapis.com/token";
const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// How long one exchange may take, connecting included.
const WITHIN: Duration = Duration::from_secs(10);
/// An access token is a few hundred bytes.
const ANSWER_BYTES_MAX: usize = 16 * 1024;
/// A token that ends sooner than this is not used any more.
const MARGIN: TimeDelta = TimeDelta::minutes(1);
/// Google's tokens live for an hour; a longer life is not believed.
const LIFE_S_MAX: i64 = 3_600;

/// Speaks to Google; one access token for all.
pub(super) struct Objects {
    http: Client,
    endpoint: String,
    token_uri: String,
    /// The access token and when it ends. Whoever finds none gets one while the others wait.
    token: Mutex<Option<(Secret, Timestamp)>>,
}

impl fmt::Debug for Objects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Objects")
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

/// What the token endpoint gives.
#[derive(Deserialize)]
struct Granted {
    access_token: Secret,
    expires_in: i64,
}

/// Only what cannot be overheard: https, or this machine.
pub(super) fn is_private(address: &str) -> bool {
    let Ok(url) = Url::parse(address) else { return false };
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let is_here = host.parse().is_ok_and(|address: IpAddr| address.is_loopback());
    url.scheme() == "https" || (url.scheme() == "http" && is_here)
}

impl Objects {
    /// # Errors
    /// The TLS library's words.
    pub(super) fn new(endpoint: &str, token_uri: String) -> Result<Self, String> {
        // An error means that a provider is installed already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = Client::builder()
            .connect_timeout(WITHIN)
            .timeout(WITHIN)
            // A redirect would carry the access token and the pass to an address that nobody configured.
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| error.to_string())?;
        Ok(Self {
            http,
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            token_uri,
            token: Mutex::default(),
        })
    }

    /// Patches one resource, such as `flightObject/1.a`. `assertion` makes the signed statement that is exchanged for a token.
    /// [`Woken::Never`] when Google has no such resource: nobody saved it.
    pub(super) async fn patch(
        &self,
        resource: &str,
        body: &Value,
        now: Timestamp,
        assertion: impl Fn() -> Result<String, String>,
    ) -> Woken {
        let token = match self.access(now, assertion).await {
            Ok(token) => token,
            Err(why) => return Woken::Later { why },
        };
        let url = format!("{}/walletobjects/v1/{resource}", self.endpoint);
        let (status, said) = match asked(self.http.patch(url).bearer_auth(token.expose()).json(body)).await {
            Ok(answer) => answer,
            Err(why) => return Woken::Later { why },
        };
        match status {
            StatusCode::OK => Woken::Yes,
            StatusCode::NOT_FOUND => Woken::Never,
            status => {
                if status == StatusCode::UNAUTHORIZED {
                    self.refused(&token).await;
                }
                Woken::Later {
                    why: format!("{} {}", status.as_u16(), known(&said["error"]["status"]))
                        .trim_end()
                        .to_owned(),
                }
            }
        }
    }

    async fn access(&self, now: Timestamp, assertion: impl Fn() -> Result<String, String>) -> Result<Secret, String> {
        let mut current = self.token.lock().await;
        if let Some((token, ends_at)) = &*current
            && now + MARGIN < *ends_at
        {
            return Ok(token.clone());
        }
        let form = [("grant_type", GRANT_TYPE), ("assertion", &assertion()?)];
        let (status, said) = asked(self.http.post(&self.token_uri).form(&form)).await?;
        if status != StatusCode::OK {
            let (status, word) = (status.as_u16(), known(&said["error"]));
            return Err(format!("the token endpoint answered {status} {word}")
                .trim_end()
                .to_owned());
        }
        let granted: Granted =
            serde_json::from_value(said).map_err(|_| "the token endpoint's answer holds no token".to_owned())?;
        let ends_at = now + TimeDelta::seconds(granted.expires_in.clamp(0, LIFE_S_MAX));
        *current = Some((granted.access_token.clone(), ends_at));
        Ok(granted.access_token)
    }

    /// Google does not take this token any more; one that came in its place meanwhile stays.
    async fn refused(&self, refused: &Secret) {
        let mut current = self.token.lock().await;
        if current.as_ref().is_some_and(|(token, _)| token == refused) {
            *current = None;
        }
    }
}

/// Makes the exchange; its answer as JSON, null where it is none. What went wrong names no address.
async fn asked(request: RequestBuilder) -> Result<(StatusCode, Value), String> {
    let mut answer = request.send().await.map_err(|error| error.without_url().to_string())?;
    let status = answer.status();
    let mut said = Vec::new();
    while let Ok(Some(chunk)) = answer.chunk().await {
        said.extend(chunk);
        if said.len() > ANSWER_BYTES_MAX {
            break;
        }
    }
    Ok((status, serde_json::from_slice(&said).unwrap_or_default()))
}

/// A word of Google's, such as `PERMISSION_DENIED`; its sentences may quote what was sent.
fn known(word: &Value) -> String {
    let is_of_word = |letter: &char| letter.is_ascii_alphanumeric() || *letter == '_';
    let word = word.as_str().unwrap_or_default();
    word.chars().filter(is_of_word).take(64).collect()
}
