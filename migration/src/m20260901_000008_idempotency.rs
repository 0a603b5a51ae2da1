//! The tables `idempotency_keys`.

use crate::create_index;
use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer_null, blob, blob_null, text, text_null, timestamp_with_time_zone, uuid};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(idempotency_keys()).await?;
        create_index(manager, "idempotency_keys", &["created_at"], false).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table("idempotency_keys").take())
            .await?;
        Ok(())
    }

    // PostgreSQL wraps a migration in a transaction by itself; SQLite only when asked to.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

/// Columns of `idempotency_keys`.
fn idempotency_keys() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("idempotency_keys")
        .col(uuid("project_id"))
        .col(text("key"))
        .col(blob("request_hash"))
        .col(big_integer_null("status"))
        .col(text_null("content_type"))
        .col(blob_null("body"))
        .col(timestamp_with_time_zone("created_at"))
        .primary_key(Index::create().col("project_id").col("key"));
    table
}
