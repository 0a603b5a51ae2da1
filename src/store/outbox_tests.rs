//! The outbox: one claim at a time, leases that end, and settlements that cannot overtake one another.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use super::change::Row;
use super::sample::{after, change, delivery, id, noon, open, project, project_row, registration, sending};
use super::{AttemptRow, Claimed, DeadAddress, Settlement, Store, Whose};
use crate::base::time::Timestamp;
use crate::engine::delivery::{ChannelKind, DeliveryState};
use crate::engine::fix::ReceiptStatus;
use crate::engine::step::Received;
use crate::engine::subject::{Consent, Purpose};
use chrono::TimeDelta;
use std::collections::BTreeSet;

async fn claim(store: &Store, at: Timestamp, limit: u64) -> Vec<Claimed> {
    store.claim_deliveries(at, TimeDelta::seconds(30), limit).await.unwrap()
}

fn settlement(number: u128, attempts: u32, state: DeliveryState, at: Timestamp) -> Settlement {
    let outcome = state.as_str().to_owned();
    let attempt = AttemptRow {
        number: attempts,
        at,
        outcome,
        detail: None,
        provider_id: None,
        duration_ms: 12,
    };
    Settlement {
        project_id: project(),
        delivery_id: delivery(number),
        attempts,
        at,
        state,
        run_at: None,
        why: None,
        provider_id: None,
        attempt: Some(attempt),
        dead_address: None,
        undelivered: None,
    }
}

#[tokio::test]
async fn no_delivery_is_given_twice() {
    let store = open().await;
    let changes: Vec<_> = (0..100)
        .map(|number| sending(1 + number, 500 + number, &format!("key {number}")))
        .collect();
    store.commit(changes).await.unwrap();
    let claims = futures_util::future::join_all((0..10).map(|_| claim(&store, noon(), 20))).await;
    let given: Vec<_> = claims.iter().flatten().map(|claimed| claimed.delivery.id).collect();
    let distinct: BTreeSet<_> = given.iter().copied().collect();
    assert_eq!(given.len(), distinct.len());
    // On PostgreSQL a claim skips what another one holds at that instant; a further claim finds the rest.
    let rest = claim(&store, noon(), 200).await;
    assert_eq!(distinct.len() + rest.len(), 100);
    assert!(claim(&store, noon(), 200).await.is_empty());
}

#[tokio::test]
async fn a_claim_carries_what_must_be_checked_again() {
    let store = open().await;
    store.register_device(&registration(1)).await.unwrap();
    store.commit(vec![sending(1, 50, "a")]).await.unwrap();
    let mut news = change(1);
    let withdrawn = Consent {
        granted: false,
        at: after(5),
    };
    let consents = vec![(Purpose::Service, withdrawn)];
    news.rows = vec![
        Row::Consents {
            user_id: id(1),
            consents,
            source: "device".into(),
        },
        Row::Owner {
            device_id: id(1),
            user_id: id(2),
            at: after(5),
        },
    ];
    store.commit(vec![news]).await.unwrap();
    let mut settings = project_row(1).settings;
    settings.paused = true;
    store.update_settings(project(), &settings).await.unwrap();
    assert!(
        claim(&store, noon() - TimeDelta::seconds(1), 10).await.is_empty(),
        "not before its time"
    );
    let claimed = claim(&store, after(10), 10).await.remove(0);
    assert_eq!(claimed.owner, Some(id(2)));
    assert_eq!(claimed.message.user_id, id(1));
    assert_eq!(claimed.push, Some((ChannelKind::Tray, "address 1".into())));
    assert_eq!(claimed.consents[&Purpose::Service], withdrawn);
    assert!(claimed.consents[&Purpose::Location].granted && claimed.paused);
    assert_eq!(
        (claimed.delivery.attempts, claimed.delivery.state),
        (1, DeliveryState::Sending)
    );
    assert_eq!(claimed.project_name, "project 1");
}

#[tokio::test]
async fn a_silent_sender_loses_its_claim_and_settles_nothing() {
    let store = open().await;
    store.commit(vec![sending(1, 50, "a")]).await.unwrap();
    assert_eq!(store.next_run_at().await.unwrap(), Some(noon()));
    assert_eq!(claim(&store, noon(), 10).await.len(), 1);
    assert_eq!(store.next_run_at().await.unwrap(), Some(after(30)));
    assert!(claim(&store, after(30), 10).await.is_empty());
    assert_eq!(claim(&store, after(31), 10).await[0].delivery.attempts, 2);
    let late = settlement(50, 1, DeliveryState::Failed, after(32));
    assert!(store.settle_delivery(&late).await.unwrap().is_none());
    let good = settlement(50, 2, DeliveryState::Accepted, after(33));
    assert!(store.settle_delivery(&good).await.unwrap().is_some());
    assert!(store.settle_delivery(&good).await.unwrap().is_none(), "once");
    let (row, attempts) = store.delivery(project(), delivery(50)).await.unwrap().unwrap();
    assert_eq!((row.state, row.lease_until), (DeliveryState::Accepted, None));
    assert_eq!(attempts, [good.attempt.unwrap()]);
    assert_eq!(store.next_run_at().await.unwrap(), None);
}

#[tokio::test]
async fn a_retry_waits_for_its_time() {
    let store = open().await;
    store.commit(vec![sending(1, 50, "a")]).await.unwrap();
    claim(&store, noon(), 10).await;
    let again = Settlement {
        run_at: Some(after(70)),
        why: Some("busy".into()),
        ..settlement(50, 1, DeliveryState::Queued, after(1))
    };
    assert!(store.settle_delivery(&again).await.unwrap().is_some());
    assert_eq!(store.next_run_at().await.unwrap(), Some(after(70)));
    assert!(claim(&store, after(69), 10).await.is_empty());
    assert_eq!(claim(&store, after(70), 10).await[0].delivery.attempts, 2);
}

#[tokio::test]
async fn a_receipt_before_the_settlement_is_not_undone() {
    let store = open().await;
    store.commit(vec![sending(1, 50, "a")]).await.unwrap();
    claim(&store, noon(), 10).await;
    let mut shown = change(1);
    shown.effects.receipts = vec![Received {
        record_id: "r1".into(),
        device_id: id(1),
        message_id: id(50),
        status: ReceiptStatus::Displayed,
        action: None,
        text: None,
        at: after(1),
    }];
    store.commit(vec![shown]).await.unwrap();
    let accepted = Settlement {
        provider_id: Some("p1".into()),
        ..settlement(50, 1, DeliveryState::Accepted, after(2))
    };
    assert!(store.settle_delivery(&accepted).await.unwrap().is_some());
    let (row, attempts) = store.delivery(project(), delivery(50)).await.unwrap().unwrap();
    assert_eq!(
        (row.state, row.provider_id.as_deref()),
        (DeliveryState::Displayed, Some("p1"))
    );
    assert_eq!(attempts.len(), 1);
    assert!(claim(&store, after(1000), 10).await.is_empty());
}

#[tokio::test]
async fn a_dead_address_is_forgotten_unless_a_new_one_came() {
    let store = open().await;
    store.register_device(&registration(1)).await.unwrap();
    store
        .commit(vec![sending(1, 50, "a"), sending(1, 51, "b")])
        .await
        .unwrap();
    claim(&store, noon(), 10).await;
    let dead = |number, address: &str| Settlement {
        dead_address: Some(DeadAddress {
            whose: Whose::Device(id(1)),
            address: address.to_owned(),
            since: None,
        }),
        ..settlement(number, 1, DeliveryState::Failed, after(1))
    };
    store.settle_delivery(&dead(50, "address 0")).await.unwrap();
    assert!(store.device(project(), id(1)).await.unwrap().unwrap().push.is_some());
    store.settle_delivery(&dead(51, "address 1")).await.unwrap();
    assert_eq!(store.device(project(), id(1)).await.unwrap().unwrap().push, None);
}

#[tokio::test]
async fn an_address_that_was_registered_again_after_it_died_lives_on() {
    // (said by the app, died by the provider's word, still there after it)
    let table = [
        (Some(after(10)), Some(after(5)), true),
        (Some(after(10)), Some(after(10)), false),
        (Some(after(10)), Some(after(20)), false),
        (Some(after(10)), None, false),
        (None, Some(after(5)), false),
    ];
    for (push_set_at, since, lives) in table {
        let store = open().await;
        let mut said = registration(1);
        said.device.push_set_at = push_set_at;
        store.register_device(&said).await.unwrap();
        store.commit(vec![sending(1, 50, "a")]).await.unwrap();
        claim(&store, noon(), 10).await;
        let settlement = Settlement {
            dead_address: Some(DeadAddress {
                whose: Whose::Device(id(1)),
                address: "address 1".to_owned(),
                since,
            }),
            ..settlement(50, 1, DeliveryState::Failed, after(30))
        };
        store.settle_delivery(&settlement).await.unwrap();
        let device = store.device(project(), id(1)).await.unwrap().unwrap();
        assert_eq!(device.push.is_some(), lives, "{push_set_at:?} {since:?}");
        assert_eq!(device.push_set_at, push_set_at);
    }
}
