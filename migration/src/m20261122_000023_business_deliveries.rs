//! `deliveries.device_id` may be empty: a message to the business goes to no device. With an index, to ask what befell a device.

use crate::create_index;
use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{uuid, uuid_null};
use sea_orm_migration::sea_orm::DatabaseBackend;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if manager.get_database_backend() == DatabaseBackend::Sqlite {
            replace(manager, uuid_null("new_device_id")).await?;
        } else {
            let sql = "ALTER TABLE deliveries ALTER COLUMN device_id DROP NOT NULL";
            manager.get_connection().execute_unprepared(sql).await?;
        }
        create_index(manager, "deliveries", &["project_id", "device_id"], false).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut index = Index::drop();
        index.name("deliveries_project_id_device_id").table("deliveries");
        manager.drop_index(index).await?;
        let sql = "DELETE FROM deliveries WHERE device_id IS NULL";
        manager.get_connection().execute_unprepared(sql).await?;
        if manager.get_database_backend() == DatabaseBackend::Sqlite {
            // A column that is added must have a value for the rows there are; it is overwritten at once.
            return replace(manager, uuid("new_device_id").default("")).await;
        }
        let sql = "ALTER TABLE deliveries ALTER COLUMN device_id SET NOT NULL";
        manager.get_connection().execute_unprepared(sql).await?;
        Ok(())
    }

    // PostgreSQL wraps a migration in a transaction by itself; SQLite only when asked to.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

/// SQLite changes no column, and making the table anew would take the attempts along: the values move to a new column.
async fn replace(manager: &SchemaManager<'_>, column: impl IntoColumnDef) -> Result<(), DbErr> {
    let table = Table::alter().table("deliveries").add_column(column).take();
    manager.alter_table(table).await?;
    for sql in [
        "UPDATE deliveries SET new_device_id = device_id",
        "ALTER TABLE deliveries DROP COLUMN device_id",
        "ALTER TABLE deliveries RENAME COLUMN new_device_id TO device_id",
    ] {
        manager.get_connection().execute_unprepared(sql).await?;
    }
    Ok(())
}
