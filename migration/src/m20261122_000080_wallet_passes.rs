//! The table `wallet_passes`: passes that lie in somebody's wallet, and which of them must be told of something new.

use crate::create_index;
use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{integer, text, text_null, timestamp_with_time_zone, timestamp_with_time_zone_null, uuid};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = Table::create();
        table
            .table("wallet_passes")
            .col(text("holder"))
            .col(text("serial"))
            .col(uuid("project_id"))
            .col(uuid("user_id"))
            .col(text("kind"))
            .col(text("key"))
            .col(text_null("push_token"))
            .col(timestamp_with_time_zone_null("due_at"))
            .col(integer("attempts"))
            .col(timestamp_with_time_zone("created_at"))
            .primary_key(Index::create().col("holder").col("serial"));
        manager.create_table(table).await?;
        create_index(manager, "wallet_passes", &["project_id", "kind", "key"], false).await?;
        create_index(manager, "wallet_passes", &["project_id", "user_id"], false).await?;
        create_index(manager, "wallet_passes", &["due_at"], false).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("wallet_passes").take()).await
    }

    // PostgreSQL wraps a migration in a transaction by itself; SQLite only when asked to.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
