//! `inbox`: an input that is durable before it is stepped.

use sea_orm::entity::prelude::*;

/// An input that is durable before it is stepped.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "inbox")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub project_id: Uuid,
    pub user_id: Uuid,
    pub input: String,
    pub created_at: DateTimeUtc,
    /// How often it failed through a fault of its own; one that did too often is kept aside.
    pub failures: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
