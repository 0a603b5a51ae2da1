//! Channels: one file per transport behind one trait. A channel speaks; it never writes, counts or retries.

pub mod fcm;
mod tenant;
pub mod tray;

pub use tenant::{CredentialError, settable};

use crate::base::secret::Secret;
use crate::base::time::Timestamp;
use crate::engine::delivery::{ChannelKind, Outcome};
use crate::engine::message::Message;
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// One message on its way to one address.
#[derive(Clone, Copy)]
pub struct Push<'a> {
    pub message: &'a Message,
    /// The push token or address the device registered.
    pub address: &'a str,
    pub now: Timestamp,
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

    /// One attempt. Bounded in time; what went wrong is an [`Outcome`], not an error.
    fn send<'a>(&'a self, push: Push<'a>) -> BoxFuture<'a, Outcome>;

    /// Are the credentials good? The provider's own words if not.
    fn probe(&self) -> BoxFuture<'_, Result<(), String>>;

    /// Does this `why` of a retry say that our credentials or settings are at fault, and not the message or the moment?
    fn blames_set_up(&self, _why: &str) -> bool {
        false
    }
}

/// Which channels there are: `[channels]` of the configuration.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// May projects name hosts of their own in their credentials? Else somebody with a key could make this server ask any.
    pub tenant_endpoints: bool,
    pub tray: tray::Settings,
    pub fcm: fcm::Settings,
}

/// The channels that are set up.
#[derive(Clone, Default)]
pub struct Channels {
    open: Vec<Arc<dyn Channel>>,
    settings: Settings,
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
        let settings = settings.clone();
        Ok(Self { open, settings })
    }

    pub fn get(&self, kind: ChannelKind) -> Option<&dyn Channel> {
        self.open
            .iter()
            .find(|channel| channel.kind() == kind)
            .map(AsRef::as_ref)
    }

    /// Opens a channel with credentials that a project gave, as JSON.
    ///
    /// # Errors
    /// They are not what the channel needs, or name an address that a project may not.
    pub fn open_for(&self, kind: ChannelKind, credentials: &Secret) -> Result<Arc<dyn Channel>, CredentialError> {
        let fields = serde_json::from_str(credentials.expose()).unwrap_or_default();
        tenant::open_for(kind, &fields, &self.settings)
    }

    pub fn kinds(&self) -> Vec<ChannelKind> {
        self.open.iter().map(|channel| channel.kind()).collect()
    }
}

#[cfg(test)]
#[path = "fcm_tests.rs"]
mod fcm_tests;
#[cfg(test)]
#[path = "channel_tests.rs"]
mod tests;
