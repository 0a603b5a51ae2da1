//! Secrets: random tokens whose hash alone is stored, and values that never show in a log.

use crate::base::chance::Entropy;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};
use std::fmt::{self, Write as _};

/// A value that `Debug` does not show.
#[derive(Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself; call it only where it is used.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// A new credential: `<prefix>_` and 256 random bits.
pub fn new_token(prefix: &str, entropy: &dyn Entropy) -> Secret {
    let mut bytes = [0_u8; 32];
    entropy.fill(&mut bytes);
    Secret(format!("{prefix}_{}", URL_SAFE_NO_PAD.encode(bytes)))
}

/// A new secret to sign webhooks with, as Standard Webhooks writes it: `whsec_` and 192 random bits in base64.
pub fn new_signing_secret(entropy: &dyn Entropy) -> Secret {
    let mut bytes = [0_u8; 24];
    entropy.fill(&mut bytes);
    Secret(format!("whsec_{}", STANDARD.encode(bytes)))
}

/// What is stored of a credential. It holds 256 random bits, so one round of SHA-256 is enough: there is nothing to guess.
pub fn token_hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}
/// Two digits a byte, as hashes are written.
pub fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}
