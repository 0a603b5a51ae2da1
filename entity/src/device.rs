//! `devices`: one installation of an app.

use sea_orm::entity::prelude::*;

/// One installation of an app.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "devices")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub project_id: Uuid,
    pub user_id: Uuid,
    pub installation_id: String,
    pub token_hash: Vec<u8>,
    pub platform: Option<String>,
    pub app_version: Option<String>,
    pub locale: Option<String>,
    pub time_zone: Option<String>,
    pub notifications: String,
    pub push_channel: Option<String>,
    /// Sealed.
    pub push_address: Option<String>,
    /// A keyed hash of it: an address is found by it, and belongs to one device at a time.
    pub push_address_name: Option<Vec<u8>>,
    pub push_set_at: Option<DateTimeUtc>,
    pub sealing_key: Option<String>,
    pub created_at: DateTimeUtc,
    pub last_seen_at: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
