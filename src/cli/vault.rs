//! `usher vault`: the keys that seal what the database holds of people.

use super::out::{Failure, Out};
use crate::app::{Effective, open_migrated};
use crate::base::chance::SystemEntropy;
use crate::base::vault::Keyring;
use crate::store::{VaultError, VaultState, rotate_keys};
use clap::{Args, Subcommand};
use serde_json::json;

/// The values that the database holds of people are sealed with a key that stands outside of it (docs/SECURITY.md).
///
/// To change it without a stop:  usher vault rotate     (a running server notices, and seals anew beside its work)
///                               usher vault status     (until the old key is not in use any more)
///                               then take the old key out of the file
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(super) struct VaultArguments {
    #[command(subcommand)]
    command: VaultCommand,
}

#[derive(Debug, Subcommand)]
enum VaultCommand {
    /// Print a new key; changes nothing
    New,
    /// Put a new key before those in the file: it seals from now on, the others still open
    Rotate,
    /// Say which keys there are, and how many values each has sealed; reads the whole database
    Status,
}

impl From<VaultError> for Failure {
    fn from(error: VaultError) -> Self {
        Self::new(error.to_string(), error.remedy())
    }
}

pub(super) async fn run(arguments: VaultArguments, effective: Effective, out: Out) -> Result<(), Failure> {
    match arguments.command {
        VaultCommand::New => {
            let key = Keyring::new_key(&SystemEntropy);
            if out.json {
                return out.value(&json!({ "key": key.expose() }));
            }
            out.line(key.expose())
        }
        VaultCommand::Rotate => rotate(&effective, out),
        VaultCommand::Status => status(&effective, out).await,
    }
}

fn rotate(effective: &Effective, out: Out) -> Result<(), Failure> {
    let settings = &effective.settings;
    if settings.vault.keys.is_some() {
        return Err(Failure::new(
            "the keys stand in vault.keys, which is not ours to change",
            "put the key that `usher vault new` prints before the others there, and start the server again",
        ));
    }
    let file = rotate_keys(&settings.vault, &settings.database.url, &SystemEntropy)?;
    if out.json {
        return out.value(&json!({ "file": file }));
    }
    out.line(&format!("a new key stands first in {}", file.display()))?;
    out.line(
        "a running server takes it within seconds and seals anew; `usher vault status` says when the old key may go",
    )
}

async fn status(effective: &Effective, out: Out) -> Result<(), Failure> {
    let settings = &effective.settings;
    let store = open_migrated(&settings.database).await?;
    let state = store.probe_vault(&settings.vault, &settings.database.url).await?;
    let counts = store.keys_in_use().await?;
    store.close().await?;
    let keys = state.as_ref().map(|state| state.keys.clone()).unwrap_or_default();
    if out.json {
        return out.value(&json!({ "keys": keys, "file": state.and_then(|state| state.file), "in_use": counts }));
    }
    out.line(&told(state.as_ref()))?;
    for (id, count) in &counts {
        let note = match keys.iter().position(|key| key == id) {
            _ if id.is_empty() => "values from before there was a key: the next `usher serve` seals them",
            Some(0) => "values; it seals",
            Some(_) => "values; a running server seals them anew",
            None => "values, and it is not among the keys: they cannot be read",
        };
        out.line(&format!(
            "  {} {count} {note}",
            if id.is_empty() { "unsealed" } else { id }
        ))?;
    }
    for id in keys.iter().skip(1).filter(|id| !counts.contains_key(*id)) {
        out.line(&format!("  {id} is not in use any more: take it out of the file"))?;
    }
    Ok(())
}

/// The vault in one line.
pub(super) fn told(state: Option<&VaultState>) -> String {
    let Some(state) = state else {
        return "no key yet: the first `usher serve` makes one".to_owned();
    };
    let place = state
        .file
        .as_ref()
        .map_or("vault.keys".to_owned(), |file| file.display().to_string());
    let others = match state.keys.len() {
        0 | 1 => String::new(),
        count => format!(", {} more still open", count - 1),
    };
    let current = state.keys.first().map_or("", String::as_str);
    format!("the key {current} of {place} seals{others}")
}
