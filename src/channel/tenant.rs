//! Channels that projects set up themselves: the same settings as the server's, without files and, but for mail servers, without addresses.

use super::outside::Outside;
use super::{Channel, Settings, apns, email, fcm, sms, webpush};
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

    /// It is no field of the project's.
    pub(super) fn of_server(detail: String) -> Self {
        Self::new("", detail)
    }
}

/// What is secret in credentials; the rest may be told to who reads an error.
const SECRETS: [&str; 4] = ["key", "auth_token", "password", "private_key"];

/// What a provider said, without the secrets of the credentials it was asked with.
pub fn without_secrets(words: String, credentials: &Secret) -> String {
    let fields: Value = serde_json::from_str(credentials.expose()).unwrap_or_default();
    hidden(words, &fields)
}

fn hidden(words: String, value: &Value) -> String {
    let Some(fields) = value.as_object() else { return words };
    fields.iter().fold(words, |words, (name, value)| match value.as_str() {
        Some(secret) if SECRETS.contains(&name.as_str()) && !secret.is_empty() => words.replace(secret, "…"),
        _ => hidden(words, value),
    })
}

type Opened = Result<Arc<dyn Channel>, CredentialError>;

/// What a project may set of a channel, as in `[channels.<kind>]`; nothing for one that projects cannot set up.
pub fn settable(kind: ChannelKind) -> &'static [&'static str] {
    match kind {
        ChannelKind::Fcm => &["service_account"],
        ChannelKind::Apns => &["key", "key_id", "team_id", "topic", "endpoint"],
        ChannelKind::Webpush => &["key", "subject"],
        ChannelKind::Sms => &["account_sid", "auth_token", "from", "messaging_service_sid", "base_url"],
        ChannelKind::Email => &["host", "port", "tls", "username", "password", "from", "reply_to"],
        ChannelKind::Tray | ChannelKind::Webhook => &[],
    }
}

/// Opens a channel with the credentials of a project. What they do not say is as the server has it, as far as it is no secret:
/// addresses and time-outs, never a password that would go to a host the project names.
///
/// # Errors
/// A field that is not settable or not right, or an address that a project may not name.
pub fn open_for(kind: ChannelKind, credentials: &Map<String, Value>, server: &Settings, outside: &Outside) -> Opened {
    let known = settable(kind);
    if let Some(unknown) = credentials.keys().find(|key| !known.contains(&key.as_str()))
        && !known.is_empty()
    {
        let detail = format!("is not settable here; what is: {}", known.join(", "));
        return Err(CredentialError::new(format!("/{unknown}"), detail));
    }
    let told = Told(credentials);
    match kind {
        ChannelKind::Fcm => open_fcm(credentials, server),
        ChannelKind::Apns => opened(kind, apns::open(&told.apns(server)?)),
        ChannelKind::Webpush => opened(kind, webpush::open(&told.webpush(server)?, outside)),
        ChannelKind::Sms => opened(kind, sms::open(&told.sms(server)?, outside)),
        ChannelKind::Email => opened(kind, email::open(&told.email(server)?, outside)),
        ChannelKind::Tray | ChannelKind::Webhook => {
            let detail = format!("projects have no credentials of their own for {}", kind.as_str());
            Err(CredentialError::new("", detail))
        }
    }
}

/// The fields a project gave. What is said of a wrong one never repeats it: it may be the secret.
struct Told<'a>(&'a Map<String, Value>);

impl Told<'_> {
    fn text(&self, field: &str) -> Result<Option<String>, CredentialError> {
        match self.0.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if !text.is_empty() => Ok(Some(text.clone())),
            Some(_) => Err(CredentialError::new(
                format!("/{field}"),
                "must be a text that is not empty",
            )),
        }
    }

    fn secret(&self, field: &str) -> Result<Option<Secret>, CredentialError> {
        Ok(self.text(field)?.map(Secret::new))
    }

    /// The field without which there is no channel.
    fn needed<T>(field: &str, value: Option<T>, what: &str) -> Result<Option<T>, CredentialError> {
        if value.is_none() {
            return Err(CredentialError::new(format!("/{field}"), format!("is missing: {what}")));
        }
        Ok(value)
    }

    /// An address; those of the server alone unless it lets projects name others.
    fn address(&self, field: &str, ours: &[&str], server: &Settings) -> Result<Option<String>, CredentialError> {
        let told = self.text(field)?;
        let is_ours = told.as_deref().is_none_or(|told| ours.contains(&told));
        if is_ours || server.tenant_endpoints {
            return Ok(told);
        }
        let detail = format!("must be {}: this server sends to no other place", ours.join(" or "));
        Err(CredentialError::new(format!("/{field}"), detail))
    }

    fn apns(&self, server: &Settings) -> Result<apns::Settings, CredentialError> {
        let key = Self::needed(
            "key",
            self.secret("key")?,
            "the text of the .p8 file of the Apple developer site",
        )?;
        let endpoint = self.address("endpoint", &["production", "sandbox"], server)?;
        Ok(apns::Settings {
            key_file: None,
            key,
            key_id: self.text("key_id")?,
            team_id: self.text("team_id")?,
            topic: self.text("topic")?,
            endpoint: endpoint.unwrap_or_else(|| server.apns.endpoint.clone()),
            timeout_s: server.apns.timeout_s,
        })
    }

    fn webpush(&self, server: &Settings) -> Result<webpush::Settings, CredentialError> {
        let what = "the private VAPID key, as `npx web-push generate-vapid-keys` prints it";
        Ok(webpush::Settings {
            key_file: None,
            key: Self::needed("key", self.secret("key")?, what)?,
            subject: self.text("subject")?,
            timeout_s: server.webpush.timeout_s,
        })
    }

    fn sms(&self, server: &Settings) -> Result<sms::Settings, CredentialError> {
        let account_sid = self.text("account_sid")?;
        let base_url = self.address("base_url", &[&server.sms.base_url], server)?;
        Ok(sms::Settings {
            account_sid: Self::needed("account_sid", account_sid, "the account at the gateway (`AC…`)")?,
            auth_token: self.secret("auth_token")?,
            from: self.text("from")?,
            messaging_service_sid: self.text("messaging_service_sid")?,
            base_url: base_url.unwrap_or_else(|| server.sms.base_url.clone()),
            timeout_s: server.sms.timeout_s,
        })
    }

    /// Every project has a mail server of its own: any host, connected to by the way out alone.
    fn email(&self, server: &Settings) -> Result<email::Settings, CredentialError> {
        let standard = email::Settings::default();
        let port = match self.0.get("port") {
            None | Some(Value::Null) => Some(standard.port),
            Some(told) => told.as_u64().and_then(|port| u16::try_from(port).ok()),
        };
        let port = port.filter(|port| *port > 0);
        let tls = match self.text("tls")?.as_deref() {
            None => standard.tls,
            Some("starttls") => email::Tls::Starttls,
            Some("implicit") => email::Tls::Implicit,
            // In the clear is for a server on this machine, which is no project's.
            Some(_) => return Err(CredentialError::new("/tls", "must be starttls or implicit")),
        };
        Ok(email::Settings {
            host: Self::needed("host", self.text("host")?, "the name of the mail server")?,
            port: port.ok_or_else(|| CredentialError::new("/port", "must be a number from 1 to 65535"))?,
            tls,
            username: self.text("username")?,
            password: self.secret("password")?,
            from: Self::needed(
                "from",
                self.text("from")?,
                "whom mails are from: Alpenhof <hello@alpenhof.example>",
            )?,
            reply_to: self.text("reply_to")?,
            timeout_s: server.email.timeout_s,
        })
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
            let why = why.strip_prefix(&format!("channels.{}", kind.as_str())).unwrap_or(&why);
            let (field, detail) = why.split_once(": ").unwrap_or(("", why));
            // "channels.sms.auth_token is missing: …" names its field as well.
            let (field, said) = field.split_once(' ').unwrap_or((field, ""));
            let detail = if said.is_empty() {
                detail.to_owned()
            } else {
                format!("{said}: {detail}")
            };
            Err(CredentialError::new(field.replace('.', "/"), detail))
        }
    }
}

#[cfg(test)]
#[path = "tenant_tests.rs"]
mod tests;
