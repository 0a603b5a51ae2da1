//! Values in columns: JSON texts, words of closed lists, typed ids, batches below the bind limit.

use super::error::StoreError;
use super::script::Script;
use sea_orm::sea_query::{Expr, ExprTrait, Func, OnConflict};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, RuntimeErr, SqlErr, SqlxError,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Parameters of one statement: SQLite takes 32,766, PostgreSQL 65,535; one over is an error, not a split.
pub(super) const BINDS_MAX: usize = 30_000;
/// Values of one `IN (…)`: far below the bind limit, and a plan the databases still like.
pub(super) const IN_LIST_MAX: usize = 5_000;

/// The JSON text of a value.
pub(super) fn to_json<T: Serialize + ?Sized>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|_| StoreError::Corrupt("a value has no JSON form".into()))
}

/// Reads a JSON column. The error names the place only: the text belongs to a user.
pub(super) fn from_json<T: DeserializeOwned>(place: &'static str, text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| {
        StoreError::Corrupt(format!(
            "{place}: JSON at line {} column {}",
            error.line(),
            error.column()
        ))
    })
}

/// The word of a unit variant, as the API spells it.
pub(super) fn to_word<T: Serialize>(value: &T) -> Result<String, StoreError> {
    match serde_json::to_value(value) {
        Ok(Value::String(word)) => Ok(word),
        _ => Err(StoreError::Corrupt("a value is not a word".into())),
    }
}

/// Reads a word of a closed list.
pub(super) fn from_word<T: DeserializeOwned>(place: &'static str, word: &str) -> Result<T, StoreError> {
    serde_json::from_value(Value::String(word.to_owned()))
        .map_err(|_| StoreError::Corrupt(format!("{place}: not a word of its list")))
}

/// A column that no index is to serve here. SQLite takes what a project has of anything for ten rows, whatever there is, and would
/// rather go through all of them than look for the few whose keys are given.
pub(super) fn unindexed(column: impl ColumnTrait) -> Expr {
    let column = Expr::col(column.as_column_ref());
    Func::coalesce([column.clone(), column]).into()
}

/// Whether it holds a value, as something to check of rows that are found otherwise ([`unindexed`]).
pub(super) fn also(column: impl ColumnTrait, value: impl Into<Expr>) -> Expr {
    unindexed(column).eq(value)
}

/// Inserts any number of rows; returns how many were written.
pub(super) async fn insert_all<C, M, A>(conn: &C, rows: Vec<M>, conflict: Option<OnConflict>) -> Result<u64, StoreError>
where
    C: ConnectionTrait,
    M: IntoActiveModel<A> + Send,
    A: ActiveModelTrait + Send,
{
    let mut script = Script::new(conn.get_database_backend());
    script.insert(rows, conflict.as_ref());
    script.run(conn).await
}

/// What a column holds, plus one.
pub(super) fn one_more<C: ColumnTrait>(column: C) -> Expr {
    ExprTrait::add(Expr::col(column), 1)
}

/// Is this column of the stored row the same as in the row that came in? Keeps an upsert inside its project.
pub(super) fn same_as_stored<E: EntityTrait>(entity: E, column: E::Column) -> Expr {
    let incoming = Expr::col((sea_orm::sea_query::Alias::new("excluded"), column));
    ExprTrait::eq(Expr::col((entity, column)), incoming)
}

/// The conflict rule of an append that may be repeated.
pub(super) fn do_nothing() -> OnConflict {
    OnConflict::new().do_nothing().to_owned()
}

impl From<DbErr> for StoreError {
    /// Sorts a database error. Messages of the database may quote values, so only its codes and our own names are kept.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "both lists are open: SeaORM may add to them"
    )]
    fn from(error: DbErr) -> Self {
        match error.sql_err() {
            // Both databases name the index or its columns here, never the values.
            Some(SqlErr::UniqueConstraintViolation(constraint)) => return Self::Conflict(constraint),
            Some(SqlErr::ForeignKeyConstraintViolation(_)) => {
                return Self::Conflict("a row it refers to does not exist".into());
            }
            _ => {}
        }
        match &error {
            DbErr::Conn(RuntimeErr::SqlxError(cause))
            | DbErr::Exec(RuntimeErr::SqlxError(cause))
            | DbErr::Query(RuntimeErr::SqlxError(cause)) => of_sqlx(cause),
            DbErr::ConnectionAcquire(_) => Self::Unavailable("no connection became free in time".into()),
            DbErr::Type(_) | DbErr::Json(_) | DbErr::TryIntoErr { .. } => {
                Self::Corrupt("a column has another type".into())
            }
            DbErr::Migration(what) => Self::Unavailable(format!("migration: {what}")),
            _ => Self::Unavailable("the statement failed".into()),
        }
    }
}

/// `SQLITE_FULL` and PostgreSQL's `disk_full`.
const DISK_FULL: [&str; 2] = ["13", "53100"];

/// Sorts an error of the driver itself, by the same rule.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the list is open: the driver may add to it"
)]
pub(super) fn of_sqlx(cause: &SqlxError) -> StoreError {
    match cause {
        SqlxError::Database(error) => {
            let code = error.code().unwrap_or_default();
            if DISK_FULL.contains(&code.as_ref()) {
                return StoreError::Full;
            }
            StoreError::Unavailable(format!("database error {code}"))
        }
        SqlxError::Io(error) => StoreError::Unavailable(format!("input or output failed: {}", error.kind())),
        SqlxError::PoolTimedOut => StoreError::Unavailable("no connection became free in time".into()),
        SqlxError::ColumnDecode { index, .. } => StoreError::Corrupt(format!("column {index} does not decode")),
        SqlxError::Decode(_) => StoreError::Corrupt("a column does not decode".into()),
        SqlxError::Configuration(_) => StoreError::Unavailable("the database url is not understood".into()),
        _ => StoreError::Unavailable("the connection failed".into()),
    }
}
