//! The books: what became of every message (RELIABILITY A11). Accepted is delivered, failed, expired and waiting, at any instant.

use super::codec::from_word;
use super::connect::Store;
use super::error::StoreError;
use crate::base::id::ProjectId;
use crate::engine::delivery::DeliveryState;
use ::entity::{delivery, message};
use sea_orm::sea_query::{Expr, Func};
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QuerySelect};

/// Messages of one project, or deliveries of all, by what became of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Books {
    pub accepted: u64,
    pub delivered: u64,
    /// Also what was taken back, or replaced before it went out.
    pub failed: u64,
    pub expired: u64,
    pub waiting: u64,
}

impl Books {
    /// Is every one of them accounted for?
    pub fn balance(&self) -> bool {
        self.accepted == self.delivered + self.failed + self.expired + self.waiting
    }

    fn enter(&mut self, state: DeliveryState, count: u64) {
        let account = match state {
            DeliveryState::Queued | DeliveryState::Sending => &mut self.waiting,
            DeliveryState::Accepted | DeliveryState::Received | DeliveryState::Displayed | DeliveryState::Opened => {
                &mut self.delivered
            }
            DeliveryState::Failed | DeliveryState::Cancelled => &mut self.failed,
            DeliveryState::Expired => &mut self.expired,
        };
        *account += count;
    }
}

/// States from the one that counts most to the one that counts least, when a message has taken several ways.
const RANKED: [DeliveryState; 9] = [
    DeliveryState::Opened,
    DeliveryState::Displayed,
    DeliveryState::Received,
    DeliveryState::Accepted,
    DeliveryState::Sending,
    DeliveryState::Queued,
    DeliveryState::Expired,
    DeliveryState::Failed,
    DeliveryState::Cancelled,
];

impl Store {
    /// The messages of a project at one instant, each by the best that became of it. It looks at all of them: it is for tests
    /// and for who asks, not for a scrape. A message without any delivery is in no account, and the books do not balance.
    pub async fn books(&self, project: ProjectId) -> Result<Books, StoreError> {
        let txn = self.read_txn().await?;
        let accepted = message::Entity::find()
            .filter(message::Column::ProjectId.eq(project.uuid()))
            .count(&txn)
            .await?;
        let mut books = Books {
            accepted,
            ..Books::default()
        };
        let mut rank = Expr::case(delivery::Column::State.eq(RANKED[0].as_str()), 0);
        for (place, state) in (1_i32..).zip(&RANKED[1..]) {
            rank = rank.case(delivery::Column::State.eq(state.as_str()), place);
        }
        let best: Vec<(uuid::Uuid, i32)> = delivery::Entity::find()
            .select_only()
            .column(delivery::Column::MessageId)
            .column_as(Expr::from(Func::min(rank)), "best")
            .filter(delivery::Column::ProjectId.eq(project.uuid()))
            .group_by(delivery::Column::MessageId)
            .into_tuple()
            .all(&txn)
            .await?;
        for (_, place) in best {
            let state = usize::try_from(place).ok().and_then(|place| RANKED.get(place));
            books.enter(state.copied().unwrap_or(DeliveryState::Failed), 1);
        }
        txn.commit().await?;
        Ok(books)
    }

    /// The deliveries of all projects by what became of them: one walk over an index.
    pub async fn delivery_books(&self) -> Result<Books, StoreError> {
        let rows: Vec<(String, i64)> = delivery::Entity::find()
            .select_only()
            .column(delivery::Column::State)
            .column_as(delivery::Column::State.count(), "deliveries")
            .group_by(delivery::Column::State)
            .into_tuple()
            .all(&self.reader)
            .await?;
        let mut books = Books::default();
        for (state, count) in rows {
            let count = u64::try_from(count).unwrap_or(0);
            books.accepted += count;
            books.enter(from_word("deliveries.state", &state)?, count);
        }
        Ok(books)
    }
}
