//! The tables `geofences`, `contents`, `triggers`, `trigger_revisions`.

use crate::create_index;
use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_integer_null, text, text_null, timestamp_with_time_zone, timestamp_with_time_zone_null, uuid,
};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(geofences()).await?;
        create_index(manager, "geofences", &["project_id", "tag", "external_id"], true).await?;
        create_index(manager, "geofences", &["project_id", "id"], false).await?;
        manager.create_table(contents()).await?;
        manager.create_table(triggers()).await?;
        create_index(manager, "triggers", &["project_id", "name"], true).await?;
        manager.create_table(trigger_revisions()).await?;
        create_index(manager, "trigger_revisions", &["project_id", "state"], false).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table("trigger_revisions").take())
            .await?;
        manager.drop_table(Table::drop().table("triggers").take()).await?;
        manager.drop_table(Table::drop().table("contents").take()).await?;
        manager.drop_table(Table::drop().table("geofences").take()).await?;
        Ok(())
    }

    // PostgreSQL wraps a migration in a transaction by itself; SQLite only when asked to.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

/// Columns of `geofences`.
fn geofences() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("geofences")
        .col(uuid("id"))
        .col(uuid("project_id"))
        .col(text("tag"))
        .col(text("external_id"))
        .col(text("name"))
        .col(text("shape"))
        .col(text("metadata"))
        .col(text_null("time_zone"))
        .col(text("opening_hours"))
        .col(text_null("thresholds"))
        .col(big_integer("version"))
        .col(timestamp_with_time_zone("updated_at"))
        .col(timestamp_with_time_zone_null("deleted_at"))
        .primary_key(Index::create().col("id"));
    table
}

/// Columns of `contents`.
fn contents() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("contents")
        .col(uuid("project_id"))
        .col(text("name"))
        .col(text("body"))
        .col(big_integer("version"))
        .col(timestamp_with_time_zone("updated_at"))
        .primary_key(Index::create().col("project_id").col("name"));
    table
}

/// Columns of `triggers`.
fn triggers() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("triggers")
        .col(uuid("id"))
        .col(uuid("project_id"))
        .col(text("name"))
        .col(text("state"))
        .col(big_integer_null("live_revision"))
        .col(timestamp_with_time_zone("created_at"))
        .primary_key(Index::create().col("id"));
    table
}

/// Columns of `trigger_revisions`.
fn trigger_revisions() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("trigger_revisions")
        .col(uuid("trigger_id"))
        .col(big_integer("revision"))
        .col(uuid("project_id"))
        .col(text("definition"))
        .col(text("state"))
        .col(timestamp_with_time_zone("created_at"))
        .col(timestamp_with_time_zone_null("published_at"))
        .col(timestamp_with_time_zone_null("retired_at"))
        .primary_key(Index::create().col("trigger_id").col("revision"))
        .foreign_key(
            ForeignKey::create()
                .from("trigger_revisions", "trigger_id")
                .to("triggers", "id")
                .on_delete(ForeignKeyAction::Cascade),
        );
    table
}
