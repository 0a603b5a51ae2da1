//! Indexes by age, so that what is old is found without looking at what is not.

use super::create_index;
use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

/// Table and columns.
const INDEXES: [(&str, [&str; 2]); 5] = [
    ("fixes", ["project_id", "at"]),
    ("receipts", ["project_id", "at"]),
    ("messages", ["project_id", "created_at"]),
    ("journey_instances", ["project_id", "ended_at"]),
    ("journey_passages", ["project_id", "left_at"]),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (table, columns) in INDEXES {
            create_index(manager, table, &columns, false).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (table, columns) in INDEXES {
            let mut index = Index::drop();
            index.name(format!("{table}_{}", columns.join("_"))).table(table);
            manager.drop_index(index).await?;
        }
        Ok(())
    }

    // PostgreSQL wraps a migration in a transaction by itself; SQLite only when asked to.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}
