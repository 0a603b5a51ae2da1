//! Signed statements about ourselves (JWT with ES256), as Apple and push services ask for them.

use base64::Engine as _;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use p256::SecretKey;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use p256::pkcs8::DecodePrivateKey as _;
use serde_json::Value;
use std::path::Path;

/// A private key on P-256. `Debug` does not show it.
pub(super) struct Es256 {
    key: SigningKey,
    /// In base64url, uncompressed.
    pub(super) public_key: String,
}

impl Es256 {
    /// Of a PEM text (PKCS#8, as Apple's `.p8` files), or of the bare key in base64url, as tools for web push print it. None when
    /// it is neither.
    pub(super) fn of(text: &str) -> Option<Self> {
        let text = text.trim();
        let secret = if text.starts_with("-----BEGIN PRIVATE KEY-----") {
            SecretKey::from_pkcs8_pem(text).ok()?
        } else if text.starts_with("-----BEGIN EC PRIVATE KEY-----") {
            SecretKey::from_sec1_pem(text).ok()?
        } else {
            let bytes = URL_SAFE_NO_PAD.decode(text).or_else(|_| URL_SAFE.decode(text)).ok()?;
            SecretKey::from_slice(&bytes).ok()?
        };
        Some(Self {
            public_key: URL_SAFE_NO_PAD.encode(secret.public_key().to_sec1_bytes()),
            key: SigningKey::from(secret),
        })
    }

    /// The signed statement. The signature takes no chance (RFC 6979).
    pub(super) fn statement(&self, header: &Value, claims: &Value) -> String {
        let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
        let said = format!("{}.{}", part(header), part(claims));
        let signature: Signature = self.key.sign(said.as_bytes());
        format!("{said}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
    }
}

/// The text of a setting, or of the file another setting names, with the name of the one that counts; none when neither is set.
pub(super) fn text_of(
    setting: &str,
    text: Option<&str>,
    file: Option<&Path>,
) -> Result<Option<(String, String)>, String> {
    match (text, file) {
        (Some(text), _) => Ok(Some((setting.to_owned(), text.to_owned()))),
        (None, Some(path)) => {
            let setting = format!("{setting}_file");
            match std::fs::read_to_string(path) {
                Ok(text) => Ok(Some((setting, text))),
                Err(error) => Err(format!("{setting}: cannot read {}: {error}", path.display())),
            }
        }
        (None, None) => Ok(None),
    }
}
