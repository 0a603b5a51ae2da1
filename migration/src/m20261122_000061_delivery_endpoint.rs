//! `deliveries.endpoint_id`: which of the business's endpoints a message goes to. With an index, to find its dead letters.

use crate::create_index;
use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::uuid_null;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = Table::alter();
        table.table("deliveries").add_column(uuid_null("endpoint_id"));
        manager.alter_table(table.take()).await?;
        create_index(manager, "deliveries", &["endpoint_id", "created_at"], false).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut index = Index::drop();
        index.name("deliveries_endpoint_id_created_at").table("deliveries");
        manager.drop_index(index).await?;
        let mut table = Table::alter();
        table.table("deliveries").drop_column("endpoint_id");
        manager.alter_table(table.take()).await
    }

    // PostgreSQL wraps a migration in a transaction by itself; SQLite only when asked to.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
