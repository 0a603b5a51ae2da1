//! Statements that go to the database in one hand-over.
//!
//! SQLite works in a thread of its own: to hand it a statement and to be told of its end costs more than most statements do, so a
//! commit hands over all of its inserts at once. The rows of a table are one JSON value, which SQLite itself reads: the text of a
//! statement then never depends on how many rows there are, and is parsed once for each connection, not once for each count.

use super::codec::BINDS_MAX;
use super::error::StoreError;
use crate::base::id::ProjectId;
use crate::base::secret::hex;
use chrono::SecondsFormat;
use sea_orm::sea_query::{Expr, Func, OnConflict, Query};
use sea_orm::{
    ActiveModelTrait, ActiveValue, ConnectionTrait, DbBackend, EntityName, EntityTrait, IdenStatic, Insert,
    IntoActiveModel, Iterable, QueryTrait, Statement, StatementBuilder, Value,
};

/// The statements, in the order they will run in.
pub(super) struct Script {
    backend: DbBackend,
    statements: Vec<Statement>,
}

impl Script {
    pub(super) fn new(backend: DbBackend) -> Self {
        let statements = Vec::new();
        Self { backend, statements }
    }

    /// For SQLite: one that begins a transaction, and ends it when it is handed over whole ([`Script::into_text`]).
    pub(super) fn transaction() -> Self {
        let backend = DbBackend::Sqlite;
        let statements = vec![Statement::from_string(backend, "BEGIN IMMEDIATE")];
        Self { backend, statements }
    }

    /// A statement in SQLite's own words that takes a project's id as hexadecimal digits, and a list as JSON.
    pub(super) fn add_text(&mut self, text: &'static str, project: ProjectId, list: Vec<String>) {
        let values = [
            project.uuid().simple().to_string(),
            serde_json::Value::from(list).to_string(),
        ];
        self.statements.push(Statement::from_sql_and_values(
            self.backend,
            text,
            values.map(Value::from),
        ));
    }

    /// Any number of rows of one table.
    pub(super) fn insert<M, A>(&mut self, rows: Vec<M>, conflict: Option<&OnConflict>)
    where
        M: IntoActiveModel<A>,
        A: ActiveModelTrait,
    {
        let rows: Vec<A> = rows.into_iter().map(IntoActiveModel::into_active_model).collect();
        if rows.is_empty() {
            return;
        }
        if self.backend == DbBackend::Sqlite
            && let Some(statement) = Table::of(&rows).and_then(|table| table.insert(conflict))
        {
            return self.statements.push(statement);
        }
        let columns = <A::Entity as EntityTrait>::Column::iter().count().max(1);
        let mut rows = rows.into_iter().peekable();
        while rows.peek().is_some() {
            let mut insert = Insert::many(rows.by_ref().take(BINDS_MAX / columns));
            if let Some(conflict) = conflict {
                insert = insert.on_conflict(conflict.clone());
            }
            self.statements.push(insert.build(self.backend));
        }
    }

    pub(super) fn add(&mut self, query: &impl QueryTrait) {
        self.statements.push(query.build(self.backend));
    }

    /// Says how many rows were written. Where one statement fails, those after it do not run: what began the transaction ends it.
    pub(super) async fn run(self, conn: &impl ConnectionTrait) -> Result<u64, StoreError> {
        let mut written = 0;
        for statement in self.hand_overs() {
            written += conn.execute_raw(statement).await?.rows_affected();
        }
        Ok(written)
    }

    /// The whole of a transaction and its values; none when one of them does not come as text.
    pub(super) fn into_text(mut self) -> Option<(String, Vec<String>)> {
        self.statements.push(Statement::from_string(self.backend, "COMMIT"));
        let all = self.hand_overs().pop()?;
        let values = all.values.into_iter().flat_map(|values| values.0);
        let text_of = |value| if let Value::String(text) = value { text } else { None };
        Some((all.sql, values.map(text_of).collect::<Option<_>>()?))
    }

    /// PostgreSQL takes one statement with values at a time.
    fn hand_overs(self) -> Vec<Statement> {
        if self.backend != DbBackend::Sqlite || self.statements.len() < 2 {
            return self.statements;
        }
        let (mut text, mut values) = (String::new(), Vec::new());
        for statement in self.statements {
            text.push_str(&statement.sql);
            text.push(';');
            values.extend(statement.values.into_iter().flat_map(|values| values.0));
        }
        vec![Statement::from_sql_and_values(self.backend, text, values)]
    }
}

/// The rows of one table as SQLite's JSON functions read them.
struct Table<A: ActiveModelTrait> {
    columns: Vec<<A::Entity as EntityTrait>::Column>,
    /// For each of them: is it a blob? JSON has none: they travel as hexadecimal digits.
    blobs: Vec<bool>,
    /// JSON: an array that holds an array for each row.
    rows: String,
}

impl<A: ActiveModelTrait> Table<A> {
    /// None when they do not all give the same columns, or a value of theirs would not come through JSON exactly as it is.
    fn of(rows: &[A]) -> Option<Self> {
        let (mut columns, mut blobs) = (Vec::new(), Vec::new());
        let mut json = Vec::with_capacity(rows.len());
        for (index, row) in rows.iter().enumerate() {
            let mut cells = Vec::with_capacity(columns.len());
            for column in <A::Entity as EntityTrait>::Column::iter() {
                let (ActiveValue::Set(value) | ActiveValue::Unchanged(value)) = row.get(column) else {
                    continue;
                };
                if index == 0 {
                    columns.push(column);
                    blobs.push(matches!(value, Value::Uuid(_) | Value::Bytes(_)));
                }
                let place = cells.len();
                let is_in_place = columns
                    .get(place)
                    .is_some_and(|known| known.as_str() == column.as_str());
                cells.push(cell(value).filter(|_| is_in_place)?);
            }
            if cells.len() != columns.len() {
                return None;
            }
            json.push(serde_json::Value::Array(cells));
        }
        let rows = serde_json::Value::Array(json).to_string();
        Some(Self { columns, blobs, rows })
    }

    fn insert(self, conflict: Option<&OnConflict>) -> Option<Statement> {
        let mut select = Query::select();
        for (place, is_blob) in self.blobs.iter().enumerate() {
            let read = if *is_blob {
                format!("unhex(value ->> {place})")
            } else {
                format!("value ->> {place}")
            };
            select.expr(Expr::cust(read));
        }
        select
            .from_function(Func::cust("jsonb_each").arg(self.rows), "given")
            // Without a condition SQLite reads the "on" of "on conflict" as one of a join.
            .and_where(Expr::cust("TRUE"));
        let mut insert = Query::insert();
        insert
            .into_table(A::Entity::default().table_ref())
            .columns(self.columns);
        insert.select_from(select).ok()?;
        if let Some(conflict) = conflict {
            insert.on_conflict(conflict.clone());
        }
        Some(StatementBuilder::build(&insert, &DbBackend::Sqlite))
    }
}

/// A value as JSON says it and SQLite would store it, had it been bound; none when that is not certain.
#[expect(clippy::wildcard_enum_match_arm, reason = "the list is open: SeaORM may add to it")]
fn cell(value: Value) -> Option<serde_json::Value> {
    use serde_json::Value as Json;
    Some(match value {
        Value::Bool(value) => Json::from(value.map(i64::from)),
        Value::Int(value) => Json::from(value),
        Value::BigInt(value) => Json::from(value),
        Value::Uuid(value) => Json::from(value.map(|id| id.simple().to_string())),
        Value::Bytes(value) => Json::from(value.map(|bytes| hex(&bytes))),
        // As the driver writes them: they are compared as texts.
        Value::ChronoDateTimeUtc(value) => Json::from(value.map(|at| at.to_rfc3339_opts(SecondsFormat::AutoSi, false))),
        // JSON functions read text to the first NUL.
        Value::String(value) if value.as_ref().is_none_or(|text| !text.contains('\0')) => Json::from(value),
        _ => return None,
    })
}
