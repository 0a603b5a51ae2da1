//! An anonymous user turns out to be somebody known: whatever is stored of them becomes the other one's, in one transaction.

use super::change::{InboxEntry, InboxInput};
use super::codec::{also, insert_all};
use super::connect::Store;
use super::devices::{consent_models, consent_row, give_device, last_words};
use super::error::StoreError;
use super::inbox as inbox_told;
use super::sealed;
use super::subjects::{erased_among, lock_subjects};
use super::vault::Vault;
use crate::base::id::{DeviceId, ProjectId, UserId};
use crate::base::time::Timestamp;
use crate::engine::subject::{Consent, Purpose, Subject};
use ::entity::{
    consent, decision, delivery, event, fix, inbox, journey_instance as instance, journey_passage as passage, message,
    moment, receipt, subject, user,
};
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{ColumnTrait, DatabaseTransaction, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect};
use std::collections::HashMap;
use uuid::Uuid;

/// An anonymous user, and who they turned out to be on this device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserMerge {
    pub project_id: ProjectId,
    pub from: UserId,
    pub to: UserId,
    pub device_id: DeviceId,
    pub at: Timestamp,
    /// The id of the inbox entry that hands over what was known.
    pub entry: Uuid,
}

impl Store {
    /// Gives the rows of the anonymous user and the device to the named one, and leaves what was known of them in the named
    /// one's inbox. None, and nothing done, when `from` is not anonymous, was merged before, or one of them is gone.
    pub async fn merge_user(&self, merge: &UserMerge, known: &Subject) -> Result<Option<InboxEntry>, StoreError> {
        let txn = self.write_txn().await?;
        let mut both = [merge.from, merge.to];
        both.sort_unstable();
        lock_subjects(&txn, merge.project_id, &both).await?;
        let find = |id: UserId| {
            user::Entity::find_by_id(id.uuid()).filter(user::Column::ProjectId.eq(merge.project_id.uuid()))
        };
        let from = find(merge.from).lock_exclusive().one(&txn).await?;
        let anonymous = from.is_some_and(|from| from.user_ref.is_none() && from.merged_into.is_none());
        let named = find(merge.to).one(&txn).await?.is_some_and(|to| to.user_ref.is_some());
        let gone = erased_among(&txn, merge.project_id, &[merge.from, merge.to]).await?;
        if !anonymous || !named || !gone.is_empty() {
            return Ok(None);
        }
        user::Entity::update_many()
            .col_expr(user::Column::MergedInto, Expr::value(merge.to.uuid()))
            .filter(user::Column::ProjectId.eq(merge.project_id.uuid()))
            .filter(user::Column::Id.eq(merge.from.uuid()))
            .exec(&txn)
            .await?;
        hand_over_rows(&txn, merge).await?;
        hand_over_consents(&txn, merge, known).await?;
        give_device(&txn, merge.project_id, merge.device_id, merge.to, merge.at).await?;
        empty_subject(&txn, &self.vault, merge).await?;
        let entry = InboxEntry {
            id: merge.entry,
            project_id: merge.project_id,
            user_id: merge.to,
            input: InboxInput::Merge {
                subject: Box::new(known.clone()),
            },
        };
        inbox_told::add(&txn, &self.vault, std::slice::from_ref(&entry), merge.at).await?;
        txn.commit().await?;
        Ok(Some(entry))
    }

    /// Who these users turned out to be, as far as they did.
    pub async fn merged_into(
        &self,
        project: ProjectId,
        users: &[UserId],
    ) -> Result<HashMap<UserId, UserId>, StoreError> {
        let rows: Vec<(Uuid, Option<Uuid>)> = user::Entity::find()
            .select_only()
            .columns([user::Column::Id, user::Column::MergedInto])
            .filter(also(user::Column::ProjectId, project.uuid()))
            .filter(user::Column::Id.is_in(users.iter().map(|user| user.uuid())))
            .filter(user::Column::MergedInto.is_not_null())
            .into_tuple()
            .all(&self.reader)
            .await?;
        let pair = |(from, to): (Uuid, Option<Uuid>)| to.map(|to| (from.into(), to.into()));
        Ok(rows.into_iter().filter_map(pair).collect())
    }
}

/// The anonymous users who turned out to be this one, oldest first.
pub(super) async fn merged_users(
    txn: &DatabaseTransaction,
    project: ProjectId,
    id: UserId,
) -> Result<Vec<user::Model>, StoreError> {
    let theirs = user::Entity::find()
        .filter(user::Column::ProjectId.eq(project.uuid()))
        .filter(user::Column::MergedInto.eq(id.uuid()))
        .order_by_asc(user::Column::CreatedAt)
        .order_by_asc(user::Column::Id);
    Ok(theirs.all(txn).await?)
}

/// Everything that happened to the anonymous user happened to the named one. Whose device it was then stays on record.
async fn hand_over_rows(txn: &DatabaseTransaction, merge: &UserMerge) -> Result<(), StoreError> {
    give::<moment::Entity>(txn, merge, (moment::Column::ProjectId, moment::Column::UserId)).await?;
    give::<decision::Entity>(txn, merge, (decision::Column::ProjectId, decision::Column::UserId)).await?;
    give::<event::Entity>(txn, merge, (event::Column::ProjectId, event::Column::UserId)).await?;
    give::<fix::Entity>(txn, merge, (fix::Column::ProjectId, fix::Column::UserId)).await?;
    give::<message::Entity>(txn, merge, (message::Column::ProjectId, message::Column::UserId)).await?;
    give::<delivery::Entity>(txn, merge, (delivery::Column::ProjectId, delivery::Column::UserId)).await?;
    give::<receipt::Entity>(txn, merge, (receipt::Column::ProjectId, receipt::Column::UserId)).await?;
    give::<instance::Entity>(txn, merge, (instance::Column::ProjectId, instance::Column::UserId)).await?;
    give::<passage::Entity>(txn, merge, (passage::Column::ProjectId, passage::Column::UserId)).await?;
    give::<inbox::Entity>(txn, merge, (inbox::Column::ProjectId, inbox::Column::UserId)).await?;
    Ok(())
}

async fn give<E: EntityTrait>(
    txn: &DatabaseTransaction,
    merge: &UserMerge,
    (project_column, user_column): (E::Column, E::Column),
) -> Result<(), StoreError> {
    let theirs = E::update_many()
        .col_expr(user_column, Expr::value(merge.to.uuid()))
        .filter(project_column.eq(merge.project_id.uuid()))
        .filter(user_column.eq(merge.from.uuid()));
    theirs.exec(txn).await?;
    Ok(())
}

/// What the anonymous user had said counts where the named one has not spoken.
async fn hand_over_consents(txn: &DatabaseTransaction, merge: &UserMerge, known: &Subject) -> Result<(), StoreError> {
    let spoken = consent::Entity::find()
        .filter(consent::Column::ProjectId.eq(merge.project_id.uuid()))
        .filter(consent::Column::UserId.eq(merge.to.uuid()))
        .order_by_asc(consent::Column::At)
        .all(txn)
        .await?;
    let spoken = spoken.into_iter().map(consent_row).collect::<Result<Vec<_>, _>>()?;
    let spoken = last_words(spoken);
    let unspoken = known
        .consents
        .iter()
        .filter(|(purpose, _)| !spoken.contains_key(purpose));
    let unspoken: Vec<(Purpose, Consent)> = unspoken.map(|(purpose, consent)| (*purpose, *consent)).collect();
    let rows = consent_models(merge.project_id, merge.to, &unspoken, "identify")?;
    insert_all(txn, rows, None).await?;
    Ok(())
}

/// Nothing is known of the anonymous user any more, but who they are.
async fn empty_subject(txn: &DatabaseTransaction, vault: &Vault, merge: &UserMerge) -> Result<(), StoreError> {
    let mut emptied = Subject::new(merge.from);
    emptied.seldom.merged_into = Some(merge.to);
    let model = subject::Model {
        project_id: merge.project_id.uuid(),
        user_id: merge.from.uuid(),
        state: vault.seal(merge.project_id.uuid(), sealed::SUBJECT, &emptied)?,
        wake_at: None,
    };
    let emptied = OnConflict::columns([subject::Column::ProjectId, subject::Column::UserId])
        .update_columns([subject::Column::State, subject::Column::WakeAt])
        .to_owned();
    insert_all(txn, vec![model.into_active_model()], Some(emptied)).await?;
    Ok(())
}
