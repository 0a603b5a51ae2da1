//! The tables `journey_instances`, `journey_passages`.

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
        manager.create_table(instances()).await?;
        let (table, state) = ("journey_instances", ["project_id", "journey_id", "state", "since"]);
        create_index(manager, table, &state, false).await?;
        create_index(manager, table, &["project_id", "journey_id", "id"], false).await?;
        create_index(manager, table, &["project_id", "user_id"], false).await?;
        manager.create_table(passages()).await?;
        let (table, lasted) = ("journey_passages", ["project_id", "journey_id", "state", "seconds"]);
        create_index(manager, table, &lasted, false).await?;
        create_index(manager, table, &["project_id", "user_id"], false).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table("journey_passages").take())
            .await?;
        manager
            .drop_table(Table::drop().table("journey_instances").take())
            .await
    }

    // PostgreSQL wraps a migration in a transaction by itself; SQLite only when asked to.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

/// Columns of `journey_instances`.
fn instances() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("journey_instances")
        .col(uuid("project_id"))
        .col(uuid("id"))
        .col(uuid("journey_id"))
        .col(big_integer("version"))
        .col(uuid("user_id"))
        .col(text("key"))
        .col(text("state"))
        .col(timestamp_with_time_zone("started_at"))
        .col(timestamp_with_time_zone("since"))
        .col(timestamp_with_time_zone("ends_at"))
        .col(timestamp_with_time_zone_null("ended_at"))
        .col(text_null("exit"))
        .primary_key(Index::create().col("project_id").col("id"));
    table
}

/// Columns of `journey_passages`.
fn passages() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("journey_passages")
        .col(uuid("project_id"))
        .col(uuid("instance_id"))
        .col(big_integer("number"))
        .col(timestamp_with_time_zone("left_at"))
        .col(uuid("journey_id"))
        .col(uuid("user_id"))
        .col(text("state"))
        .col(big_integer("seconds"))
        .col(text_null("exit"))
        .primary_key(Index::create().col("project_id").col("instance_id").col("number"));
    table
}
