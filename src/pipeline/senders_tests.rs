//! Whose credentials speak: the project's, those from before while the new ones are refused, the server's where there are none.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may panic")]

use super::super::world::{World, world_with_fcm};
use crate::base::limits;
use crate::base::secret::Secret;
use crate::engine::delivery::{ChannelKind, DeliveryState};
use crate::store::{ChannelRow, Previous, SetUp};
use chrono::TimeDelta;
use serde_json::{Value, json};

/// Credentials of the look-alike; those of another Firebase project are known there, but may not send.
fn credentials(world: &World, firebase_project: Option<&str>) -> Secret {
    let mut account: Value = serde_json::from_str(&world.server().service_account_json()).unwrap();
    if let Some(name) = firebase_project {
        account["project_id"] = json!(name);
    }
    Secret::new(json!({ "service_account": account }).to_string())
}

async fn edit(world: &World, edit: impl FnOnce(&mut ChannelRow) + Send) -> ChannelRow {
    let key = (world.project, ChannelKind::Fcm);
    world.fresh.edit_channel(key, world.now(), edit).await.unwrap()
}

/// A message to phone 1, decided and not yet sent.
async fn queued(world: &World) {
    world.publish_welcome().await;
    let phone = world.phone(1).await;
    world.walk_in(&phone).await;
    assert_eq!(world.states().await, [DeliveryState::Queued]);
}

#[tokio::test]
async fn a_project_speaks_with_its_own_credentials_and_never_with_the_servers_instead() {
    let world = world_with_fcm().await;
    let elsewhere = credentials(&world, Some("elsewhere"));
    edit(&world, |row| row.set_up.credentials = Some(elsewhere)).await;
    queued(&world).await;
    world.pipeline.dispatch().await.unwrap();
    let delivery = world.deliveries().await.remove(0);
    assert_eq!(
        (delivery.state, delivery.why.as_deref()),
        (DeliveryState::Failed, Some("permission_denied")),
        "a refusal of credentials is never asked again"
    );
    assert!(world.server().screen("token-1").is_empty());
    // The project takes its credentials back: the server's speak for it.
    edit(&world, |row| row.set_up = SetUp::default()).await;
    world.wait(120);
    let phone = world.phone(2).await;
    world.walk_in(&phone).await;
    world.pipeline.dispatch().await.unwrap();
    let states = world.states().await;
    assert!(states.contains(&DeliveryState::Accepted), "{states:?}");
}

#[tokio::test]
async fn while_the_new_credentials_are_refused_those_from_before_are_used_for_a_day() {
    let world = world_with_fcm().await;
    let (good, elsewhere) = (credentials(&world, None), credentials(&world, Some("elsewhere")));
    let until = world.now() + limits::CREDENTIALS_OVERLAP;
    let first = edit(&world, |row| row.set_up.credentials = Some(good.clone())).await;
    let second = edit(&world, |row| {
        row.set_up.credentials = Some(elsewhere);
        row.set_up.previous = Some(Previous {
            credentials: good,
            until,
        });
    })
    .await;
    assert_eq!((first.version, second.version), (1, 2));
    queued(&world).await;
    world.pipeline.dispatch().await.unwrap();
    assert_eq!(world.states().await, [DeliveryState::Accepted]);
    // One attempt, though two credentials were tried.
    assert_eq!(world.deliveries().await[0].attempts, 1);
    edit(&world, |row| {
        if let Some(previous) = &mut row.set_up.previous {
            previous.until -= TimeDelta::days(2);
        }
    })
    .await;
    let phone = world.phone(2).await;
    world.walk_in(&phone).await;
    world.pipeline.dispatch().await.unwrap();
    let states = world.states().await;
    assert!(states.contains(&DeliveryState::Failed), "{states:?}");
}

#[tokio::test]
async fn a_paused_channel_lets_its_deliveries_wait_and_nothing_fails() {
    let world = world_with_fcm().await;
    let paused = edit(&world, |row| row.paused = true).await;
    assert_eq!(paused.version, 0, "the credentials are as they were");
    queued(&world).await;
    for _ in 0..3 {
        world.pipeline.dispatch().await.unwrap();
        world.wait(31);
    }
    let delivery = world.deliveries().await.remove(0);
    assert_eq!(
        (delivery.state, delivery.why.as_deref(), delivery.attempts),
        (DeliveryState::Queued, Some("the channel is paused"), 0)
    );
    assert!(world.server().received().is_empty());
    edit(&world, |row| row.paused = false).await;
    world.pipeline.dispatch().await.unwrap();
    assert_eq!(world.states().await, [DeliveryState::Accepted]);
}

#[tokio::test]
async fn a_probe_asks_with_the_credentials_that_hold() {
    let world = world_with_fcm().await;
    let probe = async || {
        let kind = ChannelKind::Fcm;
        world.pipeline.probe_channel(world.project, kind).await.unwrap()
    };
    assert_eq!(probe().await, Some(Ok(())), "the server's");
    let none = world.pipeline.probe_channel(world.project, ChannelKind::Sms).await;
    assert_eq!(none.unwrap(), None);
    let broken = Secret::new(json!({ "service_account": {} }).to_string());
    edit(&world, |row| row.set_up.credentials = Some(broken)).await;
    let said = probe().await.unwrap().unwrap_err();
    assert!(said.contains("put them again"), "{said}");
}
