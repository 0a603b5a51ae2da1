//! `decisions`: the outcome of one moment for one trigger revision; `body` is the decision whole.

use sea_orm::entity::prelude::*;

/// The outcome of one moment for one trigger revision; `body` is the decision whole.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "decisions")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub project_id: Uuid,
    pub user_id: Uuid,
    pub moment_id: Uuid,
    pub trigger_id: Uuid,
    pub code: String,
    pub decided_at: DateTimeUtc,
    pub body: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
