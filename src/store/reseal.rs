//! Sealing anew: what another key sealed, or nobody yet, is sealed with the key that seals now, in steps beside all other work.

use super::connect::Store;
use super::devices::address_name;
use super::error::StoreError;
use super::sealed::{self, Column};
use crate::base::limits;
use crate::base::vault::sealed_with;
use ::entity::{device, vault};
use sea_orm::sea_query::{Alias, Expr, ExprTrait, OnConflict, Order, Query, SimpleExpr};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, IntoActiveModel, QueryFilter, QueryResult,
    QuerySelect, Value,
};
use std::collections::BTreeMap;
use uuid::Uuid;

/// How a part of a primary key is read.
#[derive(Debug, Clone, Copy)]
enum Part {
    Id,
    Text,
    Number,
}

/// A table with a sealed column.
struct Table {
    name: &'static str,
    keys: &'static [(&'static str, Part)],
    field: &'static str,
    column: Column,
    /// The column holds bytes, not text.
    bytes: bool,
}

const PROJECT: (&str, Part) = ("project_id", Part::Id);
const BY_ID: &[(&str, Part)] = &[("id", Part::Id)];

const fn table(
    name: &'static str,
    keys: &'static [(&'static str, Part)],
    field: &'static str,
    column: Column,
) -> Table {
    Table {
        name,
        keys,
        field,
        column,
        bytes: false,
    }
}

/// Every sealed column, what is most sensitive first.
const TABLES: [Table; 17] = [
    table("channels", &[PROJECT, ("kind", Part::Text)], "set_up", sealed::CHANNEL),
    table(
        "facts",
        &[PROJECT, ("kind", Part::Text), ("key", Part::Text)],
        "properties",
        sealed::FACT,
    ),
    table(
        "fact_versions",
        &[
            PROJECT,
            ("kind", Part::Text),
            ("key", Part::Text),
            ("seq", Part::Number),
        ],
        "properties",
        sealed::FACT_VERSION,
    ),
    table("subjects", &[PROJECT, ("user_id", Part::Id)], "state", sealed::SUBJECT),
    table("users", BY_ID, "contact", sealed::CONTACT),
    table("users", BY_ID, "profile", sealed::USER),
    table("devices", BY_ID, "push_address", sealed::DEVICE),
    table("devices", BY_ID, "sealing_key", sealed::SEALING_KEY),
    table(
        "wallet_passes",
        &[("holder", Part::Text), ("serial", Part::Text)],
        "push_token",
        sealed::WALLET,
    ),
    table("webhook_endpoints", BY_ID, "secrets", sealed::ENDPOINT),
    table("inbox", BY_ID, "input", sealed::INBOX),
    table("messages", BY_ID, "body", sealed::MESSAGE),
    table(
        "receipts",
        &[PROJECT, ("record_id", Part::Text)],
        "text",
        sealed::RECEIPT,
    ),
    table("decisions", BY_ID, "body", sealed::DECISION),
    table("moments", BY_ID, "body", sealed::MOMENT),
    table(
        "events",
        &[PROJECT, ("record_id", Part::Text)],
        "properties",
        sealed::EVENT,
    ),
    Table {
        bytes: true,
        ..table(
            "idempotency_keys",
            &[PROJECT, ("key", Part::Text)],
            "body",
            sealed::ANSWER,
        )
    },
];

/// How far one pass over everything has come.
#[derive(Debug, Clone, Default)]
pub struct Reseal {
    table: usize,
    after: Option<Vec<Value>>,
    /// Values that were sealed anew so far.
    pub sealed: u64,
    /// Values that do not open: changed, or sealed with a key that is not here.
    pub unread: u64,
}

/// What one step came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resealed {
    /// Values sealed anew in this step.
    pub count: u64,
    /// The table that this step ended.
    pub finished: Option<&'static str>,
    /// Nothing is left.
    pub done: bool,
}

/// One value on its way.
struct Row {
    keys: Vec<Value>,
    project: Uuid,
    stored: Vec<u8>,
}

/// The row that says which key sealed everything when a pass was last over.
const DONE: &str = "resealed";

impl Store {
    /// Is there anything to seal anew, as far as the last pass says? Of a database that several processes write, nothing is
    /// known: one of them may have sealed with an older key since.
    pub async fn reseal_needed(&self) -> Result<bool, StoreError> {
        let current = self.vault.opened()?.keys.current().to_owned();
        let done = vault::Entity::find_by_id(DONE).one(&self.reader).await?;
        Ok(self.is_shared() || done.is_none_or(|row| row.sealed != current))
    }

    /// Goes on with a pass: looks at the next rows and seals those anew that need it. Writers are never waited for: a value
    /// that changes meanwhile was sealed with the present key by who changed it.
    pub async fn reseal_step(&self, pass: &mut Reseal) -> Result<Resealed, StoreError> {
        let Some(table) = TABLES.get(pass.table) else {
            self.end_pass(pass).await?;
            return Ok(Resealed {
                count: 0,
                finished: None,
                done: true,
            });
        };
        let rows = self.next_rows(table, pass.after.as_deref()).await?;
        let anew = self.sealed_anew(table, &rows, pass)?;
        let mut count = 0;
        if !anew.is_empty() {
            let txn = self.write_txn().await?;
            for (row, value) in anew {
                count += replace(&txn, table, row, value).await?;
            }
            txn.commit().await?;
        }
        pass.sealed += count;
        let ended = (rows.len() as u64) < limits::RESEALED_PER_STEP_MAX;
        pass.after = rows.into_iter().next_back().map(|row| row.keys).filter(|_| !ended);
        pass.table += usize::from(ended);
        Ok(Resealed {
            count,
            finished: ended.then_some(table.name),
            done: false,
        })
    }

    /// How many values each key has sealed, by its id; the empty id stands for what is not sealed. Reads everything.
    pub async fn keys_in_use(&self) -> Result<BTreeMap<String, u64>, StoreError> {
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        for table in &TABLES {
            let mut after: Option<Vec<Value>> = None;
            loop {
                let rows = self.next_rows(table, after.as_deref()).await?;
                for row in &rows {
                    let id = std::str::from_utf8(&row.stored).ok().and_then(sealed_with);
                    *counts.entry(id.unwrap_or_default().to_owned()).or_default() += 1;
                }
                let Some(last) = rows.into_iter().next_back() else {
                    break;
                };
                after = Some(last.keys);
            }
        }
        if let Some(id) = self.vault_key_needed().await? {
            *counts.entry(id).or_default() += 1;
        }
        Ok(counts)
    }

    async fn end_pass(&self, pass: &Reseal) -> Result<(), StoreError> {
        self.reseal_index().await?;
        if pass.unread > 0 {
            return Ok(());
        }
        let row = vault::Model {
            name: DONE.to_owned(),
            sealed: self.vault.opened()?.keys.current().to_owned(),
        };
        let newer = OnConflict::column(vault::Column::Name)
            .update_column(vault::Column::Sealed)
            .to_owned();
        let insert = vault::Entity::insert(row.into_active_model()).on_conflict(newer);
        insert.exec_without_returning(&self.writer).await?;
        Ok(())
    }

    async fn next_rows(&self, table: &Table, after: Option<&[Value]>) -> Result<Vec<Row>, StoreError> {
        let mut select = Query::select();
        for (key, _) in table.keys {
            select.column(Alias::new(*key)).order_by(Alias::new(*key), Order::Asc);
        }
        if !table.keys.iter().any(|(key, _)| *key == PROJECT.0) {
            select.column(Alias::new(PROJECT.0));
        }
        select
            .column(Alias::new(table.field))
            .from(Alias::new(table.name))
            .and_where(Expr::col(Alias::new(table.field)).is_not_null())
            .limit(limits::RESEALED_PER_STEP_MAX);
        if let Some(after) = after {
            let columns = table.keys.iter().map(|(key, _)| Expr::col(Alias::new(*key)));
            let values = after.iter().map(|value| Expr::value(value.clone()));
            let behind = ExprTrait::gt(Expr::tuple(columns), Expr::tuple(values));
            select.and_where(behind);
        }
        let rows = self.reader.query_all(&select).await?;
        rows.iter().map(|row| read(table, row)).collect()
    }

    /// Those of these rows that need it, each with its new value.
    fn sealed_anew<'a>(
        &self,
        table: &Table,
        rows: &'a [Row],
        pass: &mut Reseal,
    ) -> Result<Vec<(&'a Row, String)>, StoreError> {
        let current = self.vault.opened()?.keys.current().to_owned();
        let mut anew = Vec::new();
        for row in rows {
            let sealed = std::str::from_utf8(&row.stored).ok().and_then(sealed_with);
            if sealed == Some(current.as_str()) {
                continue;
            }
            match self.vault.open_bytes(row.project, table.column, row.stored.clone()) {
                Ok(plain) => anew.push((row, self.vault.seal_bytes(row.project, table.column, &plain)?)),
                Err(error) => {
                    pass.unread += 1;
                    tracing::error!(table = table.name, key = sealed.unwrap_or_default(), %error, "a value cannot be sealed anew");
                }
            }
        }
        Ok(anew)
    }

    /// Addresses that stand in plain text are found by their names from now on: before the first device registers.
    pub(super) async fn seal_addresses(&self) -> Result<(), StoreError> {
        loop {
            let plain = device::Entity::find()
                .filter(device::Column::PushAddress.is_not_null())
                .filter(device::Column::PushAddressName.is_null())
                .limit(limits::RESEALED_PER_STEP_MAX)
                .all(&self.writer)
                .await?;
            if plain.is_empty() {
                return Ok(());
            }
            let txn = self.write_txn().await?;
            for model in plain {
                let address = model.push_address.unwrap_or_default();
                let name = address_name(&self.vault, model.project_id.into(), &address)?;
                let value = self.vault.seal_text(model.project_id, sealed::DEVICE, &address)?;
                device::Entity::update_many()
                    .col_expr(device::Column::PushAddress, Expr::value(value))
                    .col_expr(device::Column::PushAddressName, Expr::value(name))
                    .filter(device::Column::ProjectId.eq(model.project_id))
                    .filter(device::Column::Id.eq(model.id))
                    .exec(&txn)
                    .await?;
            }
            txn.commit().await?;
        }
    }
}

fn read(table: &Table, row: &QueryResult) -> Result<Row, StoreError> {
    let keys = table.keys.iter().map(|(key, part)| {
        Ok(match part {
            Part::Id => Value::from(row.try_get::<Uuid>("", key)?),
            Part::Text => Value::from(row.try_get::<String>("", key)?),
            Part::Number => Value::from(row.try_get::<i64>("", key)?),
        })
    });
    Ok(Row {
        keys: keys.collect::<Result<_, StoreError>>()?,
        project: row.try_get("", PROJECT.0)?,
        stored: if table.bytes {
            row.try_get("", table.field)?
        } else {
            row.try_get::<String>("", table.field)?.into_bytes()
        },
    })
}

/// Writes the new value where the old one still stands; says whether it did.
async fn replace(txn: &DatabaseTransaction, table: &Table, row: &Row, value: String) -> Result<u64, StoreError> {
    let of = |bytes: Vec<u8>| -> SimpleExpr {
        if table.bytes {
            Expr::value(bytes)
        } else {
            Expr::value(String::from_utf8_lossy(&bytes).into_owned())
        }
    };
    let mut update = Query::update();
    update
        .table(Alias::new(table.name))
        .value(Alias::new(table.field), of(value.into_bytes()))
        .and_where(ExprTrait::eq(
            Expr::col(Alias::new(table.field)),
            of(row.stored.clone()),
        ));
    for ((key, _), value) in table.keys.iter().zip(&row.keys) {
        update.and_where(ExprTrait::eq(Expr::col(Alias::new(*key)), Expr::value(value.clone())));
    }
    Ok(txn.execute(&update).await?.rows_affected())
}

#[cfg(test)]
#[path = "reseal_tests.rs"]
mod tests;
