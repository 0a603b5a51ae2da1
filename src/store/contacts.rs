//! Contacts: how people are reached besides their devices. The one place that reads and writes `users.contact`.

use super::codec::also;
use super::connect::Store;
use super::error::StoreError;
use super::look_deliveries::DeliveryRow;
use super::sealed;
use super::vault::Vault;
use crate::base::contact::Contact;
use crate::base::id::{ProjectId, UserId};
use crate::engine::delivery::ChannelKind;
use ::entity::user;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QuerySelect};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use uuid::Uuid;

/// The contact of a row of `users`.
pub(super) fn read(vault: &Vault, project: Uuid, stored: Option<&str>) -> Result<Contact, StoreError> {
    stored.map_or_else(
        || Ok(Contact::default()),
        |text| vault.open(project, sealed::CONTACT, text),
    )
}

/// What is stored of a contact; nothing when there is none.
fn written(vault: &Vault, project: ProjectId, contact: &Contact) -> Result<Option<String>, StoreError> {
    if contact.is_empty() {
        return Ok(None);
    }
    vault.seal(project.uuid(), sealed::CONTACT, contact).map(Some)
}

/// Replaces what is known of how this user is reached.
pub(super) async fn put(
    txn: &DatabaseTransaction,
    vault: &Vault,
    project: ProjectId,
    id: UserId,
    contact: &Contact,
) -> Result<(), StoreError> {
    user::Entity::update_many()
        .col_expr(user::Column::Contact, Expr::value(written(vault, project, contact)?))
        .filter(user::Column::ProjectId.eq(project.uuid()))
        .filter(user::Column::Id.eq(id.uuid()))
        .exec(txn)
        .await?;
    Ok(())
}

/// Forgets a dead address of the user's own, but only while it is still this one.
pub(super) async fn forget(
    txn: &DatabaseTransaction,
    vault: &Vault,
    (project, id): (ProjectId, UserId),
    channel: ChannelKind,
    address: &str,
) -> Result<(), StoreError> {
    let stored: Option<Option<String>> = user::Entity::find()
        .select_only()
        .column(user::Column::Contact)
        .filter(user::Column::ProjectId.eq(project.uuid()))
        .filter(user::Column::Id.eq(id.uuid()))
        .lock_exclusive()
        .into_tuple()
        .one(txn)
        .await?;
    let mut contact = read(vault, project.uuid(), stored.flatten().as_deref())?;
    let known = match channel {
        ChannelKind::Sms => &mut contact.phone,
        ChannelKind::Email => &mut contact.email,
        ChannelKind::Tray | ChannelKind::Fcm | ChannelKind::Apns | ChannelKind::Webpush | ChannelKind::Webhook => {
            return Ok(());
        }
    };
    if known.as_deref() != Some(address) {
        return Ok(());
    }
    *known = None;
    put(txn, vault, project, id, &contact).await
}

impl Store {
    /// The contacts of the people whom some of these deliveries go to by an address of their own.
    pub(super) async fn contacts_for(
        &self,
        rows: &[DeliveryRow],
    ) -> Result<HashMap<(ProjectId, UserId), Contact>, StoreError> {
        let mut users: BTreeMap<ProjectId, BTreeSet<Uuid>> = BTreeMap::new();
        for row in rows.iter().filter(|row| row.channel.is_personal()) {
            users.entry(row.project_id).or_default().insert(row.user_id.uuid());
        }
        let mut contacts = HashMap::new();
        for (project, users) in users {
            // A claim holds at most limits::DELIVERIES_PER_CLAIM_MAX rows, far below the bind limit.
            let stored: Vec<(Uuid, Option<String>)> = user::Entity::find()
                .select_only()
                .columns([user::Column::Id, user::Column::Contact])
                .filter(also(user::Column::ProjectId, project.uuid()))
                .filter(user::Column::Id.is_in(users))
                .into_tuple()
                .all(&self.reader)
                .await?;
            for (id, contact) in stored {
                contacts.insert(
                    (project, id.into()),
                    read(&self.vault, project.uuid(), contact.as_deref())?,
                );
            }
        }
        Ok(contacts)
    }
}
