//! The tables `moments`, `decisions`.

use crate::create_index;
use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{text, timestamp_with_time_zone, uuid};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(moments()).await?;
        create_index(manager, "moments", &["project_id", "user_id", "noticed_at"], false).await?;
        create_index(manager, "moments", &["project_id", "noticed_at"], false).await?;
        manager.create_table(decisions()).await?;
        create_index(manager, "decisions", &["project_id", "user_id", "decided_at"], false).await?;
        create_index(manager, "decisions", &["project_id", "trigger_id", "decided_at"], false).await?;
        create_index(manager, "decisions", &["project_id", "moment_id"], false).await?;
        create_index(manager, "decisions", &["project_id", "decided_at"], false).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("decisions").take()).await?;
        manager.drop_table(Table::drop().table("moments").take()).await?;
        Ok(())
    }

    // PostgreSQL wraps a migration in a transaction by itself; SQLite only when asked to.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

/// Columns of `moments`.
fn moments() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("moments")
        .col(uuid("id"))
        .col(uuid("project_id"))
        .col(uuid("user_id"))
        .col(text("kind"))
        .col(timestamp_with_time_zone("noticed_at"))
        .col(text("body"))
        .primary_key(Index::create().col("id"));
    table
}

/// Columns of `decisions`.
fn decisions() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("decisions")
        .col(uuid("id"))
        .col(uuid("project_id"))
        .col(uuid("user_id"))
        .col(uuid("moment_id"))
        .col(uuid("trigger_id"))
        .col(text("code"))
        .col(timestamp_with_time_zone("decided_at"))
        .col(text("body"))
        .primary_key(Index::create().col("id"));
    table
}
