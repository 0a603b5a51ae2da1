//! Channels: one file per transport behind one trait. A channel speaks; it never writes, counts or retries.

mod answer;
pub mod apns;
pub mod email;
mod es256;
mod exchange;
pub mod fcm;
pub mod outside;
mod payload;
mod plain;
pub mod report;
pub mod sms;
mod sms_report;
mod tenant;
pub mod tray;
pub mod webhook;
pub mod webpush;

pub use tenant::{CredentialError, settable, without_secrets};

use crate::base::chance::Entropy;
use crate::base::id::ProjectId;
use crate::base::seal::SealingKey;
use crate::base::secret::Secret;
use crate::base::time::Timestamp;
use crate::engine::delivery::{ChannelKind, Outcome};
use crate::engine::flow::Limit;
use crate::engine::message::Message;
use futures_util::future::BoxFuture;
use outside::Outside;
use report::{Report, Reported, Unproven};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// One message on its way to one address.
#[derive(Clone, Copy)]
pub struct Push<'a> {
    pub message: &'a Message,
    /// The push token or address the device registered.
    pub address: &'a str,
    /// What a sensitive text is sealed to for this device; none while it has registered no key.
    pub sealing_key: Option<&'a SealingKey>,
    /// Where the provider can report what became of it; none when it cannot reach us.
    pub report_url: Option<&'a str>,
    pub now: Timestamp,
    /// Chance for what is sealed.
    pub entropy: &'a dyn Entropy,
}

/// Neither address nor text: what is sent belongs in no log.
impl fmt::Debug for Push<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Push")
            .field("message", &self.message.id)
            .field("now", &self.now)
            .finish_non_exhaustive()
    }
}

/// A transport.
pub trait Channel: Send + Sync {
    fn kind(&self) -> ChannelKind;

    /// How fast the provider may be asked; none when it sets no bound.
    fn pace(&self) -> Option<Limit> {
        None
    }

    /// The public key that an app asks its platform for addresses with, in base64url; none where apps need none.
    fn public_key(&self) -> Option<&str> {
        None
    }

    /// One attempt. Bounded in time; what went wrong is an [`Outcome`], not an error.
    fn send<'a>(&'a self, push: Push<'a>) -> BoxFuture<'a, Outcome>;

    /// What a report of the provider says; none when it names no delivery.
    ///
    /// # Errors
    /// It is not proven to come from the provider, or this one sends none.
    fn hear(&self, _: &Report<'_>) -> Result<Option<Reported>, Unproven> {
        Err(Unproven)
    }

    /// Are the credentials good? The provider's own words if not.
    fn probe(&self) -> BoxFuture<'_, Result<(), String>>;
}

/// Which channels there are: `[channels]` of the configuration.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// May projects name hosts of their own in their credentials? Else somebody with a key could make this server ask any.
    pub tenant_endpoints: bool,
    pub tray: tray::Settings,
    pub fcm: fcm::Settings,
    pub apns: apns::Settings,
    pub webpush: webpush::Settings,
    pub sms: sms::Settings,
    pub email: email::Settings,
    pub webhook: webhook::Settings,
    pub outside: outside::Settings,
}

/// The channels that are set up.
#[derive(Clone, Default)]
pub struct Channels {
    open: Vec<Arc<dyn Channel>>,
    settings: Settings,
    outside: Option<Outside>,
    /// Where providers reach this server, without a slash at its end.
    public_url: Option<String>,
}

impl Channels {
    /// Opens every channel that has its settings; says which setting is wrong and what to do.
    pub fn open(settings: &Settings) -> Result<Self, String> {
        let mut open: Vec<Arc<dyn Channel>> = Vec::new();
        if settings.tray.enabled {
            open.push(Arc::new(tray::Tray));
        }
        if let Some(channel) = fcm::open(&settings.fcm)? {
            open.push(Arc::new(channel));
        }
        if let Some(channel) = apns::open(&settings.apns)? {
            open.push(Arc::new(channel));
        }
        let outside = Outside::open(&settings.outside)?;
        if let Some(channel) = webpush::open(&settings.webpush, &outside)? {
            open.push(Arc::new(channel));
        }
        if let Some(channel) = sms::open(&settings.sms, &outside)? {
            open.push(Arc::new(channel));
        }
        if let Some(channel) = email::open(&settings.email, &outside)? {
            open.push(Arc::new(channel));
        }
        if let Some(channel) = webhook::open(&settings.webhook, &outside) {
            open.push(Arc::new(channel));
        }
        Ok(Self {
            open,
            settings: settings.clone(),
            outside: Some(outside),
            public_url: None,
        })
    }

    /// Providers reach this server at this address from now on, and are asked to report what became of what they took.
    #[must_use]
    pub fn reached_at(mut self, public_url: Option<&str>) -> Self {
        self.public_url = public_url.map(str::to_owned);
        self
    }

    /// Where the provider of a channel reports what became of a project's deliveries; none where it does not.
    pub fn report_url(&self, kind: ChannelKind, project: ProjectId) -> Option<String> {
        let base = self.public_url.as_ref().filter(|_| kind == ChannelKind::Sms)?;
        Some(format!("{base}/v1/channels/{}/reports/{project}", kind.as_str()))
    }

    /// The way out to addresses that tenants set; none where no channel was opened.
    pub fn outside(&self) -> Option<&Outside> {
        self.outside.as_ref()
    }

    /// One more channel, in place of the one of its kind.
    #[must_use]
    pub fn with(mut self, channel: Arc<dyn Channel>) -> Self {
        self.open.retain(|open| open.kind() != channel.kind());
        self.open.push(channel);
        self
    }

    pub fn get(&self, kind: ChannelKind) -> Option<&dyn Channel> {
        self.open
            .iter()
            .find(|channel| channel.kind() == kind)
            .map(AsRef::as_ref)
    }

    /// The same, to be held on to.
    pub fn shared(&self, kind: ChannelKind) -> Option<Arc<dyn Channel>> {
        self.open.iter().find(|channel| channel.kind() == kind).cloned()
    }

    /// Opens a channel with credentials that a project gave, as JSON.
    ///
    /// # Errors
    /// They are not what the channel needs, or name an address that a project may not.
    pub fn open_for(&self, kind: ChannelKind, credentials: &Secret) -> Result<Arc<dyn Channel>, CredentialError> {
        let fields = serde_json::from_str(credentials.expose()).unwrap_or_default();
        let outside = match &self.outside {
            Some(outside) => outside.clone(),
            None => Outside::open(&self.settings.outside).map_err(CredentialError::of_server)?,
        };
        tenant::open_for(kind, &fields, &self.settings, &outside)
    }

    /// How fast the provider behind each channel may be asked.
    pub fn paces(&self) -> BTreeMap<ChannelKind, Limit> {
        let open = self.open.iter();
        open.filter_map(|channel| Some((channel.kind(), channel.pace()?)))
            .collect()
    }

    pub fn kinds(&self) -> Vec<ChannelKind> {
        self.open.iter().map(|channel| channel.kind()).collect()
    }
}

#[cfg(test)]
mod apns_peer;
#[cfg(test)]
#[path = "apns_tests.rs"]
mod apns_tests;
#[cfg(test)]
#[path = "conformance_tests.rs"]
mod conformance_tests;
#[cfg(test)]
#[path = "fcm_tests.rs"]
mod fcm_tests;
#[cfg(test)]
#[path = "http_peer_tests.rs"]
pub(crate) mod http_peer;
#[cfg(test)]
mod peer;
#[cfg(test)]
#[path = "sealed_tests.rs"]
mod sealed_tests;
#[cfg(test)]
#[path = "smtp_peer_tests.rs"]
pub(crate) mod smtp_peer;
#[cfg(test)]
#[path = "channel_tests.rs"]
mod tests;
#[cfg(test)]
mod webpush_peer;
#[cfg(test)]
#[path = "webpush_tests.rs"]
mod webpush_tests;
