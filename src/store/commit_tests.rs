//! Commits: all or nothing, one message per send key, and only forward.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may panic")]

use super::change::{EventRow, Row};
use super::sample::{
    after, change, decision, delivery, id, message, moment, noon, open, project, registration, sending,
};
use super::{CommitError, DecisionFilter, DeliveryFilter, EventFilter, MomentFilter, PageAsk, Store};
use crate::engine::decision::ReasonCode;
use crate::engine::delivery::DeliveryState;
use crate::engine::fix::ReceiptStatus;
use crate::engine::step::Received;
use chrono::TimeDelta;

fn event(record: &str, seconds: i64) -> Row {
    Row::Event(EventRow {
        user_id: id(1),
        device_id: None,
        record_id: record.into(),
        name: "key_used".into(),
        properties: serde_json::Map::from_iter([("text".to_owned(), serde_json::json!("nul \u{0} inside"))]),
        occurred_at: after(seconds),
        received_at: after(seconds),
    })
}

async fn nothing_is_stored(store: &Store) {
    let ask = PageAsk::first(10);
    assert!(
        store
            .events(project(), &EventFilter::default(), &ask)
            .await
            .unwrap()
            .rows
            .is_empty()
    );
    assert!(
        store
            .moments(project(), &MomentFilter::default(), &ask)
            .await
            .unwrap()
            .rows
            .is_empty()
    );
    assert!(
        store
            .deliveries(project(), &DeliveryFilter::default(), &ask)
            .await
            .unwrap()
            .rows
            .is_empty()
    );
    assert_eq!(store.next_wake().await.unwrap(), None);
}

#[tokio::test]
async fn a_commit_writes_everything_and_reads_back_the_same() {
    let store = open().await;
    let mut all = sending(1, 50, "once");
    all.effects.subject.profile.user_ref = Some("guest-1".into());
    all.effects.moments.push(moment(1, 40, after(1)));
    all.effects.decisions.push(decision(1, 41, ReasonCode::Sent, after(1)));
    all.effects.wake_at = Some(after(60));
    all.rows.push(event("r1", 0));
    let summary = store.commit(vec![all.clone()]).await.unwrap();
    assert_eq!((summary.events, summary.moments, summary.decisions), (1, 1, 1));
    assert_eq!((summary.messages, summary.deliveries), (1, 1));
    let ask = PageAsk::first(10);
    assert_eq!(
        store.load_subjects(project(), &[id(1)]).await.unwrap(),
        [(*all.effects.subject).clone()]
    );
    assert_eq!(
        store.moment(project(), id(40)).await.unwrap().unwrap(),
        all.effects.moments[0]
    );
    assert_eq!(
        store.decision(project(), id(41)).await.unwrap().unwrap(),
        all.effects.decisions[0]
    );
    assert_eq!(
        store.message(project(), id(50)).await.unwrap().unwrap(),
        all.effects.messages[0]
    );
    assert!(
        store.message(id(2), id(50)).await.unwrap().is_none(),
        "another project sees nothing"
    );
    let events = store
        .events(project(), &EventFilter::default(), &ask)
        .await
        .unwrap()
        .rows;
    assert_eq!(vec![Row::Event(events[0].clone())].len(), 1);
    assert_eq!(events[0].properties["text"], "nul \u{0} inside");
    assert_eq!(store.next_wake().await.unwrap(), Some(after(60)));
    assert!(store.wakes_due(after(59), 10).await.unwrap().is_empty());
    assert_eq!(store.wakes_due(after(60), 10).await.unwrap(), [(project(), id(1))]);
    let known = store
        .known_records(project(), &["r1".into(), "r2".into()])
        .await
        .unwrap();
    assert_eq!(known.into_iter().collect::<Vec<_>>(), ["r1"]);
}

#[tokio::test]
async fn a_commit_that_fails_at_its_last_row_writes_nothing() {
    let store = open().await;
    let mut good = sending(1, 50, "one");
    good.effects.moments.push(moment(1, 40, noon()));
    good.effects.wake_at = Some(after(60));
    good.rows.push(event("r1", 0));
    // The same delivery id twice: only the database can notice, after everything else is written.
    let mut bad = sending(2, 51, "two");
    bad.effects.messages[0].deliveries[0].id = delivery(50);
    let refused = store.commit(vec![good, bad]).await;
    assert!(
        matches!(refused, Err(CommitError::Store(super::StoreError::Conflict(_)))),
        "{refused:?}"
    );
    nothing_is_stored(&store).await;
}

#[tokio::test]
async fn a_send_key_is_taken_once_in_a_batch_and_for_ever() {
    let store = open().await;
    let twice = store
        .commit(vec![sending(1, 50, "stay:1"), sending(2, 51, "stay:1")])
        .await;
    let Err(CommitError::SendKeysTaken(taken)) = twice else {
        panic!("{twice:?}")
    };
    assert_eq!(taken, ["stay:1"]);
    nothing_is_stored(&store).await;
    store.commit(vec![sending(1, 50, "stay:1")]).await.unwrap();
    let later = store
        .commit(vec![sending(2, 52, "stay:2"), sending(2, 51, "stay:1")])
        .await;
    let Err(CommitError::SendKeysTaken(taken)) = later else {
        panic!("{later:?}")
    };
    assert_eq!(taken, ["stay:1"]);
    assert!(
        store.message(project(), id(52)).await.unwrap().is_none(),
        "nothing of the batch is stored"
    );
}

#[tokio::test]
async fn of_commits_that_race_for_one_send_key_one_wins() {
    let store = open().await;
    let races = (0..8).map(|number| store.commit(vec![sending(number + 1, number + 50, "stay:1")]));
    let results = futures_util::future::join_all(races).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    for lost in results.iter().filter_map(|result| result.as_ref().err()) {
        assert!(matches!(lost, CommitError::SendKeysTaken(_)), "{lost:?}");
    }
}

#[tokio::test]
async fn a_repeated_record_is_no_second_event() {
    let store = open().await;
    let mut first = change(1);
    first.rows = vec![event("r1", 0), event("r1", 0), event("r2", 1)];
    assert_eq!(store.commit(vec![first.clone()]).await.unwrap().events, 2);
    assert_eq!(store.commit(vec![first]).await.unwrap().events, 0);
}

#[tokio::test]
async fn the_last_state_of_a_user_wins_and_an_unchanged_one_is_not_written() {
    let store = open().await;
    let (mut early, mut late, mut idle) = (change(1), change(1), change(2));
    early.effects.subject.profile.locale = Some("de".into());
    late.effects.subject.profile.locale = Some("fr".into());
    late.effects.changed = false;
    idle.effects.changed = false;
    idle.effects.wake_at = Some(after(5));
    store.commit(vec![early, late.clone(), idle]).await.unwrap();
    let stored = store.load_subjects(project(), &[id(1), id(2)]).await.unwrap();
    assert_eq!(stored[0], *late.effects.subject);
    assert_eq!(store.next_wake().await.unwrap(), None);
}

#[tokio::test]
async fn only_what_is_queued_can_be_cancelled() {
    let store = open().await;
    store
        .commit(vec![sending(1, 50, "a"), sending(1, 51, "b")])
        .await
        .unwrap();
    let claimed = store.claim_deliveries(noon(), TimeDelta::seconds(30), 1).await.unwrap();
    assert_eq!(claimed[0].delivery.id, delivery(50));
    let mut back = change(1);
    back.effects.cancelled = vec![id(50), id(51)];
    let mut foreign = change(2);
    foreign.effects.cancelled = vec![id(50), id(51)];
    assert_eq!(
        store.commit(vec![foreign]).await.unwrap().cancelled,
        0,
        "another user's message"
    );
    assert_eq!(store.commit(vec![back]).await.unwrap().cancelled, 1);
    let mut newer = change(1);
    newer.effects.superseded = vec![id(50), id(51)];
    assert_eq!(store.commit(vec![newer]).await.unwrap().cancelled, 0, "none is queued");
    let counts = store.delivery_counts(project()).await.unwrap();
    assert_eq!(
        counts,
        [(DeliveryState::Sending, 1), (DeliveryState::Cancelled, 1)].into()
    );
}

#[tokio::test]
async fn receipts_only_move_a_delivery_forward() {
    let store = open().await;
    store.commit(vec![sending(1, 50, "a")]).await.unwrap();
    let receipt = |record: &str, device: u128, status| {
        let mut change = change(1);
        let (message_id, at) = (id(50), after(9));
        let device_id = id(device);
        change.effects.receipts = vec![Received {
            record_id: record.into(),
            device_id,
            message_id,
            status,
            action: None,
            text: None,
            at,
        }];
        change
    };
    let state = async || store.delivery(project(), delivery(50)).await.unwrap().unwrap().0.state;
    store
        .commit(vec![receipt("r0", 1, ReceiptStatus::Opened)])
        .await
        .unwrap();
    assert_eq!(state().await, DeliveryState::Queued, "never handed over");
    store.claim_deliveries(noon(), TimeDelta::seconds(30), 1).await.unwrap();
    assert_eq!(
        store
            .commit(vec![receipt("r1", 2, ReceiptStatus::Opened)])
            .await
            .unwrap()
            .receipts,
        1
    );
    assert_eq!(state().await, DeliveryState::Sending, "another device");
    assert_eq!(
        store
            .commit(vec![receipt("r2", 1, ReceiptStatus::Displayed)])
            .await
            .unwrap()
            .receipts,
        1
    );
    assert_eq!(state().await, DeliveryState::Displayed);
    assert_eq!(
        store
            .commit(vec![receipt("r2", 1, ReceiptStatus::Displayed)])
            .await
            .unwrap()
            .receipts,
        0
    );
    store
        .commit(vec![
            receipt("r3", 1, ReceiptStatus::Received),
            receipt("r4", 1, ReceiptStatus::Failed),
        ])
        .await
        .unwrap();
    assert_eq!(state().await, DeliveryState::Displayed, "never back");
    store
        .commit(vec![receipt("r5", 1, ReceiptStatus::Action)])
        .await
        .unwrap();
    assert_eq!(state().await, DeliveryState::Opened);
}

#[tokio::test]
async fn what_is_about_an_erased_user_is_dropped_whole() {
    let store = open().await;
    store.register_device(&registration(1)).await.unwrap();
    assert!(store.erase_user(project(), id(1), noon()).await.unwrap());
    let mut late = sending(1, 50, "a");
    late.rows.push(event("r1", 0));
    let summary = store.commit(vec![late, sending(2, 51, "b")]).await.unwrap();
    assert_eq!((summary.erased, summary.messages, summary.events), (vec![id(1)], 1, 0));
    assert!(store.load_subjects(project(), &[id(1)]).await.unwrap()[0].seldom.erased);
    assert!(store.message(project(), id(50)).await.unwrap().is_none());
}

#[tokio::test]
async fn pages_are_stable_while_rows_are_added() {
    let store = open().await;
    let mut many = change(1);
    for number in 0..25_u32 {
        // Five share each instant: the id settles their order.
        many.effects.decisions.push(decision(
            1,
            u128::from(100 + number),
            ReasonCode::NoFact,
            after(i64::from(number / 5)),
        ));
    }
    store.commit(vec![many.clone()]).await.unwrap();
    let filter = DecisionFilter {
        user_id: Some(id(1)),
        code: Some(ReasonCode::NoFact),
        ..DecisionFilter::default()
    };
    let (mut ask, mut seen) = (PageAsk::first(7), Vec::new());
    loop {
        let page = store.decisions(project(), &filter, &ask).await.unwrap();
        seen.extend(page.rows.into_iter().map(|row| row.id));
        let mut newer = change(1);
        newer
            .effects
            .decisions
            .push(decision(1, 1000 + seen.len() as u128, ReasonCode::NoFact, after(90)));
        store.commit(vec![newer]).await.unwrap();
        let Some(next) = page.next else { break };
        ask.after = Some(next.to_string().parse().unwrap());
    }
    many.effects.decisions.reverse();
    assert_eq!(
        seen,
        many.effects.decisions.iter().map(|row| row.id).collect::<Vec<_>>()
    );
    assert!("bm90IGEgY3Vyc29y".parse::<super::Cursor>().is_err());
}

#[tokio::test]
async fn times_sort_as_texts_whatever_their_fraction() {
    let store = open().await;
    let mut change = change(1);
    for (number, micros) in [(1, 0), (2, 500_000), (3, 500_001), (4, 999_000), (5, 1_000_000)] {
        let at = noon() + TimeDelta::microseconds(micros);
        change
            .effects
            .decisions
            .push(decision(1, number, ReasonCode::NoFact, at));
    }
    store.commit(vec![change]).await.unwrap();
    let page = store
        .decisions(project(), &DecisionFilter::default(), &PageAsk::first(10))
        .await
        .unwrap();
    let order: Vec<_> = page.rows.iter().map(|row| row.id).collect();
    assert_eq!(order, [5, 4, 3, 2, 1].map(id));
}

#[tokio::test]
async fn a_big_commit_stays_below_the_bind_limit() {
    let store = open().await;
    let mut changes = Vec::new();
    for number in 0..6_000_u128 {
        let mut change = change(1 + number);
        change
            .effects
            .messages
            .push(message(1 + number, 10_000 + number, &format!("key {number}")));
        changes.push(change);
    }
    assert_eq!(store.commit(changes).await.unwrap().deliveries, 6_000);
}

#[tokio::test]
async fn a_number_reads_back_bit_for_bit() {
    use crate::engine::subject::{Device, LastFix};
    let store = open().await;
    let mut moved = change(1);
    for number in 0..500_u32 {
        // Coordinates with every bit in use: a reader that rounds loses the last one of some of them.
        let lat = 48.0 + (f64::from(number) * 0.618_033_988_749_894_9).sin();
        let (lng, accuracy_m) = (lat.exp() / 1e20, lat.ln());
        let device = Device {
            last_fix: Some(LastFix {
                at: noon().into(),
                lat,
                lng,
                accuracy_m,
                speed_mps: None,
            }),
            ..Device::default()
        };
        moved.effects.subject.devices.insert(id(u128::from(number)), device);
    }
    store.commit(vec![moved.clone()]).await.unwrap();
    assert_eq!(
        store.load_subjects(project(), &[id(1)]).await.unwrap()[0],
        *moved.effects.subject
    );
}
