//! Signals through the store: moments told to others and through a crash, clocks that are published, replies that are kept.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use super::world::{HOTEL, World, event, fix, noon, raw, world};
use crate::engine::decision::ReasonCode;
use crate::engine::fix::{RawBody, Receipt, ReceiptStatus};
use crate::engine::moment::{How, MomentKind};
use crate::store::DeviceRow;
use chrono::TimeDelta;
use serde_json::json;

/// The guest reads when the driver arrives; both are subjects of the stay.
async fn driver_and_guest(world: &World) -> (DeviceRow, DeviceRow) {
    world
        .publish(json!({
            "name": "near", "class": "service", "when": { "entered": { "tag": "hotel" } }, "whose": "stay.driver",
            "for_each": { "stay": "stay" }, "then": { "content": "welcome" },
        }))
        .await;
    let (driver, guest) = (world.phone(1).await, world.phone(2).await);
    world.pipeline.identify(&driver, "dan", None).await.unwrap();
    let dan = world.profile("dan").await;
    let driver = DeviceRow { user_id: dan, ..driver };
    let stay = world.stay(1, &[dan, guest.user_id], json!({ "driver": "dan" }));
    world.pipeline.put_fact(stay).await.unwrap();
    (driver, guest)
}

async fn arrives(world: &World, driver: &DeviceRow) {
    let arrival = fix(&format!("arrival {}", world.now()), world.now(), HOTEL);
    assert_eq!(world.track(driver, vec![arrival]).await.moments.len(), 1);
}

async fn move_table(world: &World, from: &str, to: &str) {
    let rename = format!("ALTER TABLE {from} RENAME TO {to}");
    world.fresh.meddle(&rename).await.unwrap();
}

#[tokio::test]
async fn the_guest_is_told_of_the_driver_before_the_answer_goes() {
    let world = world().await;
    let (driver, guest) = driver_and_guest(&world).await;
    arrives(&world, &driver).await;
    let decisions = world.decisions().await;
    assert_eq!(decisions.len(), 1);
    assert_eq!(
        (decisions[0].user_id, decisions[0].code),
        (guest.user_id, ReasonCode::Sent)
    );
    let moments = world.moments().await;
    let entered: Vec<_> = moments
        .iter()
        .filter(|moment| moment.kind.name() == "entered")
        .collect();
    assert_eq!(entered.len(), 1, "on record once, as the driver's");
    assert_eq!(
        (entered[0].user_id, entered[0].id),
        (driver.user_id, decisions[0].moment_id)
    );
    assert!(world.fresh.inbox_pending(10).await.unwrap().is_empty());
    let delivery = &world.deliveries().await[0];
    assert_eq!(delivery.user_id, guest.user_id);
}

#[tokio::test]
async fn what_could_not_be_told_is_told_by_the_next_tick_and_once() {
    let world = world().await;
    let (driver, _) = driver_and_guest(&world).await;
    move_table(&world, "decisions", "decisions_away").await;
    arrives(&world, &driver).await;
    assert_eq!(world.fresh.inbox_pending(10).await.unwrap().len(), 1);
    move_table(&world, "decisions_away", "decisions").await;
    for _ in 0..2 {
        world.pipeline.tick().await.unwrap();
        assert_eq!(world.codes().await, [ReasonCode::Sent]);
    }
    assert!(world.fresh.inbox_pending(10).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_a_crash_leaves_untold_is_told_at_the_next_start() {
    let mut world = world().await;
    let (driver, guest) = driver_and_guest(&world).await;
    move_table(&world, "decisions", "decisions_away").await;
    arrives(&world, &driver).await;
    move_table(&world, "decisions_away", "decisions").await;
    world.restart().await;
    assert_eq!(world.pipeline.recover().await.unwrap(), 1);
    assert_eq!(world.pipeline.recover().await.unwrap(), 0);
    assert_eq!(world.codes().await, [ReasonCode::Sent]);
    assert_eq!(world.deliveries().await[0].user_id, guest.user_id);
}

#[tokio::test]
async fn an_entry_that_is_taken_up_twice_is_heard_once() {
    let world = world().await;
    let (driver, _) = driver_and_guest(&world).await;
    move_table(&world, "decisions", "decisions_away").await;
    arrives(&world, &driver).await;
    move_table(&world, "decisions_away", "decisions").await;
    let (one, other) = tokio::join!(world.pipeline.recover(), world.pipeline.recover());
    assert!(one.unwrap() + other.unwrap() >= 1);
    assert_eq!(world.codes().await, [ReasonCode::Sent]);
}

#[tokio::test]
async fn who_was_erased_is_told_nothing() {
    let world = world().await;
    let (driver, guest) = driver_and_guest(&world).await;
    move_table(&world, "decisions", "decisions_away").await;
    arrives(&world, &driver).await;
    move_table(&world, "decisions_away", "decisions").await;
    assert!(world.pipeline.erase(world.project, guest.user_id).await.unwrap());
    world.pipeline.tick().await.unwrap();
    // The driver still has the stay, which names the guest who is gone.
    world.wait(600);
    let away = fix("away", world.now(), super::world::STREET);
    world.track(&driver, vec![away]).await;
    world.wait(120);
    let away = fix("still away", world.now(), super::world::STREET);
    world.track(&driver, vec![away]).await;
    world.wait(120);
    arrives(&world, &driver).await;
    assert!(world.fresh.inbox_pending(10).await.unwrap().is_empty());
    assert!(world.decisions().await.is_empty());
}

#[tokio::test]
async fn a_clock_that_is_published_reaches_people_who_send_nothing() {
    let mut world = world().await;
    let (ana, ben) = (world.phone(1).await, world.phone(2).await);
    for phone in [&ana, &ben] {
        world
            .track(phone, vec![event(&format!("e {}", phone.id), noon(), "hello")])
            .await;
    }
    let stay = world.stay(1, &[ana.user_id], json!({ "ends_at": noon() + TimeDelta::hours(4) }));
    world.pipeline.put_fact(stay).await.unwrap();
    assert_eq!(world.fresh.next_wake().await.unwrap(), None);
    world.wait(60);
    let id = world
        .publish(json!({
            "name": "bye", "class": "service", "when": { "time": { "fact": "stay", "at": "stay.ends_at - PT1H" } },
            "for_each": { "stay": "stay" }, "then": { "content": "welcome" },
        }))
        .await;
    assert_eq!(
        world.fresh.next_wake().await.unwrap(),
        Some(world.now()),
        "everybody, now"
    );
    assert_eq!(world.pipeline.tick().await.unwrap(), 2);
    assert_eq!(world.pipeline.tick().await.unwrap(), 0, "and not for ever");
    let due = noon() + TimeDelta::hours(3);
    assert_eq!(world.fresh.next_wake().await.unwrap(), Some(due));
    // Paused and resumed, everybody is asked again, and says the same.
    world.pipeline.pause(world.project, id, true).await.unwrap();
    assert_eq!(world.pipeline.tick().await.unwrap(), 0);
    world.pipeline.pause(world.project, id, false).await.unwrap();
    assert_eq!(world.pipeline.tick().await.unwrap(), 2);
    world.restart().await;
    world.clock.set(due);
    assert_eq!(world.pipeline.tick().await.unwrap(), 1);
    assert_eq!(world.codes().await, [ReasonCode::Sent]);
    let reached = world
        .moments()
        .await
        .into_iter()
        .find(|moment| moment.kind.name() == "reached");
    assert_eq!(reached.unwrap().occurred_at, due);
}

#[tokio::test]
async fn a_later_revision_does_not_make_a_trigger_younger() {
    let mut world = world().await;
    let trigger = |max_age: &str| {
        json!({ "name": "bye", "class": "service", "when": { "time": { "fact": "stay", "at": "stay.ends_at" } },
                "for_each": { "stay": "stay" }, "max_age": max_age, "then": { "content": "welcome" } })
    };
    world.publish(trigger("PT1H")).await;
    world.wait(7200);
    world.publish(trigger("PT2H")).await;
    world.restart().await;
    let phone = world.phone(1).await;
    let before = world.stay(
        1,
        &[phone.user_id],
        json!({ "ends_at": noon() - TimeDelta::seconds(1) }),
    );
    world.pipeline.put_fact(before).await.unwrap();
    assert!(world.codes().await.is_empty(), "before it first went live");
    let since = world.stay(2, &[phone.user_id], json!({ "ends_at": noon() + TimeDelta::hours(1) }));
    world.pipeline.put_fact(since).await.unwrap();
    assert_eq!(world.codes().await, [ReasonCode::Sent]);
}

#[tokio::test]
async fn a_reply_is_kept_and_is_a_moment() {
    let world = world().await;
    world.publish_welcome().await;
    world
        .publish(json!({
            "name": "thanks", "class": "service", "when": { "answered": { "content": "welcome", "how": "reply" } },
            "if": "answer.text == 'In the car'", "then": { "content": "welcome" },
        }))
        .await;
    let phone = world.phone(1).await;
    world.walk_in(&phone).await;
    world.pipeline.dispatch().await.unwrap();
    let message_id = world.deliveries().await[0].message_id;
    let reply = |id: &str, text: &str| {
        let receipt = Receipt {
            message_id,
            status: ReceiptStatus::Reply,
            action: None,
            text: Some(text.to_owned()),
        };
        raw(id, world.now(), RawBody::Receipt(receipt))
    };
    let long = world.track(&phone, vec![reply("r0", &"x".repeat(2_001))]).await;
    assert_eq!(long.acks[0].code.as_deref(), Some("text_out_of_bounds"));
    let tracked = world.track(&phone, vec![reply("r1", "In the car")]).await;
    let MomentKind::Answered { how, text, .. } = &tracked.moments[0].kind else {
        unreachable!("{:?}", tracked.moments)
    };
    assert_eq!((*how, text.as_deref()), (How::Reply, Some("In the car")));
    assert_eq!(world.codes().await, [ReasonCode::Sent, ReasonCode::Sent]);
    let export = world.fresh.export_user(world.project, phone.user_id).await.unwrap();
    assert_eq!(export.unwrap()["receipts"][0]["text"], "In the car");
    let again = world.track(&phone, vec![reply("r1", "In the car")]).await;
    assert!(again.moments.is_empty());
}
