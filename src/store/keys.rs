//! Publishable and secret keys, by the hash of their token.

use super::codec::{from_json, from_word, to_json, to_word};
use super::connect::Store;
use super::error::StoreError;
use crate::base::id::{KeyId, ProjectId};
use crate::base::time::Timestamp;
use ::entity::key;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder};
use serde::{Deserialize, Serialize};

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeyKind {
    /// Stands in the app: registers a device, nothing else.
    Publishable,
    /// Stays on servers: what its scopes say.
    Secret,
}

/// One key, as stored; the token itself is never kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRow {
    pub id: KeyId,
    pub project_id: ProjectId,
    pub kind: KeyKind,
    pub scopes: Vec<String>,
    /// SHA-256 of the token.
    pub token_hash: Vec<u8>,
    pub label: String,
    /// The end of the token, so that a person can tell keys apart.
    pub last4: String,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
}

impl KeyRow {
    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|at| now < at)
    }
}

impl Store {
    /// `Conflict` when the project does not exist.
    pub async fn create_key(&self, row: &KeyRow) -> Result<(), StoreError> {
        let model = key::Model {
            id: row.id.uuid(),
            project_id: row.project_id.uuid(),
            kind: to_word(&row.kind)?,
            scopes: to_json(&row.scopes)?,
            token_hash: row.token_hash.clone(),
            label: row.label.clone(),
            last4: row.last4.clone(),
            created_at: row.created_at,
            expires_at: row.expires_at,
            revoked_at: row.revoked_at,
        };
        key::Entity::insert(model.into_active_model())
            .exec_without_returning(&self.writer)
            .await?;
        Ok(())
    }

    /// All keys of a project, newest first, revoked ones included.
    pub async fn keys(&self, project: ProjectId) -> Result<Vec<KeyRow>, StoreError> {
        let models = key::Entity::find()
            .filter(key::Column::ProjectId.eq(project.uuid()))
            .order_by_desc(key::Column::CreatedAt)
            .order_by_desc(key::Column::Id)
            .all(&self.reader)
            .await?;
        models.into_iter().map(key_row).collect()
    }

    /// False when there is no such key or it is revoked already.
    pub async fn revoke_key(&self, project: ProjectId, id: KeyId, at: Timestamp) -> Result<bool, StoreError> {
        let updated = key::Entity::update_many()
            .col_expr(key::Column::RevokedAt, Expr::value(at))
            .filter(key::Column::ProjectId.eq(project.uuid()))
            .filter(key::Column::Id.eq(id.uuid()))
            .filter(key::Column::RevokedAt.is_null())
            .exec(&self.writer)
            .await?;
        Ok(updated.rows_affected > 0)
    }

    /// The key behind a token, whatever its state: ask [`KeyRow::is_valid`].
    pub async fn key_by_hash(&self, token_hash: &[u8]) -> Result<Option<KeyRow>, StoreError> {
        let select = key::Entity::find().filter(key::Column::TokenHash.eq(token_hash.to_vec()));
        select.one(&self.reader).await?.map(key_row).transpose()
    }
}

fn key_row(model: key::Model) -> Result<KeyRow, StoreError> {
    Ok(KeyRow {
        id: model.id.into(),
        project_id: model.project_id.into(),
        kind: from_word("keys.kind", &model.kind)?,
        scopes: from_json("keys.scopes", &model.scopes)?,
        token_hash: model.token_hash,
        label: model.label,
        last4: model.last4,
        created_at: model.created_at,
        expires_at: model.expires_at,
        revoked_at: model.revoked_at,
    })
}
