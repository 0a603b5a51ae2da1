//! `webhook_endpoints`: where messages to the business are posted to.

use sea_orm::entity::prelude::*;

/// Where messages to the business are posted to.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "webhook_endpoints")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub project_id: Uuid,
    pub url: String,
    pub description: String,
    /// The signing secrets, the former ones included; read and written by the store's `endpoint_secrets` alone.
    pub secrets: String,
    pub disabled_at: Option<DateTimeUtc>,
    pub disabled_why: Option<String>,
    /// Since when it has answered nothing but failures.
    pub failing_since: Option<DateTimeUtc>,
    pub failed_at: Option<DateTimeUtc>,
    /// It asked to be left alone until then.
    pub held_until: Option<DateTimeUtc>,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
