//! Time: what falls due fires, also after a restart, once, and not before.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use super::world::{World, event, noon, world};
use crate::engine::catalogue::ProjectSettings;
use crate::engine::decision::ReasonCode;
use crate::engine::delivery::DeliveryState;
use crate::store::DeviceRow;
use chrono::TimeDelta;
use serde_json::json;

/// Restarts over the same database at this instant and lets the timers fire.
async fn tick_at(world: &mut World, seconds_after_noon: i64) -> usize {
    world.clock.set(noon() + TimeDelta::seconds(seconds_after_noon));
    world.restart().await;
    world.pipeline.recover().await.unwrap();
    world.pipeline.tick().await.unwrap()
}

async fn arrived(world: &World) -> DeviceRow {
    let phone = world.phone(1).await;
    assert_eq!(world.walk_in(&phone).await.moments.len(), 1);
    phone
}

#[tokio::test]
async fn a_dwell_fires_on_time_though_the_phone_is_silent_and_the_server_was_restarted() {
    let mut world = world().await;
    world
        .publish(json!({
            "name": "drink", "class": "service", "when": { "dwelled": { "for": "PT30M", "tag": "hotel" } },
            "then": { "content": "welcome" },
        }))
        .await;
    arrived(&world).await;
    let due = noon() + TimeDelta::seconds(60 + 1800);
    assert_eq!(world.fresh.next_wake().await.unwrap(), Some(due));
    assert_eq!(tick_at(&mut world, 60 + 1799).await, 0);
    assert!(world.decisions().await.is_empty());
    assert_eq!(tick_at(&mut world, 60 + 1800).await, 1);
    assert_eq!(world.codes().await, [ReasonCode::Sent]);
    let dwelled = world
        .moments()
        .await
        .into_iter()
        .find(|moment| moment.kind.name() == "dwelled");
    assert_eq!(dwelled.unwrap().occurred_at, due);
    assert_eq!(tick_at(&mut world, 60 + 1801).await, 0, "once");
    world.pipeline.dispatch().await.unwrap();
    assert_eq!(world.states().await, [DeliveryState::Accepted]);
}

#[tokio::test]
async fn a_wait_ends_at_its_limit_after_a_restart() {
    let mut world = world().await;
    world
        .publish(json!({
            "name": "room", "class": "service", "when": { "entered": { "tag": "hotel" } }, "for_each": { "stay": "stay" },
            "wait": { "until": "stay.ready", "at_most": "PT2H" }, "then": { "content": "welcome" },
        }))
        .await;
    let phone = world.phone(1).await;
    let stay = world.stay(1, &[phone.user_id], json!({ "ready": false }));
    world.pipeline.put_fact(stay).await.unwrap();
    world.walk_in(&phone).await;
    assert_eq!(world.codes().await, [ReasonCode::WaitingFact]);
    assert_eq!(tick_at(&mut world, 60 + 7199).await, 0);
    assert_eq!(tick_at(&mut world, 60 + 7200).await, 1);
    assert_eq!(world.codes().await, [ReasonCode::WaitingFact, ReasonCode::Expired]);
    assert_eq!(tick_at(&mut world, 60 + 9000).await, 0);
    assert!(world.deliveries().await.is_empty());
}

#[tokio::test]
async fn a_wait_that_a_fact_ends_after_a_restart_sends_once() {
    let mut world = world().await;
    world
        .publish(json!({
            "name": "room", "class": "service", "when": { "entered": { "tag": "hotel" } }, "for_each": { "stay": "stay" },
            "wait": { "until": "stay.ready", "at_most": "PT2H" }, "then": { "content": "welcome" },
        }))
        .await;
    let phone = world.phone(1).await;
    let stay = world.stay(1, &[phone.user_id], json!({ "ready": false }));
    world.pipeline.put_fact(stay).await.unwrap();
    world.walk_in(&phone).await;
    world.restart().await;
    world.wait(600);
    for _ in 0..3 {
        let stay = world.stay(2, &[phone.user_id], json!({ "ready": true }));
        world.pipeline.put_fact(stay).await.unwrap();
    }
    assert_eq!(world.codes().await, [ReasonCode::Sent, ReasonCode::WaitingFact]);
    assert_eq!(world.deliveries().await.len(), 1);
}

#[tokio::test]
async fn a_promo_of_the_night_goes_out_when_the_quiet_hours_end_after_a_restart() {
    let mut world = world().await;
    world.say("offer", "P1D", "Breakfast").await;
    world
        .publish(json!({
            "name": "offer", "class": "promo", "when": { "event": { "name": "key_used" } }, "then": { "content": "offer" },
        }))
        .await;
    let quiet = json!({ "time_zone": "Europe/Vienna", "quiet_hours": { "from": "22:00", "to": "07:00" } });
    let settings: ProjectSettings = serde_json::from_value(quiet).unwrap();
    world.pipeline.update_settings(world.project, &settings).await.unwrap();
    let phone = world.phone(1).await;
    // 21:00 in UTC is 23:00 in Vienna; the night ends at 05:00 UTC.
    let (evening, morning) = (9 * 3600, 17 * 3600);
    world.clock.set(noon() + TimeDelta::seconds(evening));
    world.track(&phone, vec![event("e1", world.now(), "key_used")]).await;
    assert_eq!(world.codes().await, [ReasonCode::QuietDeferred]);
    assert_eq!(tick_at(&mut world, morning - 1).await, 0);
    assert_eq!(tick_at(&mut world, morning).await, 1);
    assert_eq!(world.codes().await, [ReasonCode::Sent, ReasonCode::QuietDeferred]);
    assert_eq!(tick_at(&mut world, morning + 1).await, 0);
}

#[tokio::test]
async fn an_inbox_that_could_not_be_stepped_is_taken_up_by_the_next_tick() {
    let world = world().await;
    let phone = world.phone(1).await;
    let away = async |from: &str, to: &str| {
        let rename = format!("ALTER TABLE {from} RENAME TO {to}");
        world.fresh.meddle(&rename).await.unwrap();
    };
    away("moments", "moments_away").await;
    let put = world.pipeline.put_fact(world.stay(1, &[phone.user_id], json!({})));
    assert!(put.await.is_err());
    assert!(world.pipeline.tick().await.is_err());
    away("moments_away", "moments").await;
    assert_eq!(world.fresh.inbox_pending(10).await.unwrap().len(), 1);
    world.pipeline.tick().await.unwrap();
    assert!(world.fresh.inbox_pending(10).await.unwrap().is_empty());
    assert_eq!(world.subject(phone.user_id).await.facts.len(), 1);
    assert_eq!(world.moments().await.len(), 1);
}
