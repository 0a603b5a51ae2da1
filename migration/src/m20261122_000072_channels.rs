//! The table `channels`: what a project says about a channel of its own.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, boolean, text, timestamp_with_time_zone, uuid};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = Table::create();
        table
            .table("channels")
            .col(uuid("project_id"))
            .col(text("kind"))
            .col(big_integer("version"))
            .col(boolean("paused"))
            .col(text("set_up"))
            .col(timestamp_with_time_zone("updated_at"))
            .primary_key(Index::create().col("project_id").col("kind"));
        manager.create_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("channels").take()).await
    }

    // PostgreSQL wraps a migration in a transaction by itself; SQLite only when asked to.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
