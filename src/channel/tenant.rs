//! Channels that projects set up themselves: the same settings as the server's, without files and without addresses.

use super::{Channel, Settings, fcm};
use crate::base::secret::Secret;
use crate::engine::delivery::ChannelKind;
use serde_json::{Map, Value};
use std::sync::Arc;

/// Where Google gives out access tokens; a service account that names another place is not Google's.
const GOOGLE_TOKENS: [&str; 2] = [
    "https://oauth2.googleapis.com/token",
    "https://accounts.google.com/o/oauth2/token",
];

/// Why credentials cannot be used, and where it stands in them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct CredentialError {
    /// JSON pointer.
    pub pointer: String,
    pub detail: String,
}

impl CredentialError {
    fn new(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            pointer: pointer.into(),
            detail: detail.into(),
        }
    }
}

type Opened = Result<Arc<dyn Channel>, CredentialError>;

/// What a project may set of a channel, as in `[channels.<kind>]`; nothing for one that projects cannot set up.
pub fn settable(kind: ChannelKind) -> &'static [&'static str] {
    match kind {
        ChannelKind::Fcm => &["service_account"],
        ChannelKind::Tray
        | ChannelKind::Apns
        | ChannelKind::Webpush
        | ChannelKind::Sms
        | ChannelKind::Email
        | ChannelKind::Webhook => &[],
    }
}

/// Opens a channel with the credentials of a project. What they do not say - addresses, time-outs - is as the server has it.
///
/// # Errors
/// A field that is not settable or not right, or an address that a project may not name.
pub fn open_for(kind: ChannelKind, credentials: &Map<String, Value>, server: &Settings) -> Opened {
    let known = settable(kind);
    if known.is_empty() {
        let detail = format!("projects have no credentials of their own for {}", kind.as_str());
        return Err(CredentialError::new("", detail));
    }
    if let Some(unknown) = credentials.keys().find(|key| !known.contains(&key.as_str())) {
        let detail = format!("is not settable here; what is: {}", known.join(", "));
        return Err(CredentialError::new(format!("/{unknown}"), detail));
    }
    match kind {
        ChannelKind::Fcm => open_fcm(credentials, server),
        ChannelKind::Tray
        | ChannelKind::Apns
        | ChannelKind::Webpush
        | ChannelKind::Sms
        | ChannelKind::Email
        | ChannelKind::Webhook => Err(CredentialError::new("", "projects have no credentials of their own")),
    }
}

fn open_fcm(credentials: &Map<String, Value>, server: &Settings) -> Opened {
    let pointer = "/service_account";
    let account: Map<String, Value> = match credentials.get("service_account") {
        Some(Value::Object(account)) => account.clone(),
        Some(Value::String(text)) => serde_json::from_str(text).map_err(|_| {
            CredentialError::new(
                pointer,
                "is no JSON; give the key file of the Firebase console as it is",
            )
        })?,
        _ => {
            let detail = "is missing: the key file that the Firebase console makes, as an object or as text";
            return Err(CredentialError::new(pointer, detail));
        }
    };
    let tokens = account.get("token_uri").and_then(Value::as_str);
    let is_google = tokens.is_none_or(|uri| GOOGLE_TOKENS.contains(&uri));
    if !is_google && !server.tenant_endpoints {
        let detail = format!(
            "must be {}: this server asks no other place for tokens",
            GOOGLE_TOKENS[0]
        );
        return Err(CredentialError::new("/service_account/token_uri", detail));
    }
    let settings = fcm::Settings {
        service_account_file: None,
        service_account: Some(Secret::new(Value::Object(account).to_string())),
        ..server.fcm.clone()
    };
    opened(ChannelKind::Fcm, fcm::open(&settings))
}

/// The server's word on a setting, as one on a field of the body.
fn opened<C: Channel + 'static>(kind: ChannelKind, channel: Result<Option<C>, String>) -> Opened {
    match channel {
        Ok(Some(channel)) => Ok(Arc::new(channel)),
        Ok(None) => Err(CredentialError::new("", "the credentials are incomplete")),
        Err(why) => {
            let prefix = format!("channels.{}.", kind.as_str());
            let placed = why.strip_prefix(&prefix).and_then(|rest| rest.split_once(": "));
            Err(match placed {
                Some((field, detail)) => CredentialError::new(format!("/{field}"), detail),
                None => CredentialError::new("", why),
            })
        }
    }
}

#[cfg(test)]
#[path = "tenant_tests.rs"]
mod tests;
