//! What is old goes, oldest first and a few rows at a time; what is young or still under way stays.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use super::super::sample::{after, change, decision, id, moment, noon, open, project, sending};
use super::super::{DecisionFilter, DeliveryFilter, MomentFilter, PageAsk};
use super::*;
use crate::engine::decision::ReasonCode;

async fn left(store: &Store) -> (usize, usize, usize) {
    let all = PageAsk::first(100);
    let moments = store.moments(project(), &MomentFilter::default(), &all).await.unwrap();
    let decisions = store
        .decisions(project(), &DecisionFilter::default(), &all)
        .await
        .unwrap();
    let deliveries = store
        .deliveries(project(), &DeliveryFilter::default(), &all)
        .await
        .unwrap();
    (moments.rows.len(), decisions.rows.len(), deliveries.rows.len())
}

#[tokio::test]
async fn everything_goes_after_its_time_in_small_steps_and_what_is_under_way_stays() {
    let store = open().await;
    let mut old = change(1);
    for number in 0..7 {
        old.effects.moments.push(moment(1, 300 + number, after(0)));
        old.effects
            .decisions
            .push(decision(1, 400 + number, ReasonCode::NoFact, after(0)));
    }
    let young = noon() + TimeDelta::days(80);
    old.effects.moments.push(moment(1, 390, young));
    store.commit(vec![old, sending(1, 3, "key")]).await.unwrap();
    let before = left(&store).await;
    assert_eq!((before.0, before.2), (8, 1));
    let kept = Retention::default();
    let purge_all = async |days: i64| {
        let mut steps = Vec::new();
        loop {
            match store.purge(after(1) + TimeDelta::days(days), 3, &kept).await.unwrap() {
                0 => return steps,
                purged => steps.push(purged),
            }
        }
    };
    assert!(purge_all(29).await.is_empty());
    assert!(purge_all(31).await.iter().all(|step| *step <= 3));
    assert_eq!(left(&store).await, (8, 0, 1), "decisions go first");
    assert_eq!(purge_all(91).await, [3, 3, 1]);
    assert_eq!(left(&store).await, (1, 0, 1), "the delivery is still queued");
    purge_all(399).await;
    let message = store.message(project(), id(3)).await.unwrap();
    assert!(message.is_some(), "its once-key is still spent");
}

#[test]
fn nothing_is_forgotten_that_a_phone_may_still_repeat() {
    assert!(i64::from(limits::KEPT_DAYS_MIN) > 7);
}
