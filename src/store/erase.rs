//! Erasing a person: every row of theirs in every table, so that only a tombstone is left (DESIGN.md 5.16).

use super::codec::{do_nothing, from_json, insert_all, to_json};
use super::connect::Store;
use super::error::StoreError;
use crate::base::id::{ProjectId, UserId};
use crate::base::secret::token_hash;
use crate::base::time::Timestamp;
use ::entity::{
    consent, decision, delivery, device, device_owner, event, fact, fact_subject, fix, inbox, message, moment, project,
    receipt, subject, tombstone, user,
};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect,
};

/// Deletes the rows of a table that carry the project and the user.
macro_rules! delete_rows_of {
    ($txn:expr, $project:expr, $user:expr, $($table:ident),+) => {$(
        $table::Entity::delete_many()
            .filter($table::Column::ProjectId.eq($project.uuid()))
            .filter($table::Column::UserId.eq($user.uuid()))
            .exec($txn)
            .await?;
    )+};
}

impl Store {
    /// Removes everything of a user but a tombstone. What is queued for them is never sent. False when there is no such user.
    pub async fn erase_user(&self, project: ProjectId, id: UserId, at: Timestamp) -> Result<bool, StoreError> {
        let txn = self.write_txn().await?;
        // The subject is what a commit holds too: an erasure comes wholly before or after one.
        let held = subject::Entity::find_by_id((project.uuid(), id.uuid()))
            .lock_exclusive()
            .one(&txn)
            .await?;
        let select = user::Entity::find_by_id(id.uuid()).filter(user::Column::ProjectId.eq(project.uuid()));
        let known = select.one(&txn).await?;
        if known.is_none() && held.is_none() {
            return Ok(false);
        }
        let user_ref = known.and_then(|model| model.user_ref);
        leave_tombstone(&txn, project, id, user_ref.as_deref(), at).await?;
        leave_facts(&txn, project, id, user_ref.as_deref()).await?;
        // Attempts go with their deliveries.
        delete_rows_of!(
            &txn, project, id, delivery, message, receipt, decision, moment, event, fix, inbox
        );
        delete_rows_of!(&txn, project, id, fact_subject, device, device_owner, consent, subject);
        user::Entity::delete_many()
            .filter(user::Column::ProjectId.eq(project.uuid()))
            .filter(user::Column::Id.eq(id.uuid()))
            .exec(&txn)
            .await?;
        txn.commit().await?;
        self.forget_log().await?;
        Ok(true)
    }

    /// Moves SQLite's write-ahead log into the file and empties it: it holds the pages as they were before.
    async fn forget_log(&self) -> Result<(), StoreError> {
        if self.is_sqlite() {
            self.writer
                .execute_unprepared("PRAGMA wal_checkpoint(TRUNCATE)")
                .await?;
        }
        Ok(())
    }
}

async fn leave_tombstone(
    txn: &DatabaseTransaction,
    project: ProjectId,
    id: UserId,
    user_ref: Option<&str>,
    at: Timestamp,
) -> Result<(), StoreError> {
    let salt = project::Entity::find_by_id(project.uuid())
        .one(txn)
        .await?
        .map(|model| model.salt)
        .unwrap_or_default();
    let model = tombstone::Model {
        project_id: project.uuid(),
        user_id: id.uuid(),
        user_ref_hash: user_ref.map(|name| token_hash(&format!("{salt}:{name}")).to_vec()),
        erased_at: at,
    };
    insert_all(txn, vec![model.into_active_model()], Some(do_nothing())).await?;
    Ok(())
}

/// Takes the user out of the facts they share with others; a fact about nobody else goes.
async fn leave_facts(
    txn: &DatabaseTransaction,
    project: ProjectId,
    id: UserId,
    user_ref: Option<&str>,
) -> Result<(), StoreError> {
    let mine = fact_subject::Entity::find()
        .filter(fact_subject::Column::ProjectId.eq(project.uuid()))
        .filter(fact_subject::Column::UserId.eq(id.uuid()))
        .all(txn)
        .await?;
    for key in mine {
        let key = (key.project_id, key.kind, key.key);
        let Some(stored) = fact::Entity::find_by_id(key.clone()).lock_exclusive().one(txn).await? else {
            continue;
        };
        let mut subjects: Vec<UserId> = from_json("facts.subjects", &stored.subjects)?;
        let mut refs: Vec<String> = from_json("facts.subject_refs", &stored.subject_refs)?;
        subjects.retain(|subject| *subject != id);
        refs.retain(|name| Some(name.as_str()) != user_ref);
        if subjects.is_empty() {
            fact::Entity::delete_by_id(key).exec(txn).await?;
            continue;
        }
        fact::Entity::update_many()
            .col_expr(fact::Column::Subjects, Expr::value(to_json(&subjects)?))
            .col_expr(fact::Column::SubjectRefs, Expr::value(to_json(&refs)?))
            .filter(fact::Column::ProjectId.eq(key.0))
            .filter(fact::Column::Kind.eq(key.1))
            .filter(fact::Column::Key.eq(key.2))
            .exec(txn)
            .await?;
    }
    Ok(())
}
