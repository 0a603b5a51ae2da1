//! What goes in once comes out once: records, events and facts, repeated, out of order, and through a crash.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use super::world::{HOTEL, STREET, accepted, event, fix, noon, stay_ref, user_id, world};
use crate::engine::decision::ReasonCode;
use crate::engine::delivery::{ChannelKind, DeliveryState};
use crate::engine::fix::Envelope;
use crate::engine::subject::Purpose;
use crate::store::{EventFilter, FactOutcome, PageAsk};
use chrono::TimeDelta;
use serde_json::json;

#[tokio::test]
async fn a_fix_becomes_a_moment_a_decision_a_message_and_an_accepted_delivery() {
    let world = world().await;
    world.publish_welcome().await;
    let phone = world.phone(1).await;
    let tracked = world.walk_in(&phone).await;
    assert!(accepted(&tracked.acks));
    assert_eq!(tracked.moments.len(), 1);
    assert_eq!(world.moments().await, tracked.moments);
    let decisions = world.decisions().await;
    assert_eq!(decisions.len(), 1);
    assert_eq!(decisions[0].code, ReasonCode::Sent);
    assert_eq!(decisions[0].moment_id, tracked.moments[0].id);
    let message_id = decisions[0].message_id.unwrap();
    let message = world.fresh.message(world.project, message_id).await.unwrap().unwrap();
    assert_eq!(
        (message.shown.title.as_str(), message.user_id),
        ("Welcome", phone.user_id)
    );
    assert_eq!(world.states().await, [DeliveryState::Queued]);
    assert_eq!(world.pipeline.dispatch().await.unwrap(), 1);
    let delivery = &world.deliveries().await[0];
    assert_eq!(
        (delivery.state, delivery.channel, delivery.message_id),
        (DeliveryState::Accepted, ChannelKind::Tray, message_id)
    );
    assert_eq!(world.pipeline.dispatch().await.unwrap(), 0);
}

#[tokio::test]
async fn the_same_batch_three_times_is_the_same_answer_and_one_of_each() {
    let mut world = world().await;
    world.publish_welcome().await;
    world.publish_key().await;
    let phone = world.phone(1).await;
    world.wait(600);
    let records = vec![
        fix("f1", noon() + TimeDelta::seconds(60), STREET),
        fix("f2", noon() + TimeDelta::seconds(120), HOTEL),
        event("e1", noon() + TimeDelta::seconds(180), "key_used"),
        fix("bad", noon(), (91.0, 0.0)),
    ];
    let first = world.track(&phone, records.clone()).await;
    assert_eq!(first.moments.len(), 2);
    assert_eq!(first.acks[3].code.as_deref(), Some("number_out_of_range"));
    assert_eq!(world.track(&phone, records.clone()).await.acks, first.acks);
    world.restart().await;
    let third = world.track(&phone, records.clone()).await;
    assert_eq!(third.acks, first.acks);
    assert!(third.moments.is_empty());
    let events = world
        .fresh
        .events(world.project, &EventFilter::default(), &PageAsk::first(10))
        .await;
    assert_eq!(events.unwrap().rows.len(), 1);
    assert_eq!(world.moments().await.len(), 2);
    assert_eq!(world.codes().await, [ReasonCode::Sent, ReasonCode::Sent]);
    world.pipeline.dispatch().await.unwrap();
    assert_eq!(world.states().await, [DeliveryState::Accepted, DeliveryState::Accepted]);
}

#[tokio::test]
async fn any_order_and_any_repetition_of_records_gives_the_same_moments() {
    let at = |seconds| noon() + TimeDelta::seconds(seconds);
    let records = [
        fix("f1", at(0), STREET),
        fix("f2", at(60), HOTEL),
        event("e1", at(90), "key_used"),
        fix("f3", at(120), HOTEL),
    ];
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]] {
        let world = world().await;
        let phone = world.phone(1).await;
        world.wait(600);
        let batch: Vec<_> = order.iter().chain(&order).map(|at| records[*at].clone()).collect();
        let tracked = world.track(&phone, batch).await;
        let seen: Vec<_> = tracked
            .moments
            .iter()
            .map(|moment| (moment.kind.name(), moment.occurred_at))
            .collect();
        assert_eq!(seen, [("entered", at(60)), ("event", at(90))], "{order:?}");
    }
}

#[tokio::test]
async fn an_event_of_a_server_or_a_device_counts_once_whoever_repeats_it() {
    let mut world = world().await;
    world.publish_key().await;
    let phone = world.phone(1).await;
    let (project, user) = (world.project, phone.user_id);
    let one = world.pipeline.event(project, user, world.key_used("e1", "b1")).await;
    assert_eq!(one.unwrap().len(), 1);
    let two = world.pipeline.event(project, user, world.key_used("e1", "b1")).await;
    assert!(two.unwrap().is_empty());
    world.restart().await;
    let twice = vec![
        event("e1", world.now(), "key_used"),
        event("e2", world.now(), "key_used"),
        event("e2", world.now(), "key_used"),
    ];
    let tracked = world.track(&phone, twice).await;
    assert!(accepted(&tracked.acks));
    assert_eq!(tracked.moments.len(), 1);
    assert_eq!(world.moments().await.len(), 2);
}

#[tokio::test]
async fn records_of_someone_who_never_agreed_to_location_are_refused_each_by_name() {
    let world = world().await;
    let phone = world.phone_that(1, &[Purpose::Service]).await;
    let records = vec![
        fix("f1", noon(), STREET),
        event("e1", noon(), "key_used"),
        fix("f1", noon(), STREET),
    ];
    let tracked = world.track(&phone, records).await;
    let codes: Vec<_> = tracked.acks.iter().map(|ack| ack.code.as_deref()).collect();
    assert_eq!(codes, [Some("no_consent"), None, Some("no_consent")]);
}

#[tokio::test]
async fn a_fact_reaches_every_subject_once_and_an_older_version_changes_nothing() {
    let world = world().await;
    let (ana, ben) = (world.phone(1).await.user_id, world.phone(2).await.user_id);
    let put = |seq, room: &str| {
        world
            .pipeline
            .put_fact(world.stay(seq, &[ana, ben], json!({ "room": room })))
    };
    assert_eq!(put(2, "12").await.unwrap(), FactOutcome::Stored);
    assert_eq!(put(2, "12").await.unwrap(), FactOutcome::Repeated);
    assert_eq!(put(1, "11").await.unwrap(), FactOutcome::Outdated { stored_seq: 2 });
    for user in [ana, ben] {
        let subject = world.subject(user).await;
        assert_eq!(subject.fact(&stay_ref()).unwrap().properties["room"], "12");
    }
    assert_eq!(world.moments().await.len(), 2);
    assert!(world.fresh.inbox_pending(10).await.unwrap().is_empty());
    assert_eq!(put(3, "13").await.unwrap(), FactOutcome::Stored);
    assert_eq!(world.moments().await.len(), 4);
}

#[tokio::test]
async fn a_fact_that_was_stored_but_not_stepped_is_stepped_after_the_crash() {
    let mut world = world().await;
    let (ana, ben) = (world.phone(1).await.user_id, world.phone(2).await.user_id);
    let mut ids = crate::base::id::IdSource::new(super::world::id(77), world.now());
    let put = world.stay(1, &[ana, ben], json!({ "room": "12" }));
    world.fresh.put_fact(put, &mut ids).await.unwrap();
    world.restart().await;
    assert!(world.subject(ana).await.facts.is_empty());
    assert_eq!(world.pipeline.recover().await.unwrap(), 2);
    for user in [ana, ben] {
        assert!(world.subject(user).await.fact(&stay_ref()).is_some());
    }
    assert_eq!(world.moments().await.len(), 2);
    assert_eq!(world.pipeline.recover().await.unwrap(), 0);
}

#[tokio::test]
async fn an_old_version_left_in_the_inbox_does_not_bring_a_fact_back() {
    let world = world().await;
    let (ana, ben) = (world.phone(1).await.user_id, world.phone(2).await.user_id);
    let mut ids = crate::base::id::IdSource::new(super::world::id(77), world.now());
    let first = world.stay(1, &[ana], json!({}));
    world.fresh.put_fact(first, &mut ids).await.unwrap();
    world.wait(1);
    // The next version is Ben's alone; it overtakes the first one, which a crash left behind.
    let second = world.pipeline.put_fact(world.stay(2, &[ben], json!({}))).await;
    assert_eq!(second.unwrap(), FactOutcome::Stored);
    assert_eq!(world.pipeline.recover().await.unwrap(), 1);
    assert!(world.subject(ana).await.facts.is_empty(), "the stay is no longer hers");
    assert!(world.fresh.inbox_pending(10).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_farewell_left_in_the_inbox_does_not_take_a_later_fact_away() {
    let world = world().await;
    let (ana, ben) = (world.phone(1).await.user_id, world.phone(2).await.user_id);
    world.pipeline.put_fact(world.stay(1, &[ana], json!({}))).await.unwrap();
    let mut ids = crate::base::id::IdSource::new(super::world::id(77), world.now());
    let second = world.stay(2, &[ben], json!({}));
    world.fresh.put_fact(second, &mut ids).await.unwrap();
    world.wait(1);
    world
        .pipeline
        .put_fact(world.stay(3, &[ana, ben], json!({})))
        .await
        .unwrap();
    assert_eq!(world.pipeline.recover().await.unwrap(), 2);
    for user in [ana, ben] {
        assert_eq!(world.subject(user).await.fact(&stay_ref()).unwrap().seq, 3);
    }
}

#[tokio::test]
async fn every_record_has_its_ack_also_when_the_batch_is_empty_or_nothing_in_it_is_good() {
    let world = world().await;
    let phone = world.phone(1).await;
    let none = world
        .pipeline
        .track((&phone).into(), &Envelope::default(), Vec::new(), None)
        .await;
    assert!(none.unwrap().acks.is_empty());
    let bad = world
        .track(&phone, vec![fix("", noon(), HOTEL), fix("x", noon(), (0.0, 999.0))])
        .await;
    let codes: Vec<_> = bad.acks.iter().map(|ack| ack.code.as_deref().unwrap()).collect();
    assert_eq!(codes, ["record_id_missing", "number_out_of_range"]);
    let unknown = world
        .pipeline
        .event(world.project, user_id(99), world.key_used("e9", "b9"))
        .await;
    assert_eq!(unknown.unwrap().len(), 1, "a user first heard of by an event is a user");
}
