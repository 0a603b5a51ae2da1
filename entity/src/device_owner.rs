//! `device_owners`: whose device it was, from when to when.

use sea_orm::entity::prelude::*;

/// Whose device it was, from when to when.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "device_owners")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub project_id: Uuid,
    pub device_id: Uuid,
    pub user_id: Uuid,
    pub from_at: DateTimeUtc,
    pub to_at: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
