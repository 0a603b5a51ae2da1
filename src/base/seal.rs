//! Sealing: a text that one device alone can read, whoever carries it (RFC 8291, content coding `aes128gcm`).

use base64::Engine as _;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use hkdf::Hkdf;
use p256::{PublicKey, SecretKey};
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use sha2::{Digest, Sha256};
use std::fmt;

/// Bytes of an uncompressed point on P-256.
const PUBLIC_KEY_BYTES: usize = 65;
const AUTH_BYTES: usize = 16;
/// A sealed text is one record of this many bytes at most: push services take no more.
const RECORD_BYTES: u32 = 4_096;
/// Salt, record size, length of the key and the key itself.
const HEADER_BYTES: usize = 16 + 4 + 1 + PUBLIC_KEY_BYTES;
/// The end mark of the last record and the tag of AES-GCM.
const OVERHEAD_BYTES: usize = 1 + 16;
/// The longest text that can be sealed, in bytes: 3,993.
pub const PLAIN_BYTES_MAX: usize = RECORD_BYTES as usize - HEADER_BYTES - OVERHEAD_BYTES;
/// Of 2^32 draws one is no secret key; eight in a row that are none are a broken generator.
const DRAWS_MAX: usize = 8;

/// Why a text could not be sealed, or a key not be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    #[error("p256dh must be an uncompressed point on P-256: 65 bytes in base64url, beginning with B")]
    PublicKey,
    #[error("auth must be 16 bytes in base64url")]
    Auth,
    #[error("the text is longer than a sealed message may be")]
    TooLong,
    #[error("no key could be made from the chance given")]
    Chance,
}

/// To whom something is sealed: the public key a device or browser made, and the secret it shares with us alone.
#[derive(Clone, PartialEq, Eq)]
pub struct SealingKey {
    /// Boxed, so that rows which may hold one stay small.
    p256dh: Box<[u8; PUBLIC_KEY_BYTES]>,
    auth: [u8; AUTH_BYTES],
}

/// The shared secret belongs in no log.
impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealingKey(…)")
    }
}

impl SealingKey {
    /// As `PushSubscription.getKey` gives them, in base64url with or without padding.
    ///
    /// # Errors
    /// The first of the two that is not what it must be.
    pub fn new(p256dh: &str, auth: &str) -> Result<Self, SealError> {
        let key = Self {
            p256dh: decoded(p256dh).map(Box::new).ok_or(SealError::PublicKey)?,
            auth: decoded(auth).ok_or(SealError::Auth)?,
        };
        PublicKey::from_sec1_bytes(key.p256dh.as_slice()).map_err(|_| SealError::PublicKey)?;
        Ok(key)
    }

    /// The public key in base64url.
    pub fn p256dh(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.p256dh.as_slice())
    }

    /// The shared secret in base64url; call it only where it is stored.
    pub fn auth(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.auth)
    }

    /// Both in one text, as they are stored.
    pub fn to_text(&self) -> String {
        format!("{}.{}", self.p256dh(), self.auth())
    }

    /// # Errors
    /// The text is not one that [`SealingKey::to_text`] made.
    pub fn from_text(text: &str) -> Result<Self, SealError> {
        let (p256dh, auth) = text.split_once('.').ok_or(SealError::Auth)?;
        Self::new(p256dh, auth)
    }
}

fn decoded<const N: usize>(text: &str) -> Option<[u8; N]> {
    let bytes = URL_SAFE_NO_PAD.decode(text).or_else(|_| URL_SAFE.decode(text)).ok()?;
    bytes.try_into().ok()
}

/// Seals `plain` to `key`. `salt` and `seed` are fresh random bytes, never used twice: of the seed comes the sender's key.
///
/// # Errors
/// A text over [`PLAIN_BYTES_MAX`], or chance that is none.
pub fn seal(plain: &[u8], key: &SealingKey, salt: [u8; 16], seed: [u8; 32]) -> Result<Vec<u8>, SealError> {
    if plain.len() > PLAIN_BYTES_MAX {
        return Err(SealError::TooLong);
    }
    let receiver = PublicKey::from_sec1_bytes(key.p256dh.as_slice()).map_err(|_| SealError::PublicKey)?;
    let secret = secret_of(seed)?;
    let sender = secret.public_key().to_sec1_bytes();
    let shared = secret.diffie_hellman(&receiver);
    let info = [b"WebPush: info\0", key.p256dh.as_slice(), &sender].concat();
    let input: [u8; 32] = expand(&key.auth, shared.raw_secret_bytes(), &info)?;
    let content_key: [u8; 16] = expand(&salt, &input, b"Content-Encoding: aes128gcm\0")?;
    let nonce: [u8; 12] = expand(&salt, &input, b"Content-Encoding: nonce\0")?;

    let mut sealed = Vec::with_capacity(HEADER_BYTES + plain.len() + OVERHEAD_BYTES);
    sealed.extend_from_slice(&salt);
    sealed.extend_from_slice(&RECORD_BYTES.to_be_bytes());
    sealed.extend(u8::try_from(sender.len()));
    sealed.extend_from_slice(&sender);
    // 2 marks the end of the last record (RFC 8188).
    let mut record = [plain, &[2]].concat();
    let cipher = UnboundKey::new(&AES_128_GCM, &content_key).map_err(|_| SealError::Chance)?;
    LessSafeKey::new(cipher)
        .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut record)
        .map_err(|_| SealError::TooLong)?;
    sealed.append(&mut record);
    Ok(sealed)
}

/// The seed itself, or, where that is no key, what it hashes to.
fn secret_of(mut seed: [u8; 32]) -> Result<SecretKey, SealError> {
    for _ in 0..DRAWS_MAX {
        if let Ok(secret) = SecretKey::from_slice(&seed) {
            return Ok(secret);
        }
        seed = Sha256::digest(seed).into();
    }
    Err(SealError::Chance)
}

/// HKDF with SHA-256 (RFC 5869).
fn expand<const N: usize>(salt: &[u8], input: &[u8], info: &[u8]) -> Result<[u8; N], SealError> {
    let mut output = [0; N];
    Hkdf::<Sha256>::new(Some(salt), input)
        .expand(info, &mut output)
        .map_err(|_| SealError::TooLong)?;
    Ok(output)
}

#[cfg(test)]
#[path = "seal_tests.rs"]
pub(crate) mod tests;
