//! The table `webhook_endpoints`.

use crate::create_index;
use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{text, text_null, timestamp_with_time_zone, timestamp_with_time_zone_null, uuid};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = Table::create();
        table
            .table("webhook_endpoints")
            .col(uuid("id"))
            .col(uuid("project_id"))
            .col(text("url"))
            .col(text("description"))
            .col(text("secrets"))
            .col(timestamp_with_time_zone_null("disabled_at"))
            .col(text_null("disabled_why"))
            .col(timestamp_with_time_zone_null("failing_since"))
            .col(timestamp_with_time_zone_null("failed_at"))
            .col(timestamp_with_time_zone_null("held_until"))
            .col(timestamp_with_time_zone("created_at"))
            .col(timestamp_with_time_zone("updated_at"))
            .primary_key(Index::create().col("id"));
        manager.create_table(table).await?;
        create_index(manager, "webhook_endpoints", &["project_id", "created_at"], false).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table("webhook_endpoints").take())
            .await
    }

    // PostgreSQL wraps a migration in a transaction by itself; SQLite only when asked to.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
