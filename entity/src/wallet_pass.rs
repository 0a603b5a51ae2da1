//! `wallet_passes`: a pass that lies in somebody's wallet.

use sea_orm::entity::prelude::*;

/// A pass that lies in somebody's wallet.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "wallet_passes")]
pub struct Model {
    /// Which wallet: the name an Apple phone gave itself, or the object that the pass is at Google.
    #[sea_orm(primary_key, auto_increment = false)]
    pub holder: String,
    #[sea_orm(primary_key, auto_increment = false)]
    pub serial: String,
    pub project_id: Uuid,
    pub user_id: Uuid,
    pub kind: String,
    pub key: String,
    pub push_token: Option<String>,
    /// Set while the wallet has not been told of what is new.
    pub due_at: Option<DateTimeUtc>,
    pub attempts: i32,
    pub created_at: DateTimeUtc,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
