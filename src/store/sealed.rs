//! What is sealed in the database: every column in which a value about a person can stand, and how it is written and read.

use super::codec::{from_json, to_json};
use super::error::StoreError;
use super::vault::Vault;
use crate::base::vault::{OpenError, Place, sealed_with};
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

/// A column whose values only holders of a key can read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Column(&'static str);

pub(super) const ANSWER: Column = Column("idempotency_keys.body");
pub(super) const CHANNEL: Column = Column("channels.set_up");
pub(super) const CONTACT: Column = Column("users.contact");
pub(super) const DECISION: Column = Column("decisions.body");
pub(super) const DEVICE: Column = Column("devices.push_address");
/// The signing secrets of a webhook endpoint.
pub(super) const ENDPOINT: Column = Column("webhook_endpoints.secrets");
pub(super) const EVENT: Column = Column("events.properties");
pub(super) const FACT: Column = Column("facts.properties");
pub(super) const FACT_VERSION: Column = Column("fact_versions.properties");
pub(super) const INBOX: Column = Column("inbox.input");
pub(super) const MESSAGE: Column = Column("messages.body");
pub(super) const MOMENT: Column = Column("moments.body");
pub(super) const RECEIPT: Column = Column("receipts.text");
/// What sensitive texts are sealed to on their way to a device.
pub(super) const SEALING_KEY: Column = Column("devices.sealing_key");
/// Only found by its name: the key itself is in the message.
pub(super) const SEND_KEY: Column = Column("messages.send_key");
pub(super) const SUBJECT: Column = Column("subjects.state");
pub(super) const USER: Column = Column("users.profile");
/// The push token of a wallet.
pub(super) const WALLET: Column = Column("wallet_passes.push_token");

impl Column {
    pub(super) fn place(self, project: Uuid) -> Place {
        Place {
            project,
            column: self.0,
        }
    }
}

impl Vault {
    /// The sealed JSON text of a value.
    pub(super) fn seal<T: Serialize + ?Sized>(
        &self,
        project: Uuid,
        column: Column,
        value: &T,
    ) -> Result<String, StoreError> {
        self.seal_text(project, column, &to_json(value)?)
    }

    /// Reads a sealed JSON column; one that was written before there was a vault is read as it stands.
    pub(super) fn open<T: DeserializeOwned>(
        &self,
        project: Uuid,
        column: Column,
        stored: &str,
    ) -> Result<T, StoreError> {
        from_json(column.0, &self.open_text(project, column, stored)?)
    }

    pub(super) fn seal_text(&self, project: Uuid, column: Column, plain: &str) -> Result<String, StoreError> {
        self.seal_bytes(project, column, plain.as_bytes())
    }

    /// What comes out is text: a column of bytes takes it as well.
    pub(super) fn seal_bytes(&self, project: Uuid, column: Column, plain: &[u8]) -> Result<String, StoreError> {
        let sealed = self.opened()?.keys.seal(column.place(project), plain);
        sealed.map_err(|error| said(column, &error))
    }

    pub(super) fn open_text(&self, project: Uuid, column: Column, stored: &str) -> Result<String, StoreError> {
        // What is not sealed needs no keys.
        if sealed_with(stored).is_none() {
            return Ok(stored.to_owned());
        }
        let bytes = self.opened()?.keys.open(column.place(project), stored);
        let bytes = bytes.map_err(|error| said(column, &error))?;
        String::from_utf8(bytes).map_err(|_| said(column, &OpenError::Tampered))
    }

    pub(super) fn open_bytes(&self, project: Uuid, column: Column, stored: Vec<u8>) -> Result<Vec<u8>, StoreError> {
        match std::str::from_utf8(&stored) {
            Ok(text) if sealed_with(text).is_some() => {
                let bytes = self.opened()?.keys.open(column.place(project), text);
                bytes.map_err(|error| said(column, &error))
            }
            Ok(_) | Err(_) => Ok(stored),
        }
    }

    /// What a value is found by in a column where it cannot be read.
    pub(super) fn name(&self, project: Uuid, column: Column, value: &str) -> Result<Vec<u8>, StoreError> {
        Ok(self.opened()?.index.name(column.place(project), value))
    }
}

/// A key that is missing may come back, so it is worth trying again; a value that was changed stays so.
fn said(column: Column, error: &OpenError) -> StoreError {
    match error {
        OpenError::KeyMissing { .. } => StoreError::Unavailable(format!("{}: {error}", column.0)),
        OpenError::Tampered | OpenError::NotSealed => StoreError::Corrupt(format!("{}: {error}", column.0)),
    }
}
