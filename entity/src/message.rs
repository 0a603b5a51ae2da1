//! `messages`: what one user will read; `body` is the message whole, without its deliveries.

use sea_orm::entity::prelude::*;

/// What one user will read; `body` is the message whole, without its deliveries.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "messages")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub project_id: Uuid,
    pub user_id: Uuid,
    pub send_key: String,
    pub created_at: DateTimeUtc,
    pub expires_at: DateTimeUtc,
    pub body: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
