//! Channels of projects: their credentials, sealed, what the provider last said to them, and whether they are paused.

use super::codec::{from_word, insert_all};
use super::connect::Store;
use super::error::StoreError;
use super::sealed;
use super::vault::Vault;
use crate::base::id::ProjectId;
use crate::base::secret::Secret;
use crate::base::time::Timestamp;
use crate::engine::delivery::ChannelKind;
use ::entity::channel;
use chrono::{DateTime, Utc};
use sea_orm::sea_query::OnConflict;
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// What a project says about one channel.
#[derive(Debug, Clone, PartialEq)]
pub struct ChannelRow {
    pub project_id: ProjectId,
    pub kind: ChannelKind,
    /// Counts the changes of credentials.
    pub version: i64,
    /// Deliveries wait.
    pub paused: bool,
    pub set_up: SetUp,
    pub updated_at: Timestamp,
}

/// Credentials, and what came of trying them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SetUp {
    /// JSON as it was put; none while the server's own hold.
    pub credentials: Option<Secret>,
    /// Those that were replaced: used while the provider refuses the new ones.
    pub previous: Option<Previous>,
    pub probed: Option<Probed>,
}

/// Credentials that were replaced.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Previous {
    pub credentials: Secret,
    /// They are not used from here on.
    pub until: DateTime<Utc>,
}

/// What the provider said when it was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probed {
    pub at: DateTime<Utc>,
    /// Its own words; none when it took the credentials.
    pub error: Option<String>,
}

/// What a sender asks of a channel before each send.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ChannelMark {
    /// Of the credentials; 0 when the project has said nothing.
    pub version: i64,
    pub paused: bool,
}

impl Store {
    /// Every channel that the project has said something about.
    pub async fn channels_of(&self, project: ProjectId) -> Result<Vec<ChannelRow>, StoreError> {
        let models = channel::Entity::find()
            .filter(channel::Column::ProjectId.eq(project.uuid()))
            .order_by_asc(channel::Column::Kind)
            .all(&self.reader)
            .await?;
        models.into_iter().map(|model| row(&self.vault, model)).collect()
    }

    pub async fn channel_of(&self, project: ProjectId, kind: ChannelKind) -> Result<Option<ChannelRow>, StoreError> {
        let key = (project.uuid(), kind.as_str().to_owned());
        let model = channel::Entity::find_by_id(key).one(&self.reader).await?;
        model.map(|model| row(&self.vault, model)).transpose()
    }

    /// Changes what the project says about a channel; returns what it says now. The version counts a change of credentials.
    pub async fn edit_channel(
        &self,
        (project, kind): (ProjectId, ChannelKind),
        now: Timestamp,
        edit: impl FnOnce(&mut ChannelRow) + Send,
    ) -> Result<ChannelRow, StoreError> {
        let txn = self.write_txn().await?;
        let key = (project.uuid(), kind.as_str().to_owned());
        let stored = channel::Entity::find_by_id(key).lock_exclusive().one(&txn).await?;
        let mut edited = match stored {
            Some(model) => row(&self.vault, model)?,
            None => ChannelRow {
                project_id: project,
                kind,
                version: 0,
                paused: false,
                set_up: SetUp::default(),
                updated_at: now,
            },
        };
        let before = (edited.set_up.credentials.clone(), edited.set_up.previous.clone());
        edit(&mut edited);
        if before != (edited.set_up.credentials.clone(), edited.set_up.previous.clone()) {
            edited.version += 1;
        }
        edited.updated_at = now;
        let model = channel::Model {
            project_id: project.uuid(),
            kind: kind.as_str().to_owned(),
            version: edited.version,
            paused: edited.paused,
            set_up: self.vault.seal(project.uuid(), sealed::CHANNEL, &edited.set_up)?,
            updated_at: now,
        };
        let newer = OnConflict::columns([channel::Column::ProjectId, channel::Column::Kind])
            .update_columns([
                channel::Column::Version,
                channel::Column::Paused,
                channel::Column::SetUp,
                channel::Column::UpdatedAt,
            ])
            .to_owned();
        insert_all(&txn, vec![model.into_active_model()], Some(newer)).await?;
        txn.commit().await?;
        Ok(edited)
    }

    /// What is to be asked before a send, for every channel of these projects.
    pub(super) async fn channel_marks(
        &self,
        projects: impl Iterator<Item = ProjectId> + Send,
    ) -> Result<HashMap<(ProjectId, ChannelKind), ChannelMark>, StoreError> {
        let projects: std::collections::BTreeSet<_> = projects.map(ProjectId::uuid).collect();
        let rows: Vec<(uuid::Uuid, String, i64, bool)> = channel::Entity::find()
            .select_only()
            .columns([
                channel::Column::ProjectId,
                channel::Column::Kind,
                channel::Column::Version,
                channel::Column::Paused,
            ])
            .filter(channel::Column::ProjectId.is_in(projects))
            .into_tuple()
            .all(&self.reader)
            .await?;
        let mark = |(project, kind, version, paused): (uuid::Uuid, String, i64, bool)| {
            let kind: ChannelKind = from_word("channels.kind", &kind)?;
            Ok(((project.into(), kind), ChannelMark { version, paused }))
        };
        rows.into_iter().map(mark).collect()
    }
}

fn row(vault: &Vault, model: channel::Model) -> Result<ChannelRow, StoreError> {
    Ok(ChannelRow {
        project_id: model.project_id.into(),
        kind: from_word("channels.kind", &model.kind)?,
        version: model.version,
        paused: model.paused,
        set_up: vault.open(model.project_id, sealed::CHANNEL, &model.set_up)?,
        updated_at: model.updated_at,
    })
}
