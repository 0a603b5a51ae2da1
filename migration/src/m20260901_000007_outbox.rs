//! The tables `messages`, `deliveries`, `attempts`, `receipts`.

use crate::create_index;
use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, text, text_null, timestamp_with_time_zone, timestamp_with_time_zone_null, uuid,
};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(messages()).await?;
        create_index(manager, "messages", &["project_id", "send_key"], true).await?;
        create_index(manager, "messages", &["project_id", "user_id", "created_at"], false).await?;
        manager.create_table(deliveries()).await?;
        create_index(manager, "deliveries", &["state", "run_at"], false).await?;
        create_index(manager, "deliveries", &["message_id"], false).await?;
        create_index(manager, "deliveries", &["project_id", "user_id", "created_at"], false).await?;
        create_index(manager, "deliveries", &["project_id", "created_at"], false).await?;
        create_index(manager, "deliveries", &["project_id", "state"], false).await?;
        manager.create_table(attempts()).await?;
        manager.create_table(receipts()).await?;
        create_index(manager, "receipts", &["message_id"], false).await?;
        create_index(manager, "receipts", &["project_id", "user_id"], false).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("receipts").take()).await?;
        manager.drop_table(Table::drop().table("attempts").take()).await?;
        manager.drop_table(Table::drop().table("deliveries").take()).await?;
        manager.drop_table(Table::drop().table("messages").take()).await?;
        Ok(())
    }

    // PostgreSQL wraps a migration in a transaction by itself; SQLite only when asked to.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

/// Columns of `messages`.
fn messages() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("messages")
        .col(uuid("id"))
        .col(uuid("project_id"))
        .col(uuid("user_id"))
        .col(text("send_key"))
        .col(timestamp_with_time_zone("created_at"))
        .col(timestamp_with_time_zone("expires_at"))
        .col(text("body"))
        .primary_key(Index::create().col("id"));
    table
}

/// Columns of `deliveries`.
fn deliveries() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("deliveries")
        .col(uuid("id"))
        .col(uuid("project_id"))
        .col(uuid("message_id"))
        .col(uuid("user_id"))
        .col(uuid("device_id"))
        .col(text("channel"))
        .col(text("state"))
        .col(big_integer("attempts"))
        .col(timestamp_with_time_zone("run_at"))
        .col(timestamp_with_time_zone_null("lease_until"))
        .col(text_null("why"))
        .col(text_null("provider_id"))
        .col(timestamp_with_time_zone("created_at"))
        .col(timestamp_with_time_zone("updated_at"))
        .primary_key(Index::create().col("id"))
        .foreign_key(
            ForeignKey::create()
                .from("deliveries", "message_id")
                .to("messages", "id")
                .on_delete(ForeignKeyAction::Cascade),
        );
    table
}

/// Columns of `attempts`.
fn attempts() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("attempts")
        .col(uuid("delivery_id"))
        .col(big_integer("number"))
        .col(timestamp_with_time_zone("at"))
        .col(text("outcome"))
        .col(text_null("detail"))
        .col(text_null("provider_id"))
        .col(big_integer("duration_ms"))
        .primary_key(Index::create().col("delivery_id").col("number"))
        .foreign_key(
            ForeignKey::create()
                .from("attempts", "delivery_id")
                .to("deliveries", "id")
                .on_delete(ForeignKeyAction::Cascade),
        );
    table
}

/// Columns of `receipts`.
fn receipts() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("receipts")
        .col(uuid("project_id"))
        .col(text("record_id"))
        .col(uuid("user_id"))
        .col(uuid("device_id"))
        .col(uuid("message_id"))
        .col(text("status"))
        .col(text_null("action"))
        .col(timestamp_with_time_zone("at"))
        .primary_key(Index::create().col("project_id").col("record_id"));
    table
}
