//! The tables `facts`, `fact_subjects`, `inbox`.

use crate::create_index;
use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, text, timestamp_with_time_zone, timestamp_with_time_zone_null, uuid};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(facts()).await?;
        manager.create_table(fact_subjects()).await?;
        create_index(manager, "fact_subjects", &["project_id", "kind", "key"], false).await?;
        manager.create_table(inbox()).await?;
        create_index(manager, "inbox", &["created_at", "id"], false).await?;
        create_index(manager, "inbox", &["project_id", "user_id"], false).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("inbox").take()).await?;
        manager.drop_table(Table::drop().table("fact_subjects").take()).await?;
        manager.drop_table(Table::drop().table("facts").take()).await?;
        Ok(())
    }

    // PostgreSQL wraps a migration in a transaction by itself; SQLite only when asked to.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

/// Columns of `facts`.
fn facts() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("facts")
        .col(uuid("project_id"))
        .col(text("kind"))
        .col(text("key"))
        .col(big_integer("seq"))
        .col(text("subjects"))
        .col(text("subject_refs"))
        .col(text("lifecycle"))
        .col(timestamp_with_time_zone_null("valid_from"))
        .col(timestamp_with_time_zone_null("valid_to"))
        .col(text("sensitive"))
        .col(text("properties"))
        .col(timestamp_with_time_zone("changed_at"))
        .primary_key(Index::create().col("project_id").col("kind").col("key"));
    table
}

/// Columns of `fact_subjects`.
fn fact_subjects() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("fact_subjects")
        .col(uuid("project_id"))
        .col(uuid("user_id"))
        .col(text("kind"))
        .col(text("key"))
        .primary_key(Index::create().col("project_id").col("user_id").col("kind").col("key"));
    table
}

/// Columns of `inbox`.
fn inbox() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("inbox")
        .col(uuid("id"))
        .col(uuid("project_id"))
        .col(uuid("user_id"))
        .col(text("input"))
        .col(timestamp_with_time_zone("created_at"))
        .primary_key(Index::create().col("id"));
    table
}
