//! The history of facts: a booking that a family shares, what was known when, and what an erasure leaves.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use super::sample::{after, ids, noon, open, project, stay};
use super::testing::Fresh;
use super::{FactPut, PageAsk};
use crate::base::id::UserId;
use crate::engine::fact::{Fact, FactRef};

const ANA: &str = "ana";
const BEN: &str = "ben";

fn booking() -> FactRef {
    FactRef {
        kind: "stay".into(),
        key: "ST1".into(),
    }
}

async fn put(fresh: &Fresh, seq: i64, refs: &[&str]) {
    let put = stay("ST1", seq, refs);
    let fact = Fact {
        changed_at: after(seq * 60),
        ..put.fact
    };
    let seed = u128::try_from(seq).unwrap() + 1_000;
    fresh.put_fact(FactPut { fact, ..put }, &mut ids(seed)).await.unwrap();
}

async fn user(fresh: &Fresh, name: &str) -> UserId {
    fresh.user_by_ref(project(), name).await.unwrap().unwrap().id
}

/// Ana books, Ben joins, leaves and joins again; a late word about the beginning changes nothing.
async fn family() -> (Fresh, UserId, UserId) {
    let fresh = open().await;
    put(&fresh, 1, &[ANA]).await;
    put(&fresh, 2, &[ANA, BEN]).await;
    put(&fresh, 3, &[ANA]).await;
    put(&fresh, 4, &[ANA, BEN]).await;
    put(&fresh, 2, &[BEN]).await;
    let (ana, ben) = (user(&fresh, ANA).await, user(&fresh, BEN).await);
    (fresh, ana, ben)
}

#[tokio::test]
async fn what_was_known_at_an_instant_can_be_told() {
    let (fresh, ana, ben) = family().await;
    let seq_at = async |seconds| {
        let known = fresh.fact_as_of(project(), &booking(), after(seconds)).await.unwrap();
        known.map(|fact| fact.seq)
    };
    assert_eq!(seq_at(59).await, None);
    assert_eq!(seq_at(60).await, Some(1));
    assert_eq!(seq_at(179).await, Some(2));
    assert_eq!(seq_at(9_999).await, Some(4));
    for (seconds, of_ana, of_ben) in [(0, 0, 0), (60, 1, 0), (120, 1, 1), (180, 1, 0), (240, 1, 1)] {
        let count = async |user| {
            fresh
                .facts_of_as_of(project(), user, after(seconds))
                .await
                .unwrap()
                .len()
        };
        assert_eq!(
            (count(ana).await, count(ben).await),
            (of_ana, of_ben),
            "after {seconds} s"
        );
    }
}

#[tokio::test]
async fn versions_come_in_pages_and_in_the_order_a_backtest_needs() {
    let (fresh, ana, ben) = family().await;
    let first = fresh
        .fact_versions(project(), &booking(), &PageAsk::first(3))
        .await
        .unwrap();
    assert_eq!(first.rows.iter().map(|fact| fact.seq).collect::<Vec<_>>(), [4, 3, 2]);
    let ask = PageAsk {
        after: first.next,
        limit: 3,
    };
    let rest = fresh.fact_versions(project(), &booking(), &ask).await.unwrap();
    assert_eq!((rest.rows.len(), rest.rows[0].seq, rest.next), (1, 1, None));
    let told = async |users: &[UserId], until| -> Vec<(UserId, i64, bool)> {
        let versions = fresh.fact_versions_of(project(), users, until).await.unwrap();
        let named = |(user, fact): (UserId, Fact)| (user, fact.seq, fact.subjects.contains(&user));
        versions.into_iter().map(named).collect()
    };
    assert_eq!(
        told(&[ben], after(9_999)).await,
        [(ben, 2, true), (ben, 3, false), (ben, 4, true)],
        "joined, left, joined again"
    );
    let both = told(&[ana, ben], after(180)).await;
    assert_eq!(both.len(), 5);
    assert!(both.iter().map(|(_, seq, _)| *seq).is_sorted());
    assert!(told(&[ana], noon()).await.is_empty());
}

#[tokio::test]
async fn an_erasure_takes_a_person_out_of_the_history() {
    let (fresh, ana, ben) = family().await;
    let export = fresh.export_user(project(), ben).await.unwrap().unwrap();
    let versions = export["fact_versions"].as_array().unwrap();
    assert_eq!(versions.len(), 2, "those that named him: {versions:?}");
    assert!(
        !export["fact_versions"].to_string().contains(&ana.to_string()),
        "and him alone"
    );
    assert!(fresh.erase_user(project(), ana, after(9_000)).await.unwrap());
    let left = fresh
        .fact_versions(project(), &booking(), &PageAsk::first(9))
        .await
        .unwrap()
        .rows;
    assert_eq!(
        left.iter().map(|fact| fact.seq).collect::<Vec<_>>(),
        [4, 2],
        "hers alone are gone"
    );
    assert!(left.iter().all(|fact| fact.subjects == [ben]));
    assert!(
        fresh
            .fact_versions_of(project(), &[ana], after(9_999))
            .await
            .unwrap()
            .is_empty()
    );
    assert!(fresh.erase_user(project(), ben, after(9_000)).await.unwrap());
    assert!(
        fresh
            .fact_as_of(project(), &booking(), after(9_999))
            .await
            .unwrap()
            .is_none()
    );
}
