//! The configuration: compiled-in defaults < file < environment. The defaults are the manual, and the list of what exists.

mod layer;

use crate::{api, channel, pipeline, store, telemetry, wallet};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use toml::{Table, Value};

/// Every key with its default and its reason.
pub const DEFAULTS: &str = include_str!("../../config.default.toml");
/// Read when no file is named, if it is there.
const FILE: &str = "usher.toml";

/// Everything Usher can be told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    pub server: Server,
    pub database: store::Settings,
    pub vault: store::VaultSettings,
    pub pipeline: pipeline::Settings,
    pub channels: channel::Settings,
    pub links: wallet::LinkSettings,
    pub wallet: wallet::Settings,
    pub log: telemetry::log::Settings,
    pub ingest: Ingest,
    pub rates: api::Rates,
    pub retention: store::Retention,
}

/// `[server]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    pub bind: SocketAddr,
    /// 0 is one per core.
    pub workers: usize,
    /// Seconds.
    pub shutdown_s: u64,
}

/// `[ingest]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ingest {
    pub osmand_query: bool,
}

/// Why the configuration cannot be used: where it stands, what is wrong, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {detail}")]
pub struct ConfigError {
    /// The file, or the variable of the environment.
    pub place: String,
    pub detail: String,
}

impl ConfigError {
    fn new(place: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            place: place.into(),
            detail: detail.into(),
        }
    }
}

/// The configuration as it is in force.
#[derive(Debug, Clone, PartialEq)]
pub struct Effective {
    pub settings: Settings,
    /// The file that was read, if any.
    pub file: Option<PathBuf>,
    merged: Table,
}

impl Effective {
    /// Reads the file and lays the environment over it.
    ///
    /// # Errors
    /// A file that cannot be read, an unknown key with the nearest known one, or a value that does not fit.
    pub fn load(file: Option<&Path>, environment: impl Iterator<Item = (String, String)>) -> Result<Self, ConfigError> {
        let file = match file {
            Some(named) => Some(named.to_owned()),
            None => Some(PathBuf::from(FILE)).filter(|path| path.exists()),
        };
        let text = match &file {
            Some(path) => std::fs::read_to_string(path).map_err(|error| {
                let detail = format!("cannot be read: {error}; name another file with --config");
                ConfigError::new(path.display().to_string(), detail)
            })?,
            None => String::new(),
        };
        let name = file.as_ref().map_or(String::new(), |path| path.display().to_string());
        let (settings, merged) = assemble(&name, &text, environment)?;
        Ok(Self { settings, file, merged })
    }

    /// The merged configuration as TOML, with secrets hidden.
    pub fn masked(&self) -> String {
        toml::to_string(&layer::masked(&self.merged)).unwrap_or_default()
    }

    /// The same as JSON.
    pub fn masked_json(&self) -> serde_json::Value {
        serde_json::to_value(layer::masked(&self.merged)).unwrap_or_default()
    }
}

fn assemble(
    name: &str,
    text: &str,
    environment: impl Iterator<Item = (String, String)>,
) -> Result<(Settings, Table), ConfigError> {
    let defaults = layer::parse("config.default.toml", DEFAULTS)?;
    let mut merged = defaults.clone();
    let mut from_file = layer::parse(name, text)?;
    layer::read_secret_files(name, &mut from_file)?;
    layer::refuse_unknown(name, &defaults, &from_file, "")?;
    layer::lay_over(&mut merged, from_file);
    for (variable, value) in environment.filter(|(variable, _)| variable.starts_with(layer::PREFIX)) {
        let mut one = layer::from_variable(&variable, &value, &defaults)?;
        layer::read_secret_files(&variable, &mut one)?;
        layer::lay_over(&mut merged, one);
    }
    let mut told = merged.clone();
    layer::drop_unset(&mut told);
    let settings = serde_path_to_error::deserialize(Value::Table(told)).map_err(|error| {
        let place = if name.is_empty() { "configuration" } else { name };
        ConfigError::new(place, format!("`{}`: {}", error.path(), error.inner()))
    })?;
    Ok((settings, merged))
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
