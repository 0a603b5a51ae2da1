//! Between decision and screen: what is judged once more, where a failed message goes, and what a correction corrects.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use super::world::{World, event, fix, token, world, world_with_fcm};
use crate::engine::decision::ReasonCode;
use crate::engine::delivery::DeliveryState;
use crate::engine::fact::Lifecycle;
use crate::store::change::{InboxEntry, InboxInput};
use crate::store::{DeviceRow, FactPut, Settlement};
use ::fcm::test_server::Fault;
use chrono::TimeDelta;
use serde_json::json;

impl World {
    async fn told(&self) -> Vec<(DeliveryState, Option<String>)> {
        let mut told: Vec<_> = self
            .deliveries()
            .await
            .into_iter()
            .map(|row| (row.state, row.why))
            .collect();
        told.sort();
        told
    }

    async fn put_stay(&self, phone: &DeviceRow, seq: i64, status: &str, lifecycle: Lifecycle) {
        let mut put: FactPut = self.stay(seq, &[phone.user_id], json!({ "status": status }));
        put.fact.lifecycle = lifecycle;
        self.pipeline.put_fact(put).await.unwrap();
    }

    /// A message about a stay, decided while the project sends nothing.
    async fn held_back(&self, extra: serde_json::Value) -> DeviceRow {
        let mut trigger = json!({ "name": "welcome", "class": "service", "when": { "entered": { "tag": "hotel" } },
            "for_each": { "stay": "stay" }, "if": "stay.status == 'booked'", "then": { "content": "welcome" } });
        trigger
            .as_object_mut()
            .unwrap()
            .extend(extra.as_object().unwrap().clone());
        self.publish(trigger).await;
        let phone = self.phone(1).await;
        self.put_stay(&phone, 1, "booked", Lifecycle::Active).await;
        self.walk_in(&phone).await;
        assert_eq!(self.states().await, [DeliveryState::Queued]);
        self.server().fail_next(&token(1), Fault::unavailable());
        self.pipeline.dispatch().await.unwrap();
        assert_eq!(
            self.states().await,
            [DeliveryState::Queued],
            "the provider is out of order"
        );
        phone
    }
}

impl World {
    /// A message about a stay is queued; what follows on the end of the stay corrects it.
    async fn welcomed_to_a_stay(&self) -> DeviceRow {
        self.publish(
            json!({ "name": "welcome", "class": "service", "when": { "entered": { "tag": "hotel" } },
                "for_each": { "stay": "stay" }, "then": { "content": "welcome" } }),
        )
        .await;
        self.say("sorry", "PT1H", "It was cancelled").await;
        self.publish(
            json!({ "name": "sorry", "class": "service", "when": { "fact": { "type": "stay", "becomes": "ended" } },
                "for_each": { "stay": "stay" }, "then": { "content": "sorry", "replaces": { "content": "welcome" } } }),
        )
        .await;
        let phone = self.phone(1).await;
        self.put_stay(&phone, 1, "booked", Lifecycle::Active).await;
        self.walk_in(&phone).await;
        phone
    }
}

#[tokio::test]
async fn what_goes_out_late_and_is_still_true_goes() {
    let world = world_with_fcm().await;
    world.held_back(json!({ "wait": { "while": "inside" } })).await;
    world.wait(60);
    world.pipeline.dispatch().await.unwrap();
    assert_eq!(world.states().await, [DeliveryState::Accepted]);
}

#[tokio::test]
async fn what_goes_out_late_is_judged_again_by_the_facts_of_now() {
    let world = world_with_fcm().await;
    let phone = world.held_back(json!({})).await;
    world.put_stay(&phone, 2, "checked_in", Lifecycle::Active).await;
    world.wait(60);
    world.pipeline.dispatch().await.unwrap();
    let cancelled = |why: &str| vec![(DeliveryState::Cancelled, Some(why.to_owned()))];
    assert_eq!(world.told().await, cancelled("condition_false"));
    assert!(world.server().screen(&token(1)).is_empty());
}

#[tokio::test]
async fn what_is_said_only_inside_is_not_said_to_who_has_left_meanwhile() {
    let world = world_with_fcm().await;
    let phone = world.held_back(json!({ "wait": { "while": "inside" } })).await;
    for minute in 0..3 {
        world.wait(60);
        let outside = fix(&format!("left {minute}"), world.now(), super::world::STREET);
        world.track(&phone, vec![outside]).await;
    }
    world.pipeline.dispatch().await.unwrap();
    assert_eq!(
        world.told().await,
        [(DeliveryState::Cancelled, Some("not_inside".to_owned()))]
    );
}

/// Two phones of one person; the first was heard from last.
async fn two_phones(world: &World) -> (DeviceRow, DeviceRow) {
    let (first, second) = (world.phone(1).await, world.phone(2).await);
    for phone in [&second, &first] {
        world.wait(1);
        world.pipeline.identify(phone, "ana", None).await.unwrap();
    }
    let first = world.fresh.device(world.project, first.id).await.unwrap().unwrap();
    let second = world.fresh.device(world.project, second.id).await.unwrap().unwrap();
    world.publish_key().await;
    world.track(&first, vec![event("e1", world.now(), "key_used")]).await;
    (first, second)
}

#[tokio::test]
async fn the_other_phone_takes_over_under_the_same_tag_and_a_repeat_of_the_word_changes_nothing() {
    let world = world_with_fcm().await;
    let (first, second) = two_phones(&world).await;
    world.server().unregister(&token(1));
    while world.pipeline.dispatch().await.unwrap() > 0 {}
    assert_eq!(world.states().await, [DeliveryState::Accepted, DeliveryState::Failed]);
    let received = world.server().received();
    let tags: Vec<_> = received
        .iter()
        .map(|request| request.message["data"]["tag"].clone())
        .collect();
    assert_eq!(tags.len(), 2);
    assert_eq!(tags[0], tags[1]);
    assert_eq!(world.server().screen(&token(2)).len(), 1);
    let message_id = world.deliveries().await[0].message_id;
    let again = crate::engine::step::Input::Undelivered {
        message_id,
        device_id: Some(first.id),
        channel: None,
        why: "again".into(),
    };
    let job = world.pipeline.step(world.project, first.user_id, again);
    world.pipeline.run(job).await.unwrap();
    assert_eq!(world.deliveries().await.len(), 2);
    assert_eq!(world.codes().await, [ReasonCode::Sent]);
    assert_eq!(
        world.subject(first.user_id).await.sent[0].course.tried,
        [first.id, second.id]
    );
}

#[tokio::test]
async fn a_crash_between_the_failure_and_the_step_loses_no_fallback() {
    let mut world = world_with_fcm().await;
    let (first, _) = two_phones(&world).await;
    let lease = TimeDelta::seconds(60);
    let claimed = world.fresh.claim_deliveries(world.now(), lease, 1).await.unwrap();
    let entry = InboxEntry {
        id: super::world::id(900),
        project_id: world.project,
        user_id: first.user_id,
        input: InboxInput::Undelivered {
            message_id: claimed[0].message.id,
            device_id: Some(first.id),
            channel: None,
            why: "UNREGISTERED".into(),
        },
    };
    let settlement = Settlement {
        project_id: world.project,
        delivery_id: claimed[0].delivery.id,
        attempts: 1,
        at: world.now(),
        state: DeliveryState::Failed,
        run_at: None,
        why: None,
        provider_id: None,
        attempt: None,
        dead_address: None,
        undelivered: Some(entry),
    };
    let state = world.fresh.settle_delivery(&settlement).await.unwrap();
    assert_eq!(state, Some(DeliveryState::Failed));
    world.restart().await;
    assert_eq!(world.pipeline.recover().await.unwrap(), 1);
    assert_eq!(world.pipeline.recover().await.unwrap(), 0);
    world.pipeline.dispatch().await.unwrap();
    assert_eq!(world.states().await, [DeliveryState::Accepted, DeliveryState::Failed]);
    assert_eq!(world.server().screen(&token(2)).len(), 1);
}

#[tokio::test]
async fn nobody_who_withdrew_consent_meanwhile_hears_of_it_on_the_other_phone() {
    let world = world_with_fcm().await;
    let (first, _) = two_phones(&world).await;
    world.server().fail_next(&token(1), Fault::unavailable());
    world.pipeline.dispatch().await.unwrap();
    world
        .consent(first.user_id, crate::engine::subject::Purpose::Service, false)
        .await;
    let message_id = world.deliveries().await[0].message_id;
    let failed = crate::engine::step::Input::Undelivered {
        message_id,
        device_id: Some(first.id),
        channel: None,
        why: "gone".into(),
    };
    let job = world.pipeline.step(world.project, first.user_id, failed);
    world.pipeline.run(job).await.unwrap();
    assert_eq!(world.codes().await, [ReasonCode::Sent, ReasonCode::ProviderError]);
    assert_eq!(world.deliveries().await.len(), 1);
}

#[tokio::test]
async fn a_message_that_never_got_out_is_not_corrected() {
    let world = world().await;
    let phone = world.welcomed_to_a_stay().await;
    // Called back before anybody took it.
    world.put_stay(&phone, 2, "cancelled", Lifecycle::Cancelled).await;
    assert_eq!(world.codes().await, [ReasonCode::Sent, ReasonCode::Sent]);
    world.pipeline.dispatch().await.unwrap();
    let why: Vec<_> = world.told().await.into_iter().map(|(_, why)| why.unwrap()).collect();
    assert_eq!(why, ["cancelled", "superseded"]);
}

#[tokio::test]
async fn a_message_that_got_out_is_corrected() {
    let world = world().await;
    let phone = world.welcomed_to_a_stay().await;
    world.pipeline.dispatch().await.unwrap();
    world.put_stay(&phone, 2, "cancelled", Lifecycle::Cancelled).await;
    world.pipeline.dispatch().await.unwrap();
    assert_eq!(world.states().await, [DeliveryState::Accepted, DeliveryState::Accepted]);
}

impl World {
    /// A message with a tag that every further `tick` says again.
    async fn two_passes(&self) -> DeviceRow {
        self.put_content(
            json!({ "name": "pass", "default_locale": "en", "ttl": "PT8H", "collapse": "pass",
            "locales": { "en": { "title": "Pass", "body": "Gate" } } }),
        )
        .await;
        self.publish(
            json!({ "name": "pass", "class": "service", "when": { "event": { "name": "tick" } },
            "then": { "content": "pass" } }),
        )
        .await;
        let phone = self.phone(1).await;
        self.track(&phone, vec![event("t1", self.now(), "tick")]).await;
        phone
    }
}

#[tokio::test]
async fn the_retry_of_an_older_message_does_not_cover_a_newer_one_with_its_tag() {
    let world = world_with_fcm().await;
    let phone = world.two_passes().await;
    world.server().fail_next(&token(1), Fault::unavailable());
    world.pipeline.dispatch().await.unwrap();
    assert_eq!(world.states().await, [DeliveryState::Queued]);
    world.track(&phone, vec![event("t2", world.now(), "tick")]).await;
    world.wait(600);
    while world.pipeline.dispatch().await.unwrap() > 0 {}
    let told = world.told().await;
    let superseded = (DeliveryState::Cancelled, Some("superseded".to_owned()));
    assert_eq!((told[0].0, &told[1]), (DeliveryState::Accepted, &superseded));
    assert_eq!(world.server().screen(&token(1)).len(), 1);
}

#[tokio::test]
async fn nor_does_one_whose_sender_fell_silent_while_the_newer_one_was_made() {
    let world = world_with_fcm().await;
    let phone = world.two_passes().await;
    let lease = TimeDelta::seconds(2);
    let claimed = world.fresh.claim_deliveries(world.now(), lease, 1).await.unwrap();
    assert_eq!(claimed.len(), 1);
    world.wait(1);
    world.track(&phone, vec![event("t2", world.now(), "tick")]).await;
    world.pipeline.dispatch().await.unwrap();
    world.wait(3);
    while world.pipeline.dispatch().await.unwrap() > 0 {}
    let told = world.told().await;
    let superseded = (DeliveryState::Cancelled, Some("superseded".to_owned()));
    assert_eq!((told[0].0, &told[1]), (DeliveryState::Accepted, &superseded));
    assert_eq!(world.server().received().len(), 1);
}

#[tokio::test]
async fn a_journey_that_is_paused_sends_nothing_that_is_queued() {
    let world = world_with_fcm().await;
    let journey = json!({ "name": "visit", "key": "event.name",
        "start": { "when": { "event": { "name": "key_used" } }, "goto": "there" },
        "states": { "there": { "at_most": { "for": "P1D", "exit": "over" },
            "triggers": [{ "name": "hello", "class": "service", "when": "begins", "then": { "content": "welcome" } }] } } });
    let journey = serde_json::from_value(journey).unwrap();
    let (row, draft) = world.pipeline.put_journey(world.project, &journey).await.unwrap();
    world
        .pipeline
        .publish_journey(world.project, row.id, draft.version)
        .await
        .unwrap();
    let phone = world.phone(1).await;
    world.track(&phone, vec![event("r1", world.now(), "key_used")]).await;
    assert_eq!(world.states().await, [DeliveryState::Queued]);
    world.pipeline.pause_journey(world.project, row.id, true).await.unwrap();
    world.pipeline.dispatch().await.unwrap();
    let held = (DeliveryState::Queued, Some("the trigger is paused".to_owned()));
    assert_eq!(world.told().await, [held]);
}
