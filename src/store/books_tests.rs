//! Whatever order claims, answers of providers, receipts and call-backs come in: states only move forward, and the books balance.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use super::sample::{after, change, delivery, id, open, project, sending};
use super::{Settlement, Store};
use crate::engine::delivery::{ChannelKind, DeliveryState, Planned};
use crate::engine::fix::ReceiptStatus;
use crate::engine::step::Received;
use chrono::TimeDelta;
use std::collections::BTreeMap;

/// Draws that are the same for one seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

fn is_forward(was: DeliveryState, now: DeliveryState) -> bool {
    let ended = was >= DeliveryState::Failed;
    was == now || was.is_open() || (!ended && was < now && now <= DeliveryState::Opened)
}

async fn states(store: &Store) -> BTreeMap<u128, DeliveryState> {
    let mut states = BTreeMap::new();
    for number in [50, 60] {
        if let Some((row, _)) = store.delivery(project(), delivery(number)).await.unwrap() {
            states.insert(number, row.state);
        }
    }
    states
}

/// One thing that can happen to a message with two ways.
async fn happen(store: &Store, dice: &mut Dice, second: i64) {
    let at = after(second);
    match dice.below(5) {
        0 | 1 => {
            for claimed in store.claim_deliveries(at, TimeDelta::seconds(5), 10).await.unwrap() {
                let ends = [
                    DeliveryState::Accepted,
                    DeliveryState::Failed,
                    DeliveryState::Expired,
                    DeliveryState::Queued,
                    DeliveryState::Cancelled,
                ];
                let state = ends[usize::try_from(dice.below(5)).unwrap()];
                // Now and then a sender dies, and the lease ends.
                if dice.below(4) > 0 {
                    let settlement = Settlement {
                        project_id: project(),
                        delivery_id: claimed.delivery.id,
                        attempts: claimed.delivery.attempts,
                        at,
                        state,
                        run_at: Some(at),
                        why: None,
                        provider_id: None,
                        attempt: None,
                        dead_address: None,
                        undelivered: None,
                    };
                    store.settle_delivery(&settlement).await.unwrap();
                }
            }
        }
        2 | 3 => {
            let said = [ReceiptStatus::Received, ReceiptStatus::Displayed, ReceiptStatus::Opened];
            let mut receipt = change(1);
            receipt.effects.receipts = vec![Received {
                record_id: format!("r{}", dice.below(6)),
                device_id: id(1),
                message_id: id(50),
                status: said[usize::try_from(dice.below(3)).unwrap()],
                action: None,
                text: None,
                at,
            }];
            store.commit(vec![receipt]).await.unwrap();
        }
        _ => {
            let mut back = change(1);
            back.effects.cancelled = vec![id(50)];
            if dice.below(3) == 0 {
                store.commit(vec![back]).await.unwrap();
            }
        }
    }
}

#[tokio::test]
async fn states_only_move_forward_and_the_books_balance_whatever_comes_in_which_order() {
    let mut seen = BTreeMap::new();
    for seed in 0..40 {
        let (store, mut dice) = (open().await, Dice(seed));
        store.commit(vec![sending(1, 50, "a")]).await.unwrap();
        let mut was = states(&store).await;
        for second in 1..25 {
            if second == 8 {
                let mut further = change(1);
                let planned = Planned {
                    id: delivery(60),
                    device_id: None,
                    channel: ChannelKind::Sms,
                    endpoint_id: None,
                    because: Some("not received within PT2M".to_owned()),
                };
                further.effects.redirected = vec![(id(50), planned)];
                further.effects.subject.stepped_at = Some(after(second).into());
                store.commit(vec![further]).await.unwrap();
            }
            happen(&store, &mut dice, second).await;
            let now = states(&store).await;
            for (number, state) in &now {
                let before = was.get(number).copied().unwrap_or(DeliveryState::Queued);
                assert!(
                    is_forward(before, *state),
                    "{seed}: {number} from {before:?} to {state:?}"
                );
                *seen.entry(*state).or_insert(0) += 1;
            }
            was = now;
            let (books, all) = (
                store.books(project()).await.unwrap(),
                store.delivery_books().await.unwrap(),
            );
            assert!(books.balance() && books.accepted == 1, "{seed}: {books:?}");
            assert!(all.balance() && all.accepted == was.len() as u64, "{seed}: {all:?}");
        }
    }
    assert!(seen.len() >= 8, "too little happened: {seen:?}");
}

#[tokio::test]
async fn a_message_without_a_delivery_is_missed_by_the_books() {
    let store = open().await;
    let mut lost = sending(1, 50, "a");
    lost.effects.messages[0].deliveries.clear();
    store.commit(vec![lost]).await.unwrap();
    assert!(!store.books(project()).await.unwrap().balance());
}
