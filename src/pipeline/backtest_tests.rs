//! A backtest of a live revision says, moment by moment, what was decided when it was live.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use super::backtest::BacktestProgress;
use super::world::{HOTEL, STREET, World, fix, noon, world};
use super::{BacktestError, BacktestPlan};
use crate::base::id::{MomentId, TriggerId};
use crate::base::time::Timestamp;
use crate::engine::backtest::{Backtest, Report};
use crate::engine::decision::{Decision, ReasonCode};
use crate::engine::fact::{Fact, FactRef, Lifecycle};
use crate::engine::subject::Purpose;
use crate::store::{DecisionFilter, DeviceRow, FactPut, PageAsk};
use chrono::TimeDelta;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

/// An even draw below `most`: the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }
}

/// Lets time pass to an instant; every timer before it fires at its own.
async fn pass_until(world: &World, at: Timestamp) {
    while let Some(due) = world.fresh.next_wake().await.unwrap().filter(|due| *due < at) {
        world.clock.set(due.max(world.now()));
        assert!(world.pipeline.tick().await.unwrap() > 0);
    }
    world.clock.set(at);
}

async fn put_stay(world: &World, number: u128, properties: Value) {
    let fact = Fact {
        id: FactRef {
            kind: "stay".into(),
            key: format!("b{number}-{}", world.now().timestamp()),
        },
        seq: 1,
        subjects: vec![super::world::user_id(number)],
        lifecycle: Lifecycle::Active,
        valid_from: None,
        valid_to: Some(world.now() + TimeDelta::hours(30)),
        sensitive: Vec::new(),
        properties: properties.as_object().cloned().unwrap(),
        changed_at: world.now(),
    };
    let put = FactPut {
        project_id: world.project,
        fact,
        subject_refs: Vec::new(),
    };
    world.pipeline.put_fact(put).await.unwrap();
}

/// The triggers that are live from noon on.
async fn publish_all(world: &World) -> Vec<TriggerId> {
    let sentences = [
        json!({ "name": "arrival", "class": "service", "when": { "entered": { "tag": "hotel" } }, "for_each": { "stay": "stay" },
            "if": "stay.vip", "wait": { "for": "PT10M", "until": "stay.ready", "at_most": "PT2H", "while": "inside" },
            "once_per": "stay.key", "max_age": "PT15M", "then": { "content": "welcome" } }),
        json!({ "name": "key", "class": "promo", "when": { "event": { "name": "key_used" } }, "then": { "content": "welcome" },
            "if": "event.properties.booking != 'b0'", "max_age": "PT15M",
            "guards": { "cooldown": "PT20M", "caps": [{ "max": 3, "per": "PT12H" }], "holdout": 0.2, "priority": 10 } }),
        json!({ "name": "rare-key", "class": "promo", "when": { "event": { "name": "key_used" } }, "then": { "content": "welcome" },
            "if": "event.properties.booking == 'b3'", "max_age": "PT15M", "guards": { "priority": 20 } }),
        json!({ "name": "stayed", "class": "promo", "when": { "dwelled": { "for": "PT20M", "tag": "hotel" } },
            "then": { "content": "welcome" }, "guards": { "caps": [{ "max": 1, "per": "PT24H" }] } }),
        json!({ "name": "booked", "class": "service", "when": { "fact": { "type": "stay", "becomes": "created" } },
            "for_each": { "stay": "stay" }, "if": "!stay.vip", "then": { "content": "welcome" } }),
    ];
    let mut ids = Vec::new();
    for sentence in sentences {
        ids.push(world.publish(sentence).await);
    }
    ids
}

/// Some hundred inputs of a dozen people: arrivals, departures, keys, bookings, second thoughts.
async fn live(world: &World, dice: &mut Dice) {
    let mut phones: Vec<(u128, DeviceRow)> = Vec::new();
    for number in 1..=12 {
        let agreed = [Purpose::Location, Purpose::Service, Purpose::Promo];
        let agreed = if number == 12 { &agreed[..1] } else { &agreed[..] };
        phones.push((number, world.phone_that(number, agreed).await));
    }
    for turn in 0..400 {
        let step = i64::try_from(150 + dice.below(300)).unwrap();
        pass_until(world, world.now() + TimeDelta::seconds(step)).await;
        let (number, phone) = &phones[usize::try_from(dice.below(12)).unwrap()];
        let (now, before) = (world.now(), world.now() - TimeDelta::seconds(90));
        let fixes = |at: (f64, f64)| {
            vec![
                fix(&format!("{turn} a"), before, at),
                fix(&format!("{turn} b"), now, at),
            ]
        };
        match dice.below(20) {
            0..=5 => drop(world.track(phone, fixes(HOTEL)).await),
            6..=8 => drop(world.track(phone, fixes(STREET)).await),
            9..=14 => {
                let event = world.key_used(&format!("key {turn}"), &format!("b{}", dice.below(5)));
                world
                    .pipeline
                    .event(world.project, super::world::user_id(*number), event)
                    .await
                    .unwrap();
            }
            15..=17 => {
                let (vip, ready) = (dice.below(3) > 0, dice.below(2) > 0);
                put_stay(world, *number, json!({ "vip": vip, "ready": ready })).await;
            }
            18 => {
                world
                    .consent(super::world::user_id(*number), Purpose::Promo, dice.below(2) > 0)
                    .await;
            }
            _ => {
                world
                    .consent(super::world::user_id(*number), Purpose::Location, dice.below(3) > 0)
                    .await;
            }
        }
    }
    pass_until(world, world.now() + TimeDelta::hours(3)).await;
}

/// The last answer of every case, by moment.
async fn decided(world: &World, trigger_id: TriggerId) -> BTreeMap<MomentId, Vec<ReasonCode>> {
    let filter = DecisionFilter {
        trigger_id: Some(trigger_id),
        ..DecisionFilter::default()
    };
    let mut decisions: Vec<Decision> = Vec::new();
    let mut ask = PageAsk::first(200);
    loop {
        let page = world.fresh.decisions(world.project, &filter, &ask).await.unwrap();
        decisions.extend(page.rows);
        let Some(next) = page.next else { break };
        ask = PageAsk {
            after: Some(next),
            ..ask
        };
    }
    decisions.reverse();
    let mut cases: BTreeMap<MomentId, BTreeMap<_, ReasonCode>> = BTreeMap::new();
    for decision in decisions {
        let case = cases.entry(decision.moment_id).or_default();
        if !decision.facts.is_empty() {
            case.remove(&BTreeMap::new());
        }
        case.insert(decision.facts, decision.code);
    }
    let codes = |(moment, case): (MomentId, BTreeMap<_, ReasonCode>)| (moment, case.into_values().collect());
    cases.into_iter().map(codes).collect()
}

async fn plan(world: &World, trigger_id: TriggerId, span: (Timestamp, Timestamp)) -> BacktestPlan {
    let revisions = world.fresh.revisions(world.project, trigger_id).await.unwrap();
    let draft = (trigger_id, revisions[0].revision, revisions[0].definition.clone());
    world
        .pipeline
        .plan_backtest(world.project, draft, span)
        .await
        .unwrap()
        .unwrap()
}

/// The report, and what became of each moment.
async fn backtest(world: &World, trigger_id: TriggerId) -> (Report, BTreeMap<MomentId, Vec<ReasonCode>>) {
    let (plan, progress) = (
        plan(world, trigger_id, (noon(), world.now())).await,
        BacktestProgress::default(),
    );
    world.pipeline.weigh_backtest(&plan).await.unwrap();
    let run = Backtest::new(plan.stage().clone(), noon(), world.now());
    let done = world.pipeline.replay_all(plan, run, &progress).await.unwrap();
    assert_eq!(
        progress.done.load(Ordering::Relaxed),
        progress.total.load(Ordering::Relaxed)
    );
    let outcomes = done.outcomes().clone();
    (done.report(), outcomes)
}

#[tokio::test]
async fn a_backtest_of_a_live_revision_equals_what_was_decided_live() {
    let world = world().await;
    let triggers = publish_all(&world).await;
    live(&world, &mut Dice(7)).await;
    let mut seen: Vec<ReasonCode> = Vec::new();
    for trigger in triggers {
        let (report, outcomes) = backtest(&world, trigger).await;
        let decided = decided(&world, trigger).await;
        assert!(decided.len() > 5, "{trigger}: {} moments", decided.len());
        assert_eq!(outcomes, decided, "{trigger}");
        let cases: u64 = report.attrition.iter().map(|reason| reason.count).sum();
        assert_eq!(cases + report.would_send.cases, report.cases);
        assert_eq!(report.moments, decided.len() as u64);
        assert!(
            report
                .attrition
                .iter()
                .all(|reason| !reason.examples.is_empty() && reason.examples.len() <= 10)
        );
        seen.extend(decided.into_values().flatten());
    }
    seen.sort();
    seen.dedup();
    for code in [
        ReasonCode::Sent,
        ReasonCode::Holdout,
        ReasonCode::OptedOut,
        ReasonCode::NoConsent,
        ReasonCode::NoFact,
        ReasonCode::ConditionFalse,
        ReasonCode::NotInside,
        ReasonCode::Cap,
        ReasonCode::Cooldown,
        ReasonCode::AlreadyDone,
        ReasonCode::Superseded,
        ReasonCode::Expired,
    ] {
        assert!(seen.contains(&code), "the history never came to {code:?}: {seen:?}");
    }
}

#[tokio::test]
async fn a_backtest_stores_nothing_and_can_be_cancelled() {
    let world = world().await;
    let key = world.publish_key().await;
    let phone = world.phone(1).await;
    world.walk_in(&phone).await;
    let event = world.key_used("e1", "b1");
    world.pipeline.event(world.project, phone.user_id, event).await.unwrap();
    world.wait(60);
    let (moments, decisions) = (world.moments().await, world.decisions().await);
    let (report, _) = backtest(&world, key).await;
    assert_eq!(
        (report.moments, report.would_send.messages, report.would_send.users),
        (1, 1, 1)
    );
    assert_eq!((world.moments().await, world.decisions().await), (moments, decisions));
    let progress = BacktestProgress::default();
    progress.cancelled.store(true, Ordering::Release);
    let plan = plan(&world, key, (noon(), world.now())).await;
    let ended = world.pipeline.run_backtest(plan, &progress).await;
    assert!(matches!(ended, Err(BacktestError::Cancelled)), "{ended:?}");
}

#[tokio::test]
async fn what_lies_before_the_span_sets_the_state_and_is_not_judged() {
    let world = world().await;
    let stayed = world
        .publish(
            json!({ "name": "stayed", "class": "service", "when": { "dwelled": { "for": "PT30M", "tag": "hotel" } },
            "then": { "content": "welcome" } }),
        )
        .await;
    let phone = world.phone(1).await;
    world.walk_in(&phone).await;
    let from = world.now() + TimeDelta::minutes(10);
    pass_until(&world, world.now() + TimeDelta::hours(1)).await;
    let plan = plan(&world, stayed, (from, world.now())).await;
    let report = world
        .pipeline
        .run_backtest(plan, &BacktestProgress::default())
        .await
        .unwrap();
    assert_eq!(
        (report.moments, report.would_send.messages),
        (1, 1),
        "inside since before: {report:?}"
    );
}
