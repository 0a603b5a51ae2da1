//! Who is in memory is stepped at once, in the same order and with the same outcome as through the lane.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use super::world::{HOTEL, STREET, World, accepted, event, fix, noon, open};
use super::{Holding, PipelineError, Tracked};
use crate::engine::fix::{Envelope, RawRecord};
use crate::engine::step::Input;
use crate::store::DeviceRow;
use chrono::TimeDelta;
use futures_util::FutureExt;

/// The id of a record that breaks its step, for tests.
const BREAK: &str = "break at once";

pub(super) fn breaks(input: &Input) -> bool {
    matches!(input, Input::Records { records, .. } if records.iter().any(|record| record.id == BREAK))
}

/// A phone whose owner is known to have had it all along, so that nobody has to be asked.
fn held(device: &DeviceRow) -> Holding {
    Holding {
        since: Some(noon() - TimeDelta::days(1)),
        ..device.into()
    }
}

async fn track(world: &World, device: &DeviceRow, records: Vec<RawRecord>) -> Result<Tracked, PipelineError> {
    let envelope = Envelope::default();
    world.pipeline.track(held(device), &envelope, records, None).await
}

fn at(world: &World, id: &str, place: (f64, f64)) -> Vec<RawRecord> {
    world.wait(60);
    vec![fix(id, world.now(), place)]
}

#[tokio::test]
async fn what_changes_nothing_is_answered_where_it_arrives() {
    let world = open(None, 1).await;
    let phone = world.phone(1).await;
    let strange = track(&world, &phone, at(&world, "f1", STREET)).now_or_never();
    assert!(strange.is_none(), "nobody is in memory yet");
    assert!(accepted(
        &track(&world, &phone, at(&world, "f2", STREET)).await.unwrap().acks
    ));
    let known = track(&world, &phone, at(&world, "f3", STREET)).now_or_never();
    assert!(accepted(&known.expect("no lane is waited for").unwrap().acks));
    let counted = track(&world, &phone, vec![event("e1", world.now(), "seen")]).now_or_never();
    assert!(counted.is_none(), "what counts once is looked up first");
}

#[tokio::test]
async fn what_changes_something_is_durable_before_its_answer_and_comes_before_what_follows() {
    let world = open(None, 1).await;
    world.publish_welcome().await;
    let phone = world.phone(1).await;
    track(&world, &phone, at(&world, "f1", STREET)).await.unwrap();
    let (enters, stays, leaves) = (
        at(&world, "f2", HOTEL),
        at(&world, "f3", HOTEL),
        at(&world, "f4", STREET),
    );
    let (mut enters, mut stays) = (
        Box::pin(track(&world, &phone, enters)),
        Box::pin(track(&world, &phone, stays)),
    );
    assert!((&mut enters).now_or_never().is_none(), "its answer waits for the disk");
    assert!((&mut stays).now_or_never().is_none(), "it goes behind the one before");
    let (stays, enters) = futures_util::future::join(stays, enters).await;
    assert_eq!(enters.unwrap().moments.len(), 1);
    assert!(stays.unwrap().moments.is_empty());
    assert_eq!((world.moments().await.len(), world.states().await.len()), (1, 1));
    track(&world, &phone, leaves).await.unwrap();
    let left = track(&world, &phone, at(&world, "f5", STREET)).await.unwrap();
    assert_eq!(
        left.moments.len(),
        1,
        "the visit began with the fix that was stepped at once"
    );
}

#[tokio::test]
async fn a_caller_who_hangs_up_takes_nothing_back() {
    let world = open(None, 1).await;
    let phone = world.phone(1).await;
    track(&world, &phone, at(&world, "f1", STREET)).await.unwrap();
    let gone = track(&world, &phone, at(&world, "f2", HOTEL)).now_or_never();
    assert!(gone.is_none());
    let again = track(&world, &phone, at(&world, "f3", HOTEL)).await.unwrap();
    assert!(again.moments.is_empty(), "they have been inside for a minute");
    assert_eq!(world.moments().await.len(), 1);
}

#[tokio::test]
async fn a_broken_step_costs_its_own_input_alone() {
    let world = open(None, 1).await;
    let phone = world.phone(1).await;
    track(&world, &phone, at(&world, "f1", STREET)).await.unwrap();
    let broken = track(&world, &phone, at(&world, BREAK, HOTEL)).now_or_never();
    assert!(matches!(broken, Some(Err(PipelineError::StepBroken))));
    let next = track(&world, &phone, at(&world, "f2", HOTEL)).await.unwrap();
    assert_eq!(next.moments.len(), 1);
}

#[tokio::test]
async fn nothing_is_taken_any_more_after_the_stop() {
    let world = open(None, 1).await;
    let phone = world.phone(1).await;
    track(&world, &phone, at(&world, "f1", STREET)).await.unwrap();
    world.pipeline.stop().await;
    let late = track(&world, &phone, at(&world, "f2", STREET)).await;
    assert!(matches!(late, Err(PipelineError::Stopping)));
}
