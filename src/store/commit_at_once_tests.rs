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
    let (mut before, mut cut) = (rows(&store).await, 0);
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
            cut += usize::from(poll!(&mut commit).is_pending());
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
    assert!(cut > 3, "{cut} were cut");
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
    store.erase_user(project(), id(1), noon()).await.unwrap();
    let summary = store.commit([told(2), told(1), told(3)]).await.unwrap();
    assert_eq!((summary.moments, summary.deliveries), (2, 2));
    assert_eq!(summary.erased, [id(1)]);
    assert_eq!(rows(&store).await, (2, 2));
}
