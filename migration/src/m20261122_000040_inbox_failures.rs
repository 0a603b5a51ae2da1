//! The column `failures` of `inbox`: how often an entry failed through a fault of its own.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::big_integer;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = Table::alter();
        table.table("inbox").add_column(big_integer("failures").default(0));
        manager.alter_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = Table::alter();
        table.table("inbox").drop_column("failures");
        manager.alter_table(table).await
    }

    // PostgreSQL wraps a migration in a transaction by itself; SQLite only when asked to.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
