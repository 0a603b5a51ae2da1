//! What `usher check` asks of the channels that projects have set up themselves.

use super::check::Probe;
use crate::app::{Settings, open_store};
use crate::channel::Channels;
use crate::pipeline::probe_stored;
use crate::store::{Store, StoreError};
use futures_util::stream::{self, StreamExt};

/// Providers asked at once.
const AT_ONCE: usize = 8;

/// One probe for each channel with credentials of a project's own; none where the database or its vault cannot be opened, which
/// has probes of its own.
pub(super) async fn run(settings: &Settings, channels: &Channels) -> Vec<Probe> {
    let Ok(store) = open_store(&settings.database).await else {
        return Vec::new();
    };
    let is_current = store.pending_migrations().await.is_ok_and(|pending| pending.is_empty());
    let vault = async { store.probe_vault(&settings.vault, &settings.database.url).await };
    let probes = if is_current && matches!(vault.await, Ok(Some(_))) {
        let probed = of_store(&store, channels).await;
        probed.unwrap_or_else(|error| vec![Probe::new("channels of projects", Err(error.to_string()))])
    } else {
        Vec::new()
    };
    // Nothing was written: what does not close in order loses nothing.
    let _ = store.close().await;
    probes
}

async fn of_store(store: &Store, channels: &Channels) -> Result<Vec<Probe>, StoreError> {
    let mut stored = Vec::new();
    for project in store.projects().await? {
        let rows = store.channels_of(project.id).await?;
        stored.extend(rows.into_iter().map(|row| (project.name.clone(), row)));
    }
    let probing = stored.into_iter().map(|(project, row)| async move {
        let outcome = probe_stored(&row, channels).await?.map(|()| "answers".to_owned());
        let name = format!("channel {} of project {project}", row.kind.as_str());
        Some(Probe::new(name, outcome))
    });
    let probed: Vec<Option<Probe>> = stream::iter(probing).buffered(AT_ONCE).collect().await;
    Ok(probed.into_iter().flatten().collect())
}

#[cfg(test)]
#[path = "check_projects_tests.rs"]
mod tests;
