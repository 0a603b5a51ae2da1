//! Users: by id, by the name the business gave them, and made when first heard of.

use super::codec::do_nothing;
use super::connect::Store;
use super::contacts;
use super::error::StoreError;
use super::paging::{Page, PageAsk, at, newest_first};
use super::sealed;
use super::vault::Vault;
use crate::base::contact::Contact;
use crate::base::id::{ProjectId, UserId};
use crate::base::time::Timestamp;
use crate::engine::subject::{Profile, Subject};
use ::entity::{subject, tombstone, user};
use sea_orm::{ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, IntoActiveModel, QueryFilter};

/// One person, as stored.
#[derive(Debug, Clone, PartialEq)]
pub struct UserRow {
    pub id: UserId,
    pub project_id: ProjectId,
    pub profile: Profile,
    /// How they are reached besides their devices.
    pub contact: Contact,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

impl Store {
    pub async fn user(&self, project: ProjectId, id: UserId) -> Result<Option<UserRow>, StoreError> {
        let select = user::Entity::find_by_id(id.uuid()).filter(user::Column::ProjectId.eq(project.uuid()));
        select
            .one(&self.reader)
            .await?
            .map(|model| user_row(&self.vault, &model))
            .transpose()
    }

    pub async fn user_by_ref(&self, project: ProjectId, user_ref: &str) -> Result<Option<UserRow>, StoreError> {
        by_ref(&self.reader, &self.vault, project, user_ref).await
    }

    /// The user of this name, made with `new_id` when there is none; true when it was made.
    pub async fn user_or_new(
        &self,
        project: ProjectId,
        user_ref: &str,
        new_id: UserId,
        now: Timestamp,
    ) -> Result<(UserRow, bool), StoreError> {
        if let Some(row) = self.user_by_ref(project, user_ref).await? {
            return Ok((row, false));
        }
        let txn = self.write_txn().await?;
        let made = by_ref_or_new(&txn, &self.vault, project, user_ref, new_id, now).await?;
        txn.commit().await?;
        Ok(made)
    }

    /// Users of a project, newest first.
    pub async fn users(&self, project: ProjectId, ask: &PageAsk) -> Result<Page<UserRow>, StoreError> {
        let select = user::Entity::find().filter(user::Column::ProjectId.eq(project.uuid()));
        let models = newest_first(&self.reader, select, (user::Column::CreatedAt, user::Column::Id), ask).await?;
        Page::cut(
            models,
            ask,
            |model| at(model.created_at, model.id),
            |model| user_row(&self.vault, &model),
        )
    }

    pub async fn is_erased(&self, project: ProjectId, id: UserId) -> Result<bool, StoreError> {
        let key = (project.uuid(), id.uuid());
        Ok(tombstone::Entity::find_by_id(key).one(&self.reader).await?.is_some())
    }
}

pub(super) async fn by_ref(
    conn: &impl ConnectionTrait,
    vault: &Vault,
    project: ProjectId,
    user_ref: &str,
) -> Result<Option<UserRow>, StoreError> {
    let select = user::Entity::find()
        .filter(user::Column::ProjectId.eq(project.uuid()))
        .filter(user::Column::UserRef.eq(user_ref));
    let model = select.one(conn).await?;
    model.map(|model| user_row(vault, &model)).transpose()
}

/// Finds or makes the user of this name, together with a subject that knows the name.
pub(super) async fn by_ref_or_new(
    txn: &DatabaseTransaction,
    vault: &Vault,
    project: ProjectId,
    user_ref: &str,
    new_id: UserId,
    now: Timestamp,
) -> Result<(UserRow, bool), StoreError> {
    if let Some(row) = by_ref(txn, vault, project, user_ref).await? {
        return Ok((row, false));
    }
    let mut subject = Subject::new(new_id);
    subject.profile.user_ref = Some(user_ref.to_owned());
    // Two nodes may meet the same new name at once: the second one finds the row of the first.
    if add_user(txn, vault, project, &subject, now).await? {
        let profile = Profile::clone(&subject.profile);
        return Ok((
            UserRow {
                id: new_id,
                project_id: project,
                profile,
                contact: Contact::default(),
                created_at: now,
                updated_at: now,
            },
            true,
        ));
    }
    let row = by_ref(txn, vault, project, user_ref).await?;
    row.map(|row| (row, false))
        .ok_or_else(|| StoreError::Conflict("users.id is taken".into()))
}

/// Stores a new user with its subject; false when its name or id is taken.
pub(super) async fn add_user(
    txn: &DatabaseTransaction,
    vault: &Vault,
    project: ProjectId,
    subject: &Subject,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let model = user::Model {
        id: subject.user_id.uuid(),
        project_id: project.uuid(),
        user_ref: subject.profile.user_ref.clone(),
        profile: vault.seal(project.uuid(), sealed::USER, &subject.profile)?,
        merged_into: None,
        contact: None,
        created_at: now,
        updated_at: now,
    };
    let added = super::codec::insert_all(txn, vec![model.into_active_model()], Some(do_nothing())).await?;
    if added == 0 {
        return Ok(false);
    }
    let state = subject::Model {
        project_id: project.uuid(),
        user_id: subject.user_id.uuid(),
        state: vault.seal(project.uuid(), sealed::SUBJECT, subject)?,
        wake_at: None,
    };
    subject::Entity::insert(state.into_active_model())
        .exec_without_returning(txn)
        .await?;
    Ok(true)
}

pub(super) fn user_row(vault: &Vault, model: &user::Model) -> Result<UserRow, StoreError> {
    Ok(UserRow {
        id: model.id.into(),
        project_id: model.project_id.into(),
        profile: vault.open(model.project_id, sealed::USER, &model.profile)?,
        contact: contacts::read(vault, model.project_id, model.contact.as_deref())?,
        created_at: model.created_at,
        updated_at: model.updated_at,
    })
}
