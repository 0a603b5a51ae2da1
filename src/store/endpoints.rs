//! Webhook endpoints: where messages to the business are posted to, and how they are doing.

use super::codec::IN_LIST_MAX;
use super::connect::Store;
use super::endpoint_secrets::{SigningSecrets, from_column, to_column};
use super::error::StoreError;
use super::projects::bump_catalogue;
use super::vault::Vault;
use crate::base::id::{EndpointId, ProjectId};
use crate::base::limits;
use crate::base::time::Timestamp;
use crate::engine::delivery::Health;
use ::entity::webhook_endpoint as endpoint;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, DatabaseTransaction, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter,
    QueryOrder, QuerySelect, Select,
};
use std::collections::HashMap;
use uuid::Uuid;

/// Why nothing is posted to an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disabled {
    pub at: Timestamp,
    pub why: String,
}

/// One endpoint, as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointRow {
    pub id: EndpointId,
    pub project_id: ProjectId,
    pub url: String,
    /// What it is for, in the business's words.
    pub description: String,
    pub secrets: SigningSecrets,
    pub disabled: Option<Disabled>,
    pub health: Health,
    /// It asked to be left alone until then.
    pub held_until: Option<Timestamp>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// What a caller may set of an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointEdit {
    pub url: String,
    pub description: String,
    /// Why it is off; none switches it on, with its failures forgotten.
    pub disabled_why: Option<String>,
}

/// What an endpoint said to one attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// It took the message.
    Took,
    /// It did not; with the time until which it wants to be left alone, where it said so.
    Failed { held_until: Option<Timestamp> },
    /// It said that it is gone for good.
    Gone,
}

impl Store {
    /// False when the project has [`limits::WEBHOOK_ENDPOINTS_MAX`] already.
    pub async fn add_endpoint(&self, row: &EndpointRow) -> Result<bool, StoreError> {
        let txn = self.write_txn().await?;
        // The project's row first: two that are added at once are counted one after the other.
        bump_catalogue(&txn, row.project_id).await?;
        if of(row.project_id).count(&txn).await? >= limits::WEBHOOK_ENDPOINTS_MAX {
            return Ok(false);
        }
        let insert = endpoint::Entity::insert(endpoint_model(&self.vault, row)?.into_active_model());
        insert.exec_without_returning(&txn).await?;
        txn.commit().await?;
        Ok(true)
    }

    /// All endpoints of a project, oldest first.
    pub async fn endpoints(&self, project: ProjectId) -> Result<Vec<EndpointRow>, StoreError> {
        let models = oldest_first(of(project)).all(&self.reader).await?;
        models
            .into_iter()
            .map(|model| endpoint_row(&self.vault, model))
            .collect()
    }

    pub async fn endpoint(&self, project: ProjectId, id: EndpointId) -> Result<Option<EndpointRow>, StoreError> {
        let model = of(project).filter(endpoint::Column::Id.eq(id.uuid()));
        let model = model.one(&self.reader).await?;
        model.map(|model| endpoint_row(&self.vault, model)).transpose()
    }

    /// None when there is no such endpoint.
    pub async fn edit_endpoint(
        &self,
        project: ProjectId,
        id: EndpointId,
        edit: EndpointEdit,
        at: Timestamp,
    ) -> Result<Option<EndpointRow>, StoreError> {
        self.change_endpoint(project, id, at, |row| {
            let disabled = edit.disabled_why.map(|why| Disabled { at, why });
            EndpointRow {
                url: edit.url,
                description: edit.description,
                health: disabled.as_ref().map_or_else(Health::default, |_| row.health),
                held_until: None,
                // The first word on why it is off stays: a caller who repeats it explains less.
                disabled: disabled.map(|now_off| row.disabled.unwrap_or(now_off)),
                ..row
            }
        })
        .await
    }

    /// Puts another signing secret in front. None when there is no such endpoint.
    pub async fn rotate_endpoint(
        &self,
        project: ProjectId,
        id: EndpointId,
        secret: crate::base::secret::Secret,
        at: Timestamp,
    ) -> Result<Option<EndpointRow>, StoreError> {
        self.change_endpoint(project, id, at, |row| EndpointRow {
            secrets: row.secrets.rotated(secret, at),
            ..row
        })
        .await
    }

    /// False when there is no such endpoint. Its deliveries stay on record; those still queued will fail.
    pub async fn delete_endpoint(&self, project: ProjectId, id: EndpointId) -> Result<bool, StoreError> {
        let txn = self.write_txn().await?;
        let mine = endpoint::Entity::delete_many()
            .filter(endpoint::Column::ProjectId.eq(project.uuid()))
            .filter(endpoint::Column::Id.eq(id.uuid()));
        let deleted = mine.exec(&txn).await?.rows_affected > 0;
        bump_catalogue(&txn, project).await?;
        txn.commit().await?;
        Ok(deleted)
    }

    /// Notes what an endpoint said; answers why, when it is switched off by this.
    pub async fn endpoint_heard(
        &self,
        project: ProjectId,
        id: EndpointId,
        heard: Heard,
        at: Timestamp,
    ) -> Result<Option<String>, StoreError> {
        let mut switched_off = None;
        self.change_endpoint(project, id, at, |row| {
            let row = after(row, heard, at);
            switched_off = row.0;
            row.1
        })
        .await?;
        Ok(switched_off)
    }

    async fn change_endpoint(
        &self,
        project: ProjectId,
        id: EndpointId,
        at: Timestamp,
        change: impl FnOnce(EndpointRow) -> EndpointRow,
    ) -> Result<Option<EndpointRow>, StoreError> {
        let txn = self.write_txn().await?;
        let select = of(project).filter(endpoint::Column::Id.eq(id.uuid())).lock_exclusive();
        let Some(model) = select.one(&txn).await? else {
            return Ok(None);
        };
        let row = change(endpoint_row(&self.vault, model)?);
        let row = EndpointRow { updated_at: at, ..row };
        let update = endpoint::Entity::update(endpoint_model(&self.vault, &row)?.into_active_model().reset_all());
        update.exec(&txn).await?;
        txn.commit().await?;
        Ok(Some(row))
    }

    /// The endpoints of a claim.
    pub(super) async fn endpoints_by_id(&self, ids: &[Uuid]) -> Result<HashMap<Uuid, EndpointRow>, StoreError> {
        let mut found = HashMap::new();
        for chunk in ids.chunks(IN_LIST_MAX) {
            let select = endpoint::Entity::find().filter(endpoint::Column::Id.is_in(chunk.iter().copied()));
            for model in select.all(&self.reader).await? {
                found.insert(model.id, endpoint_row(&self.vault, model)?);
            }
        }
        Ok(found)
    }
}

/// The ids of a project's endpoints, oldest first, for its catalogue.
pub(super) async fn endpoint_ids(txn: &DatabaseTransaction, project: ProjectId) -> Result<Vec<EndpointId>, StoreError> {
    let ids: Vec<Uuid> = oldest_first(of(project))
        .select_only()
        .column(endpoint::Column::Id)
        .into_tuple()
        .all(txn)
        .await?;
    Ok(ids.into_iter().map(EndpointId::from).collect())
}

/// The row after this word, with the reason when it is switched off by it.
fn after(row: EndpointRow, heard: Heard, at: Timestamp) -> (Option<String>, EndpointRow) {
    let off = |why: &str, row: EndpointRow| {
        // One that is off already, by whatever word, is not switched off again.
        let switched_off = row.disabled.is_none().then(|| why.to_owned());
        let disabled = row.disabled.or_else(|| {
            Some(Disabled {
                at,
                why: why.to_owned(),
            })
        });
        (switched_off, EndpointRow { disabled, ..row })
    };
    match heard {
        Heard::Took => {
            let health = Health::default();
            let held_until = None;
            (
                None,
                EndpointRow {
                    health,
                    held_until,
                    ..row
                },
            )
        }
        Heard::Gone => off("it answered 410: gone for good", row),
        Heard::Failed { held_until } => {
            let (health, is_enough) = row.health.after_failure(at);
            let held_until = held_until.max(row.held_until);
            let row = EndpointRow {
                health,
                held_until,
                ..row
            };
            if is_enough {
                off("it answered nothing but failures for days", row)
            } else {
                (None, row)
            }
        }
    }
}

fn of(project: ProjectId) -> Select<endpoint::Entity> {
    endpoint::Entity::find().filter(endpoint::Column::ProjectId.eq(project.uuid()))
}

fn oldest_first(select: Select<endpoint::Entity>) -> Select<endpoint::Entity> {
    select
        .order_by_asc(endpoint::Column::CreatedAt)
        .order_by_asc(endpoint::Column::Id)
}

fn endpoint_row(vault: &Vault, model: endpoint::Model) -> Result<EndpointRow, StoreError> {
    let why = model.disabled_why.unwrap_or_default();
    Ok(EndpointRow {
        id: model.id.into(),
        project_id: model.project_id.into(),
        url: model.url,
        description: model.description,
        secrets: from_column(vault, model.project_id, &model.secrets)?,
        disabled: model.disabled_at.map(|at| Disabled { at, why }),
        health: Health {
            failing_since: model.failing_since,
            failed_at: model.failed_at,
        },
        held_until: model.held_until,
        created_at: model.created_at,
        updated_at: model.updated_at,
    })
}

fn endpoint_model(vault: &Vault, row: &EndpointRow) -> Result<endpoint::Model, StoreError> {
    Ok(endpoint::Model {
        id: row.id.uuid(),
        project_id: row.project_id.uuid(),
        url: row.url.clone(),
        description: row.description.clone(),
        secrets: to_column(vault, row.project_id.uuid(), &row.secrets)?,
        disabled_at: row.disabled.as_ref().map(|disabled| disabled.at),
        disabled_why: row.disabled.as_ref().map(|disabled| disabled.why.clone()),
        failing_since: row.health.failing_since,
        failed_at: row.health.failed_at,
        held_until: row.held_until,
        created_at: row.created_at,
        updated_at: row.updated_at,
    })
}
