//! The column `push_address_name` of `devices`: by it an address is found that cannot be read in the database.

use crate::create_index;
use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::blob_null;

#[derive(DeriveMigrationName)]
pub struct Migration;

const PLAIN: [&str; 3] = ["project_id", "push_channel", "push_address"];
const NAMED: [&str; 3] = ["project_id", "push_channel", "push_address_name"];

async fn drop_index(manager: &SchemaManager<'_>, columns: [&'static str; 3]) -> Result<(), DbErr> {
    let mut index = Index::drop();
    index.name(format!("devices_{}", columns.join("_"))).table("devices");
    manager.drop_index(index).await
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = Table::alter();
        table.table("devices").add_column(blob_null("push_address_name"));
        manager.alter_table(table).await?;
        drop_index(manager, PLAIN).await?;
        create_index(manager, "devices", &NAMED, true).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_index(manager, NAMED).await?;
        create_index(manager, "devices", &PLAIN, true).await?;
        let mut table = Table::alter();
        table.table("devices").drop_column("push_address_name");
        manager.alter_table(table).await
    }

    // PostgreSQL wraps a migration in a transaction by itself; SQLite only when asked to.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
