//! `consents`: one word on one purpose; append-only, the last one wins.

use sea_orm::entity::prelude::*;

/// One word on one purpose; append-only, the last one wins.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "consents")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub project_id: Uuid,
    pub user_id: Uuid,
    pub purpose: String,
    pub granted: bool,
    pub at: DateTimeUtc,
    pub source: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
