//! The vault: keys that seal what must not be read in the database, and open it again.
//!
//! XChaCha20-Poly1305: its nonces are long enough to be drawn by chance for every value there will ever be, from any number of
//! processes. What is sealed is bound to its project and its column, so that a value copied elsewhere does not open there.

use crate::base::chance::{Entropy, SystemEntropy};
use crate::base::limits;
use crate::base::secret::{Secret, hex, new_token};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::AeadInOut;
use chacha20poly1305::{KeyInit, Tag, XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use std::fmt;
use uuid::Uuid;
use zeroize::Zeroizing;

/// What every key begins with.
const KEY_PREFIX: &str = "uvk";
/// What every sealed value begins with; no JSON and no address does. The number is the version of the format.
const SEALED: &str = "usher1:";
const NONCE_BYTES: usize = 24;
const TAG_BYTES: usize = 16;

/// Why a key is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("there is no key in it")]
    None,
    #[error(
        "key number {number} is no key: one is `{KEY_PREFIX}_` and 43 letters, digits, `-` or `_`; `usher vault new` makes one"
    )]
    Malformed { number: usize },
    #[error("key number {number} stands there twice")]
    Twice { number: usize },
    #[error("there are more than {} keys", limits::VAULT_KEYS_MAX)]
    TooMany,
}

/// Why a sealed value does not open.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    #[error(
        "it was sealed with the key {id}, which is not among the keys of this process: put that key back into vault.keys_file or vault.keys"
    )]
    KeyMissing { id: String },
    #[error("it was changed since it was sealed, or it belongs to another project or column")]
    Tampered,
    #[error("it is not sealed")]
    NotSealed,
}

/// Where a value stands; it opens nowhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Nil for what belongs to no project.
    pub project: Uuid,
    /// Table and column, such as `facts.properties`.
    pub column: &'static str,
}

impl Place {
    fn bytes(self) -> Vec<u8> {
        format!("{}|{}", self.project.simple(), self.column).into_bytes()
    }
}

struct Key {
    id: String,
    cipher: XChaCha20Poly1305,
}

impl Key {
    fn read(text: &str) -> Option<Self> {
        let encoded = text.strip_prefix(KEY_PREFIX)?.strip_prefix('_')?;
        let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(encoded).ok()?);
        let cipher = XChaCha20Poly1305::new_from_slice(&bytes).ok()?;
        Some(Self {
            id: id_of(&bytes),
            cipher,
        })
    }
}

/// Names a key without telling anything of it: 32 bits of a hash of 256 random ones.
fn id_of(key: &[u8]) -> String {
    let hash = Sha256::new()
        .chain_update("usher vault key")
        .chain_update(key)
        .finalize();
    hex(&hash[..4])
}

/// Keys in order: the first one seals, all of them open.
pub struct Keyring {
    keys: Vec<Key>,
}

/// The ids alone.
impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Keyring").field(&self.ids()).finish()
    }
}

impl Keyring {
    /// Reads keys that stand apart by spaces, commas or lines; the rest of a line after `#` is a remark.
    pub fn read(text: &str) -> Result<Self, KeyError> {
        let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default());
        let words = lines.flat_map(|line| line.split([' ', '\t', ',', '\r']));
        let mut keys: Vec<Key> = Vec::new();
        for (number, word) in (1..).zip(words.filter(|word| !word.is_empty())) {
            let key = Key::read(word).ok_or(KeyError::Malformed { number })?;
            if keys.iter().any(|known| known.id == key.id) {
                return Err(KeyError::Twice { number });
            }
            keys.push(key);
        }
        match keys.len() {
            0 => Err(KeyError::None),
            count if count > limits::VAULT_KEYS_MAX => Err(KeyError::TooMany),
            _ => Ok(Self { keys }),
        }
    }

    /// A new key, as it stands in a file.
    pub fn new_key(entropy: &dyn Entropy) -> Secret {
        new_token(KEY_PREFIX, entropy)
    }

    /// The ids of the keys, the one that seals first.
    pub fn ids(&self) -> Vec<&str> {
        self.keys.iter().map(|key| key.id.as_str()).collect()
    }

    /// The id of the key that seals.
    pub fn current(&self) -> &str {
        self.keys.first().map_or("", |key| key.id.as_str())
    }

    /// Seals with the first key; the same value sealed twice looks different.
    pub fn seal(&self, place: Place, plain: &[u8]) -> Result<String, OpenError> {
        let key = self.keys.first().ok_or(OpenError::KeyMissing { id: String::new() })?;
        let mut bytes = Vec::with_capacity(NONCE_BYTES + plain.len() + TAG_BYTES);
        bytes.resize(NONCE_BYTES, 0);
        // From the system also where everything else is drawn from a seed: it decides nothing, and must never come twice.
        SystemEntropy.fill(&mut bytes);
        let nonce = XNonce::try_from(bytes.as_slice()).map_err(|_| OpenError::Tampered)?;
        bytes.extend_from_slice(plain);
        let tag = key
            .cipher
            .encrypt_inout_detached(&nonce, &place.bytes(), (&mut bytes[NONCE_BYTES..]).into())
            .map_err(|_| OpenError::Tampered)?;
        bytes.extend_from_slice(&tag);
        let mut sealed = String::with_capacity(SEALED.len() + key.id.len() + 1 + bytes.len().div_ceil(3) * 4);
        sealed.push_str(SEALED);
        sealed.push_str(&key.id);
        sealed.push(':');
        URL_SAFE_NO_PAD.encode_string(&bytes, &mut sealed);
        Ok(sealed)
    }

    /// Opens what was sealed for this place.
    pub fn open(&self, place: Place, stored: &str) -> Result<Vec<u8>, OpenError> {
        let sealed = stored.strip_prefix(SEALED).and_then(|rest| rest.split_once(':'));
        let (id, encoded) = sealed.ok_or(OpenError::NotSealed)?;
        let missing = || OpenError::KeyMissing { id: id.to_owned() };
        let key = self.keys.iter().find(|key| key.id == id).ok_or_else(missing)?;
        let mut bytes = URL_SAFE_NO_PAD.decode(encoded).map_err(|_| OpenError::Tampered)?;
        if bytes.len() < NONCE_BYTES + TAG_BYTES {
            return Err(OpenError::Tampered);
        }
        let tag = bytes.split_off(bytes.len() - TAG_BYTES);
        let mut text = bytes.split_off(NONCE_BYTES);
        let nonce = XNonce::try_from(bytes.as_slice()).map_err(|_| OpenError::Tampered)?;
        let tag = Tag::try_from(tag.as_slice()).map_err(|_| OpenError::Tampered)?;
        key.cipher
            .decrypt_inout_detached(&nonce, &place.bytes(), text.as_mut_slice().into(), &tag)
            .map_err(|_| OpenError::Tampered)?;
        Ok(text)
    }
}

/// The id of the key a value is sealed with; none when it is not sealed.
pub fn sealed_with(stored: &str) -> Option<&str> {
    let (id, _) = stored.strip_prefix(SEALED)?.split_once(':')?;
    Some(id)
}

/// What a value that is sealed with this key begins with.
pub fn sealed_prefix(id: &str) -> String {
    format!("{SEALED}{id}:")
}

/// Names values that must be found again without being read: the same value gives the same name, and only who holds this key
/// can tell which. It outlives the keys of the vault, which seal it.
pub struct IndexKey(Zeroizing<Vec<u8>>);

impl fmt::Debug for IndexKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IndexKey(…)")
    }
}

impl IndexKey {
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// 256 random bits.
    pub fn draw(entropy: &dyn Entropy) -> Self {
        let mut bytes = vec![0_u8; 32];
        entropy.fill(&mut bytes);
        Self::new(bytes)
    }

    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// HMAC-SHA-256 of the value in its place.
    pub fn name(&self, place: Place, value: &str) -> Vec<u8> {
        // A key of any length is one for HMAC.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else {
            return Vec::new();
        };
        mac.update(&place.bytes());
        mac.update(b"|");
        mac.update(value.as_bytes());
        mac.finalize().into_bytes().to_vec()
    }
}

#[cfg(test)]
#[path = "vault_tests.rs"]
mod tests;
