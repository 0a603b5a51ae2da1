//! A database without room: what is refused is not there, and what is acknowledged is, also after the worst moment.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may panic")]

use super::sample::{open, project, sending};
use super::{CommitError, DeliveryFilter, PageAsk, Store, StoreError};
use sea_orm::ConnectionTrait;

#[tokio::test]
async fn what_is_acknowledged_after_a_full_disk_is_really_there() {
    let store = open().await;
    if store.is_shared() {
        return;
    }
    let (mut acknowledged, mut refused) = (0, 0);
    for number in 0..40_u128 {
        if number % 8 == 0 {
            // SQLite takes this for a full disk. It is a setting of the connection.
            store
                .writer
                .execute_unprepared("PRAGMA max_page_count = 1")
                .await
                .unwrap();
        }
        match store
            .commit(vec![sending(1 + number, 500 + number, &format!("key {number}"))])
            .await
        {
            Ok(_) => acknowledged += 1,
            Err(CommitError::Store(StoreError::Full)) => refused += 1,
            Err(error) => panic!("{error}"),
        }
    }
    assert!(refused > 0, "the disk was never full");
    assert!(acknowledged > 0, "and it was not full for ever");
    // As another process sees it, or this one after a restart.
    let other = Store::open(store.settings()).await.unwrap();
    let (filter, ask) = (DeliveryFilter::default(), PageAsk::first(200));
    let rows = other.deliveries(project(), &filter, &ask).await.unwrap().rows;
    assert_eq!(rows.len(), acknowledged);
}
