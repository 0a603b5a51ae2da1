//! Pages: a bounded list and an opaque place to go on from.

use super::problem::{ErrorCode, Problem};
use crate::base::limits;
use crate::store::{CursorError, Page, PageAsk};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Rows of a page when nobody says.
const ROWS_DEFAULT: u64 = 50;

/// Which page of a list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct PageQuery {
    /// `next_cursor` of the page before.
    #[param(max_length = 512)]
    pub cursor: Option<String>,
    /// Rows of the page.
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<u64>,
}

/// One page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct List<T> {
    pub items: Vec<T>,
    /// Pass it as `cursor` for the next page; none on the last one.
    pub next_cursor: Option<String>,
}

/// What the store is asked for.
pub fn ask(cursor: Option<&str>, limit: Option<u64>) -> Result<PageAsk, Problem> {
    let limit = limit.unwrap_or(ROWS_DEFAULT);
    if limit == 0 || limit > limits::PAGE_ROWS_MAX {
        let detail = format!("`limit` must be between 1 and {}", limits::PAGE_ROWS_MAX);
        return Err(Problem::new(ErrorCode::QueryInvalid, detail));
    }
    let after = cursor.map(str::parse).transpose();
    let after = after.map_err(|error: CursorError| Problem::new(ErrorCode::CursorInvalid, error.to_string()))?;
    Ok(PageAsk { after, limit })
}

impl PageQuery {
    pub fn ask(&self) -> Result<PageAsk, Problem> {
        ask(self.cursor.as_deref(), self.limit)
    }
}

impl<T> List<T> {
    /// A page of the store in the shape of the API.
    pub fn of<R>(page: Page<R>, view: impl FnMut(R) -> T) -> Self {
        Self {
            items: page.rows.into_iter().map(view).collect(),
            next_cursor: page.next.map(|next| next.to_string()),
        }
    }

    /// A list that always fits one page.
    pub fn whole(items: Vec<T>) -> Self {
        Self {
            items,
            next_cursor: None,
        }
    }
}
