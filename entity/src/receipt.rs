//! `receipts`: what a phone said about a message.

use sea_orm::entity::prelude::*;

/// What a phone said about a message.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "receipts")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub project_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub record_id: String,
    pub user_id: Uuid,
    pub device_id: Uuid,
    pub message_id: Uuid,
    pub status: String,
    pub action: Option<String>,
    pub text: Option<String>,
    pub at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
