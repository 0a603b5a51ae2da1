//! `deliveries.replay_of`: the dead delivery this one repeats. Unique, so that each is repeated once.

use crate::create_index;
use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::uuid_null;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = Table::alter();
        table.table("deliveries").add_column(uuid_null("replay_of"));
        manager.alter_table(table.take()).await?;
        create_index(manager, "deliveries", &["replay_of"], true).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut index = Index::drop();
        index.name("deliveries_replay_of").table("deliveries");
        manager.drop_index(index).await?;
        let mut table = Table::alter();
        table.table("deliveries").drop_column("replay_of");
        manager.alter_table(table.take()).await
    }

    // PostgreSQL wraps a migration in a transaction by itself; SQLite only when asked to.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
