//! `trigger_revisions`: one edit of a trigger.

use sea_orm::entity::prelude::*;

/// One edit of a trigger.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "trigger_revisions")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub trigger_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub revision: i64,
    pub project_id: Uuid,
    pub definition: String,
    pub state: String,
    pub created_at: DateTimeUtc,
    pub published_at: Option<DateTimeUtc>,
    pub retired_at: Option<DateTimeUtc>,
    pub accepted: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
