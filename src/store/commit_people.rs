//! The part of a commit that is about people: profiles, consents, devices and whose they are.

use super::change::{Change, DeviceRow, Row};
use super::codec::{insert_all, same_as_stored};
use super::commit::rows;
use super::contacts;
use super::devices::{begin_ownership, consent_models, device_model, forget_address, give_device, take_address};
use super::error::StoreError;
use super::sealed;
use super::vault::Vault;
use crate::base::id::{DeviceId, ProjectId, UserId};
use crate::base::time::Timestamp;
use crate::engine::subject::Profile;
use ::entity::{device, user};
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{ColumnTrait, DatabaseTransaction, EntityTrait, IntoActiveModel, QueryFilter};

/// Returns whose devices lost their push address to another device.
pub(super) async fn write(
    txn: &DatabaseTransaction,
    vault: &Vault,
    changes: &[&Change],
) -> Result<Vec<(ProjectId, UserId, DeviceId)>, StoreError> {
    let mut consents = Vec::new();
    let mut unreachable = Vec::new();
    // In the order given: a device row and then its new owner is not the same as the other way round.
    for (project, row) in rows(changes) {
        match row {
            Row::Event(_) => {}
            Row::User { user_id, profile, at } => write_user(txn, vault, (project, *user_id), profile, *at).await?,
            Row::Contact { user_id, contact } => contacts::put(txn, vault, project, *user_id, contact).await?,
            Row::Consents {
                user_id,
                consents: words,
                source,
            } => {
                consents.extend(consent_models(project, *user_id, words, source)?);
            }
            Row::Device(row) => {
                let lost = write_device(txn, vault, project, row).await?;
                unreachable.extend(lost.into_iter().map(|(user, device)| (project, user, device)));
            }
            Row::Owner { device_id, user_id, at } => {
                give_device(txn, project, *device_id, *user_id, *at).await?;
            }
            Row::ForgetAddress { device_id, address } => {
                forget_address(txn, vault, (project, *device_id), address.as_deref(), None).await?;
            }
        }
    }
    insert_all(txn, consents, None).await?;
    Ok(unreachable)
}

async fn write_user(
    txn: &DatabaseTransaction,
    vault: &Vault,
    (project, id): (ProjectId, UserId),
    profile: &Profile,
    at: Timestamp,
) -> Result<(), StoreError> {
    let model = user::Model {
        id: id.uuid(),
        project_id: project.uuid(),
        user_ref: profile.user_ref.clone(),
        profile: vault.seal(project.uuid(), sealed::USER, profile)?,
        merged_into: None,
        contact: None,
        created_at: at,
        updated_at: at,
    };
    let newer = OnConflict::column(user::Column::Id)
        .update_columns([user::Column::UserRef, user::Column::Profile, user::Column::UpdatedAt])
        // A row of another project is never touched, whatever id is named.
        .action_and_where(same_as_stored(user::Entity, user::Column::ProjectId))
        .to_owned();
    user::Entity::insert(model.into_active_model())
        .on_conflict(newer)
        .exec_without_returning(txn)
        .await?;
    Ok(())
}

/// Updates a device, or adds one that a test or an import made without registering it. Its token, installation and owner
/// change by registering and by [`Row::Owner`] alone.
async fn write_device(
    txn: &DatabaseTransaction,
    vault: &Vault,
    project: ProjectId,
    row: &DeviceRow,
) -> Result<Vec<(UserId, DeviceId)>, StoreError> {
    let unreachable = take_address(txn, vault, project, row).await?;
    let model = device_model(vault, project, row)?;
    let updated = device::Entity::update_many()
        .col_expr(device::Column::Platform, Expr::value(model.platform.clone()))
        .col_expr(device::Column::AppVersion, Expr::value(model.app_version.clone()))
        .col_expr(device::Column::Locale, Expr::value(model.locale.clone()))
        .col_expr(device::Column::TimeZone, Expr::value(model.time_zone.clone()))
        .col_expr(device::Column::Notifications, Expr::value(model.notifications.clone()))
        .col_expr(device::Column::PushChannel, Expr::value(model.push_channel.clone()))
        .col_expr(device::Column::PushAddress, Expr::value(model.push_address.clone()))
        .col_expr(
            device::Column::PushAddressName,
            Expr::value(model.push_address_name.clone()),
        )
        .col_expr(device::Column::PushSetAt, Expr::value(model.push_set_at))
        .col_expr(device::Column::SealingKey, Expr::value(model.sealing_key.clone()))
        .col_expr(device::Column::LastSeenAt, Expr::value(model.last_seen_at))
        .filter(device::Column::ProjectId.eq(project.uuid()))
        .filter(device::Column::Id.eq(model.id))
        .exec(txn)
        .await?;
    if updated.rows_affected == 0 {
        device::Entity::insert(model.into_active_model())
            .exec_without_returning(txn)
            .await?;
        begin_ownership(txn, project, row.id, row.user_id, row.created_at).await?;
    }
    Ok(unreachable)
}
