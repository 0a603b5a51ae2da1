//! The outbox: deliveries claimed by lease, with everything that must be checked again before they are sent.

use super::channels::ChannelMark;
use super::codec::{from_word, one_more};
use super::connect::Store;
use super::devices::{consent_row, device_row, last_words};
use super::endpoints::EndpointRow;
use super::error::StoreError;
use super::look_deliveries::{DeliveryRow, delivery_row};
use super::projects::project_row;
use super::sealed;
use crate::base::contact::Contact;
use crate::base::id::{DeviceId, EndpointId, ProjectId, UserId};
use crate::base::limits;
use crate::base::seal::SealingKey;
use crate::base::time::Timestamp;
use crate::engine::delivery::{ChannelKind, DeliveryState};
use crate::engine::fix::Permission;
use crate::engine::flow::{Route, Share};
use crate::engine::message::Message;
use crate::engine::subject::{Consent, Purpose};
use crate::store::change::DeviceRow;
use ::entity::{attempt, consent, delivery, device, message, project};
use chrono::TimeDelta;
use sea_orm::sea_query::{CommonTableExpression, Expr, LockBehavior, LockType, Query, UnionType};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, ModelTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait, Select,
};
use std::collections::{BTreeMap, HashMap};
use uuid::Uuid;

/// A delivery that is ours to send until its lease ends.
#[derive(Debug, Clone, PartialEq)]
pub struct Claimed {
    /// `attempts` counts this claim.
    pub delivery: DeliveryRow,
    /// When it was first tried; none when it never was.
    pub first_tried_at: Option<Timestamp>,
    /// Without its other deliveries.
    pub message: Message,
    /// Whose device it is now; none when it is gone.
    pub owner: Option<UserId>,
    /// Where the device is reached now.
    pub push: Option<(ChannelKind, String)>,
    /// What sensitive texts are sealed to for it.
    pub sealing_key: Option<SealingKey>,
    pub notifications: Permission,
    /// For a delivery to an address of the person's own: their addresses now.
    pub contact: Contact,
    /// The last words of the person the message is for, as they are now.
    pub consents: BTreeMap<Purpose, Consent>,
    /// The project says: nothing is sent.
    pub paused: bool,
    /// What the project says about this channel.
    pub channel: ChannelMark,
    pub project_name: String,
    /// With a webhook: the endpoint as it is now; none when it is gone.
    pub endpoint: Option<EndpointRow>,
}

impl Store {
    /// Takes deliveries that are due, or whose sender went silent, and leases them: of each route no more than its share, the
    /// longest due first. No delivery is given twice within a lease: SQLite has one writer, PostgreSQL skips the rows another
    /// node holds.
    pub async fn claim_shares(
        &self,
        now: Timestamp,
        lease: TimeDelta,
        shares: &[Share],
    ) -> Result<Vec<Claimed>, StoreError> {
        let lease_until = now + lease;
        let mut models: Vec<delivery::Model> = Vec::new();
        if let [(route, share)] = shares {
            // The usual case: one statement is a transaction by itself.
            models = claim(&self.writer, *route, *share, now, lease_until).await?;
        } else {
            let txn = self.write_txn().await?;
            for (route, share) in shares {
                let left = usize::try_from(limits::DELIVERIES_PER_CLAIM_MAX).unwrap_or(usize::MAX) - models.len();
                models.extend(claim(&txn, *route, left.min(*share), now, lease_until).await?);
            }
            txn.commit().await?;
        }
        if models.is_empty() {
            return Ok(Vec::new());
        }
        // What is returned has no order of its own.
        models.sort_by_key(|model| model.run_at);
        let rows = models
            .into_iter()
            .map(delivery_row)
            .collect::<Result<Vec<_>, StoreError>>()?;
        self.surrounded(rows).await
    }

    /// How many deliveries of a project are in each state.
    pub async fn delivery_counts(&self, project: ProjectId) -> Result<BTreeMap<DeliveryState, u64>, StoreError> {
        let rows: Vec<(String, i64)> = delivery::Entity::find()
            .select_only()
            .column(delivery::Column::State)
            .column_as(delivery::Column::Id.count(), "deliveries")
            .filter(delivery::Column::ProjectId.eq(project.uuid()))
            .group_by(delivery::Column::State)
            .into_tuple()
            .all(&self.reader)
            .await?;
        let count = |(state, count): (String, i64)| {
            Ok((
                from_word("deliveries.state", &state)?,
                u64::try_from(count).unwrap_or(0),
            ))
        };
        rows.into_iter().map(count).collect()
    }

    /// With everything that must be checked before they are sent, as it is now. The rows are leased by the caller.
    pub async fn surrounded(&self, rows: Vec<DeliveryRow>) -> Result<Vec<Claimed>, StoreError> {
        let devices = rows.iter().filter_map(|row| row.device_id.map(DeviceId::uuid));
        let endpoints = rows.iter().filter_map(|row| row.endpoint_id.map(EndpointId::uuid));
        let endpoints: Vec<Uuid> = endpoints.collect();
        // Side by side, as far as there are connections: a message waits for the slowest of them, not for their sum.
        let (messages, devices, projects, endpoints, consents, contacts, channels, first_tries) = futures_util::try_join!(
            self.by_id::<message::Entity>(rows.iter().map(|row| row.message_id.uuid()), message::Column::Id),
            self.by_id::<device::Entity>(devices, device::Column::Id),
            self.by_id::<project::Entity>(rows.iter().map(|row| row.project_id.uuid()), project::Column::Id),
            self.endpoints_by_id(&endpoints),
            self.consents_for(&rows),
            self.contacts_for(&rows),
            self.channel_marks(rows.iter().map(|row| row.project_id)),
            self.first_tries(&rows),
        )?;
        let messages: HashMap<Uuid, _> = messages.into_iter().map(|model| (model.id, model)).collect();
        let devices: HashMap<Uuid, _> = devices.into_iter().map(|model| (model.id, model)).collect();
        let projects: HashMap<Uuid, _> = projects.into_iter().map(|model| (model.id, model)).collect();
        let mut claimed = Vec::with_capacity(rows.len());
        for row in rows {
            // A delivery without its message or project was erased between the claim and now: there is nothing to send.
            let Some(message) = messages.get(&row.message_id.uuid()) else {
                continue;
            };
            let Some(project) = projects.get(&row.project_id.uuid()) else {
                continue;
            };
            let project = project_row(project.clone())?;
            let device = row
                .device_id
                .and_then(|id| devices.get(&id.uuid()))
                .filter(|model| model.project_id == row.project_id.uuid());
            let device: Option<DeviceRow> = device
                .cloned()
                .map(|model| device_row(&self.vault, model))
                .transpose()?;
            let whose = (row.project_id, row.user_id);
            claimed.push(Claimed {
                first_tried_at: first_tries.get(&row.id.uuid()).copied(),
                message: Message {
                    user_id: message.user_id.into(),
                    ..self.vault.open(message.project_id, sealed::MESSAGE, &message.body)?
                },
                owner: device.as_ref().map(|device| device.user_id),
                notifications: device
                    .as_ref()
                    .map_or(Permission::Unknown, |device| device.notifications),
                sealing_key: device.as_ref().and_then(|device| device.sealing_key.clone()),
                push: device.and_then(|device| device.push),
                contact: contacts.get(&whose).cloned().unwrap_or_default(),
                consents: consents.get(&whose).cloned().unwrap_or_default(),
                paused: project.settings.paused,
                channel: channels
                    .get(&(row.project_id, row.channel))
                    .copied()
                    .unwrap_or_default(),
                project_name: project.name,
                endpoint: row
                    .endpoint_id
                    .and_then(|id| endpoints.get(&id.uuid()))
                    .filter(|endpoint| endpoint.project_id == row.project_id)
                    .cloned(),
                delivery: row,
            });
        }
        Ok(claimed)
    }

    /// When each of those that are tried again was first tried.
    async fn first_tries(&self, rows: &[DeliveryRow]) -> Result<HashMap<Uuid, Timestamp>, StoreError> {
        let tried: Vec<Uuid> = rows
            .iter()
            .filter(|row| row.attempts > 1)
            .map(|row| row.id.uuid())
            .collect();
        if tried.is_empty() {
            return Ok(HashMap::new());
        }
        let firsts: Vec<(Uuid, Timestamp)> = attempt::Entity::find()
            .select_only()
            .column(attempt::Column::DeliveryId)
            .column_as(attempt::Column::At.min(), "at")
            .filter(attempt::Column::DeliveryId.is_in(tried))
            .group_by(attempt::Column::DeliveryId)
            .into_tuple()
            .all(&self.reader)
            .await?;
        Ok(firsts.into_iter().collect())
    }

    async fn by_id<E>(&self, ids: impl Iterator<Item = Uuid>, column: E::Column) -> Result<Vec<E::Model>, StoreError>
    where
        E: EntityTrait,
        E::Model: ModelTrait<Entity = E>,
    {
        // A claim holds at most limits::DELIVERIES_PER_CLAIM_MAX rows, far below the bind limit.
        let ids: std::collections::BTreeSet<Uuid> = ids.collect();
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        Ok(E::find().filter(column.is_in(ids)).all(&self.reader).await?)
    }

    async fn consents_for(
        &self,
        rows: &[DeliveryRow],
    ) -> Result<HashMap<(ProjectId, UserId), BTreeMap<Purpose, Consent>>, StoreError> {
        let mut users: BTreeMap<ProjectId, Vec<Uuid>> = BTreeMap::new();
        for row in rows {
            users.entry(row.project_id).or_default().push(row.user_id.uuid());
        }
        let mut histories: HashMap<(ProjectId, UserId), Vec<_>> = HashMap::new();
        for (project, users) in users {
            let models = consent::Entity::find()
                .filter(consent::Column::ProjectId.eq(project.uuid()))
                .filter(consent::Column::UserId.is_in(users))
                .order_by_asc(consent::Column::At)
                .order_by_asc(consent::Column::Id)
                .all(&self.reader)
                .await?;
            for model in models {
                let user = model.user_id.into();
                histories.entry((project, user)).or_default().push(consent_row(model)?);
            }
        }
        Ok(histories
            .into_iter()
            .map(|(user, history)| (user, last_words(history)))
            .collect())
    }
}

/// Leases what one route may take up now, the longest due first, and says what that is.
async fn claim(
    conn: &impl ConnectionTrait,
    route: Route,
    share: usize,
    now: Timestamp,
    lease_until: Timestamp,
) -> Result<Vec<delivery::Model>, StoreError> {
    let limit = limits::DELIVERIES_PER_CLAIM_MAX.min(share as u64);
    let of_route = |state: DeliveryState| {
        let rows = delivery::Entity::find()
            .select_only()
            .column(delivery::Column::Id)
            .filter(delivery::Column::State.eq(state.as_str()))
            .filter(delivery::Column::ProjectId.eq(route.project_id.uuid()))
            .limit(limit)
            .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
        match route.endpoint_id {
            Some(endpoint) => rows.filter(delivery::Column::EndpointId.eq(endpoint.uuid())),
            None => rows.filter(delivery::Column::Channel.eq(route.channel.as_str())),
        }
    };
    // Two questions, not one with an "or": each is answered in the order of an index, however much has piled up.
    let queued = of_route(DeliveryState::Queued)
        .filter(delivery::Column::RunAt.lte(now))
        .order_by_asc(delivery::Column::RunAt);
    let abandoned = of_route(DeliveryState::Sending).filter(delivery::Column::LeaseUntil.lt(now));
    let ids_of = |part: Select<delivery::Entity>, name: &'static str| {
        let mut ids = Query::select();
        ids.column((name, delivery::Column::Id))
            .from_subquery(part.into_query(), name);
        ids
    };
    let mut due = ids_of(queued, "queued");
    due.union(UnionType::All, ids_of(abandoned, "abandoned")).limit(limit);
    // Materialized: else PostgreSQL might ask anew for each row it looks at, and take more than the share.
    let due = CommonTableExpression::new()
        .table_name("due")
        .query(due)
        .materialized(true)
        .to_owned();
    let ids = Query::select().column("id").from("due").with_cte(due).to_owned();
    let claimed = delivery::Entity::update_many()
        .col_expr(delivery::Column::State, Expr::value(DeliveryState::Sending.as_str()))
        .col_expr(delivery::Column::Attempts, one_more(delivery::Column::Attempts))
        .col_expr(delivery::Column::LeaseUntil, Expr::value(lease_until))
        .col_expr(delivery::Column::UpdatedAt, Expr::value(now))
        .filter(delivery::Column::Id.in_subquery(ids));
    Ok(claimed.exec_with_returning(conn).await?)
}
