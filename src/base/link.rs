//! Links that are secrets: what one stands for and when it ends, sealed with a key that only the server has.

use super::id::{ProjectId, UserId};
use super::limits;
use super::secret::Secret;
use super::time::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::DateTime;
use ring::hmac;
use std::fmt;
use uuid::Uuid;

/// The pass of one person: which fact of which project, and for whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    pub project_id: ProjectId,
    pub user_id: UserId,
    /// The type of the fact; at most 255 bytes.
    pub kind: String,
    pub key: String,
}

/// Why a token opens nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// Not one of ours, or changed on the way.
    #[error("the link is not one of ours")]
    Unknown,
    #[error("the link has expired")]
    Expired,
}

/// The key of all links. Seals for different purposes never stand for one another.
#[derive(Clone)]
pub struct LinkKey(hmac::Key);

impl fmt::Debug for LinkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkKey(…)")
    }
}

/// The first byte of a token: how it is written.
const VERSION: u8 = 1;
/// Bytes of a seal: half of an HMAC-SHA-256, as RFC 2104 allows, which leaves nothing to guess.
const SEAL: usize = 16;
const FOR_LINKS: &[u8] = b"usher link 1\0";
const FOR_PASSES: &[u8] = b"usher pass 1\0";
/// Version and end of life before the names.
const HEAD: usize = 1 + 8;

impl LinkKey {
    /// Bytes a secret has at least.
    pub const SECRET_BYTES_MIN: usize = 32;

    /// From the secret of the installation.
    pub fn new(secret: &Secret) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes()))
    }

    /// A token for this link until `ends_at`, which counts in whole seconds.
    pub fn sign(&self, link: &Link, ends_at: Timestamp) -> String {
        let mut bytes = vec![VERSION];
        bytes.extend(ends_at.timestamp().to_be_bytes());
        bytes.extend(written(link));
        let seal = self.seal(FOR_LINKS, &bytes);
        bytes.extend(&seal.as_ref()[..SEAL]);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// What a token stands for.
    ///
    /// # Errors
    /// It is not ours, or it is over: from the second of its end on.
    pub fn read(&self, token: &str, now: Timestamp) -> Result<Link, LinkError> {
        let bytes = decoded(token).ok_or(LinkError::Unknown)?;
        let (told, seal) = bytes
            .split_at_checked(bytes.len().wrapping_sub(SEAL))
            .ok_or(LinkError::Unknown)?;
        if !self.is_seal(FOR_LINKS, told, seal) || told.first() != Some(&VERSION) {
            return Err(LinkError::Unknown);
        }
        let ends_at = told
            .get(1..HEAD)
            .and_then(|bytes| bytes.try_into().ok())
            .map(i64::from_be_bytes);
        let ends_at = ends_at.and_then(|seconds| DateTime::from_timestamp(seconds, 0));
        let link = told.get(HEAD..).and_then(read_names).ok_or(LinkError::Unknown)?;
        if ends_at.is_none_or(|ends_at| ends_at <= now) {
            return Err(LinkError::Expired);
        }
        Ok(link)
    }

    /// What a wallet proves with that it holds the pass of this serial number; it stays the same for as long as the key.
    pub fn pass_secret(&self, serial: &str) -> String {
        URL_SAFE_NO_PAD.encode(self.seal(FOR_PASSES, serial.as_bytes()))
    }

    /// Is this the secret of the pass with this serial number? Takes the same time for every wrong one.
    pub fn is_pass_secret(&self, serial: &str, secret: &str) -> bool {
        decoded(secret).is_some_and(|seal| {
            let message = [FOR_PASSES, serial.as_bytes()].concat();
            hmac::verify(&self.0, &message, &seal).is_ok()
        })
    }

    fn seal(&self, purpose: &[u8], message: &[u8]) -> hmac::Tag {
        hmac::sign(&self.0, &[purpose, message].concat())
    }

    fn is_seal(&self, purpose: &[u8], message: &[u8], seal: &[u8]) -> bool {
        let right = self.seal(purpose, message);
        // Bit by bit over all of it: where two differ must not be told by the time it takes.
        let apart = right.as_ref().iter().zip(seal).fold(0, |apart, (a, b)| apart | (a ^ b));
        seal.len() == SEAL && apart == 0
    }
}

impl Link {
    /// The serial number of this pass in a wallet: says what it is, and proves nothing.
    pub fn serial(&self) -> String {
        URL_SAFE_NO_PAD.encode(written(self))
    }

    /// The pass with this serial number, should it be written as ours are.
    pub fn of_serial(serial: &str) -> Option<Self> {
        read_names(&decoded(serial)?)
    }
}

/// The ids, the length of the type, the type, the key.
fn written(link: &Link) -> Vec<u8> {
    let mut bytes = link.project_id.uuid().as_bytes().to_vec();
    bytes.extend(link.user_id.uuid().as_bytes());
    bytes.push(u8::try_from(link.kind.len()).unwrap_or(u8::MAX));
    bytes.extend(link.kind.as_bytes());
    bytes.extend(link.key.as_bytes());
    bytes
}

fn read_names(bytes: &[u8]) -> Option<Link> {
    let id = |at: usize| Uuid::from_slice(bytes.get(at..at + 16)?).ok();
    let (project, user) = (id(0)?, id(16)?);
    let length = usize::from(*bytes.get(32)?);
    let (kind, key) = bytes.get(33..)?.split_at_checked(length)?;
    Some(Link {
        project_id: ProjectId::from(project),
        user_id: UserId::from(user),
        kind: str::from_utf8(kind).ok()?.to_owned(),
        key: str::from_utf8(key).ok()?.to_owned(),
    })
}

fn decoded(token: &str) -> Option<Vec<u8>> {
    let fits = token.len() <= limits::LINK_TOKEN_BYTES_MAX;
    fits.then(|| URL_SAFE_NO_PAD.decode(token).ok()).flatten()
}

#[cfg(test)]
#[path = "link_tests.rs"]
mod tests;
