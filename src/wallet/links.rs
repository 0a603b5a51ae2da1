//! Links to passes: the address of this installation, how long a link is good for, and the secret that seals them.

use crate::base::chance::Entropy;
use crate::base::limits;
use crate::base::link::{Link, LinkError, LinkKey};
use crate::base::secret::{Secret, new_token};
use crate::base::time::Timestamp;
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// `[links]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Where phones reach this server from outside: `https://usher.example`.
    pub public_url: Option<String>,
    /// Seals links and passes. Made by itself beside a SQLite database when it is not set.
    pub secret: Option<Secret>,
    /// Hours a link is good for at most.
    pub hours: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            public_url: None,
            secret: None,
            hours: 24,
        }
    }
}

/// Makes and reads links.
#[derive(Debug, Clone)]
pub struct Links {
    key: LinkKey,
    /// Without a slash at its end.
    public_url: String,
    /// Was it set, or is it no more than where this server listens?
    is_public: bool,
    lasts: TimeDelta,
    /// Will the next start have the same secret?
    pub is_kept: bool,
}

/// The name of the file beside a SQLite database.
const FILE: &str = "links.key";

impl Links {
    /// With the secret of the settings, or the one beside the database, made at the first start. `bind` is where links lead
    /// to while no address is set.
    ///
    /// # Errors
    /// The setting that is wrong and what to do.
    pub fn open(settings: &Settings, bind: SocketAddr, database: &str, entropy: &dyn Entropy) -> Result<Self, String> {
        let public_url = match &settings.public_url {
            Some(url) => checked(url)?,
            None => format!("http://{bind}"),
        };
        if settings.hours == 0 || settings.hours > limits::LINK_HOURS_MAX {
            let max = limits::LINK_HOURS_MAX;
            return Err(format!(
                "links.hours: {} is not 1 to {max}; 24 suits most",
                settings.hours
            ));
        }
        let (secret, is_kept) = match (&settings.secret, beside(database)) {
            (Some(secret), _) => (secret.clone(), true),
            (None, Some(path)) => (kept(&path, entropy)?, true),
            (None, None) => (new_token("lk", entropy), false),
        };
        if secret.expose().len() < LinkKey::SECRET_BYTES_MIN {
            let min = LinkKey::SECRET_BYTES_MIN;
            return Err(format!(
                "links.secret: is shorter than {min} bytes; `openssl rand -base64 32` makes a good one"
            ));
        }
        Ok(Self {
            key: LinkKey::new(&secret),
            public_url,
            is_public: settings.public_url.is_some(),
            lasts: TimeDelta::hours(i64::from(settings.hours)),
            is_kept,
        })
    }

    pub fn key(&self) -> &LinkKey {
        &self.key
    }

    /// Below what address others reach us, where one was set.
    pub fn told_url(&self) -> Option<&str> {
        self.is_public.then_some(&self.public_url)
    }

    /// Below what address phones reach us; https only, as wallets call no other.
    pub fn secure_url(&self) -> Option<&str> {
        self.public_url.starts_with("https://").then_some(&self.public_url)
    }

    /// The address of a pass's page from now on, until its day is over or what it is for ends.
    pub fn page(&self, link: &Link, ends_at: Option<Timestamp>, now: Timestamp) -> String {
        let last = now + self.lasts;
        let token = self.key.sign(link, ends_at.map_or(last, |end| end.min(last)));
        format!("{}/p/{token}", self.public_url)
    }

    /// What a token of such an address stands for.
    ///
    /// # Errors
    /// It is none of ours, or its time is over.
    pub fn read(&self, token: &str, now: Timestamp) -> Result<Link, LinkError> {
        self.key.read(token, now)
    }
}

fn checked(url: &str) -> Result<String, String> {
    let wrong = |why: &str| {
        format!(
            "links.public_url: `{url}` {why}; write the address that phones reach this server at, such as https://usher.example"
        )
    };
    let url = url.trim_end_matches('/');
    let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let host = host.ok_or_else(|| wrong("does not begin with https://"))?;
    if host.is_empty() || host.contains(['?', '#', '@', '"', '<', '>']) || host.contains(char::is_whitespace) {
        return Err(wrong("is no plain address"));
    }
    Ok(url.to_owned())
}

/// Where the secret stands for this database; nowhere for one in memory, or on a server that others use, too.
fn beside(database: &str) -> Option<PathBuf> {
    let path = database.strip_prefix("sqlite://")?;
    let path = path
        .split('?')
        .next()
        .filter(|path| !path.is_empty() && !path.contains(":memory:"))?;
    Some(Path::new(path).parent()?.join(FILE))
}

/// The secret of this file, which only this user may read.
fn kept(path: &Path, entropy: &dyn Entropy) -> Result<Secret, String> {
    let remedy = "make the folder writable for this user, or set links.secret (links.secret_file)";
    let wrong = |error: std::io::Error| format!("links.secret: {}: {error}; {remedy}", path.display());
    let made = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    match made {
        Ok(mut file) => {
            let secret = new_token("lk", entropy);
            file.write_all(secret.expose().as_bytes())
                .and_then(|()| file.sync_all())
                .map_err(wrong)?;
            Ok(secret)
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            let text = std::fs::read_to_string(path).map_err(wrong)?;
            Ok(Secret::new(text.trim()))
        }
        Err(error) => Err(wrong(error)),
    }
}

#[cfg(test)]
#[path = "links_tests.rs"]
mod tests;
