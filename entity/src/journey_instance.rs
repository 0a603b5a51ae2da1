//! `journey_instances`: one way of one person through a journey.

use sea_orm::entity::prelude::*;

/// One way of one person through a journey. The subject is the truth of an open one; this is what lists and counts read.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "journey_instances")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub project_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub journey_id: Uuid,
    pub version: i64,
    pub user_id: Uuid,
    pub key: String,
    pub state: String,
    pub started_at: DateTimeUtc,
    pub since: DateTimeUtc,
    pub ends_at: DateTimeUtc,
    pub ended_at: Option<DateTimeUtc>,
    pub exit: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
