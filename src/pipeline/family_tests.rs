//! A booking that several people share, and people with several devices.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use super::world::{HOTEL, STREET, World, fix, noon, stay_ref, world};
use crate::base::id::{DeviceId, UserId};
use crate::engine::decision::ReasonCode::{Cancelled, NoFact, NotInside, Sent, WaitingFact};
use crate::engine::fact::Lifecycle;
use crate::engine::fix::Permission;
use crate::engine::moment::MomentKind;
use crate::store::{DeviceRow, MomentFilter, PageAsk};
use serde_json::{Value, json};

async fn publish_room(world: &World, once_per: &str) {
    world
        .publish(json!({
            "name": "room", "class": "service", "when": { "entered": { "tag": "hotel" } }, "for_each": { "stay": "stay" },
            "wait": { "until": "stay.ready", "at_most": "PT10H", "while": "inside" }, "once_per": once_per,
            "then": { "content": "welcome" },
        }))
        .await;
}

async fn booking(world: &World, seq: i64, subjects: &[UserId], properties: Value) {
    world.wait(60);
    let put = world.stay(seq, subjects, properties);
    world.pipeline.put_fact(put).await.unwrap();
}

#[tokio::test]
async fn a_family_shares_a_booking_that_one_joins_leaves_and_joins_again() {
    let world = world().await;
    publish_room(&world, "stay.key + user.ref").await;
    let (ana, ben) = (world.phone(1).await, world.phone(2).await);
    let (a, b) = (ana.user_id, ben.user_id);
    booking(&world, 1, &[a], json!({ "ready": false })).await;
    world.walk_in(&ana).await;
    world.walk_in(&ben).await;
    assert_eq!(world.codes().await, [WaitingFact, NoFact]);
    booking(&world, 2, &[a, b], json!({ "ready": false })).await;
    assert_eq!(
        world.codes().await,
        [WaitingFact, WaitingFact, NoFact],
        "he is still inside"
    );
    booking(&world, 3, &[a], json!({ "ready": false })).await;
    assert_eq!(world.codes().await, [WaitingFact, WaitingFact, NoFact, Cancelled]);
    assert!(world.subject(b).await.fact(&stay_ref()).is_none() && world.subject(b).await.waits.is_empty());
    booking(&world, 4, &[a, b], json!({ "ready": true })).await;
    let codes = world.codes().await;
    assert_eq!(
        codes.iter().filter(|code| **code == Sent).count(),
        2,
        "one each: {codes:?}"
    );
    // The old word that he is not among them comes late and counts for nothing.
    booking(&world, 3, &[a], json!({ "ready": false })).await;
    assert!(world.subject(b).await.fact(&stay_ref()).is_some());
    booking(&world, 5, &[a, b], json!({ "ready": true, "status": "checked_out" })).await;
    for user in [a, b] {
        assert_eq!(
            world.subject(user).await.fact(&stay_ref()).unwrap().lifecycle,
            Lifecycle::Ended
        );
    }
    assert!(!world.codes().await.contains(&NotInside));
}

/// A further device of a user, as signing in on it makes one.
async fn further(world: &World, number: u128, name: &str) -> DeviceRow {
    let device = world.phone(number).await;
    world.pipeline.identify(&device, name, None).await.unwrap();
    world.fresh.device(world.project, device.id).await.unwrap().unwrap()
}

async fn sent_to(world: &World) -> Vec<DeviceId> {
    world
        .deliveries()
        .await
        .iter()
        .filter_map(|delivery| delivery.device_id)
        .collect()
}

#[tokio::test]
async fn phone_and_tablet_are_one_person() {
    let world = world().await;
    publish_room(&world, "stay.key").await;
    let (phone, tablet) = (further(&world, 1, "ana").await, further(&world, 2, "ana").await);
    assert_eq!(phone.user_id, tablet.user_id);
    booking(&world, 1, &[phone.user_id], json!({ "ready": false })).await;
    let at = async |device: &DeviceRow, name: &str, place| {
        world.wait(90);
        world.track(device, vec![fix(name, world.now(), place)]).await;
    };
    at(&tablet, "t1", HOTEL).await;
    at(&phone, "p1", HOTEL).await;
    at(&tablet, "t2", HOTEL).await;
    // Between the wait and the message she takes up the phone again.
    at(&phone, "p2", HOTEL).await;
    booking(&world, 2, &[phone.user_id], json!({ "ready": true })).await;
    assert_eq!(sent_to(&world).await, [phone.id]);
    for (index, place) in [STREET, STREET].into_iter().enumerate() {
        at(&tablet, &format!("t gone {index}"), place).await;
    }
    let exits = async || {
        let (filter, ask) = (MomentFilter::default(), PageAsk::first(200));
        let all = world.fresh.moments(world.project, &filter, &ask).await.unwrap().rows;
        all.iter()
            .filter(|moment| matches!(moment.kind, MomentKind::Exited { .. }))
            .count()
    };
    assert_eq!(exits().await, 0, "the phone is still there");
    // The phone is switched off for messages: the tablet is reached instead.
    let mute = DeviceRow {
        notifications: Permission::Denied,
        ..phone.clone()
    };
    world.pipeline.update_device(mute).await.unwrap();
    for (index, place) in [STREET, STREET].into_iter().enumerate() {
        at(&phone, &format!("p gone {index}"), place).await;
    }
    assert_eq!(exits().await, 1);
    assert!(world.now() > noon());
}
