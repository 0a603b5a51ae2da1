//! A commit in one hand-over: wholly or not at all, whoever stops waiting for it, and the longer way where it must ask.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use super::change::{Change, InboxEntry, InboxInput};
use super::sample::{change, id, ids, moment, noon, open, project, sending, stay};
use super::*;
use futures_util::poll;
use std::pin::pin;

/// A step of its own user that noticed one moment and makes one message.
fn told(number: u128) -> Change {
    let mut told = sending(number, 1_000 + number, &format!("key-{number}"));
    told.effects.changed = true;
    told.effects.moments.push(moment(number, 2_000 + number, noon()));
    told
}

async fn rows(store: &Store) -> (usize, usize) {
    let all = PageAsk::first(1_000);
    let moments = store.moments(project(), &MomentFilter::default(), &all).await.unwrap();
    let deliveries = store
        .deliveries(project(), &DeliveryFilter::default(), &all)
        .await
        .unwrap();
    (moments.rows.len(), deliveries.rows.len())
}

#[tokio::test]
async fn whoever_stops_waiting_leaves_a_whole_commit_or_none() {
    let store = open().await;
    let mut before = rows(&store).await;
    // The first look hands the script over, and nobody has an answer by then: at least those commits are cut in the middle.
    for polls in 1..40_u128 {
        {
            let changes = [told(polls)];
            let mut commit = pin!(store.commit(&changes));
            for _ in 0..polls / 2 {
                if poll!(&mut commit).is_ready() {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
        // The next one neither fails nor finishes what the one before left.
        store.commit([told(100 + polls)]).await.unwrap();
        let now = rows(&store).await;
        let written = (now.0 - before.0, now.1 - before.1);
        assert!(
            written == (1, 1) || written == (2, 2),
            "{written:?} after {polls} polls"
        );
        before = now;
    }
}

#[tokio::test]
async fn what_only_adds_rows_takes_the_short_way_and_what_must_ask_does_not() {
    let store = open().await;
    let short = async |changes: &[Change]| store.commit_at_once(changes).await.unwrap().is_some();
    if store.is_shared() {
        return assert!(!short(&[told(1)]).await, "PostgreSQL takes no scripts");
    }
    assert!(short(&[told(1), told(2)]).await);
    assert_eq!(rows(&store).await, (2, 2));
    // A send key that is taken, in the store or in the batch itself.
    assert!(!short(&[told(3), told(1)]).await);
    assert!(!short(&[sending(4, 4, "new"), sending(5, 5, "new")]).await);
    // Somebody who was erased.
    assert!(short(&[change(6)]).await);
    assert!(store.erase_user(project(), id(6), noon()).await.unwrap());
    assert!(!short(&[told(6), told(7)]).await);
    // What changes rows of others.
    let mut calling_back = told(8);
    calling_back.effects.cancelled.push(id(1_001));
    assert!(!short(&[calling_back]).await);
    assert_eq!(rows(&store).await, (2, 2), "nothing was left half-written");
}

#[tokio::test]
async fn an_entry_of_the_inbox_goes_with_the_step_that_took_care_of_it() {
    let store = open().await;
    store.put_fact(stay("b1", 1, &["ana"]), &mut ids(3)).await.unwrap();
    let pending: Vec<InboxEntry> = store.inbox_pending(10).await.unwrap();
    let [entry] = pending.as_slice() else {
        unreachable!("one person is told of one fact")
    };
    assert!(matches!(entry.input, InboxInput::Fact { .. }));
    let done = Change {
        inbox_done: Some(entry.id),
        ..told(1)
    };
    store.commit([done]).await.unwrap();
    assert!(store.inbox_pending(10).await.unwrap().is_empty());
    assert_eq!(rows(&store).await.0, 1);
}

#[tokio::test]
async fn one_erased_user_of_many_takes_nothing_from_the_others() {
    let store = open().await;
    store.commit([change(1)]).await.unwrap();
    assert!(store.erase_user(project(), id(1), noon()).await.unwrap());
    let summary = store.commit([told(2), told(1), told(3)]).await.unwrap();
    assert_eq!((summary.moments, summary.deliveries), (2, 2));
    assert_eq!(summary.erased, [id(1)]);
    assert_eq!(rows(&store).await, (2, 2));
}
