//! The service account: who signs, with which key, for which project.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gcp_auth::CustomServiceAccount;
use serde_json::{Value, json};

use crate::error::SetupError;

/// The permission that the access token asks for: sending messages and nothing else.
pub(crate) const SCOPE: &str = "https://www.googleapis.com/auth/firebase.messaging";
/// How long an assertion may be exchanged for an access token, in seconds; Google takes at most an hour.
const ASSERTION_LIFE_S: u64 = 3_600;

/// A service account whose key has been read and works.
pub(crate) struct ServiceAccount {
    pub(crate) project_id: Option<String>,
    pub(crate) token_uri: String,
    client_email: String,
    key_id: Option<String>,
    signer: CustomServiceAccount,
}

impl ServiceAccount {
    /// Reads the JSON file of the Firebase console. Errors never quote it, for it holds the key.
    pub(crate) fn from_json(json: &str) -> Result<Self, SetupError> {
        let refuse = |detail: String| SetupError::ServiceAccount { detail };
        let account: Value = serde_json::from_str(json)
            .map_err(|error| refuse(format!("not JSON at line {}, column {}", error.line(), error.column())))?;
        let text = |name: &str| {
            account[name]
                .as_str()
                .filter(|text| !text.is_empty())
                .map(str::to_owned)
        };
        let need = |name: &str| text(name).ok_or_else(|| refuse(format!("/{name} is missing or not a text")));
        need("private_key")?;
        let (client_email, token_uri) = (need("client_email")?, need("token_uri")?);
        let signer = CustomServiceAccount::from_json(json)
            .map_err(|_| refuse("/private_key is not an RSA key in PKCS #8 PEM form".to_owned()))?;
        Ok(Self {
            project_id: text("project_id"),
            token_uri,
            client_email,
            key_id: text("private_key_id"),
            signer,
        })
    }

    /// A signed statement that the token endpoint exchanges for an access token (RFC 7523). `now_s` is Unix time.
    pub(crate) fn assertion(&self, now_s: u64) -> Result<String, String> {
        let mut header = json!({ "alg": "RS256", "typ": "JWT" });
        if let Some(key_id) = &self.key_id {
            header["kid"] = json!(key_id);
        }
        let claims = json!({
            "iss": self.client_email,
            "scope": SCOPE,
            "aud": self.token_uri,
            "iat": now_s,
            "exp": now_s + ASSERTION_LIFE_S,
        });
        let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let signed = format!("{}.{}", encode(&header), encode(&claims));
        let signature = self
            .signer
            .signer()
            .sign(signed.as_bytes())
            .map_err(|error| error.to_string())?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

impl fmt::Debug for ServiceAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceAccount")
            .field("project_id", &self.project_id)
            .finish_non_exhaustive()
    }
}
