//! Devices gone silent, with what is known that may explain it.

use super::codec::{IN_LIST_MAX, also, unindexed};
use super::connect::Store;
use super::devices::device_row;
use super::error::StoreError;
use super::paging::{Page, PageAsk, at, newest_first};
use crate::base::compact::Number;
use crate::base::id::{DeviceId, ProjectId, UserId};
use crate::base::limits;
use crate::base::time::Timestamp;
use crate::engine::delivery::DeliveryState;
use crate::engine::fix::Permission;
use crate::engine::subject::{Device, Subject};
use crate::store::change::DeviceRow;
use ::entity::{attempt, delivery, device, device_owner, user};
use sea_orm::sea_query::Order;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use std::collections::{HashMap, HashSet};
use uuid::Uuid;

/// A device that has said nothing for a while, and what is known of it.
#[derive(Debug, Clone, PartialEq)]
pub struct SilentRow {
    pub device_id: DeviceId,
    pub user_id: UserId,
    pub user_ref: Option<String>,
    pub platform: Option<String>,
    pub last_seen_at: Timestamp,
    pub notifications: Permission,
    pub has_address: bool,
    /// A provider called its address dead.
    pub address_died: bool,
    /// 0 to 1, when it was last heard.
    pub battery: Option<f64>,
    /// It belonged to somebody, and nobody has signed in since.
    pub signed_out: bool,
}

/// What the tables beside `devices` say of some devices.
#[derive(Default)]
struct Around {
    subjects: HashMap<UserId, Subject>,
    refs: HashMap<Uuid, String>,
    handed_on: HashSet<Uuid>,
    died: HashSet<Uuid>,
}

impl Store {
    /// Devices not heard of since `before`, registered last first. A page may hold fewer rows than asked for and still have a
    /// next one: only so many devices are looked at for one page.
    pub async fn silent_devices(
        &self,
        project: ProjectId,
        before: Timestamp,
        ask: &PageAsk,
    ) -> Result<Page<SilentRow>, StoreError> {
        let mut rows = Vec::new();
        let mut look = PageAsk {
            after: ask.after.clone(),
            limit: limits::PAGE_ROWS_MAX,
        };
        for _ in 0..limits::PAGES_PER_LOOK_MAX {
            let select = device::Entity::find()
                .filter(device::Column::ProjectId.eq(project.uuid()))
                .filter(device::Column::CreatedAt.lte(before));
            let order = (device::Column::CreatedAt, device::Column::Id);
            let models = newest_first(&self.reader, select, order, &look).await?;
            let page = Page::cut(
                models,
                &look,
                |model| at(model.created_at, model.id),
                |model| device_row(&self.vault, model),
            )?;
            let around = self.around(project, &page.rows).await?;
            for device in page.rows {
                let place = at(device.created_at, device.id.uuid());
                let row = around.row(device);
                if row.last_seen_at > before {
                    continue;
                }
                rows.push(row);
                if rows.len() as u64 >= ask.rows() {
                    return Ok(Page {
                        rows,
                        next: Some(place),
                    });
                }
            }
            look.after = page.next;
            if look.after.is_none() {
                break;
            }
        }
        Ok(Page { rows, next: look.after })
    }

    async fn around(&self, project: ProjectId, devices: &[DeviceRow]) -> Result<Around, StoreError> {
        let mut around = Around::default();
        for chunk in devices.chunks(IN_LIST_MAX) {
            let ids: Vec<Uuid> = chunk.iter().map(|device| device.id.uuid()).collect();
            let mut people: Vec<UserId> = chunk.iter().map(|device| device.user_id).collect();
            people.sort_unstable();
            people.dedup();
            let subjects = self.load_subjects(project, &people).await?;
            around
                .subjects
                .extend(subjects.into_iter().map(|subject| (subject.user_id, subject)));
            let users = user::Entity::find()
                .filter(also(user::Column::ProjectId, project.uuid()))
                .filter(user::Column::Id.is_in(people.iter().map(|user| user.uuid())))
                .all(&self.reader)
                .await?;
            for model in users {
                around.refs.extend(model.user_ref.map(|name| (model.id, name)));
            }
            let handed_on: Vec<Uuid> = device_owner::Entity::find()
                .select_only()
                .column(device_owner::Column::DeviceId)
                .filter(device_owner::Column::ProjectId.eq(project.uuid()))
                .filter(device_owner::Column::DeviceId.is_in(ids.iter().copied()))
                .filter(device_owner::Column::ToAt.is_not_null())
                .into_tuple()
                .all(&self.reader)
                .await?;
            around.handed_on.extend(handed_on);
            around.died.extend(self.died(project, ids).await?);
        }
        Ok(around)
    }

    /// Those of these devices whose address a provider has called dead.
    async fn died(&self, project: ProjectId, devices: Vec<Uuid>) -> Result<Vec<Uuid>, StoreError> {
        let failed: Vec<(Uuid, Option<Uuid>)> = delivery::Entity::find()
            .select_only()
            .columns([delivery::Column::Id, delivery::Column::DeviceId])
            .filter(delivery::Column::ProjectId.eq(project.uuid()))
            .filter(delivery::Column::DeviceId.is_in(devices))
            .filter(also(delivery::Column::State, DeliveryState::Failed.as_str()))
            .order_by(unindexed(delivery::Column::CreatedAt), Order::Desc)
            .limit(IN_LIST_MAX as u64)
            .into_tuple()
            .all(&self.reader)
            .await?;
        let unregistered: Vec<Uuid> = attempt::Entity::find()
            .select_only()
            .column(attempt::Column::DeliveryId)
            .filter(attempt::Column::DeliveryId.is_in(failed.iter().map(|(id, _)| *id)))
            .filter(attempt::Column::Outcome.eq("unregistered"))
            .into_tuple()
            .all(&self.reader)
            .await?;
        let unregistered: HashSet<Uuid> = unregistered.into_iter().collect();
        let died = failed.into_iter().filter(|(id, _)| unregistered.contains(id));
        Ok(died.filter_map(|(_, device)| device).collect())
    }
}

impl Around {
    fn row(&self, device: DeviceRow) -> SilentRow {
        let known: Option<&Device> = self
            .subjects
            .get(&device.user_id)
            .and_then(|subject| subject.devices.get(&device.id));
        let heard = known.and_then(|known| known.last_seen_at).map(Timestamp::from);
        let user_ref = self.refs.get(&device.user_id.uuid()).cloned();
        let id = device.id.uuid();
        SilentRow {
            device_id: device.id,
            user_id: device.user_id,
            platform: device.platform,
            last_seen_at: heard.max(device.last_seen_at).unwrap_or(device.created_at),
            notifications: known.map_or(device.notifications, |known| known.about.notifications),
            has_address: device.push.is_some(),
            address_died: device.push.is_none() && self.died.contains(&id),
            battery: known.and_then(|known| known.battery).map(Number::get),
            signed_out: user_ref.is_none() && self.handed_on.contains(&id),
            user_ref,
        }
    }
}
