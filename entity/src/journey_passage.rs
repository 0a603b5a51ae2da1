//! `journey_passages`: one stay in a state of a journey that is over.

use sea_orm::entity::prelude::*;

/// One stay in a state that is over: what the counts of a journey are made of. Rows are only added.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "journey_passages")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub project_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub instance_id: Uuid,
    /// Which stay of the instance it was, from 1.
    #[sea_orm(primary_key, auto_increment = false)]
    pub number: i64,
    pub left_at: DateTimeUtc,
    pub journey_id: Uuid,
    pub user_id: Uuid,
    pub state: String,
    pub seconds: i64,
    pub exit: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
