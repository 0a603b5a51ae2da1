//! `users`: a person of one project, known by `user_ref` or anonymous.

use sea_orm::entity::prelude::*;

/// A person of one project, known by `user_ref` or anonymous.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "users")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub project_id: Uuid,
    pub user_ref: Option<String>,
    pub profile: String,
    pub merged_into: Option<Uuid>,
    /// Phone number and mail address, as JSON: read and written in one place of the store.
    pub contact: Option<String>,
    pub created_at: DateTimeUtc,
    pub updated_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
