//! Who speaks for a project: its own channel where it has set one up, the server's otherwise.

use super::Pipeline;
use crate::base::id::ProjectId;
use crate::base::limits;
use crate::base::secret::Secret;
use crate::base::time::Timestamp;
use crate::channel::{Channel, Channels, Push, without_secrets};
use crate::engine::delivery::{ChannelKind, Outcome};
use crate::store::{ChannelMark, ChannelRow, Claimed, StoreError};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The channel of one project, open, at one version of its credentials.
#[derive(Clone)]
pub(super) struct Sender {
    version: i64,
    /// None when the credentials do not open any more.
    current: Option<Arc<dyn Channel>>,
    /// Those from before, and until when they are used.
    previous: Option<(Arc<dyn Channel>, Timestamp)>,
}

/// The channels of projects that are open in this process: one client and one pool of connections each.
#[derive(Default)]
pub(super) struct Senders(Mutex<HashMap<(ProjectId, ChannelKind), Sender>>);

impl Senders {
    fn get(&self, key: (ProjectId, ChannelKind), version: i64) -> Option<Sender> {
        let open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        open.get(&key).filter(|sender| sender.version == version).cloned()
    }

    fn put(&self, key: (ProjectId, ChannelKind), sender: Sender) {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A full one starts anew: those under way keep theirs until they are done.
        if open.len() >= limits::SENDERS_OPEN_MAX {
            open.clear();
        }
        open.insert(key, sender);
    }
}

/// Opens what a row holds; none when it leaves the channel to the server.
fn sender_of(row: &ChannelRow, channels: &Channels) -> Option<Sender> {
    let open = |credentials: &Secret| {
        let opened = channels.open_for(row.kind, credentials);
        opened
            .inspect_err(|error| {
                tracing::error!(project = %row.project_id, channel = row.kind.as_str(), %error, "stored credentials do not open");
            })
            .ok()
    };
    let credentials = row.set_up.credentials.as_ref()?;
    let previous = row.set_up.previous.as_ref();
    Some(Sender {
        version: row.version,
        current: open(credentials),
        previous: previous.and_then(|previous| Some((open(&previous.credentials)?, previous.until))),
    })
}

/// Asks the provider whether it takes the credentials that a project has stored; its own words if not, without the secrets.
/// None when they leave the channel to the server.
pub async fn probe_stored(row: &ChannelRow, channels: &Channels) -> Option<Result<(), String>> {
    let sender = sender_of(row, channels)?;
    let Some(channel) = sender.current else {
        return Some(Err("the stored credentials do not open: put them again".into()));
    };
    let outcome = channel.probe().await;
    Some(outcome.map_err(|words| match &row.set_up.credentials {
        Some(credentials) => without_secrets(words, credentials),
        None => words,
    }))
}

impl Pipeline {
    /// Hands a message to the channel of its project. Where the provider refuses the new credentials as such, those that they
    /// replaced are tried at once, while they may still be used.
    pub(super) async fn speak(&self, claimed: &Claimed, push: Push<'_>) -> Outcome {
        let (project, kind) = (claimed.delivery.project_id, claimed.delivery.channel);
        let sender = match self.sender(project, kind, claimed.channel).await {
            Ok(sender) => sender,
            Err(error) => {
                tracing::error!(%project, channel = kind.as_str(), %error, "the credentials of a channel cannot be read");
                return Outcome::Retry {
                    after: None,
                    why: "credentials_unread".into(),
                };
            }
        };
        let Some(sender) = sender else {
            return match self.0.channels.get(kind) {
                Some(channel) => channel.send(push).await,
                None => Outcome::Rejected {
                    why: format!("the channel {} is not set up", kind.as_str()),
                },
            };
        };
        let outcome = match &sender.current {
            Some(channel) => {
                let outcome = channel.send(push).await;
                if !matches!(outcome, Outcome::Misconfigured { .. }) {
                    return outcome;
                }
                outcome
            }
            // Never the server's: it would speak in another name, and learn that every address is unknown there.
            None => Outcome::Misconfigured {
                why: "credentials_invalid".into(),
                detail: "the stored credentials do not open any more: put them again".into(),
            },
        };
        match sender.previous.filter(|(_, until)| push.now < *until) {
            Some((channel, _)) => {
                tracing::warn!(%project, channel = kind.as_str(), "the provider refuses the new credentials: sent with those from before");
                channel.send(push).await
            }
            None => outcome,
        }
    }

    /// The open channel of a project; none where the server's speaks for it.
    async fn sender(
        &self,
        project: ProjectId,
        kind: ChannelKind,
        mark: ChannelMark,
    ) -> Result<Option<Sender>, StoreError> {
        if mark.version == 0 {
            return Ok(None);
        }
        if let Some(open) = self.0.senders.get((project, kind), mark.version) {
            return Ok(Some(open));
        }
        let Some(row) = self.0.store.channel_of(project, kind).await? else {
            return Ok(None);
        };
        let sender = sender_of(&row, &self.0.channels);
        if let Some(sender) = &sender {
            self.0.senders.put((project, kind), sender.clone());
        }
        Ok(sender)
    }

    async fn sender_now(&self, project: ProjectId, kind: ChannelKind) -> Result<Option<Sender>, StoreError> {
        let row = self.0.store.channel_of(project, kind).await?;
        let mark = row.map(|row| ChannelMark {
            version: row.version,
            paused: row.paused,
        });
        self.sender(project, kind, mark.unwrap_or_default()).await
    }

    /// Everybody who may have spoken for a project of late: its own channel, the one before that, and the server's.
    pub(super) async fn senders_of(
        &self,
        project: ProjectId,
        kind: ChannelKind,
    ) -> Result<Vec<Arc<dyn Channel>>, StoreError> {
        let sender = self.sender_now(project, kind).await?;
        let mut all: Vec<Arc<dyn Channel>> = Vec::new();
        if let Some(sender) = sender {
            let previous = sender.previous.filter(|(_, until)| self.now() < *until);
            all.extend(sender.current.into_iter().chain(previous.map(|(channel, _)| channel)));
        }
        all.extend(self.0.channels.shared(kind));
        Ok(all)
    }

    /// The public key that goes with the credentials a project sends with now; none where the channel has none, or is not set up.
    pub async fn public_key(&self, project: ProjectId, kind: ChannelKind) -> Result<Option<String>, StoreError> {
        let sender = match self.sender_now(project, kind).await? {
            Some(sender) => sender.current,
            None => self.0.channels.shared(kind),
        };
        Ok(sender.and_then(|sender| sender.public_key().map(str::to_owned)))
    }

    /// Asks the provider whether it takes the credentials that hold for a project now; its own words if not. None when the
    /// channel is not set up.
    pub async fn probe_channel(
        &self,
        project: ProjectId,
        kind: ChannelKind,
    ) -> Result<Option<Result<(), String>>, StoreError> {
        if let Some(row) = self.0.store.channel_of(project, kind).await?
            && let Some(outcome) = probe_stored(&row, &self.0.channels).await
        {
            return Ok(Some(outcome));
        }
        Ok(match self.0.channels.get(kind) {
            Some(channel) => Some(channel.probe().await),
            None => None,
        })
    }
}

#[cfg(test)]
#[path = "senders_tests.rs"]
mod tests;
