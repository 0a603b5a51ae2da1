//! The table `fact_types`.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{text, timestamp_with_time_zone, uuid};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = Table::create();
        table
            .table("fact_types")
            .col(uuid("project_id"))
            .col(text("kind"))
            .col(text("body"))
            .col(timestamp_with_time_zone("updated_at"))
            .primary_key(Index::create().col("project_id").col("kind"));
        manager.create_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("fact_types").take()).await
    }

    // PostgreSQL wraps a migration in a transaction by itself; SQLite only when asked to.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
