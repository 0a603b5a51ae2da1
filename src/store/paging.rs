//! Pages and their cursors: the place after the last row seen, so that new rows never shift a page.

use super::error::StoreError;
use crate::base::limits;
use crate::base::time::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sea_orm::sea_query::Condition;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, ModelTrait, QueryFilter, QueryOrder, QuerySelect, Select, Value,
};
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

/// The last row of a page: its time and id. Opaque to clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    pub(super) at: Timestamp,
    pub(super) id: String,
}

/// Why a text is no cursor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor: pass `next` of the page before, unchanged")]
pub struct CursorError;

impl CursorError {
    /// Stable, `snake_case`.
    pub const CODE: &'static str = "cursor_invalid";
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(format!("{}~{}", self.at.timestamp_micros(), self.id)))
    }
}

impl FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| CursorError)?;
        let plain = String::from_utf8(bytes).map_err(|_| CursorError)?;
        let (micros, id) = plain.split_once('~').ok_or(CursorError)?;
        let micros = micros.parse().map_err(|_| CursorError)?;
        let at = Timestamp::from_timestamp_micros(micros).ok_or(CursorError)?;
        if id.contains('\0') {
            return Err(CursorError);
        }
        Ok(Self { at, id: id.to_owned() })
    }
}

/// Which page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PageAsk {
    pub after: Option<Cursor>,
    /// Rows; brought into 1 to [`limits::PAGE_ROWS_MAX`].
    pub limit: u64,
}

impl PageAsk {
    pub fn first(limit: u64) -> Self {
        Self { after: None, limit }
    }

    pub(super) fn rows(&self) -> u64 {
        self.limit.clamp(1, limits::PAGE_ROWS_MAX)
    }
}

/// Some rows, and where to go on.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    pub rows: Vec<T>,
    /// None on the last page.
    pub next: Option<Cursor>,
}

impl<T> Page<T> {
    /// Cuts the one row too many that says there is a next page.
    pub(super) fn cut<M>(
        mut models: Vec<M>,
        ask: &PageAsk,
        place: impl Fn(&M) -> Cursor,
        row: impl Fn(M) -> Result<T, StoreError>,
    ) -> Result<Self, StoreError> {
        let rows_max = usize::try_from(ask.rows()).unwrap_or(usize::MAX);
        let more = models.len() > rows_max;
        models.truncate(rows_max);
        let next = if more { models.last().map(place) } else { None };
        Ok(Self {
            rows: models.into_iter().map(row).collect::<Result<_, _>>()?,
            next,
        })
    }
}

/// One page of a table by time, newest first; `id` settles equal times.
pub(super) async fn newest_first<E>(
    conn: &impl ConnectionTrait,
    select: Select<E>,
    (time, id): (E::Column, E::Column),
    ask: &PageAsk,
) -> Result<Vec<E::Model>, StoreError>
where
    E: EntityTrait,
    E::Model: ModelTrait<Entity = E>,
{
    let mut select = select;
    if let Some(after) = &ask.after {
        let same_time = Condition::all()
            .add(time.eq(after.at))
            .add(id.lt(id_value::<E>(id, &after.id)));
        select = select.filter(Condition::any().add(time.lt(after.at)).add(same_time));
    }
    Ok(select
        .order_by_desc(time)
        .order_by_desc(id)
        .limit(ask.rows() + 1)
        .all(conn)
        .await?)
}

/// The id of a cursor as its column holds it; a cursor of another list places nothing after it.
fn id_value<E: EntityTrait>(column: E::Column, id: &str) -> Value {
    if matches!(column.def().get_column_type(), sea_orm::ColumnType::Uuid) {
        return Uuid::try_parse(id).unwrap_or_default().into();
    }
    id.into()
}

/// A cursor at a row with a UUID.
pub(super) fn at(at: Timestamp, id: Uuid) -> Cursor {
    Cursor {
        at,
        id: id.simple().to_string(),
    }
}

/// A cursor in a list that is ordered by name or id alone.
pub(super) fn named(id: impl Into<String>) -> Cursor {
    Cursor {
        at: Timestamp::UNIX_EPOCH,
        id: id.into(),
    }
}
