//! The index by which the outbox is asked: who has something due, and the oldest of it. It takes the place of (state, `run_at`).

use super::create_index;
use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

async fn drop_index(manager: &SchemaManager<'_>, name: &str) -> Result<(), DbErr> {
    let mut index = Index::drop();
    index.name(name).table("deliveries");
    manager.drop_index(index).await
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        create_index(
            manager,
            "deliveries",
            &["state", "project_id", "channel", "run_at"],
            false,
        )
        .await?;
        drop_index(manager, "deliveries_state_run_at").await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        create_index(manager, "deliveries", &["state", "run_at"], false).await?;
        drop_index(manager, "deliveries_state_project_id_channel_run_at").await
    }

    // PostgreSQL wraps a migration in a transaction by itself; SQLite only when asked to.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
