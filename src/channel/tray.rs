//! The built-in channel for trying out: the phone's screen is drawn on the local live page.

use super::{Channel, Push};
use crate::engine::delivery::{ChannelKind, Outcome};
use futures_util::future::{BoxFuture, FutureExt, ready};
use serde::{Deserialize, Serialize};

/// `[channels.tray]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    pub enabled: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { enabled: true }
    }
}

/// Takes every message; whoever watches the live stream sees it.
#[derive(Debug)]
pub struct Tray;

impl Channel for Tray {
    fn kind(&self) -> ChannelKind {
        ChannelKind::Tray
    }

    fn send<'a>(&'a self, push: Push<'a>) -> BoxFuture<'a, Outcome> {
        ready(Outcome::Accepted {
            provider_id: format!("tray/{}", push.message.id),
        })
        .boxed()
    }

    fn probe(&self) -> BoxFuture<'_, Result<(), String>> {
        ready(Ok(())).boxed()
    }
}
