//! `channels`: what a project says about a channel of its own.

use sea_orm::entity::prelude::*;

/// What a project says about one channel; without a row, what the server's configuration says holds.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "channels")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub project_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub kind: String,
    /// Counts the changes of credentials: open clients go by it.
    pub version: i64,
    pub paused: bool,
    /// Credentials and what the provider said to them; sealed.
    pub set_up: String,
    pub updated_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
