//! Erasing a person: every row of theirs in every table, so that only a tombstone is left (DESIGN.md 5.16).

use super::codec::{do_nothing, from_json, insert_all, to_json};
use super::connect::Store;
use super::error::StoreError;
use super::fact_versions;
use super::merge::merged_users;
use crate::base::id::{ProjectId, UserId};
use crate::base::secret::token_hash;
use crate::base::time::Timestamp;
use ::entity::{
    consent, decision, delivery, device, device_owner, event, fact, fact_subject, fix, inbox,
    journey_instance as instance, journey_passage as passage, message, moment, project, receipt, subject, tombstone,
    user, wallet_pass,
};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect,
};

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
        leave_facts(&txn, project, id, user_ref.as_deref()).await?;
        fact_versions::forget(&txn, &self.vault, project, id).await?;
        leave_tombstone(&txn, project, id, user_ref.as_deref(), at).await?;
        delete_rows(&txn, project, id).await?;
        // And who they were before anybody knew them.
        for former in merged_users(&txn, project, id).await? {
            leave_tombstone(&txn, project, former.id.into(), None, at).await?;
            delete_rows(&txn, project, former.id.into()).await?;
        }
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

/// Deletes the user's rows in every table that has some. Attempts go with their deliveries.
async fn delete_rows(txn: &DatabaseTransaction, project: ProjectId, id: UserId) -> Result<(), StoreError> {
    let user = (project, id);
    delete::<delivery::Entity>(txn, user, (delivery::Column::ProjectId, delivery::Column::UserId)).await?;
    delete::<message::Entity>(txn, user, (message::Column::ProjectId, message::Column::UserId)).await?;
    delete::<receipt::Entity>(txn, user, (receipt::Column::ProjectId, receipt::Column::UserId)).await?;
    delete::<decision::Entity>(txn, user, (decision::Column::ProjectId, decision::Column::UserId)).await?;
    delete::<moment::Entity>(txn, user, (moment::Column::ProjectId, moment::Column::UserId)).await?;
    delete::<event::Entity>(txn, user, (event::Column::ProjectId, event::Column::UserId)).await?;
    delete::<fix::Entity>(txn, user, (fix::Column::ProjectId, fix::Column::UserId)).await?;
    delete::<inbox::Entity>(txn, user, (inbox::Column::ProjectId, inbox::Column::UserId)).await?;
    delete::<instance::Entity>(txn, user, (instance::Column::ProjectId, instance::Column::UserId)).await?;
    delete::<passage::Entity>(txn, user, (passage::Column::ProjectId, passage::Column::UserId)).await?;
    delete::<fact_subject::Entity>(
        txn,
        user,
        (fact_subject::Column::ProjectId, fact_subject::Column::UserId),
    )
    .await?;
    delete::<wallet_pass::Entity>(txn, user, (wallet_pass::Column::ProjectId, wallet_pass::Column::UserId)).await?;
    delete::<device::Entity>(txn, user, (device::Column::ProjectId, device::Column::UserId)).await?;
    delete::<device_owner::Entity>(
        txn,
        user,
        (device_owner::Column::ProjectId, device_owner::Column::UserId),
    )
    .await?;
    delete::<consent::Entity>(txn, user, (consent::Column::ProjectId, consent::Column::UserId)).await?;
    delete::<subject::Entity>(txn, user, (subject::Column::ProjectId, subject::Column::UserId)).await?;
    delete::<user::Entity>(txn, user, (user::Column::ProjectId, user::Column::Id)).await?;
    Ok(())
}

async fn delete<E: EntityTrait>(
    txn: &DatabaseTransaction,
    (project, id): (ProjectId, UserId),
    (project_column, user_column): (E::Column, E::Column),
) -> Result<(), StoreError> {
    let mine = E::delete_many()
        .filter(project_column.eq(project.uuid()))
        .filter(user_column.eq(id.uuid()));
    mine.exec(txn).await?;
    Ok(())
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
