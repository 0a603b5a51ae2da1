//! The rows of a database, and what it takes to insert them again with nothing around it but SQLite.

use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteRow, SqliteSynchronous};
use sea_orm::sqlx::{AssertSqlSafe, Connection, Executor, Row, SqliteConnection, TypeInfo, ValueRef, query};
use std::path::Path;
use std::time::{Duration, Instant};

/// What a transition with a message writes.
pub const TABLES: [&str; 6] = ["subjects", "moments", "decisions", "messages", "deliveries", "fixes"];
/// Rows of one statement.
const ROWS_MAX: usize = 500;

enum Cell {
    Null,
    Integer(i64),
    Real(f64),
    Text(String),
    Blob(Vec<u8>),
}

struct Table {
    name: &'static str,
    columns: Vec<String>,
    rows: Vec<Vec<Cell>>,
}

/// Everything in the tables of one file.
pub struct Rows(Vec<Table>);

impl Rows {
    pub async fn read(file: &Path) -> Self {
        let mut connection = open(file).await;
        let mut tables = Vec::new();
        for name in TABLES {
            let sql = AssertSqlSafe(format!("SELECT * FROM {name}"));
            let rows: Vec<SqliteRow> = query(sql).fetch_all(&mut connection).await.unwrap();
            let Some(first) = rows.first() else { continue };
            let columns = first.columns().iter().map(column_name).collect();
            tables.push(Table {
                name,
                columns,
                rows: rows.iter().map(cells).collect(),
            });
        }
        connection.close().await.unwrap();
        Self(tables)
    }

    pub fn count(&self) -> usize {
        self.0.iter().map(|table| table.rows.len()).sum()
    }

    /// Inserts all rows in so many transactions, each with its share of every table; how long that took.
    pub async fn insert(&self, file: &Path, transactions: usize) -> Duration {
        let mut connection = open(file).await;
        let begun = Instant::now();
        for number in 0..transactions {
            connection.execute("BEGIN IMMEDIATE").await.unwrap();
            for table in &self.0 {
                let part = |number: usize| table.rows.len() * number / transactions;
                for rows in table.rows[part(number)..part(number + 1)].chunks(ROWS_MAX) {
                    insert(&mut connection, table, rows).await;
                }
            }
            connection.execute("COMMIT").await.unwrap();
        }
        let took = begun.elapsed();
        connection.close().await.unwrap();
        took
    }
}

fn column_name(column: &impl sea_orm::sqlx::Column) -> String {
    column.name().to_owned()
}

async fn open(file: &Path) -> SqliteConnection {
    // The settings of `Store::open`.
    let options = SqliteConnectOptions::new()
        .filename(file)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .pragma("secure_delete", "ON")
        .pragma("cache_size", "-65536");
    SqliteConnection::connect_with(&options).await.unwrap()
}

fn cells(row: &SqliteRow) -> Vec<Cell> {
    (0..row.columns().len())
        .map(|at| {
            let raw = row.try_get_raw(at).unwrap();
            if raw.is_null() {
                return Cell::Null;
            }
            let kind = raw.type_info().name().to_owned();
            match kind.as_str() {
                "INTEGER" | "INT8" | "BOOLEAN" => Cell::Integer(row.get_unchecked(at)),
                "REAL" => Cell::Real(row.get_unchecked(at)),
                "BLOB" => Cell::Blob(row.get_unchecked(at)),
                _ => Cell::Text(row.get_unchecked(at)),
            }
        })
        .collect()
}

async fn insert(connection: &mut SqliteConnection, table: &Table, rows: &[Vec<Cell>]) {
    let marks = format!("({})", vec!["?"; table.columns.len()].join(","));
    let sql = format!(
        "INSERT INTO {} ({}) VALUES {}",
        table.name,
        table
            .columns
            .iter()
            .map(|name| format!("\"{name}\""))
            .collect::<Vec<_>>()
            .join(","),
        vec![marks.as_str(); rows.len()].join(",")
    );
    let mut statement = query(AssertSqlSafe(sql));
    for cell in rows.iter().flatten() {
        statement = match cell {
            Cell::Null => statement.bind(None::<i64>),
            Cell::Integer(value) => statement.bind(*value),
            Cell::Real(value) => statement.bind(*value),
            Cell::Text(value) => statement.bind(value.clone()),
            Cell::Blob(value) => statement.bind(value.clone()),
        };
    }
    statement.execute(connection).await.unwrap();
}
