//! The tables `projects`, `keys`.

use crate::create_index;
use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, blob, text, timestamp_with_time_zone, timestamp_with_time_zone_null, uuid,
};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(projects()).await?;
        create_index(manager, "projects", &["name"], true).await?;
        manager.create_table(keys()).await?;
        create_index(manager, "keys", &["token_hash"], true).await?;
        create_index(manager, "keys", &["project_id", "created_at"], false).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("keys").take()).await?;
        manager.drop_table(Table::drop().table("projects").take()).await?;
        Ok(())
    }

    // PostgreSQL wraps a migration in a transaction by itself; SQLite only when asked to.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

/// Columns of `projects`.
fn projects() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("projects")
        .col(uuid("id"))
        .col(text("name"))
        .col(text("mode"))
        .col(text("salt"))
        .col(text("settings"))
        .col(big_integer("catalogue_version"))
        .col(timestamp_with_time_zone("created_at"))
        .primary_key(Index::create().col("id"));
    table
}

/// Columns of `keys`.
fn keys() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("keys")
        .col(uuid("id"))
        .col(uuid("project_id"))
        .col(text("kind"))
        .col(text("scopes"))
        .col(blob("token_hash"))
        .col(text("label"))
        .col(text("last4"))
        .col(timestamp_with_time_zone("created_at"))
        .col(timestamp_with_time_zone_null("expires_at"))
        .col(timestamp_with_time_zone_null("revoked_at"))
        .primary_key(Index::create().col("id"))
        .foreign_key(
            ForeignKey::create()
                .from("keys", "project_id")
                .to("projects", "id")
                .on_delete(ForeignKeyAction::Cascade),
        );
    table
}
