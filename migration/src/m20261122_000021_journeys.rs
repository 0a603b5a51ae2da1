//! The tables `journeys`, `journey_versions`.

use crate::create_index;
use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_integer_null, text, timestamp_with_time_zone, timestamp_with_time_zone_null, uuid,
};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(journeys()).await?;
        create_index(manager, "journeys", &["project_id", "name"], true).await?;
        manager.create_table(journey_versions()).await?;
        create_index(manager, "journey_versions", &["project_id", "state"], false).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table("journey_versions").take())
            .await?;
        manager.drop_table(Table::drop().table("journeys").take()).await
    }

    // PostgreSQL wraps a migration in a transaction by itself; SQLite only when asked to.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

/// Columns of `journeys`.
fn journeys() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("journeys")
        .col(uuid("id"))
        .col(uuid("project_id"))
        .col(text("name"))
        .col(text("state"))
        .col(big_integer_null("live_version"))
        .col(timestamp_with_time_zone("created_at"))
        .primary_key(Index::create().col("id"));
    table
}

/// Columns of `journey_versions`.
fn journey_versions() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("journey_versions")
        .col(uuid("journey_id"))
        .col(big_integer("version"))
        .col(uuid("project_id"))
        .col(text("definition"))
        .col(text("state"))
        .col(timestamp_with_time_zone("created_at"))
        .col(timestamp_with_time_zone_null("published_at"))
        .col(timestamp_with_time_zone_null("retired_at"))
        .primary_key(Index::create().col("journey_id").col("version"))
        .foreign_key(
            ForeignKey::create()
                .from("journey_versions", "journey_id")
                .to("journeys", "id")
                .on_delete(ForeignKeyAction::Cascade),
        );
    table
}
