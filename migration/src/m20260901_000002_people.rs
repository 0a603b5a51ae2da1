//! The tables `users`, `tombstones`, `devices`, `device_owners`, `consents`, `subjects`.

use crate::create_index;
use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_pk_auto, blob, blob_null, boolean, text, text_null, timestamp_with_time_zone, timestamp_with_time_zone_null,
    uuid,
};

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(users()).await?;
        create_index(manager, "users", &["project_id", "user_ref"], true).await?;
        create_index(manager, "users", &["project_id", "created_at", "id"], false).await?;
        manager.create_table(tombstones()).await?;
        manager.create_table(devices()).await?;
        create_index(manager, "devices", &["project_id", "installation_id"], true).await?;
        create_index(manager, "devices", &["token_hash"], true).await?;
        create_index(
            manager,
            "devices",
            &["project_id", "push_channel", "push_address"],
            true,
        )
        .await?;
        create_index(manager, "devices", &["project_id", "user_id"], false).await?;
        manager.create_table(device_owners()).await?;
        create_index(manager, "device_owners", &["project_id", "device_id", "from_at"], false).await?;
        create_index(manager, "device_owners", &["project_id", "user_id"], false).await?;
        manager.create_table(consents()).await?;
        create_index(manager, "consents", &["project_id", "user_id", "at"], false).await?;
        manager.create_table(subjects()).await?;
        create_index(manager, "subjects", &["wake_at"], false).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("subjects").take()).await?;
        manager.drop_table(Table::drop().table("consents").take()).await?;
        manager.drop_table(Table::drop().table("device_owners").take()).await?;
        manager.drop_table(Table::drop().table("devices").take()).await?;
        manager.drop_table(Table::drop().table("tombstones").take()).await?;
        manager.drop_table(Table::drop().table("users").take()).await?;
        Ok(())
    }

    // PostgreSQL wraps a migration in a transaction by itself; SQLite only when asked to.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

/// Columns of `users`.
fn users() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("users")
        .col(uuid("id"))
        .col(uuid("project_id"))
        .col(text_null("user_ref"))
        .col(text("profile"))
        .col(timestamp_with_time_zone("created_at"))
        .col(timestamp_with_time_zone("updated_at"))
        .primary_key(Index::create().col("id"));
    table
}

/// Columns of `tombstones`.
fn tombstones() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("tombstones")
        .col(uuid("project_id"))
        .col(uuid("user_id"))
        .col(blob_null("user_ref_hash"))
        .col(timestamp_with_time_zone("erased_at"))
        .primary_key(Index::create().col("project_id").col("user_id"));
    table
}

/// Columns of `devices`.
fn devices() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("devices")
        .col(uuid("id"))
        .col(uuid("project_id"))
        .col(uuid("user_id"))
        .col(text("installation_id"))
        .col(blob("token_hash"))
        .col(text_null("platform"))
        .col(text_null("app_version"))
        .col(text_null("locale"))
        .col(text_null("time_zone"))
        .col(text("notifications"))
        .col(text_null("push_channel"))
        .col(text_null("push_address"))
        .col(timestamp_with_time_zone("created_at"))
        .col(timestamp_with_time_zone_null("last_seen_at"))
        .primary_key(Index::create().col("id"));
    table
}

/// Columns of `device_owners`.
fn device_owners() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("device_owners")
        .col(big_pk_auto("id"))
        .col(uuid("project_id"))
        .col(uuid("device_id"))
        .col(uuid("user_id"))
        .col(timestamp_with_time_zone("from_at"))
        .col(timestamp_with_time_zone_null("to_at"));
    table
}

/// Columns of `consents`.
fn consents() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("consents")
        .col(big_pk_auto("id"))
        .col(uuid("project_id"))
        .col(uuid("user_id"))
        .col(text("purpose"))
        .col(boolean("granted"))
        .col(timestamp_with_time_zone("at"))
        .col(text("source"));
    table
}

/// Columns of `subjects`.
fn subjects() -> TableCreateStatement {
    let mut table = Table::create();
    table
        .table("subjects")
        .col(uuid("project_id"))
        .col(uuid("user_id"))
        .col(text("state"))
        .col(timestamp_with_time_zone_null("wake_at"))
        .primary_key(Index::create().col("project_id").col("user_id"));
    table
}
