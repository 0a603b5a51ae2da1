//! `deliveries`: one message to one device by one channel: the outbox.

use sea_orm::entity::prelude::*;

/// One message to one device by one channel: the outbox.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "deliveries")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub project_id: Uuid,
    pub message_id: Uuid,
    pub user_id: Uuid,
    /// None for a message to the business.
    pub device_id: Option<Uuid>,
    pub channel: String,
    /// With a webhook: which of the business's endpoints.
    pub endpoint_id: Option<Uuid>,
    /// The dead delivery this one repeats; unique, so that each is repeated once.
    pub replay_of: Option<Uuid>,
    pub state: String,
    /// Counts the claims; with `lease_until` it fences off a sender that came back late.
    pub attempts: i64,
    pub run_at: DateTimeUtc,
    pub lease_until: Option<DateTimeUtc>,
    pub why: Option<String>,
    pub provider_id: Option<String>,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
