//! The column `users.merged_into`: who an anonymous user turned out to be.

use crate::create_index;
use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::uuid_null;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let add = Table::alter()
            .table("users")
            .add_column(uuid_null("merged_into"))
            .take();
        manager.alter_table(add).await?;
        create_index(manager, "users", &["project_id", "merged_into"], false).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut index = Index::drop();
        index.name("users_project_id_merged_into").table("users");
        manager.drop_index(index).await?;
        let column = Table::alter().table("users").drop_column("merged_into").take();
        manager.alter_table(column).await
    }

    // PostgreSQL wraps a migration in a transaction by itself; SQLite only when asked to.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
