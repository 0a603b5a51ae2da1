//! On the way out: at most once on the screen, never without consent, and every delivery accounted for.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use super::world::{World, event, noon, token, world, world_with_fcm};
use crate::engine::catalogue::ProjectSettings;
use crate::engine::decision::ReasonCode;
use crate::engine::delivery::{ChannelKind, DeliveryState};
use crate::engine::subject::Purpose;
use crate::store::{DeadAddress, DeviceRow, Whose};
use ::fcm::test_server::Fault;
use chrono::TimeDelta;
use std::collections::BTreeMap;

/// A message to phone 1, decided and not yet sent.
async fn queued(world: &World) -> DeviceRow {
    world.publish_welcome().await;
    let phone = world.phone(1).await;
    world.walk_in(&phone).await;
    assert_eq!(world.states().await, [DeliveryState::Queued]);
    phone
}

async fn why(world: &World) -> String {
    world.deliveries().await[0].why.clone().unwrap()
}

#[tokio::test]
async fn a_sender_that_went_silent_is_followed_by_another_with_the_same_tag_and_one_message_shows() {
    let world = world_with_fcm().await;
    let phone = queued(&world).await;
    // The provider takes it and the answer is lost; the sender dies before it can settle.
    let lease = TimeDelta::seconds(60);
    let claimed = world.fresh.claim_deliveries(world.now(), lease, 10).await.unwrap();
    let channel = world.pipeline.channels().get(ChannelKind::Fcm).unwrap();
    let now = world.now();
    let (message, address) = (&claimed[0].message, token(1));
    channel
        .send(crate::channel::Push {
            report_url: None,
            message,
            address: &address,
            sealing_key: None,
            now,
            entropy: world.pipeline.entropy(),
        })
        .await;
    assert_eq!(world.pipeline.dispatch().await.unwrap(), 0, "it is leased");
    world.wait(61);
    assert_eq!(world.pipeline.dispatch().await.unwrap(), 1);
    assert_eq!(world.states().await, [DeliveryState::Accepted]);
    let received = world.server().received();
    assert_eq!(received.len(), 2);
    let tags = |at: usize| {
        let message = &received[at].message;
        [
            message["android"]["notification"]["tag"].clone(),
            message["apns"]["headers"]["apns-collapse-id"].clone(),
            message["webpush"]["headers"]["Topic"].clone(),
            message["data"]["tag"].clone(),
        ]
    };
    assert_eq!(tags(0), tags(1));
    assert_eq!(world.server().screen(&address).len(), 1);
    assert_eq!(phone.push.unwrap().1, address);
}

#[tokio::test]
async fn an_answer_that_was_lost_is_asked_for_again_and_one_message_shows() {
    let world = world_with_fcm().await;
    queued(&world).await;
    world.server().fail_next(&token(1), Fault::DropConnectionAfterRead);
    world.pipeline.dispatch().await.unwrap();
    assert_eq!(world.states().await, [DeliveryState::Queued]);
    world.wait(30);
    world.pipeline.dispatch().await.unwrap();
    assert_eq!(world.states().await, [DeliveryState::Accepted]);
    assert_eq!(world.server().screen(&token(1)).len(), 1);
    let (_, attempts) = world
        .fresh
        .delivery(world.project, world.deliveries().await[0].id)
        .await
        .unwrap()
        .unwrap();
    let said: Vec<_> = attempts
        .iter()
        .map(|attempt| (attempt.number, attempt.outcome.as_str()))
        .collect();
    assert_eq!(said, [(1, "retry"), (2, "accepted")]);
}

#[tokio::test]
async fn a_dead_address_goes_on_the_first_word_and_the_next_moment_knows_it() {
    let world = world_with_fcm().await;
    let phone = queued(&world).await;
    let seen = world
        .subject(phone.user_id)
        .await
        .devices
        .get(&phone.id)
        .unwrap()
        .last_seen_at;
    world.server().unregister(&token(1));
    world.wait(5);
    world.pipeline.dispatch().await.unwrap();
    assert_eq!(world.states().await, [DeliveryState::Failed]);
    let stored = world.fresh.device(world.project, phone.id).await.unwrap().unwrap();
    assert_eq!(stored.push, None);
    let device = world
        .subject(phone.user_id)
        .await
        .devices
        .get(&phone.id)
        .unwrap()
        .clone();
    assert_eq!(device.about.channel, None, "the engine must know");
    assert_eq!(device.last_seen_at, seen, "the provider spoke, not the person");
    world.publish_key().await;
    world.track(&phone, vec![event("e1", world.now(), "key_used")]).await;
    let codes = [ReasonCode::Sent, ReasonCode::NoToken, ReasonCode::ProviderError];
    assert_eq!(world.codes().await, codes);
    world.pipeline.dispatch().await.unwrap();
    assert_eq!(world.server().received().len(), 1, "nothing more after the first word");
    // The app reports the token again: it lives.
    world.server().register(&token(1));
    world.pipeline.update_device(phone.clone()).await.unwrap();
    world.track(&phone, vec![event("e2", world.now(), "key_used")]).await;
    world.pipeline.dispatch().await.unwrap();
    assert_eq!(world.server().screen(&token(1)).len(), 1);
}

#[tokio::test]
async fn an_address_that_changes_hands_leaves_its_former_device_without_one() {
    let world = world_with_fcm().await;
    world.publish_key().await;
    let (ana, ben) = (world.phone(1).await, world.phone(2).await);
    let moved = DeviceRow {
        push: ana.push.clone(),
        ..ben.clone()
    };
    world.pipeline.update_device(moved).await.unwrap();
    assert_eq!(
        world
            .subject(ana.user_id)
            .await
            .devices
            .get(&ana.id)
            .unwrap()
            .about
            .channel,
        None
    );
    world.track(&ana, vec![event("e1", world.now(), "key_used")]).await;
    assert_eq!(world.codes().await, [ReasonCode::NoToken]);
    // The same when the phone is registered with it from the start.
    let third = world.phone(3).await;
    let mut renewed = third.clone();
    renewed.push = ana.push.clone();
    let registration = crate::store::Registration {
        device: renewed,
        consents: Vec::new(),
        source: "device".into(),
    };
    world.pipeline.register(registration).await.unwrap();
    assert_eq!(
        world
            .subject(ben.user_id)
            .await
            .devices
            .get(&ben.id)
            .unwrap()
            .about
            .channel,
        None
    );
    assert_eq!(
        world
            .subject(third.user_id)
            .await
            .devices
            .get(&third.id)
            .unwrap()
            .about
            .channel,
        Some(ChannelKind::Fcm)
    );
}

#[tokio::test]
async fn an_address_lost_behind_the_engines_back_is_learnt_at_the_next_send() {
    let world = world().await;
    let phone = queued(&world).await;
    world.publish_key().await;
    // A crash between the removal of the address and the step that tells the engine.
    let claimed = world
        .fresh
        .claim_deliveries(world.now(), TimeDelta::seconds(60), 1)
        .await
        .unwrap();
    let settlement = crate::store::Settlement {
        project_id: world.project,
        delivery_id: claimed[0].delivery.id,
        attempts: 1,
        at: world.now(),
        state: DeliveryState::Failed,
        run_at: None,
        why: None,
        provider_id: None,
        attempt: None,
        dead_address: Some(DeadAddress {
            whose: Whose::Device(phone.id),
            address: token(1),
            since: None,
        }),
        undelivered: None,
    };
    assert!(world.fresh.settle_delivery(&settlement).await.unwrap().is_some());
    world.track(&phone, vec![event("e1", world.now(), "key_used")]).await;
    world.pipeline.dispatch().await.unwrap();
    assert_eq!(world.states().await, [DeliveryState::Failed, DeliveryState::Failed]);
    world.track(&phone, vec![event("e2", world.now(), "key_used")]).await;
    assert_eq!(
        world.codes().await,
        [
            ReasonCode::Sent,
            ReasonCode::Sent,
            ReasonCode::NoToken,
            ReasonCode::ProviderError
        ]
    );
}

#[tokio::test]
async fn consent_withdrawn_after_the_decision_stops_the_send() {
    let world = world().await;
    let phone = queued(&world).await;
    world.consent(phone.user_id, Purpose::Service, false).await;
    world.pipeline.dispatch().await.unwrap();
    assert_eq!(world.states().await, [DeliveryState::Cancelled]);
    assert_eq!(why(&world).await, "consent was withdrawn");
}

#[tokio::test]
async fn a_device_handed_over_after_the_decision_stops_the_send() {
    let world = world().await;
    let phone = queued(&world).await;
    world.pipeline.sign_out(&phone).await.unwrap();
    world.pipeline.dispatch().await.unwrap();
    assert_eq!(world.states().await, [DeliveryState::Cancelled]);
    assert_eq!(why(&world).await, "the device belongs to somebody else now");
}

#[tokio::test]
async fn a_message_whose_life_is_over_expires_unsent() {
    let world = world_with_fcm().await;
    queued(&world).await;
    world.wait(3600);
    world.pipeline.dispatch().await.unwrap();
    assert_eq!(world.states().await, [DeliveryState::Expired]);
    assert!(world.server().received().is_empty());
}

#[tokio::test]
async fn a_paused_project_holds_its_messages_and_waiting_costs_no_attempt() {
    let world = world_with_fcm().await;
    queued(&world).await;
    let paused = ProjectSettings {
        paused: true,
        ..ProjectSettings::default()
    };
    world.pipeline.update_settings(world.project, &paused).await.unwrap();
    for _ in 0..20 {
        assert_eq!(world.pipeline.dispatch().await.unwrap(), 1);
        assert_eq!(world.states().await, [DeliveryState::Queued]);
        world.wait(30);
    }
    assert!(world.server().received().is_empty());
    let settings = ProjectSettings::default();
    world.pipeline.update_settings(world.project, &settings).await.unwrap();
    // Twenty looks were no attempts: a first failure is retried as the first.
    world.server().fail_next(&token(1), Fault::unavailable());
    world.pipeline.dispatch().await.unwrap();
    assert_eq!(world.states().await, [DeliveryState::Queued]);
    world.wait(20);
    world.pipeline.dispatch().await.unwrap();
    assert_eq!(world.states().await, [DeliveryState::Accepted]);
}

#[tokio::test]
async fn a_paused_trigger_sends_nothing_after_the_answer_not_even_what_is_queued() {
    let world = world_with_fcm().await;
    let trigger = world.publish_welcome().await;
    let phone = world.phone(1).await;
    world.walk_in(&phone).await;
    assert!(world.pipeline.pause(world.project, trigger, true).await.unwrap());
    world.pipeline.dispatch().await.unwrap();
    assert_eq!(world.states().await, [DeliveryState::Queued]);
    assert!(world.server().received().is_empty());
    let ben = world.phone(2).await;
    world.walk_in(&ben).await;
    assert_eq!(world.codes().await, [ReasonCode::Sent, ReasonCode::Paused]);
    assert!(world.pipeline.pause(world.project, trigger, false).await.unwrap());
    world.wait(30);
    world.pipeline.dispatch().await.unwrap();
    assert_eq!(world.states().await, [DeliveryState::Accepted]);
}

#[tokio::test]
async fn after_503_it_is_tried_again_when_the_provider_said_and_not_before() {
    let world = world_with_fcm().await;
    queued(&world).await;
    world
        .server()
        .fail_next(&token(1), Fault::unavailable().retry_after("120"));
    world.pipeline.dispatch().await.unwrap();
    let delivery = world.deliveries().await.remove(0);
    let wait = delivery.run_at - world.now();
    assert!(
        wait >= TimeDelta::seconds(120) && wait <= TimeDelta::seconds(180),
        "{wait}"
    );
    assert_eq!(world.fresh.next_run_at().await.unwrap(), Some(delivery.run_at));
    world.clock.set(delivery.run_at - TimeDelta::microseconds(1));
    assert_eq!(world.pipeline.dispatch().await.unwrap(), 0);
    world.clock.set(delivery.run_at);
    assert_eq!(world.pipeline.dispatch().await.unwrap(), 1);
    assert_eq!(world.states().await, [DeliveryState::Accepted]);
}

#[tokio::test]
async fn what_was_decided_is_delivered_failed_expired_cancelled_or_waiting_at_every_moment() {
    let world = world_with_fcm().await;
    world.publish_welcome().await;
    let faults = [
        None,
        Some(Fault::unregistered()),
        Some(Fault::unavailable()),
        Some(Fault::quota_exceeded()),
        Some(Fault::internal()),
        Some(Fault::InvalidJsonAnswer),
    ];
    let mut sent = 0;
    let mut last: BTreeMap<_, DeliveryState> = BTreeMap::new();
    for (number, fault) in (1_u128..).zip(faults.iter().cycle().take(12)) {
        let phone = world.phone(number).await;
        if let Some(fault) = fault {
            world.server().fail_next(&token(number), fault.clone());
        }
        world.walk_in(&phone).await;
        sent += 1;
        if number % 3 == 0 {
            world.pipeline.dispatch().await.unwrap();
        }
        let counts = world.fresh.delivery_counts(world.project).await.unwrap();
        assert_eq!(counts.values().sum::<u64>(), sent);
        for delivery in world.deliveries().await {
            let before = last.insert(delivery.id, delivery.state);
            let forward = before.is_none_or(|before| before.is_open() || before == delivery.state);
            assert!(forward, "{before:?} became {:?}", delivery.state);
        }
    }
    world.wait(7200);
    world.pipeline.dispatch().await.unwrap();
    let counts = world.fresh.delivery_counts(world.project).await.unwrap();
    assert_eq!(counts.values().sum::<u64>(), sent);
    assert!(counts.keys().all(|state| !state.is_open()), "{counts:?}");
    assert!(world.now() > noon());
}

#[tokio::test]
async fn a_page_opened_later_finds_what_tray_phones_show_and_nothing_of_the_erased() {
    let world = world().await;
    let phone = queued(&world).await;
    let stream = world.pipeline.stream();
    assert!(stream.pushed_lately(phone.project_id).is_empty());
    world.pipeline.dispatch().await.unwrap();
    let pushed = stream.pushed_lately(phone.project_id);
    assert_eq!(pushed.len(), 1);
    assert_eq!(pushed[0].body["device_id"], serde_json::json!(phone.id));
    assert!(stream.pushed_lately(super::world::id(99)).is_empty(), "another project");
    world.pipeline.erase(phone.project_id, phone.user_id).await.unwrap();
    assert!(stream.pushed_lately(phone.project_id).is_empty());
}
