//! Mail by SMTP: one connection for each message, to an address that was judged, encrypted unless it is this machine.

use super::exchange::configuration;
use super::outside::Outside;
use super::plain::Plain;
use super::{Channel, Push};
use crate::base::limits;
use crate::base::secret::Secret;
use crate::engine::delivery::{ChannelKind, Outcome};
use futures_util::future::{BoxFuture, FutureExt};
use lettre::Address;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailBodyParameter, MailParameter};
use serde::{Deserialize, Serialize};
use std::time::{Duration, SystemTime};

/// How the connection is protected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tls {
    /// Encrypted after a word in the clear; refused where the server does not offer it. Port 587.
    #[default]
    Starttls,
    /// Encrypted from the first byte. Port 465.
    Implicit,
    /// In the clear; taken only where the server is this machine.
    None,
}

/// `[channels.email]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The mail server. Without one the channel is off.
    pub host: Option<String>,
    pub port: u16,
    pub tls: Tls,
    pub username: Option<String>,
    pub password: Option<Secret>,
    /// Who it is from: `Alpenhof <hello@alpenhof.example>`.
    pub from: Option<String>,
    /// Where answers go, if elsewhere.
    pub reply_to: Option<String>,
    /// Seconds one message may take, from connecting to the server's last word.
    pub timeout_s: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            host: None,
            port: 587,
            tls: Tls::default(),
            username: None,
            password: None,
            from: None,
            reply_to: None,
            timeout_s: 30,
        }
    }
}

/// The channel, or none when no server is set.
pub(super) fn open(settings: &Settings, outside: &Outside) -> Result<Option<Email>, String> {
    let Some(host) = settings.host.clone() else {
        return Ok(None);
    };
    let mailbox = |setting: &str, text: &str| {
        let example = "write a mailbox such as Alpenhof <hello@alpenhof.example>";
        text.parse::<Mailbox>()
            .map_err(|error| format!("channels.email.{setting}: {error}; {example}"))
    };
    let from = settings.from.as_deref().unwrap_or_default();
    let credentials = match (&settings.username, &settings.password) {
        (Some(name), Some(password)) => Some(Credentials::new(name.clone(), password.expose().to_owned())),
        (None, None) => None,
        _ => return Err("channels.email: `username` and `password` go together".into()),
    };
    Ok(Some(Email {
        from: mailbox("from", from)?,
        reply_to: settings
            .reply_to
            .as_deref()
            .map(|text| mailbox("reply_to", text))
            .transpose()?,
        host,
        port: settings.port,
        tls: settings.tls,
        credentials,
        outside: outside.clone(),
        timeout: Duration::from_secs(settings.timeout_s.clamp(1, 45)),
    }))
}

/// The open channel.
pub struct Email {
    host: String,
    port: u16,
    tls: Tls,
    credentials: Option<Credentials>,
    from: Mailbox,
    reply_to: Option<Mailbox>,
    outside: Outside,
    timeout: Duration,
}

impl Channel for Email {
    fn kind(&self) -> ChannelKind {
        ChannelKind::Email
    }

    fn send<'a>(&'a self, push: Push<'a>) -> BoxFuture<'a, Outcome> {
        async move {
            let Ok(to) = push.address.parse::<Address>() else {
                let why = "it is no mail address".into();
                return Outcome::Unregistered { why, as_of: None };
            };
            let (mail, provider_id) = match self.written(&push, &to) {
                Ok(written) => written,
                Err(why) => return Outcome::Rejected { why },
            };
            let sent = tokio::time::timeout(self.timeout, self.hand_over(&to, &mail)).await;
            match sent {
                Ok(Ok(connection)) => {
                    part(connection).await;
                    Outcome::Accepted { provider_id }
                }
                Ok(Err(refusal)) => refusal.outcome(),
                Err(_) => Outcome::Retry {
                    after: None,
                    why: "timeout".into(),
                },
            }
        }
        .boxed()
    }

    fn probe(&self) -> BoxFuture<'_, Result<(), String>> {
        async move {
            let asked = tokio::time::timeout(self.timeout, self.connected()).await;
            match asked {
                Ok(Ok(connection)) => {
                    part(connection).await;
                    Ok(())
                }
                Ok(Err(refusal)) => Err(refusal.words),
                Err(_) => Err("the mail server did not answer in time".into()),
            }
        }
        .boxed()
    }
}

/// Says goodbye, without waiting long: what was taken is taken.
async fn part(mut connection: AsyncSmtpConnection) {
    let _ = tokio::time::timeout(Duration::from_secs(1), connection.quit()).await;
}

/// How far the exchange had come when it was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Connect,
    Login,
    Sender,
    Recipient,
    Text,
}

/// Why the server did not take it.
struct Refusal {
    stage: Stage,
    code: Option<u16>,
    /// It is a matter of policy (5.7.x), not of the mailbox.
    is_policy: bool,
    /// The server's own words, for the operator's eyes: they may hold the address.
    words: String,
}

impl Refusal {
    fn by(stage: Stage) -> impl Fn(SmtpError) -> Self {
        move |error| {
            let words = error.to_string();
            Self {
                stage,
                code: error.status().map(u16::from),
                is_policy: words.contains("5.7."),
                words,
            }
        }
    }

    fn of_set_up(words: String) -> Self {
        Self {
            stage: Stage::Connect,
            code: None,
            is_policy: false,
            words,
        }
    }

    /// 4xx and a broken connection are tried again; 550, 551 and 553 about the recipient mean that there is no such mailbox; a
    /// login that is refused waits for somebody to mend it; any other 5xx is final.
    fn outcome(&self) -> Outcome {
        let stage = match self.stage {
            Stage::Connect => "connect",
            Stage::Login => "login",
            Stage::Sender => "sender",
            Stage::Recipient => "recipient",
            Stage::Text => "text",
        };
        let Some(code) = self.code else {
            return Outcome::Retry {
                after: None,
                why: format!("{stage}: the connection failed"),
            };
        };
        let why = format!("{stage}: {code}");
        match (self.stage, code) {
            (_, ..500) => Outcome::Retry { after: None, why },
            (Stage::Connect | Stage::Login, _) => {
                configuration("channels.email", why)
            }
            (Stage::Recipient, 550 | 551 | 553) if !self.is_policy => Outcome::Unregistered { why, as_of: None },
            (Stage::Sender | Stage::Recipient | Stage::Text, _) => Outcome::Rejected { why },
        }
    }
}

impl Email {
    /// Connects to an address that was judged, encrypts and logs in.
    async fn connected(&self) -> Result<AsyncSmtpConnection, Refusal> {
        let resolved = self.outside.resolve_allowed(&self.host, self.port).await;
        let addresses = resolved.map_err(|error| Refusal::of_set_up(format!("channels.email.host: {error}")))?;
        if self.tls == Tls::None && !addresses.iter().all(|address| address.ip().is_loopback()) {
            let words =
                "channels.email.tls: without encryption mail goes to this machine only; use `starttls` or `implicit`";
            return Err(Refusal::of_set_up(words.into()));
        }
        let tls = match self.tls {
            Tls::None => None,
            Tls::Starttls | Tls::Implicit => {
                let tls = TlsParameters::new_rustls(self.host.clone());
                Some(tls.map_err(|error| Refusal::of_set_up(error.to_string()))?)
            }
        };
        let hello = ClientId::Domain(self.from.email.domain().to_owned());
        let at_once = tls.clone().filter(|_| self.tls == Tls::Implicit);
        let timeout = Some(limits::OUTSIDE_CONNECT_MAX);
        let connect = AsyncSmtpConnection::connect_tokio1(addresses.as_slice(), timeout, &hello, at_once, None);
        let mut connection = connect.await.map_err(Refusal::by(Stage::Connect))?;
        if let (Some(tls), Tls::Starttls) = (tls, self.tls) {
            let upgraded = connection.starttls(tls, &hello).await;
            upgraded.map_err(Refusal::by(Stage::Connect))?;
        }
        if let Some(credentials) = &self.credentials {
            let known = connection.auth(DEFAULT_MECHANISMS, credentials).await;
            known.map_err(Refusal::by(Stage::Login))?;
        }
        Ok(connection)
    }

    async fn hand_over(&self, to: &Address, mail: &[u8]) -> Result<AsyncSmtpConnection, Refusal> {
        let mut connection = self.connected().await?;
        let mut parameters = Vec::new();
        let takes = |extension| connection.server_info().supports_feature(extension);
        let is_international =
            !AsRef::<str>::as_ref(to).is_ascii() || !AsRef::<str>::as_ref(&self.from.email).is_ascii();
        if is_international && takes(Extension::SmtpUtfEight) {
            parameters.push(MailParameter::SmtpUtfEight);
        }
        if !mail.is_ascii() && takes(Extension::EightBitMime) {
            parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
        }
        let sender = Mail::new(Some(self.from.email.clone()), parameters);
        connection.command(sender).await.map_err(Refusal::by(Stage::Sender))?;
        let recipient = Rcpt::new(to.clone(), Vec::new());
        let heard = connection.command(recipient).await;
        heard.map_err(Refusal::by(Stage::Recipient))?;
        connection.command(Data).await.map_err(Refusal::by(Stage::Text))?;
        connection.message(mail).await.map_err(Refusal::by(Stage::Text))?;
        Ok(connection)
    }

    /// The mail as it goes over the wire, and its Message-ID: the same for every attempt, so that a repeat can be told.
    fn written(&self, push: &Push<'_>, to: &Address) -> Result<(Vec<u8>, String), String> {
        let plain = Plain::of(&push.message.shown);
        if push.message.silent || plain.is_empty() {
            return Err("there is no text to send".into());
        }
        let id = format!("<{}@{}>", push.message.id, self.from.email.domain());
        let mut builder = lettre::Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to.clone()))
            .subject(on_one_line(if plain.title.is_empty() {
                plain.body
            } else {
                plain.title
            }))
            .message_id(Some(id.clone()))
            .date(SystemTime::from(push.now));
        if let Some(reply_to) = &self.reply_to {
            builder = builder.reply_to(reply_to.clone());
        }
        let html = html(&plain, &push.message.shown.locale);
        let parts = MultiPart::alternative_plain_html(plain.lines(usize::MAX), html);
        let mut mail = builder
            .multipart(parts)
            .map_err(|_| "the mail cannot be written".to_owned())?;
        // No answering machine need answer (RFC 3834).
        let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
        mail.headers_mut()
            .insert_raw(HeaderValue::new(automatic, "auto-generated".to_owned()));
        Ok((mail.formatted(), id))
    }
}

/// A subject is one line: what a guest is called must start no header of its own.
fn on_one_line(text: &str) -> String {
    let spaced = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    spaced.collect::<String>().trim().to_owned()
}

fn html(plain: &Plain<'_>, locale: &str) -> String {
    let (title, body) = (escaped(plain.title), escaped(plain.body).replace('\n', "<br>\n"));
    // Only what a browser opens as a page: a link is text of the business's, but may hold a value of the guest's.
    let link = plain
        .link
        .filter(|link| link.starts_with("https://") || link.starts_with("http://"));
    let link = link.map_or_else(String::new, |link| {
        let link = escaped(link);
        format!("<p><a href=\"{link}\">{link}</a></p>\n")
    });
    format!(
        "<!doctype html>\n<html lang=\"{}\"><head><meta charset=\"utf-8\"><title>{title}</title></head>\n\
         <body>\n<h1>{title}</h1>\n<p>{body}</p>\n{link}</body></html>\n",
        escaped(locale)
    )
}

fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            _ => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
#[path = "email_tests.rs"]
mod tests;
