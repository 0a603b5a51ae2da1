//! The tables `events`, `fixes`.

use crate::create_index;
use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_pk_auto, text, timestamp_with_time_zone, uuid, uuid_null};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(events()).await?;
        create_index(manager, "events", &["project_id", "user_id", "occurred_at"], false).await?;
        create_index(manager, "events", &["project_id", "occurred_at"], false).await?;
        manager.create_table(fixes()).await?;
        create_index(manager, "fixes", &["project_id", "user_id", "at"], false).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("fixes").take()).await?;
        manager.drop_table(Table::drop().table("events").take()).await?;
        Ok(())
    }

    // PostgreSQL wraps a migration in a transaction by itself; SQLite only when asked to.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

/// Columns of `events`.
fn events() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("events")
        .col(uuid("project_id"))
        .col(text("record_id"))
        .col(uuid("user_id"))
        .col(uuid_null("device_id"))
        .col(text("name"))
        .col(text("properties"))
        .col(timestamp_with_time_zone("occurred_at"))
        .col(timestamp_with_time_zone("received_at"))
        .primary_key(Index::create().col("project_id").col("record_id"));
    table
}

/// Columns of `fixes`.
fn fixes() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("fixes")
        .col(big_pk_auto("id"))
        .col(uuid("project_id"))
        .col(uuid("user_id"))
        .col(uuid("device_id"))
        .col(text("record_id"))
        .col(timestamp_with_time_zone("at"))
        .col(text("body"))
        .col(text("why"));
    table
}
