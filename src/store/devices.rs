//! Devices: whose they are, whose they were, and the one address each can be reached at.

use super::codec::{from_word, to_word};
use super::connect::Store;
use super::error::StoreError;
use super::sealed;
use super::vault::Vault;
use crate::base::id::{DeviceId, ProjectId, UserId};
use crate::base::limits;
use crate::base::seal::SealingKey;
use crate::base::time::Timestamp;
use crate::engine::subject::{Consent, Purpose};
use crate::store::change::DeviceRow;
use ::entity::{consent, device, device_owner};
use sea_orm::sea_query::{Condition, Expr};
use sea_orm::{ActiveValue, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use std::collections::BTreeMap;

/// One word on one purpose, as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsentRow {
    pub purpose: Purpose,
    pub granted: bool,
    pub at: Timestamp,
    /// Who passed it on: `device`, `server`, …
    pub source: String,
}

/// One user's time with a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnerRow {
    pub user_id: UserId,
    pub from_at: Timestamp,
    /// None while it lasts.
    pub to_at: Option<Timestamp>,
}

impl Store {
    /// The device behind a token.
    pub async fn device_by_token_hash(&self, token_hash: &[u8]) -> Result<Option<DeviceRow>, StoreError> {
        let select = device::Entity::find().filter(device::Column::TokenHash.eq(token_hash.to_vec()));
        let model = select.one(&self.reader).await?;
        model.map(|model| device_row(&self.vault, model)).transpose()
    }

    /// The device behind a token, and since when its present owner holds it: for ever when nobody held it before, none when
    /// that cannot be told right now.
    pub async fn held_device(&self, token_hash: &[u8]) -> Result<Option<(DeviceRow, Option<Timestamp>)>, StoreError> {
        let Some(row) = self.device_by_token_hash(token_hash).await? else {
            return Ok(None);
        };
        let latest = device_owner::Entity::find()
            .filter(device_owner::Column::ProjectId.eq(row.project_id.uuid()))
            .filter(device_owner::Column::DeviceId.eq(row.id.uuid()))
            .order_by_desc(device_owner::Column::FromAt)
            .order_by_desc(device_owner::Column::Id)
            .limit(2)
            .all(&self.reader)
            .await?;
        // It may change hands between the two reads: then who holds it now is not who the row names.
        let since = match latest.as_slice() {
            [only] if only.user_id == row.user_id.uuid() => Some(Timestamp::MIN_UTC),
            [last, _] if last.user_id == row.user_id.uuid() && last.to_at.is_none() => Some(last.from_at),
            _ => None,
        };
        Ok(Some((row, since)))
    }

    pub async fn device(&self, project: ProjectId, id: DeviceId) -> Result<Option<DeviceRow>, StoreError> {
        let select = device::Entity::find_by_id(id.uuid()).filter(device::Column::ProjectId.eq(project.uuid()));
        let model = select.one(&self.reader).await?;
        model.map(|model| device_row(&self.vault, model)).transpose()
    }

    /// The devices a user has now, oldest first.
    pub async fn devices_of(&self, project: ProjectId, user: UserId) -> Result<Vec<DeviceRow>, StoreError> {
        let models = device::Entity::find()
            .filter(device::Column::ProjectId.eq(project.uuid()))
            .filter(device::Column::UserId.eq(user.uuid()))
            .order_by_asc(device::Column::Id)
            .all(&self.reader)
            .await?;
        models.into_iter().map(|model| device_row(&self.vault, model)).collect()
    }

    /// Whose device it was at that instant; before its first owner it was nobody's.
    pub async fn owner_at(
        &self,
        project: ProjectId,
        device: DeviceId,
        at: Timestamp,
    ) -> Result<Option<UserId>, StoreError> {
        let owner = device_owner::Entity::find()
            .filter(device_owner::Column::ProjectId.eq(project.uuid()))
            .filter(device_owner::Column::DeviceId.eq(device.uuid()))
            .filter(device_owner::Column::FromAt.lte(at))
            .filter(
                Condition::any()
                    .add(device_owner::Column::ToAt.is_null())
                    .add(device_owner::Column::ToAt.gt(at)),
            )
            .order_by_desc(device_owner::Column::FromAt)
            .order_by_desc(device_owner::Column::Id)
            .limit(1)
            .one(&self.reader)
            .await?;
        Ok(owner.map(|owner| owner.user_id.into()))
    }

    /// Who held the device from `since` on, latest first: for a whole batch of records at once.
    pub async fn owners_since(
        &self,
        project: ProjectId,
        device: DeviceId,
        since: Timestamp,
    ) -> Result<Vec<OwnerRow>, StoreError> {
        let rows = device_owner::Entity::find()
            .filter(device_owner::Column::ProjectId.eq(project.uuid()))
            .filter(device_owner::Column::DeviceId.eq(device.uuid()))
            .filter(
                Condition::any()
                    .add(device_owner::Column::ToAt.is_null())
                    .add(device_owner::Column::ToAt.gt(since)),
            )
            .order_by_desc(device_owner::Column::FromAt)
            .order_by_desc(device_owner::Column::Id)
            .limit(limits::PAGE_ROWS_MAX)
            .all(&self.reader)
            .await?;
        let owner = |row: device_owner::Model| OwnerRow {
            user_id: row.user_id.into(),
            from_at: row.from_at,
            to_at: row.to_at,
        };
        Ok(rows.into_iter().map(owner).collect())
    }

    /// Gives the device to this user and returns the former owner; none when there is no such device.
    pub async fn identify(
        &self,
        project: ProjectId,
        device: DeviceId,
        user: UserId,
        at: Timestamp,
    ) -> Result<Option<UserId>, StoreError> {
        let txn = self.write_txn().await?;
        let former = give_device(&txn, project, device, user, at).await?;
        txn.commit().await?;
        Ok(former)
    }

    /// Every word of a user on every purpose, oldest first.
    pub async fn consents_of(&self, project: ProjectId, user: UserId) -> Result<Vec<ConsentRow>, StoreError> {
        let models = consent::Entity::find()
            .filter(consent::Column::ProjectId.eq(project.uuid()))
            .filter(consent::Column::UserId.eq(user.uuid()))
            .order_by_asc(consent::Column::At)
            .order_by_asc(consent::Column::Id)
            .all(&self.reader)
            .await?;
        models.into_iter().map(consent_row).collect()
    }
}

pub(super) fn consent_row(model: consent::Model) -> Result<ConsentRow, StoreError> {
    let purpose = from_word("consents.purpose", &model.purpose)?;
    Ok(ConsentRow {
        purpose,
        granted: model.granted,
        at: model.at,
        source: model.source,
    })
}

/// The last word on each purpose; of two words at one instant the one stored later wins.
pub(super) fn last_words(history: impl IntoIterator<Item = ConsentRow>) -> BTreeMap<Purpose, Consent> {
    let mut words: BTreeMap<Purpose, Consent> = BTreeMap::new();
    for row in history {
        let word = words.entry(row.purpose).or_insert(Consent {
            granted: row.granted,
            at: row.at,
        });
        if word.at <= row.at {
            *word = Consent {
                granted: row.granted,
                at: row.at,
            };
        }
    }
    words
}

/// Appends consents.
pub(super) fn consent_models(
    project: ProjectId,
    user: UserId,
    consents: &[(Purpose, Consent)],
    source: &str,
) -> Result<Vec<consent::ActiveModel>, StoreError> {
    let model = |(purpose, consent): &(Purpose, Consent)| {
        Ok(consent::ActiveModel {
            id: ActiveValue::NotSet,
            project_id: ActiveValue::Set(project.uuid()),
            user_id: ActiveValue::Set(user.uuid()),
            purpose: ActiveValue::Set(to_word(purpose)?),
            granted: ActiveValue::Set(consent.granted),
            at: ActiveValue::Set(consent.at),
            source: ActiveValue::Set(source.to_owned()),
        })
    };
    consents.iter().map(model).collect()
}

/// Ends the time of the present owner and begins the time of the next.
pub(super) async fn give_device(
    conn: &impl ConnectionTrait,
    project: ProjectId,
    device: DeviceId,
    user: UserId,
    at: Timestamp,
) -> Result<Option<UserId>, StoreError> {
    let select = device::Entity::find_by_id(device.uuid()).filter(device::Column::ProjectId.eq(project.uuid()));
    let Some(model) = select.lock_exclusive().one(conn).await? else {
        return Ok(None);
    };
    if model.user_id == user.uuid() {
        return Ok(Some(user));
    }
    device_owner::Entity::update_many()
        .col_expr(device_owner::Column::ToAt, Expr::value(at))
        .filter(device_owner::Column::ProjectId.eq(project.uuid()))
        .filter(device_owner::Column::DeviceId.eq(device.uuid()))
        .filter(device_owner::Column::ToAt.is_null())
        .exec(conn)
        .await?;
    begin_ownership(conn, project, device, user, at).await?;
    device::Entity::update_many()
        .col_expr(device::Column::UserId, Expr::value(user.uuid()))
        .filter(device::Column::ProjectId.eq(project.uuid()))
        .filter(device::Column::Id.eq(device.uuid()))
        .exec(conn)
        .await?;
    Ok(Some(model.user_id.into()))
}

pub(super) async fn begin_ownership(
    conn: &impl ConnectionTrait,
    project: ProjectId,
    device: DeviceId,
    user: UserId,
    at: Timestamp,
) -> Result<(), StoreError> {
    let owner = device_owner::ActiveModel {
        id: ActiveValue::NotSet,
        project_id: ActiveValue::Set(project.uuid()),
        device_id: ActiveValue::Set(device.uuid()),
        user_id: ActiveValue::Set(user.uuid()),
        from_at: ActiveValue::Set(at),
        to_at: ActiveValue::Set(None),
    };
    device_owner::Entity::insert(owner).exec_without_returning(conn).await?;
    Ok(())
}

/// Takes a device's push address, if it has one, from every other device of the project: it belongs to one device at a time.
/// Says whose devices lost theirs, for the engine must hear of it.
pub(super) async fn take_address(
    conn: &impl ConnectionTrait,
    vault: &Vault,
    project: ProjectId,
    row: &DeviceRow,
) -> Result<Vec<(UserId, DeviceId)>, StoreError> {
    let Some((channel, address)) = &row.push else {
        return Ok(Vec::new());
    };
    let others = Condition::all()
        .add(device::Column::ProjectId.eq(project.uuid()))
        .add(device::Column::PushChannel.eq(channel.as_str()))
        .add(device::Column::PushAddressName.eq(address_name(vault, project, address)?))
        .add(device::Column::Id.ne(row.id.uuid()));
    let holders: Vec<(uuid::Uuid, uuid::Uuid)> = device::Entity::find()
        .select_only()
        .columns([device::Column::UserId, device::Column::Id])
        .filter(others.clone())
        .order_by_asc(device::Column::Id)
        .into_tuple()
        .all(conn)
        .await?;
    if holders.is_empty() {
        return Ok(Vec::new());
    }
    let none: Option<String> = None;
    device::Entity::update_many()
        .col_expr(device::Column::PushChannel, Expr::value(none.clone()))
        .col_expr(device::Column::PushAddress, Expr::value(none))
        .col_expr(device::Column::PushAddressName, Expr::value(None::<Vec<u8>>))
        .filter(others)
        .exec(conn)
        .await?;
    Ok(holders
        .into_iter()
        .map(|(user, device)| (user.into(), device.into()))
        .collect())
}

/// Forgets a push address, but only while it is still the one that was found dead (any, when none is named), and was not
/// registered again after that instant.
pub(super) async fn forget_address(
    conn: &impl ConnectionTrait,
    vault: &Vault,
    (project, device): (ProjectId, DeviceId),
    address: Option<&str>,
    dead_since: Option<Timestamp>,
) -> Result<(), StoreError> {
    let none: Option<String> = None;
    let mut update = device::Entity::update_many()
        .col_expr(device::Column::PushChannel, Expr::value(none.clone()))
        .col_expr(device::Column::PushAddress, Expr::value(none))
        .col_expr(device::Column::PushAddressName, Expr::value(None::<Vec<u8>>))
        .filter(device::Column::ProjectId.eq(project.uuid()))
        .filter(device::Column::Id.eq(device.uuid()));
    if let Some(address) = address {
        update = update.filter(device::Column::PushAddressName.eq(address_name(vault, project, address)?));
    }
    if let Some(dead_since) = dead_since {
        let not_since = Condition::any()
            .add(device::Column::PushSetAt.is_null())
            .add(device::Column::PushSetAt.lte(dead_since));
        update = update.filter(not_since);
    }
    update.exec(conn).await?;
    Ok(())
}

/// What an address is found by: the address itself cannot be read in the database.
pub(super) fn address_name(vault: &Vault, project: ProjectId, address: &str) -> Result<Vec<u8>, StoreError> {
    vault.name(project.uuid(), sealed::DEVICE, address)
}

pub(super) fn device_model(vault: &Vault, project: ProjectId, row: &DeviceRow) -> Result<device::Model, StoreError> {
    let address = row.push.as_ref().map(|(_, address)| address);
    let seal = |address: &String| vault.seal_text(project.uuid(), sealed::DEVICE, address);
    let name = |address: &String| address_name(vault, project, address);
    let seal_key = |key: &SealingKey| vault.seal_text(project.uuid(), sealed::SEALING_KEY, &key.to_text());
    Ok(device::Model {
        id: row.id.uuid(),
        project_id: project.uuid(),
        user_id: row.user_id.uuid(),
        installation_id: row.installation_id.clone(),
        token_hash: row.token_hash.clone(),
        platform: row.platform.clone(),
        app_version: row.app_version.clone(),
        locale: row.locale.clone(),
        time_zone: row.time_zone.clone(),
        notifications: to_word(&row.notifications)?,
        push_channel: row.push.as_ref().map(|(channel, _)| channel.as_str().to_owned()),
        push_address: address.map(seal).transpose()?,
        push_address_name: address.map(name).transpose()?,
        push_set_at: row.push_set_at,
        sealing_key: row.sealing_key.as_ref().map(seal_key).transpose()?,
        created_at: row.created_at,
        last_seen_at: row.last_seen_at,
    })
}

pub(super) fn device_row(vault: &Vault, model: device::Model) -> Result<DeviceRow, StoreError> {
    let push = match (model.push_channel, model.push_address) {
        (Some(channel), Some(address)) => {
            let address = vault.open_text(model.project_id, sealed::DEVICE, &address)?;
            Some((from_word("devices.push_channel", &channel)?, address))
        }
        _ => None,
    };
    let sealing_key = model.sealing_key.as_deref().map(|stored| {
        let text = vault.open_text(model.project_id, sealed::SEALING_KEY, stored)?;
        SealingKey::from_text(&text).map_err(|error| StoreError::Corrupt(format!("devices.sealing_key: {error}")))
    });
    Ok(DeviceRow {
        id: model.id.into(),
        project_id: model.project_id.into(),
        user_id: model.user_id.into(),
        installation_id: model.installation_id,
        token_hash: model.token_hash,
        platform: model.platform,
        app_version: model.app_version,
        locale: model.locale,
        time_zone: model.time_zone,
        notifications: from_word("devices.notifications", &model.notifications)?,
        push,
        push_set_at: model.push_set_at,
        sealing_key: sealing_key.transpose()?,
        created_at: model.created_at,
        last_seen_at: model.last_seen_at,
    })
}
