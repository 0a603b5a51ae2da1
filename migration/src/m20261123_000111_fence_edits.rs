//! The column `geofences.edit`: by which of its project's edits a geofence was last written, so that who has seen some of them reads
//! the rest alone. What is there already was written before any that is asked for. Its index has the rows in the order in which they
//! lie on the disk, more or less.

use super::create_index;
use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::big_integer;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut column = big_integer("edit");
        let add = Table::alter().table("geofences").add_column(column.default(0)).take();
        manager.alter_table(add).await?;
        create_index(manager, "geofences", &["project_id", "edit"], false).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut index = Index::drop();
        index.name("geofences_project_id_edit").table("geofences");
        manager.drop_index(index).await?;
        let column = Table::alter().table("geofences").drop_column("edit").take();
        manager.alter_table(column).await
    }

    // PostgreSQL wraps a migration in a transaction by itself; SQLite only when asked to.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
