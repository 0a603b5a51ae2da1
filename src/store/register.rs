//! Registering a device: a new anonymous user, or the device this installation has been before.

use super::codec::insert_all;
use super::connect::Store;
use super::devices::{begin_ownership, consent_models, device_model, device_row, take_address};
use super::error::StoreError;
use super::people::add_user;
use super::vault::Vault;
use crate::base::compact::Micros;
use crate::base::id::{DeviceId, UserId};
use crate::engine::fix::Permission;
use crate::engine::subject::{About, Consent, Device, Purpose, Subject};
use crate::store::change::DeviceRow;
use ::entity::device;
use sea_orm::{ColumnTrait, DatabaseTransaction, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect};

/// A device on its first day, or on its next first day.
#[derive(Debug, Clone, PartialEq)]
pub struct Registration {
    /// Its id and its user's id are taken only when the installation is new.
    pub device: DeviceRow,
    pub consents: Vec<(Purpose, Consent)>,
    /// Who passed the consents on.
    pub source: String,
}

/// What became of a registration.
#[derive(Debug, Clone, PartialEq)]
pub struct Registered {
    pub device: DeviceRow,
    /// False when the installation was known: its subject must hear of the news by an input of its own.
    pub created: bool,
    /// Devices that lost their push address to this one: the engine must hear of it.
    pub unreachable: Vec<(UserId, DeviceId)>,
}

impl Store {
    /// Stores a new device with an anonymous user and its subject, or gives a known installation its new token.
    pub async fn register_device(&self, registration: &Registration) -> Result<Registered, StoreError> {
        match self.try_register(registration).await {
            // Two first registrations of one installation met: the second finds the row of the first.
            Err(StoreError::Conflict(_)) => self.try_register(registration).await,
            done => done,
        }
    }

    async fn try_register(&self, registration: &Registration) -> Result<Registered, StoreError> {
        let txn = self.write_txn().await?;
        let known = device::Entity::find()
            .filter(device::Column::ProjectId.eq(registration.device.project_id.uuid()))
            .filter(device::Column::InstallationId.eq(registration.device.installation_id.as_str()))
            .lock_exclusive()
            .one(&txn)
            .await?;
        let registered = match known {
            Some(model) => renew(&txn, &self.vault, device_row(&self.vault, model)?, registration).await?,
            None => create(&txn, &self.vault, registration).await?,
        };
        txn.commit().await?;
        Ok(registered)
    }
}

async fn create(
    txn: &DatabaseTransaction,
    vault: &Vault,
    registration: &Registration,
) -> Result<Registered, StoreError> {
    let row = &registration.device;
    let mut subject = Subject::new(row.user_id);
    subject.consents = registration.consents.iter().copied().collect();
    let about = About {
        platform: row.platform.clone(),
        locale: row.locale.clone(),
        time_zone: row.time_zone.clone(),
        notifications: row.notifications,
        channel: row.push.as_ref().map(|(channel, _)| *channel),
    };
    let device = Device {
        about: about.into(),
        last_seen_at: row.last_seen_at.map(Micros::from),
        ..Device::default()
    };
    subject.devices.insert(row.id, device);
    if !add_user(txn, vault, row.project_id, &subject, row.created_at).await? {
        return Err(StoreError::Conflict("users.id is taken".into()));
    }
    let unreachable = take_address(txn, vault, row.project_id, row).await?;
    device::Entity::insert(device_model(vault, row.project_id, row)?.into_active_model())
        .exec_without_returning(txn)
        .await?;
    begin_ownership(txn, row.project_id, row.id, row.user_id, row.created_at).await?;
    let consents = consent_models(
        row.project_id,
        row.user_id,
        &registration.consents,
        &registration.source,
    )?;
    insert_all(txn, consents, None).await?;
    Ok(Registered {
        device: row.clone(),
        created: true,
        unreachable,
    })
}

async fn renew(
    txn: &DatabaseTransaction,
    vault: &Vault,
    known: DeviceRow,
    registration: &Registration,
) -> Result<Registered, StoreError> {
    let news = registration.device.clone();
    // What the app did not say this time is still true.
    let notifications = if news.notifications == Permission::Unknown {
        known.notifications
    } else {
        news.notifications
    };
    let row = DeviceRow {
        token_hash: news.token_hash,
        platform: news.platform.or(known.platform),
        app_version: news.app_version.or(known.app_version),
        locale: news.locale.or(known.locale),
        time_zone: news.time_zone.or(known.time_zone),
        notifications,
        push_set_at: news.push_set_at.or(known.push_set_at),
        push: news.push.or(known.push),
        sealing_key: news.sealing_key.or(known.sealing_key),
        last_seen_at: news.last_seen_at.max(known.last_seen_at),
        ..known
    };
    let unreachable = take_address(txn, vault, row.project_id, &row).await?;
    let model = device_model(vault, row.project_id, &row)?.into_active_model();
    device::Entity::update(sea_orm::ActiveModelTrait::reset_all(model))
        .exec(txn)
        .await?;
    let consents = consent_models(
        row.project_id,
        row.user_id,
        &registration.consents,
        &registration.source,
    )?;
    insert_all(txn, consents, None).await?;
    Ok(Registered {
        device: row,
        created: false,
        unreachable,
    })
}
