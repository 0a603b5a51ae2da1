//! Signing in for the first time: everything of the anonymous user is the named one's, also after a crash in between.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use super::world::{HOTEL, STREET, World, event, fix, noon, stay_ref, world};
use crate::base::id::{IdSource, UserId};
use crate::engine::decision::ReasonCode;
use crate::engine::delivery::DeliveryState;
use crate::engine::subject::Purpose;
use crate::store::{DeviceRow, FactPut, MomentFilter, PageAsk, UserMerge};
use serde_json::json;
use uuid::Uuid;

async fn publish_room(world: &World) {
    world
        .publish(json!({
            "name": "room", "class": "service", "when": { "entered": { "tag": "hotel" } }, "for_each": { "stay": "stay" },
            "once_per": "stay.key", "then": { "content": "welcome" },
        }))
        .await;
}

/// Ana is known to the business, with a stay, before she has a phone.
async fn ana_with_stay(world: &World) -> UserId {
    let ana = world.profile("ana").await;
    let stay = world.stay(1, &[ana], json!({}));
    world.pipeline.put_fact(stay).await.unwrap();
    ana
}

async fn held(world: &World, phone: &DeviceRow) -> DeviceRow {
    world.fresh.device(world.project, phone.id).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_guest_who_signs_in_inside_is_told_of_the_room() {
    let world = world().await;
    publish_room(&world).await;
    let ana = ana_with_stay(&world).await;
    let phone = world.phone(1).await;
    world.track(&phone, vec![fix("f0", noon(), STREET)]).await;
    world.wait(60);
    let queued = event("queued", world.now(), "key_used");
    world.track(&phone, vec![fix("f1", world.now(), HOTEL)]).await;
    assert_eq!(world.codes().await, [ReasonCode::NoFact]);
    world.wait(60);
    let user = world.pipeline.identify(&phone, "ana", None).await.unwrap();
    assert_eq!(user.id, ana);
    assert_eq!(world.codes().await, [ReasonCode::Sent, ReasonCode::NoFact]);
    assert!(world.pipeline.dispatch().await.unwrap() > 0);
    assert_eq!(world.states().await, [DeliveryState::Accepted]);
    let of_ana = MomentFilter {
        user_id: Some(ana),
        ..MomentFilter::default()
    };
    let hers = world
        .fresh
        .moments(world.project, &of_ana, &PageAsk::first(9))
        .await
        .unwrap()
        .rows;
    assert_eq!(hers.len(), 2, "the fact, and the one arrival: {hers:?}");
    assert!(hers.iter().all(|moment| moment.user_id == ana));
    assert!(
        world.fresh.consents_of(world.project, ana).await.unwrap().len() == 3,
        "her word went along"
    );
    // What was queued before she signed in is her history, and an old fix moves nothing.
    let phone = held(&world, &phone).await;
    let late = world.track(&phone, vec![queued, fix("f2", noon(), STREET)]).await;
    assert!(super::world::accepted(&late.acks), "{:?}", late.acks);
    assert_eq!(
        late.moments.iter().map(|moment| moment.user_id).collect::<Vec<_>>(),
        [ana]
    );
    assert_eq!(world.subject(ana).await.places_inside().count(), 1);
    // Who they were holds nothing any more.
    let nobody = world.subject(super::world::user_id(1)).await;
    assert!(nobody.devices.is_empty() && nobody.visits.is_empty() && nobody.seldom.merged_into == Some(ana));
}

#[tokio::test]
async fn a_crash_in_the_middle_loses_nothing() {
    let mut world = world().await;
    publish_room(&world).await;
    let ana = ana_with_stay(&world).await;
    let phone = world.phone(1).await;
    world.walk_in(&phone).await;
    world.wait(60);
    let merge = UserMerge {
        project_id: world.project,
        from: phone.user_id,
        to: ana,
        device_id: phone.id,
        at: world.now(),
        entry: Uuid::from_u128(77),
    };
    let known = world.subject(phone.user_id).await;
    assert!(world.fresh.merge_user(&merge, &known).await.unwrap().is_some());
    assert!(
        world.fresh.merge_user(&merge, &known).await.unwrap().is_none(),
        "once is enough"
    );
    world.restart().await;
    assert_eq!(world.pipeline.recover().await.unwrap(), 1);
    assert_eq!(world.pipeline.recover().await.unwrap(), 0);
    assert_eq!(world.codes().await, [ReasonCode::Sent, ReasonCode::NoFact]);
    // The app asks again, not having heard the answer.
    let phone = held(&world, &phone).await;
    assert_eq!(phone.user_id, ana);
    world.pipeline.identify(&phone, "ana", None).await.unwrap();
    assert_eq!(world.codes().await, [ReasonCode::Sent, ReasonCode::NoFact]);
    assert_eq!(world.pipeline.dispatch().await.unwrap(), 1);
}

#[tokio::test]
async fn of_a_person_with_a_name_nothing_becomes_another_ones() {
    let world = world().await;
    publish_room(&world).await;
    let phone = world.phone(1).await;
    let ana = world.pipeline.identify(&phone, "ana", None).await.unwrap();
    let phone = held(&world, &phone).await;
    world.walk_in(&phone).await;
    world.wait(60);
    let ben = world.profile("ben").await;
    let mut ids = IdSource::new(Uuid::from_u128(3), world.now());
    let stay: FactPut = world.stay(1, &[ben], json!({}));
    world.fresh.put_fact(stay, &mut ids).await.unwrap();
    world.pipeline.recover().await.unwrap();
    world.pipeline.identify(&phone, "ben", None).await.unwrap();
    let him = world.subject(ben).await;
    assert!(him.visits.is_empty() && him.consents.is_empty() && him.fact(&stay_ref()).is_some());
    assert!(
        world
            .fresh
            .merged_into(world.project, &[ana.id])
            .await
            .unwrap()
            .is_empty()
    );
    // Signed out, the phone is nobody's who knows nothing; signing in again brings nothing back.
    let phone = held(&world, &phone).await;
    let nobody = world.pipeline.sign_out(&phone).await.unwrap();
    let empty = world.subject(nobody).await;
    assert!(empty.visits.is_empty() && empty.consents.is_empty() && empty.facts.is_empty());
    let phone = held(&world, &phone).await;
    world.pipeline.identify(&phone, "ben", None).await.unwrap();
    assert!(world.subject(ben).await.visits.is_empty());
    assert_eq!(world.codes().await, [ReasonCode::NoFact]);
}

#[tokio::test]
async fn export_and_erasure_reach_who_they_were() {
    let world = world().await;
    world.publish_welcome().await;
    let phone = world.phone(1).await;
    let nobody = phone.user_id;
    world.walk_in(&phone).await;
    world.wait(60);
    let ana = world.pipeline.identify(&phone, "ana", None).await.unwrap().id;
    let export = world.fresh.export_user(world.project, ana).await.unwrap().unwrap();
    assert_eq!(export["was"][0]["id"], json!(nobody));
    assert_eq!(export["was"][0]["consents"].as_array().unwrap().len(), 3);
    assert_eq!(export["moments"].as_array().unwrap().len(), 1);
    assert!(world.pipeline.erase(world.project, ana).await.unwrap());
    for user in [ana, nobody] {
        assert!(world.fresh.is_erased(world.project, user).await.unwrap());
        assert!(world.fresh.export_user(world.project, user).await.unwrap().is_none());
    }
    assert!(world.fresh.consents_of(world.project, nobody).await.unwrap().is_empty());
    assert!(!world.subject(nobody).await.has_consent(Purpose::Service));
}

#[tokio::test]
async fn who_they_were_is_not_woken_with_everybody() {
    let world = world().await;
    ana_with_stay(&world).await;
    let phone = world.phone(1).await;
    world.track(&phone, vec![fix("f0", noon(), STREET)]).await;
    world.pipeline.identify(&phone, "ana", None).await.unwrap();
    world.fresh.wake_all(world.project, world.now()).await.unwrap();
    assert_eq!(world.pipeline.tick().await.unwrap(), 1, "Ana alone");
    assert_eq!(world.pipeline.tick().await.unwrap(), 0);
}
