//! Logs on standard error: one line per event, for people or as JSON. They hold no positions, texts, tokens or names.

use serde::{Deserialize, Serialize};
use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt;

/// The `log` part of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    pub format: Format,
    /// `error`, `warn`, `info`, `debug` or `trace`, or directives such as `info,usher::pipeline=debug`.
    pub level: String,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    #[default]
    Text,
    Json,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            format: Format::Text,
            level: "info".to_owned(),
        }
    }
}

/// Why the log cannot be set up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("log.level `{level}` is no level: {detail}; write error, warn, info, debug or trace")]
pub struct LogError {
    level: String,
    detail: String,
}

/// Starts logging for the whole process. A second call changes nothing: tests start several servers in one process.
///
/// # Errors
/// A level that cannot be read.
pub fn install(settings: &Settings) -> Result<(), LogError> {
    let filter = EnvFilter::try_new(&settings.level).map_err(|error| LogError {
        level: settings.level.clone(),
        detail: error.to_string(),
    })?;
    let to_stderr = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    // The second of two set-ups in one process is refused, and may be: the first one logs for both.
    let _ = match settings.format {
        Format::Text => to_stderr
            .with_ansi(std::io::stderr().is_terminal())
            .with_target(false)
            .finish()
            .try_init(),
        Format::Json => to_stderr.json().flatten_event(true).finish().try_init(),
    };
    Ok(())
}
