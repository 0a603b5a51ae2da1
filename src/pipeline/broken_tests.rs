//! An input that breaks its step is answered as such; nobody else notices, and it is not tried for ever.
#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm, reason = "tests may panic")]

use super::PipelineError;
use super::world::{World, accepted, event, fix, open, world};
use crate::base::limits;
use crate::engine::fix::{Body, Envelope};
use crate::engine::step::Input;
use crate::store::FactOutcome;
use serde_json::json;

const BREAK: &str = "break the step";

/// A fault of the engine, for tests: these inputs panic.
pub(super) fn break_if_told(input: &Input) {
    let broken = match input {
        Input::Records { records, .. } => records
            .iter()
            .any(|record| matches!(&record.body, Body::Event(event) if event.name == BREAK)),
        Input::Fact(fact) => fact.properties.contains_key(BREAK),
        _ => false,
    };
    assert!(!broken && !super::at_once_tests::breaks(input), "told to break");
}

async fn break_with(world: &World, device: &crate::store::DeviceRow, id: &str) -> bool {
    let records = vec![event(id, world.now(), BREAK)];
    let tracked = world
        .pipeline
        .track(device.into(), &Envelope::default(), records, None)
        .await;
    matches!(tracked, Err(PipelineError::StepBroken))
}

#[tokio::test]
async fn a_broken_input_ends_neither_its_lane_nor_what_is_known_of_its_user() {
    let world = open(None, 1).await;
    world.publish_key().await;
    let (ana, ben) = (world.phone(1).await, world.phone(2).await);
    let stays = async |id: &str| accepted(&world.track(&ana, vec![event(id, world.now(), "key_used")]).await.acks);
    assert!(stays("e1").await);
    let hers = vec![event("e2", world.now(), "key_used")];
    let his = vec![event("e3", world.now(), "key_used")];
    let envelope = Envelope::default();
    let (broken, after, beside) = futures_util::future::join3(
        break_with(&world, &ana, "e0"),
        world.pipeline.track((&ana).into(), &envelope, hers, None),
        world.pipeline.track((&ben).into(), &envelope, his, None),
    )
    .await;
    assert!(broken);
    assert!(accepted(&after.unwrap().acks) && accepted(&beside.unwrap().acks));
    let ana = world.subject(ana.user_id).await;
    assert_eq!(ana.sent.len(), 2, "she is still who she was");
    assert_eq!(world.subject(ben.user_id).await.sent.len(), 1);
    assert!(
        !world
            .fresh
            .known_records(world.project, &["e0".into()])
            .await
            .unwrap()
            .contains("e0")
    );
}

#[tokio::test]
async fn what_repeats_a_record_of_a_broken_input_is_not_taken_either() {
    let world = open(None, 1).await;
    let (ana, ben) = (world.phone(1).await, world.phone(2).await);
    let envelope = Envelope::default();
    let both = vec![event("e1", world.now(), "key_used"), event("e2", world.now(), BREAK)];
    let again = vec![event("e1", world.now(), "key_used")];
    let (broken, leaning) = futures_util::future::join(
        world.pipeline.track((&ana).into(), &envelope, both, None),
        world.pipeline.track((&ben).into(), &envelope, again.clone(), None),
    )
    .await;
    assert!(matches!(broken, Err(PipelineError::StepBroken)));
    let stored = async || {
        let known = world.fresh.known_records(world.project, &["e1".into()]).await.unwrap();
        known.contains("e1")
    };
    assert_eq!(leaning.is_ok(), stored().await, "accepted means durable");
    assert!(accepted(&world.track(&ben, again).await.acks) && stored().await);
}

#[tokio::test]
async fn an_entry_of_the_inbox_that_always_breaks_is_set_aside() {
    let mut world = world().await;
    let (ana, ben) = (world.phone(1).await, world.phone(2).await);
    let broken = world.stay(1, &[ana.user_id, ben.user_id], json!({ BREAK: 1 }));
    let put = world.pipeline.put_fact(broken).await;
    assert!(matches!(put, Err(PipelineError::StepBroken)), "{put:?}");
    assert_eq!(
        world.fresh.inbox_pending(10).await.unwrap().len(),
        2,
        "it is tried again"
    );
    // The next start is not held up by it, nor is the next tick.
    world.restart().await;
    world.pipeline.recover().await.unwrap();
    for _ in 0..limits::INBOX_TRIES_MAX {
        world.pipeline.tick().await.unwrap();
    }
    assert!(
        world.fresh.inbox_pending(10).await.unwrap().is_empty(),
        "now it is aside"
    );
    let mended = world.stay(2, &[ana.user_id], json!({ "room": 7 }));
    assert_eq!(world.pipeline.put_fact(mended).await.unwrap(), FactOutcome::Stored);
    assert_eq!(world.subject(ana.user_id).await.facts.len(), 1);
    world.track(&ana, vec![fix("f1", world.now(), (0.0, 0.0))]).await;
}
