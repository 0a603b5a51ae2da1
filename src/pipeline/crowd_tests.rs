//! Many at once: order per user, one message per send key, overload, and a database that fails.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may panic")]

use super::world::{World, event, fix, noon, open, user_id, world};
use super::{AckStatus, PipelineError, ServerEvent};
use crate::base::contact::Contact;
use crate::base::limits;
use crate::engine::decision::ReasonCode;
use crate::engine::fix::Envelope;
use crate::engine::moment::MomentKind;
use crate::engine::subject::Profile;
use crate::store::StoreError;
use futures_util::future::join_all;
use serde_json::Map;
use std::collections::BTreeMap;

/// Runs a statement beside the store, as a fault of the database would.
async fn meddle(world: &World, statement: &str) {
    world.fresh.meddle(statement).await.unwrap();
}

fn unavailable<T>(result: &Result<T, PipelineError>) -> bool {
    matches!(result, Err(PipelineError::Store(StoreError::Unavailable(_))))
}

#[tokio::test]
async fn one_send_key_wanted_by_two_users_at_once_is_sent_once() {
    for lanes in [1, 2, 8] {
        let world = open(None, lanes).await;
        world.publish_key().await;
        let mut users = Vec::new();
        for number in 1..=8 {
            users.push(world.phone(number).await.user_id);
        }
        let all = users.iter().map(|user| {
            let event = world.key_used(&format!("e {user}"), "b1");
            world.pipeline.event(world.project, *user, event)
        });
        for result in join_all(all).await {
            assert_eq!(result.unwrap().len(), 1);
        }
        let codes = world.codes().await;
        assert_eq!(codes[0], ReasonCode::Sent);
        assert_eq!(codes[1..], [ReasonCode::AlreadyDone; 7], "{lanes} lanes");
        assert_eq!(world.deliveries().await.len(), 1);
    }
}

#[tokio::test]
async fn two_processes_over_one_database_send_a_key_once() {
    let world = world().await;
    world.publish_key().await;
    let (ana, ben) = (world.phone(1).await.user_id, world.phone(2).await.user_id);
    let other = world.another();
    let (one, two) = (world.key_used("e1", "b1"), world.key_used("e2", "b1"));
    let both = futures_util::future::join(
        world.pipeline.event(world.project, ana, one),
        other.event(world.project, ben, two),
    );
    let (one, two) = both.await;
    assert_eq!((one.unwrap().len(), two.unwrap().len()), (1, 1));
    assert_eq!(world.codes().await, [ReasonCode::Sent, ReasonCode::AlreadyDone]);
    other.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_thousand_calls_at_once_keep_each_users_order() {
    let world = open(None, 4).await;
    let numbered = |user: u128, number: u128| ServerEvent {
        id: format!("{user} {number}"),
        name: format!("{number}"),
        properties: Map::new(),
        occurred_at: noon(),
    };
    // Every call is queued before the first one is awaited, in the order of its user.
    let calls = (0..1_000_u128).map(|call| {
        let (user, number) = (1 + call % 10, call / 10);
        world
            .pipeline
            .event(world.project, user_id(user), numbered(user, number))
    });
    let mut seen: BTreeMap<_, u32> = BTreeMap::new();
    for result in join_all(calls).await {
        for moment in result.unwrap() {
            let MomentKind::Event { name, .. } = &moment.kind else {
                panic!("{moment:?}")
            };
            let next = seen.entry(moment.user_id).or_default();
            assert_eq!(*name, next.to_string());
            *next += 1;
        }
    }
    assert_eq!(seen.len(), 10);
    assert!(seen.values().all(|count| *count == 100));
    let counted = world
        .fresh
        .known_records(world.project, &["1 0".into(), "10 99".into()])
        .await;
    assert_eq!(counted.unwrap().len(), 2);
}

#[tokio::test]
async fn an_overloaded_lane_says_so_and_loses_nothing_it_took() {
    let world = open(None, 1).await;
    let calls = limits::INPUTS_QUEUED_PER_LANE_MAX + 500;
    // One thread polls every call before the lane runs: all that fits is queued, the rest is told to come back.
    let all = (0..calls).map(|number| {
        let event = world.key_used(&format!("e{number}"), "b");
        world
            .pipeline
            .event(world.project, user_id(1 + number as u128 % 50), event)
    });
    let (mut taken, mut refused) = (Vec::new(), 0);
    for (number, result) in join_all(all).await.into_iter().enumerate() {
        match result {
            Ok(moments) => {
                assert_eq!(moments.len(), 1);
                taken.push(format!("e{number}"));
            }
            Err(PipelineError::Overloaded { retry_after_s }) => {
                assert!(retry_after_s > 0);
                refused += 1;
            }
            Err(error) => panic!("{error}"),
        }
    }
    let room = limits::INPUTS_QUEUED_PER_PROJECT_MAX;
    assert_eq!((taken.len(), refused), (room, calls - room), "others find room still");
    let stored = world.fresh.known_records(world.project, &taken).await.unwrap();
    assert_eq!(stored.len(), taken.len());
}

#[tokio::test]
async fn stopping_finishes_what_is_queued_and_takes_nothing_more() {
    let world = open(None, 2).await;
    let calls = (0..300).map(|number| {
        let event = world.key_used(&format!("e{number}"), "b");
        world.pipeline.event(world.project, user_id(1 + number), event)
    });
    let (results, ()) = futures_util::future::join(join_all(calls), world.pipeline.stop()).await;
    assert!(results.into_iter().all(|result| result.unwrap().len() == 1));
    let late = world
        .pipeline
        .event(world.project, user_id(1), world.key_used("late", "b"));
    assert!(matches!(late.await, Err(PipelineError::Stopping)));
    world.pipeline.stop().await;
}

#[tokio::test]
async fn a_commit_that_fails_is_an_error_and_leaves_nothing_half_written() {
    let world = world().await;
    world.publish_key().await;
    let phone = world.phone(1).await;
    meddle(&world, "ALTER TABLE moments RENAME TO moments_away").await;
    let failed = world
        .pipeline
        .event(world.project, phone.user_id, world.key_used("e1", "b1"))
        .await;
    assert!(unavailable(&failed), "{failed:?}");
    let (envelope, records) = (Envelope::default(), vec![event("e2", noon(), "key_used")]);
    assert!(unavailable(
        &world.pipeline.track((&phone).into(), &envelope, records, None).await
    ));
    meddle(&world, "ALTER TABLE moments_away RENAME TO moments").await;
    assert!(world.subject(phone.user_id).await.sent.is_empty());
    let stored = world
        .fresh
        .known_records(world.project, &["e1".into(), "e2".into()])
        .await;
    assert!(stored.unwrap().is_empty());
    assert!(world.decisions().await.is_empty() && world.deliveries().await.is_empty());
    // Memory forgot what was not written: the same call now does it all, once.
    let again = world
        .pipeline
        .event(world.project, phone.user_id, world.key_used("e1", "b1"))
        .await;
    assert_eq!(again.unwrap().len(), 1);
    assert_eq!(world.codes().await, [ReasonCode::Sent]);
    assert_eq!(world.subject(phone.user_id).await.sent.len(), 1);
}

#[tokio::test]
async fn what_one_caller_broke_harms_nobody_beside_them() {
    let mut world = open(None, 1).await;
    let (ana, ben) = (world.phone(1).await.user_id, world.phone(2).await.user_id);
    world.profile("ana").await;
    world.restart().await;
    // A subject that does not read, and beside it in the same batch one that does.
    let (id, column) = (
        ben.uuid(),
        if world.fresh.is_shared() {
            "CAST(user_id AS TEXT)"
        } else {
            "lower(hex(user_id))"
        },
    );
    let id = if world.fresh.is_shared() {
        id.to_string()
    } else {
        id.simple().to_string()
    };
    let broken = format!("UPDATE subjects SET state = '{{}}' WHERE {column} = '{id}'");
    meddle(&world, &broken).await;
    let both = futures_util::future::join(
        world.pipeline.event(world.project, ana, world.key_used("e1", "b1")),
        world.pipeline.event(world.project, ben, world.key_used("e2", "b2")),
    );
    let (good, bad) = both.await;
    assert_eq!(good.unwrap().len(), 1);
    assert!(unavailable(&bad), "{bad:?}");
    // A name that is taken, and beside it an event.
    let named = Profile {
        user_ref: Some("ana".into()),
        ..Profile::default()
    };
    let both = futures_util::future::join(
        world
            .pipeline
            .write_profile(world.project, ana, named, Contact::default()),
        world
            .pipeline
            .event(world.project, user_id(3), world.key_used("e3", "b3")),
    );
    let (taken, event) = both.await;
    assert!(taken.is_err(), "another user has this name");
    assert_eq!(event.unwrap().len(), 1);
}

#[tokio::test]
async fn a_fix_that_changes_nothing_writes_nothing_and_is_answered_beside_a_failing_commit() {
    let world = open(None, 1).await;
    let (ana, ben) = (world.phone(1).await, world.phone(2).await);
    world.track(&ana, vec![fix("f1", noon(), (0.0, 0.0))]).await;
    world.wait(60);
    meddle(&world, "ALTER TABLE moments RENAME TO moments_away").await;
    let (still, changed) = futures_util::future::join(
        world.pipeline.track(
            (&ana).into(),
            &Envelope::default(),
            vec![fix("f2", world.now(), (0.0, 0.0))],
            None,
        ),
        world.pipeline.track(
            (&ben).into(),
            &Envelope::default(),
            vec![event("e1", world.now(), "key_used")],
            None,
        ),
    )
    .await;
    meddle(&world, "ALTER TABLE moments_away RENAME TO moments").await;
    assert_eq!(still.unwrap().acks[0].status, AckStatus::Accepted);
    assert!(unavailable(&changed), "{changed:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn after_the_answer_to_a_pause_nothing_more_is_decided_to_be_sent() {
    let world = open(None, 4).await;
    let trigger = world.publish_key().await;
    let mut users = Vec::new();
    for number in 1..=40 {
        users.push(world.phone(number).await.user_id);
    }
    let calls = (0..400_usize).map(|number| {
        let event = world.key_used(&format!("e{number}"), &format!("b{number}"));
        world.pipeline.event(world.project, users[number % users.len()], event)
    });
    let sent = async {
        assert!(world.pipeline.pause(world.project, trigger, true).await.unwrap());
        world
            .fresh
            .delivery_counts(world.project)
            .await
            .unwrap()
            .values()
            .sum::<u64>()
    };
    let (results, sent) = futures_util::future::join(join_all(calls), sent).await;
    assert!(results.into_iter().all(|result| result.is_ok()));
    let in_the_end = world.fresh.delivery_counts(world.project).await.unwrap();
    assert_eq!(in_the_end.values().sum::<u64>(), sent);
}

#[tokio::test]
async fn the_same_request_from_many_threads_of_a_client_is_one_event() {
    let world = open(None, 2).await;
    let user = user_id(1);
    let calls = (0..64).map(|_| world.pipeline.event(world.project, user, world.key_used("e1", "b1")));
    let noticed: usize = join_all(calls)
        .await
        .into_iter()
        .map(|result| result.unwrap().len())
        .sum();
    assert_eq!(noticed, 1);
    let other = world
        .pipeline
        .event(world.project, user_id(2), world.key_used("e1", "b2"));
    assert!(other.await.unwrap().is_empty(), "the id is the project's");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backlog_of_more_than_one_routes_places_leaves_in_one_go() {
    // A route alone has half of all places. They are given back a little after what was sent is written: who looks in between
    // finds none, and looks again.
    const PHONES: usize = limits::SENDS_AT_ONCE_MAX / 2 + 30;
    let world = open(None, 2).await;
    world.publish_key().await;
    let all = 1..=PHONES as u128;
    for user in all.clone() {
        world.phone(user).await;
    }
    let used = all.map(|user| {
        let event = world.key_used(&format!("e{user}"), &format!("b{user}"));
        world.pipeline.event(world.project, user_id(user), event)
    });
    for result in join_all(used).await {
        assert_eq!(result.unwrap().len(), 1);
    }
    assert_eq!(world.pipeline.dispatch().await.unwrap(), PHONES);
}
