//! The tables `fact_versions` and `fact_version_subjects`, with what is stored of each fact as its first known version.

use crate::create_index;
use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, text, timestamp_with_time_zone, timestamp_with_time_zone_null, uuid};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(versions()).await?;
        manager.create_table(subjects()).await?;
        create_index(manager, "fact_version_subjects", &["project_id", "kind", "key"], false).await?;
        let connection = manager.get_connection();
        for copy in [
            "INSERT INTO fact_versions (project_id, kind, key, seq, subjects, lifecycle, valid_from, valid_to, sensitive, \
             properties, recorded_at) SELECT project_id, kind, key, seq, subjects, lifecycle, valid_from, valid_to, \
             sensitive, properties, changed_at FROM facts",
            "INSERT INTO fact_version_subjects (project_id, user_id, kind, key) SELECT project_id, user_id, kind, key \
             FROM fact_subjects",
        ] {
            connection.execute_unprepared(copy).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table("fact_version_subjects").take())
            .await?;
        manager.drop_table(Table::drop().table("fact_versions").take()).await
    }

    // PostgreSQL wraps a migration in a transaction by itself; SQLite only when asked to.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

/// Columns of `fact_versions`.
fn versions() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("fact_versions")
        .col(uuid("project_id"))
        .col(text("kind"))
        .col(text("key"))
        .col(big_integer("seq"))
        .col(text("subjects"))
        .col(text("lifecycle"))
        .col(timestamp_with_time_zone_null("valid_from"))
        .col(timestamp_with_time_zone_null("valid_to"))
        .col(text("sensitive"))
        .col(text("properties"))
        .col(timestamp_with_time_zone("recorded_at"))
        .primary_key(Index::create().col("project_id").col("kind").col("key").col("seq"));
    table
}

/// Columns of `fact_version_subjects`: who any version of a fact has been about.
fn subjects() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("fact_version_subjects")
        .col(uuid("project_id"))
        .col(uuid("user_id"))
        .col(text("kind"))
        .col(text("key"))
        .primary_key(Index::create().col("project_id").col("user_id").col("kind").col("key"));
    table
}
