//! People on the way: signing in and out, consent, erasure; and what marketers change while people are about.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use super::PipelineError;
use super::world::{HOTEL, STREET, event, fix, noon, stay_ref, user_id, world, world_with_fcm};
use crate::base::contact::Contact;
use crate::engine::decision::ReasonCode;
use crate::engine::delivery::DeliveryState;
use crate::engine::fix::{RawBody, Receipt, ReceiptStatus};
use crate::engine::subject::{Profile, Purpose};
use crate::store::{DeviceRow, UserRow};
use chrono::TimeDelta;
use serde_json::{Map, json};

fn called(name: &str) -> Profile {
    let mut attributes = Map::new();
    attributes.insert("first_name".into(), json!(name));
    Profile {
        attributes,
        ..Profile::default()
    }
}

fn held_by(device: &DeviceRow, user: &UserRow) -> DeviceRow {
    DeviceRow {
        user_id: user.id,
        ..device.clone()
    }
}

#[tokio::test]
async fn a_phone_that_changes_hands_speaks_to_its_new_owner_alone() {
    let world = world_with_fcm().await;
    world.publish_key().await;
    let phone = world.phone(1).await;
    world.wait(1);
    let ana = world
        .pipeline
        .identify(&phone, "ana", Some(called("Ana")))
        .await
        .unwrap();
    let phone = held_by(&phone, &ana);
    assert!(
        world.subject(ana.id).await.has_consent(Purpose::Service),
        "her word goes along"
    );
    let stay = world.stay(1, &[ana.id], json!({}));
    world.pipeline.put_fact(stay).await.unwrap();
    world.wait(60);
    let hers = event("hers", world.now(), "key_used");
    world.wait(60);
    let nobody = world.pipeline.sign_out(&phone).await.unwrap();
    world.wait(300);
    let held = DeviceRow {
        user_id: nobody,
        ..phone.clone()
    };
    let ben = world.pipeline.identify(&held, "ben", None).await.unwrap();
    let held = held_by(&held, &ben);
    world.wait(60);
    // What was queued under Ana is uploaded in Ben's time.
    let tracked = world
        .track(&held, vec![hers, event("his", world.now(), "key_used")])
        .await;
    let whose: Vec<_> = tracked.moments.iter().map(|moment| moment.user_id).collect();
    assert_eq!(whose.len(), 2);
    assert!(whose.contains(&ana.id) && whose.contains(&ben.id));
    world.pipeline.dispatch().await.unwrap();
    assert!(
        world.server().received().is_empty(),
        "Ana has no phone, and Ben did not agree to messages"
    );
    assert!(
        world
            .subject(ana.id)
            .await
            .devices
            .values()
            .all(|device| device.about.channel.is_none())
    );
    assert!(world.subject(ben.id).await.facts.is_empty());
    assert_eq!(
        world.fresh.owner_at(world.project, phone.id, noon()).await.unwrap(),
        Some(user_id(1))
    );
}

#[tokio::test]
async fn signing_in_without_a_profile_keeps_the_one_that_is_known() {
    let world = world().await;
    let known = world
        .pipeline
        .put_user(world.project, "ana", (called("Ana"), Contact::default()))
        .await
        .unwrap();
    let phone = world.phone(1).await;
    world.wait(60);
    let ana = world.pipeline.identify(&phone, "ana", None).await.unwrap();
    assert_eq!((ana.id, &ana.profile), (known.id, &known.profile));
    assert_eq!(*world.subject(ana.id).await.profile, known.profile);
    let stored = world.fresh.user_by_ref(world.project, "ana").await.unwrap().unwrap();
    assert_eq!(
        stored, known,
        "nothing was written, so nothing written meanwhile can be undone"
    );
    let again = world
        .pipeline
        .identify(&held_by(&phone, &ana), "ana", None)
        .await
        .unwrap();
    assert_eq!(again.id, ana.id);
    assert_eq!(world.subject(ana.id).await.devices.len(), 1);
    assert!(world.subject(phone.user_id).await.devices.is_empty());
}

#[tokio::test]
async fn the_same_name_from_many_callers_is_one_user() {
    let world = world().await;
    let calls = (0..20).map(|_| {
        world
            .pipeline
            .put_user(world.project, "ana", (called("Ana"), Contact::default()))
    });
    let users = futures_util::future::join_all(calls).await;
    let ids: std::collections::BTreeSet<_> = users.into_iter().map(|user| user.unwrap().id).collect();
    assert_eq!(ids.len(), 1);
}

#[tokio::test]
async fn withdrawn_consent_refuses_late_records_and_speaks_no_more() {
    let world = world().await;
    world.publish_welcome().await;
    let phone = world.phone(1).await;
    world.track(&phone, vec![fix("f1", noon(), STREET)]).await;
    world.wait(60);
    world.consent(phone.user_id, Purpose::Location, false).await;
    let late = world.track(&phone, vec![fix("f2", world.now(), HOTEL)]).await;
    assert_eq!(late.acks[0].code.as_deref(), Some("opted_out"));
    assert!(world.moments().await.is_empty());
    world.wait(60);
    world.consent(phone.user_id, Purpose::Location, true).await;
    let again = world.track(&phone, vec![fix("f3", world.now(), HOTEL)]).await;
    assert_eq!(again.moments.len(), 1);
}

#[tokio::test]
async fn erasing_someone_who_waits_leaves_a_tombstone_and_refuses_everything_later() {
    let mut world = world().await;
    world
        .publish(json!({
            "name": "room", "class": "service", "when": { "entered": { "tag": "hotel" } }, "for_each": { "stay": "stay" },
            "wait": { "until": "stay.ready", "at_most": "PT10H", "while": "inside" }, "then": { "content": "welcome" },
        }))
        .await;
    world.publish_welcome().await;
    let phone = world.phone(1).await;
    let user = phone.user_id;
    let stay = world.stay(1, &[user], json!({ "ready": false }));
    world.pipeline.put_fact(stay).await.unwrap();
    world.walk_in(&phone).await;
    assert_eq!(world.codes().await, [ReasonCode::Sent, ReasonCode::WaitingFact]);
    assert_eq!(world.states().await, [DeliveryState::Queued]);
    world.wait(600);
    // The subject is in memory; the erasure stands in line with what comes before and after it.
    let (erased, after) = futures_util::future::join(
        world.pipeline.erase(world.project, user),
        world.pipeline.event(world.project, user, world.key_used("e1", "b1")),
    )
    .await;
    assert!(erased.unwrap());
    assert!(matches!(after, Err(PipelineError::Erased)));
    for _ in 0..2 {
        let late = world
            .track(
                &phone,
                vec![fix("late", world.now(), HOTEL), event("le", world.now(), "key_used")],
            )
            .await;
        let codes: Vec<_> = late.acks.iter().map(|ack| ack.code.as_deref()).collect();
        assert_eq!(codes, [Some("erased"), Some("erased")]);
        let event = world
            .pipeline
            .event(world.project, user, world.key_used("e2", "b1"))
            .await;
        assert!(matches!(event, Err(PipelineError::Erased)));
        let updated = world.pipeline.update_device(phone.clone()).await;
        assert!(matches!(updated, Err(PipelineError::Erased)));
        world.restart().await;
    }
    let stay = world.stay(2, &[user], json!({ "ready": true }));
    world.pipeline.put_fact(stay).await.unwrap();
    assert_eq!(world.pipeline.dispatch().await.unwrap(), 0);
    world.wait(36_000);
    assert_eq!(world.pipeline.tick().await.unwrap(), 0);
    assert!(
        world.decisions().await.is_empty() && world.moments().await.is_empty() && world.deliveries().await.is_empty()
    );
    assert!(world.fresh.is_erased(world.project, user).await.unwrap());
    assert!(world.fresh.export_user(world.project, user).await.unwrap().is_none());
    assert!(world.fresh.devices_of(world.project, user).await.unwrap().is_empty());
    assert!(!world.pipeline.erase(world.project, user_id(99)).await.unwrap());
}

#[tokio::test]
async fn a_receipt_moves_the_delivery_forward_once_and_only_for_the_phone_it_went_to() {
    let world = world().await;
    world.publish_key().await;
    let (ana, ben) = (world.phone(1).await, world.phone(2).await);
    world.track(&ana, vec![event("e1", world.now(), "key_used")]).await;
    world.pipeline.dispatch().await.unwrap();
    let message_id = world.deliveries().await[0].message_id;
    let receipt = |id: &str, status| {
        let body = RawBody::Receipt(Receipt {
            message_id,
            status,
            action: None,
            text: None,
        });
        super::world::raw(id, noon(), body)
    };
    world.track(&ben, vec![receipt("r0", ReceiptStatus::Opened)]).await;
    assert_eq!(world.states().await, [DeliveryState::Accepted]);
    world.track(&ana, vec![receipt("r1", ReceiptStatus::Opened)]).await;
    world
        .track(
            &ana,
            vec![
                receipt("r2", ReceiptStatus::Received),
                receipt("r1", ReceiptStatus::Opened),
            ],
        )
        .await;
    assert_eq!(world.states().await, [DeliveryState::Opened]);
}

#[tokio::test]
async fn what_marketers_change_is_in_force_before_the_answer() {
    let world = world().await;
    let phone = world.phone(1).await;
    world.track(&phone, vec![fix("f1", noon(), STREET)]).await;
    let trigger = world.publish_key().await;
    world.track(&phone, vec![event("e1", noon(), "key_used")]).await;
    assert_eq!(world.codes().await, [ReasonCode::Sent]);
    world.say("welcome", "PT1H", "Servus").await;
    world.track(&phone, vec![event("e2", noon(), "key_used")]).await;
    let newest = world
        .decisions()
        .await
        .into_iter()
        .find_map(|decision| decision.message_id);
    let titles = async |message| {
        world
            .fresh
            .message(world.project, message)
            .await
            .unwrap()
            .unwrap()
            .shown
            .title
    };
    let mut said = Vec::new();
    for decision in world.decisions().await {
        said.push(titles(decision.message_id.unwrap()).await);
    }
    said.sort();
    assert!(newest.is_some());
    assert_eq!(said, ["Servus", "Welcome"]);
    assert!(
        world
            .pipeline
            .delete_geofence(world.project, world.hotel().id)
            .await
            .unwrap()
    );
    world.wait(60);
    assert!(
        world
            .track(&phone, vec![fix("f2", world.now(), HOTEL)])
            .await
            .moments
            .is_empty()
    );
    // A rollback publishes the first revision again; a dry run changes nothing.
    let back = world
        .pipeline
        .rollback(world.project, trigger, 1, None)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(back.revision, 2);
    assert_eq!(
        world.pipeline.catalogue(world.project).await.unwrap().triggers[0].revision,
        2
    );
    world
        .pipeline
        .put_geofences(world.project, &[world.hotel()], true)
        .await
        .unwrap();
    assert!(world.pipeline.catalogue(world.project).await.unwrap().fences.is_empty());
}

#[tokio::test]
async fn a_fact_that_ends_takes_back_what_was_not_sent_yet() {
    let world = world().await;
    world
        .publish(json!({
            "name": "stay", "class": "service", "when": { "fact": { "type": "stay", "becomes": "created" } },
            "for_each": { "stay": "stay" }, "then": { "content": "welcome" },
        }))
        .await;
    let phone = world.phone(1).await;
    let stay = world.stay(1, &[phone.user_id], json!({}));
    world.pipeline.put_fact(stay).await.unwrap();
    assert_eq!(world.states().await, [DeliveryState::Queued]);
    world.wait(1);
    let gone = world.stay(2, &[], json!({}));
    world.pipeline.put_fact(gone).await.unwrap();
    assert_eq!(world.states().await, [DeliveryState::Cancelled]);
    assert!(world.subject(phone.user_id).await.fact(&stay_ref()).is_none());
    assert_eq!(world.pipeline.dispatch().await.unwrap(), 0);
    assert!(world.now() - noon() < TimeDelta::minutes(1));
}
