//! Answers kept for a day, so that a write that is repeated with its key gets the same answer again.

use super::codec::{do_nothing, insert_all};
use super::connect::Store;
use super::error::StoreError;
use super::sealed;
use super::vault::Vault;
use crate::base::id::ProjectId;
use crate::base::limits;
use crate::base::time::Timestamp;
use ::entity::idempotency_key as answer;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect};

/// An answer as it went out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedAnswer {
    pub status: u16,
    pub content_type: String,
    pub body: Vec<u8>,
}

/// What to do with a request that carries a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    /// The first of its key: do it, then finish or abandon.
    New,
    /// The first one is still under way.
    InProgress,
    /// Done before: give this answer.
    Finished(SavedAnswer),
    /// The key was used for another request.
    Mismatch,
}

impl Store {
    /// Says what to do with a request. One that began and never finished counts as lost after a minute.
    pub async fn begin_idempotent(
        &self,
        project: ProjectId,
        key: &str,
        request_hash: &[u8],
        now: Timestamp,
    ) -> Result<Begun, StoreError> {
        let txn = self.write_txn().await?;
        let fresh = answer::Model {
            project_id: project.uuid(),
            key: key.to_owned(),
            request_hash: request_hash.to_vec(),
            status: None,
            content_type: None,
            body: None,
            created_at: now,
        };
        let found = answer::Entity::find_by_id((project.uuid(), key.to_owned()))
            .lock_exclusive()
            .one(&txn)
            .await?;
        if let Some(stored) = found {
            let age = now - stored.created_at;
            let kept = age < limits::ANSWER_KEPT;
            let lost = stored.status.is_none() && age >= limits::ANSWER_LOST_AFTER;
            if kept && !lost {
                return verdict(&self.vault, stored, request_hash);
            }
            answer::Entity::delete_by_id((project.uuid(), key.to_owned()))
                .exec(&txn)
                .await?;
        }
        let added = insert_all(&txn, vec![fresh.into_active_model()], Some(do_nothing())).await?;
        txn.commit().await?;
        Ok(if added == 1 { Begun::New } else { Begun::InProgress })
    }

    /// Keeps the answer of a request that began here.
    pub async fn finish_idempotent(
        &self,
        project: ProjectId,
        key: &str,
        saved: &SavedAnswer,
    ) -> Result<(), StoreError> {
        let body = self.vault.seal_bytes(project.uuid(), sealed::ANSWER, &saved.body)?;
        answer::Entity::update_many()
            .col_expr(answer::Column::Status, Expr::value(i64::from(saved.status)))
            .col_expr(answer::Column::ContentType, Expr::value(saved.content_type.clone()))
            .col_expr(answer::Column::Body, Expr::value(body.into_bytes()))
            .filter(answer::Column::ProjectId.eq(project.uuid()))
            .filter(answer::Column::Key.eq(key))
            .exec(&self.writer)
            .await?;
        Ok(())
    }

    /// Forgets a request that failed on our side: it may be tried again with the same key.
    pub async fn abandon_idempotent(&self, project: ProjectId, key: &str) -> Result<(), StoreError> {
        answer::Entity::delete_many()
            .filter(answer::Column::ProjectId.eq(project.uuid()))
            .filter(answer::Column::Key.eq(key))
            .filter(answer::Column::Status.is_null())
            .exec(&self.writer)
            .await?;
        Ok(())
    }
}

fn verdict(vault: &Vault, stored: answer::Model, request_hash: &[u8]) -> Result<Begun, StoreError> {
    if stored.request_hash != request_hash {
        return Ok(Begun::Mismatch);
    }
    let status = stored.status.and_then(|status| u16::try_from(status).ok());
    match (status, stored.content_type, stored.body) {
        (Some(status), Some(content_type), Some(body)) => Ok(Begun::Finished(SavedAnswer {
            status,
            content_type,
            body: vault.open_bytes(stored.project_id, sealed::ANSWER, body)?,
        })),
        _ => Ok(Begun::InProgress),
    }
}
