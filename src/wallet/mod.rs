//! Wallets: a card as a signed Apple Wallet pass, and as a link that saves it to Google Wallet.

pub mod apple;
mod file;
pub mod google;
mod icon;
mod links;
mod objects;
mod package;
mod push;
mod reader;
mod rsa;
mod signer;
mod standing;
mod updates;

pub use links::{Links, Settings as LinkSettings};
pub use reader::Reader;
pub use standing::Standing;
pub use updates::Updates;

use crate::base::link::{Link, LinkKey};
use crate::base::time::Timestamp;
use crate::engine::fact::Fact;
use crate::engine::pass::{Card, Source};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// `[wallet]`: what is not set up is not offered.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    pub apple: apple::Settings,
    pub google: google::Settings,
}

/// The wallets that are set up.
#[derive(Debug, Default)]
pub struct Wallets {
    pub apple: Option<apple::Apple>,
    pub google: Option<Arc<google::Google>>,
}

impl Wallets {
    /// Reads certificates and keys.
    ///
    /// # Errors
    /// Which setting is wrong, the file it names, and what to do.
    pub fn open(settings: &Settings, now: Timestamp) -> Result<Self, String> {
        Ok(Self {
            apple: apple::open(&settings.apple, now)?,
            google: google::open(&settings.google)?.map(Arc::new),
        })
    }
}

/// One pass of one person, ready to be put into a wallet.
#[derive(Debug, Clone)]
pub struct Pass {
    pub link: Link,
    pub card: Card,
    /// What was cancelled or is over stays in the wallet, greyed out.
    pub voided: bool,
    pub changed_at: Timestamp,
}

impl Pass {
    /// The pass of a fact; none when the fact holds nothing a pass is made from.
    pub fn of(link: Link, fact: &Fact, voided: bool, zone: Tz, locale: Option<&str>) -> Option<Self> {
        let card = Card::of(&Source {
            key: &fact.id.key,
            properties: &fact.properties,
            valid_to: fact.valid_to,
            changed_at: fact.changed_at,
            zone,
            locale,
        })?;
        Some(Self {
            link,
            card,
            voided,
            changed_at: fact.changed_at,
        })
    }
}

/// Where a pass asks for its newer versions, and how it proves which one it is.
#[derive(Debug, Clone, Copy)]
pub struct Service<'a> {
    /// An https address; Apple calls no other.
    pub url: Option<&'a str>,
    pub key: &'a LinkKey,
}

#[cfg(test)]
#[path = "google_tests.rs"]
mod google_tests;
#[cfg(test)]
#[path = "settings_tests.rs"]
mod settings_tests;
#[cfg(test)]
#[path = "wallet_tests.rs"]
pub(crate) mod tests;
