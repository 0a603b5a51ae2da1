//! `fixes`: a fix worth keeping.

use sea_orm::entity::prelude::*;

/// A fix worth keeping.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "fixes")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub project_id: Uuid,
    pub user_id: Uuid,
    pub device_id: Uuid,
    pub record_id: String,
    pub at: DateTimeUtc,
    pub body: String,
    pub why: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
