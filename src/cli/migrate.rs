//! `usher migrate`: the tables of the database.

use super::out::{Failure, Out};
use crate::app::{Effective, open_store};
use clap::Args;
use serde_json::json;

#[derive(Debug, Args)]
pub(super) struct MigrateArguments {
    /// Only say which migrations have not run yet; changes nothing
    #[arg(long)]
    status: bool,
}

pub(super) async fn run(arguments: MigrateArguments, effective: Effective, out: Out) -> Result<(), Failure> {
    let store = open_store(&effective.settings.database).await?;
    let pending = store.pending_migrations().await?;
    if !arguments.status {
        store.migrate().await?;
    }
    store.close().await?;
    if out.json {
        let (applied, left) = if arguments.status {
            (vec![], pending)
        } else {
            (pending, vec![])
        };
        return out.value(&json!({ "applied": applied, "pending": left }));
    }
    if pending.is_empty() {
        return out.line("the tables are up to date");
    }
    for name in &pending {
        out.line(&format!(
            "{} {name}",
            if arguments.status { "pending" } else { "applied" }
        ))?;
    }
    Ok(())
}
