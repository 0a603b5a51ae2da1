//! Waking Apple phones that hold a pass: an empty push by the pass certificate, upon which they ask for the new version.

use crate::base::secret::Secret;
use reqwest::{Client, Identity, StatusCode};
use std::fmt;
use std::time::Duration;

/// How long one push may take, connecting included.
const WITHIN: Duration = Duration::from_secs(10);
/// A refusal of Apple's is a line of JSON.
const ANSWER_BYTES_MAX: usize = 4 * 1024;

/// Speaks to Apple's push service; clones share its connections.
#[derive(Clone)]
pub(super) struct Push {
    http: Client,
    endpoint: String,
    pass_type_id: String,
}

impl fmt::Debug for Push {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Push")
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

/// What became of one push.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Woken {
    Yes,
    /// The phone threw the pass away, or the token was never one.
    Never,
    Later {
        why: String,
    },
}

impl Push {
    /// `identity` is the pass certificate and its key, in PEM: Apple knows the issuer of a pass by it.
    ///
    /// # Errors
    /// The TLS library's words.
    pub(super) fn new(endpoint: &str, pass_type_id: &str, identity: &[u8]) -> Result<Self, String> {
        // An error means that a provider is installed already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let identity = Identity::from_pem(identity).map_err(|error| error.to_string())?;
        let http = Client::builder()
            .identity(identity)
            .connect_timeout(WITHIN)
            .timeout(WITHIN)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| error.to_string())?;
        Ok(Self {
            http,
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            pass_type_id: pass_type_id.to_owned(),
        })
    }

    /// One attempt. What is sent says nothing but that there is something new.
    pub(super) async fn wake(&self, token: &Secret) -> Woken {
        let url = format!("{}/3/device/{}", self.endpoint, token.expose());
        let request = self.http.post(url).header("apns-topic", &self.pass_type_id).body("{}");
        // The error would name the address, and with it the token.
        let mut answer = match request.send().await {
            Ok(answer) => answer,
            Err(error) => {
                return Woken::Later {
                    why: error.without_url().to_string(),
                };
            }
        };
        let status = answer.status();
        if status == StatusCode::OK {
            return Woken::Yes;
        }
        let mut said = Vec::new();
        while let Ok(Some(chunk)) = answer.chunk().await {
            said.extend(chunk);
            if said.len() > ANSWER_BYTES_MAX {
                break;
            }
        }
        let reason = serde_json::from_slice::<serde_json::Value>(&said).ok();
        let reason = reason
            .as_ref()
            .and_then(|said| said["reason"].as_str())
            .unwrap_or_default();
        let is_dead = status == StatusCode::GONE
            || matches!(reason, "BadDeviceToken" | "Unregistered" | "DeviceTokenNotForTopic");
        if is_dead {
            return Woken::Never;
        }
        let known: String = reason.chars().filter(char::is_ascii_alphanumeric).take(64).collect();
        Woken::Later {
            why: format!("{} {known}", status.as_u16()).trim_end().to_owned(),
        }
    }
}
