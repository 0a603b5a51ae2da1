//! The short way of a new delivery: leased by its commit, sent without a claim, and never lost, doubled or ahead of its turn.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use super::Dispatcher;
use super::world::{World, event, token, world, world_with_fcm};
use crate::base::limits;
use crate::engine::delivery::{ChannelKind, DeliveryState};
use crate::engine::flow::{Ending, Route};
use crate::store::DeviceRow;
use serde_json::json;

/// A dispatcher that has seen the outbox, and a phone that is told something when it walks in.
async fn following(world: &World) -> (Dispatcher, DeviceRow) {
    world.publish_welcome().await;
    let phone = world.phone(1).await;
    let mut dispatcher = Dispatcher::following(&world.pipeline);
    assert_eq!(dispatcher.run(None).await.unwrap(), 0);
    (dispatcher, phone)
}

#[tokio::test]
async fn a_new_delivery_whose_way_is_free_is_leased_by_its_commit_and_sent_once() {
    let world = world_with_fcm().await;
    let (mut dispatcher, phone) = following(&world).await;
    world.walk_in(&phone).await;
    let [written] = &world.deliveries().await[..] else {
        unreachable!("one message to one phone")
    };
    assert_eq!((written.state, written.attempts), (DeliveryState::Sending, 1));
    assert!(written.lease_until.unwrap() > world.now());
    assert_eq!(
        world.pipeline.dispatch().await.unwrap(),
        0,
        "it belongs to the other one"
    );
    assert_eq!(dispatcher.run(None).await.unwrap(), 1);
    assert_eq!(world.states().await, [DeliveryState::Accepted]);
    assert_eq!(dispatcher.run(None).await.unwrap(), 0);
    assert_eq!(world.server().received().len(), 1);
    let (_, attempts) = world.fresh.delivery(world.project, written.id).await.unwrap().unwrap();
    assert_eq!(attempts.iter().map(|attempt| attempt.number).collect::<Vec<_>>(), [1]);
}

#[tokio::test]
async fn when_its_sender_dies_somebody_takes_it_up_at_the_end_of_the_lease() {
    let world = world_with_fcm().await;
    let (dispatcher, phone) = following(&world).await;
    world.walk_in(&phone).await;
    drop(dispatcher);
    assert_eq!(world.pipeline.dispatch().await.unwrap(), 0);
    world.wait(61);
    assert_eq!(world.pipeline.dispatch().await.unwrap(), 1);
    assert_eq!(world.states().await, [DeliveryState::Accepted]);
    assert_eq!(world.server().screen(&token(1)).len(), 1);
}

#[tokio::test]
async fn nobody_leases_for_a_process_that_stops_and_what_it_has_leased_still_goes_out() {
    let world = world_with_fcm().await;
    let (mut dispatcher, phone) = following(&world).await;
    world.publish_key().await;
    world.track(&phone, vec![event("e1", world.now(), "key_used")]).await;
    world.pipeline.stop_sending();
    world.track(&phone, vec![event("e2", world.now(), "key_used")]).await;
    assert_eq!(world.states().await, [DeliveryState::Queued, DeliveryState::Sending]);
    assert_eq!(dispatcher.run(None).await.unwrap(), 1);
    assert_eq!(world.states().await, [DeliveryState::Queued, DeliveryState::Accepted]);
}

#[tokio::test]
async fn whoever_finds_a_queue_stands_in_it_until_a_claim_has_seen_its_end() {
    let world = world_with_fcm().await;
    let (mut dispatcher, _) = following(&world).await;
    let route = Route {
        project_id: world.project,
        channel: ChannelKind::Fcm,
        endpoint_id: None,
    };
    let (places, now) = (limits::SENDS_AT_ONCE_MAX, world.now());
    world.pipeline.0.ways.flow().began(route, places, now);
    let second = world.phone(2).await;
    world.walk_in(&second).await;
    for _ in 0..places {
        world.pipeline.0.ways.flow().ended(route, Ending::NotTried, now);
    }
    let third = world.phone(3).await;
    world.walk_in(&third).await;
    assert_eq!(
        world.states().await,
        [DeliveryState::Queued; 2],
        "the way is free, the queue is not"
    );
    assert_eq!(dispatcher.run(None).await.unwrap(), 2);
    let fourth = world.phone(4).await;
    world.walk_in(&fourth).await;
    let [before @ .., last] = &world.states().await[..] else {
        unreachable!("three messages")
    };
    assert_eq!((before.len(), *last), (2, DeliveryState::Accepted));
    assert!(world.states().await.contains(&DeliveryState::Sending));
}

#[tokio::test]
async fn what_a_commit_makes_and_takes_back_at_once_is_not_leased() {
    let world = world().await;
    let (mut dispatcher, phone) = following(&world).await;
    let one_place_on_the_screen = json!({
        "name": "welcome", "default_locale": "en", "ttl": "PT1H", "collapse": "key",
        "locales": { "en": { "title": "Welcome", "body": "Good to see you" } },
    });
    world.put_content(one_place_on_the_screen).await;
    world.publish_key().await;
    let twice = ["e1", "e2"].map(|name| event(name, world.now(), "key_used"));
    world.track(&phone, twice.to_vec()).await;
    assert_eq!(world.states().await, [DeliveryState::Queued, DeliveryState::Cancelled]);
    assert_eq!(dispatcher.run(None).await.unwrap(), 1);
}
