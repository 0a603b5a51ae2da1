//! The one place where the signing secrets of webhook endpoints are read from their column and written to it.

use super::error::StoreError;
use super::sealed;
use super::vault::Vault;
use crate::base::limits;
use crate::base::secret::Secret;
use crate::base::time::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What an endpoint's requests are signed with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SigningSecrets {
    /// The newest.
    current: Secret,
    /// Rotated away, newest first; each signs on for a while, so that receivers can follow.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    former: Vec<Former>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Former {
    secret: Secret,
    until: Timestamp,
}

impl SigningSecrets {
    pub fn new(secret: Secret) -> Self {
        Self {
            current: secret,
            former: Vec::new(),
        }
    }

    /// With this one in front; the one before signs on for [`limits::SECRET_OVERLAP`].
    #[must_use]
    pub fn rotated(mut self, secret: Secret, now: Timestamp) -> Self {
        let before = Former {
            secret: std::mem::replace(&mut self.current, secret),
            until: now + limits::SECRET_OVERLAP,
        };
        self.former.insert(0, before);
        self.former.retain(|former| former.until > now);
        self.former.truncate(limits::FORMER_SECRETS_MAX);
        self
    }

    /// All that sign now, newest first.
    pub fn in_force(&self, now: Timestamp) -> Vec<Secret> {
        let former = self.former.iter().filter(|former| former.until > now);
        std::iter::once(&self.current)
            .chain(former.map(|former| &former.secret))
            .cloned()
            .collect()
    }
}

pub(super) fn to_column(vault: &Vault, project: Uuid, secrets: &SigningSecrets) -> Result<String, StoreError> {
    vault.seal(project, sealed::ENDPOINT, secrets)
}

pub(super) fn from_column(vault: &Vault, project: Uuid, column: &str) -> Result<SigningSecrets, StoreError> {
    vault.open(project, sealed::ENDPOINT, column)
}
