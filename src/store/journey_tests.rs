//! Journeys in the store: versions come and go, instances are written with their moves, listed and counted.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use super::change::Change;
use super::error::StoreError;
use super::sample::{after, change, id, noon, open, project, project_row};
use super::{InstanceFilter, PageAsk, RevisionState, Store, Stuck, TriggerState};
use crate::base::id::{InstanceId, JourneyId};
use crate::base::time::{Span, Timestamp};
use crate::engine::journey::Journey;
use crate::engine::step::InstanceChange;
use crate::engine::subject::Instance;
use chrono::TimeDelta;
use serde_json::json;
use std::collections::BTreeMap;

fn journey_id() -> JourneyId {
    id(9)
}

fn journey(hours: u32) -> Journey {
    serde_json::from_value(json!({
        "name": "solar", "key": "user.ref", "start": { "when": { "event": { "name": "go" } }, "goto": "lead" },
        "states": { "lead": { "at_most": { "for": format!("PT{hours}H"), "exit": "expired" } } },
    }))
    .unwrap()
}

fn instance(number: u128, state: &str, since: Timestamp) -> Instance {
    Instance {
        id: id::<InstanceId>(number),
        journey_id: journey_id(),
        version: 1,
        key: format!("key {number}"),
        facts: BTreeMap::new(),
        state: state.into(),
        passed: 0,
        started_at: noon(),
        since,
        ends_at: since + TimeDelta::hours(48),
    }
}

/// A step of user `user` that moved an instance: from a state and its beginning, to where it is now.
fn moved(user: u128, now: Instance, from: Option<(&str, i64)>, exit: Option<(&str, i64)>) -> Change {
    let mut all = change(user);
    let at = exit.map_or(now.since, |(_, at)| after(at));
    let passed = u32::from(from.is_some()) + u32::from(exit.is_some());
    let now = Instance { passed, ..now };
    all.effects.instances.push(InstanceChange {
        instance: now,
        from: from.map(|(state, _)| state.to_owned()),
        from_since: from.map(|(_, since)| after(since)),
        exit: exit.map(|(reason, _)| reason.to_owned()),
        at,
    });
    all
}

/// Instance 20 of user 1 went from `lead` to `viewed` after 60 s and signed after another 40; 21 of user 2 is in `viewed`
/// after 100 s; 22 of user 3 is in `lead`.
async fn three(store: &Store) {
    let begun = |number: u128| instance(number, "lead", noon());
    let changes = vec![
        moved(1, begun(20), None, None),
        moved(2, begun(21), None, None),
        moved(3, begun(22), None, None),
        moved(1, instance(20, "viewed", after(60)), Some(("lead", 0)), None),
    ];
    store.commit(changes).await.unwrap();
    let later = vec![
        moved(2, instance(21, "viewed", after(100)), Some(("lead", 0)), None),
        moved(
            1,
            instance(20, "viewed", after(60)),
            Some(("viewed", 60)),
            Some(("signed", 100)),
        ),
    ];
    store.commit(later).await.unwrap();
}

async fn listed(store: &Store, filter: InstanceFilter) -> Vec<u128> {
    let page = store
        .instances(project(), journey_id(), &filter, &PageAsk::first(10))
        .await
        .unwrap();
    page.rows.iter().map(|row| row.id.uuid().as_u128()).collect()
}

#[tokio::test]
async fn a_version_goes_from_draft_to_live_to_retired_and_back_as_a_new_one() {
    let store = open().await;
    let put = |hours: u32| {
        let store = &store;
        async move {
            store
                .put_journey(project(), journey_id(), &journey(hours), noon())
                .await
        }
    };
    let (row, draft) = put(1).await.unwrap();
    assert_eq!(
        (row.state, row.live_version, draft.version),
        (TriggerState::Draft, None, 1)
    );
    assert_eq!(put(1).await.unwrap().1.version, 1, "the same words are no edit");
    let publish = |number: i64, at: i64| store.publish_journey(project(), journey_id(), number, after(at));
    assert_eq!(publish(1, 1).await.unwrap().unwrap().live_version, Some(1));
    assert!(publish(1, 2).await.unwrap().is_none(), "it is no draft any more");
    put(2).await.unwrap();
    publish(2, 3).await.unwrap().unwrap();
    let states = |rows: Vec<super::VersionRow>| rows.into_iter().map(|row| row.state).collect::<Vec<_>>();
    let versions = store.journey_versions(project(), journey_id()).await.unwrap();
    assert_eq!(states(versions), [RevisionState::Live, RevisionState::Retired]);
    let again = store
        .rollback_journey(project(), journey_id(), 1, after(4))
        .await
        .unwrap()
        .unwrap();
    assert_eq!((again.version, again.definition), (3, journey(1)));
    assert!(store.pause_journey(project(), journey_id(), true).await.unwrap());
    assert!(!store.pause_journey(project(), journey_id(), true).await.unwrap());
    let rows = store
        .load_catalogue_rows(project(), after(5), None, |row| row)
        .await
        .unwrap()
        .unwrap()
        .journeys;
    assert_eq!(
        (rows.live.len(), rows.live[0].version, rows.paused),
        (1, 3, vec![journey_id()])
    );
    assert_eq!(rows.retired.len(), 2);
    assert!(
        store.journey_by_name(id(2), "solar").await.unwrap().is_none(),
        "another project sees nothing"
    );
    let taken = store.put_journey(project(), id(10), &journey(1), noon()).await;
    assert!(matches!(taken, Err(StoreError::Conflict(_))), "{taken:?}");
}

#[tokio::test]
async fn a_version_that_somebody_follows_is_loaded_for_as_long_as_they_do() {
    let store = open().await;
    for number in 1..=3 {
        let hours = u32::try_from(number).unwrap();
        store
            .put_journey(project(), journey_id(), &journey(hours), noon())
            .await
            .unwrap();
        store
            .publish_journey(project(), journey_id(), number, noon())
            .await
            .unwrap()
            .unwrap();
    }
    store
        .commit(vec![moved(1, instance(20, "lead", noon()), None, None)])
        .await
        .unwrap();
    let far = noon() + TimeDelta::days(90);
    let retired = |rows: super::CatalogueRows<super::FenceRow>| {
        rows.journeys.retired.iter().map(|row| row.version).collect::<Vec<_>>()
    };
    let rows = store
        .load_catalogue_rows(project(), far, None, |row| row)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(retired(rows), [1]);
    let over = moved(1, instance(20, "lead", noon()), Some(("lead", 0)), Some(("expired", 9)));
    store.commit(vec![over]).await.unwrap();
    let rows = store
        .load_catalogue_rows(project(), far, None, |row| row)
        .await
        .unwrap()
        .unwrap();
    assert!(retired(rows).is_empty());
}

#[tokio::test]
async fn instances_are_listed_by_state_person_and_being_stuck() {
    let store = open().await;
    three(&store).await;
    let all = InstanceFilter::default;
    assert_eq!(listed(&store, all()).await, [22, 21, 20], "newest first");
    let open = |open| InstanceFilter {
        open: Some(open),
        ..all()
    };
    assert_eq!(listed(&store, open(true)).await, [22, 21]);
    assert_eq!(listed(&store, open(false)).await, [20]);
    let lead = InstanceFilter {
        state: Some("lead".into()),
        ..all()
    };
    assert_eq!(listed(&store, lead).await, [22]);
    let person = InstanceFilter {
        user_id: Some(id(2)),
        ..all()
    };
    assert_eq!(listed(&store, person).await, [21]);
    let stuck = |now: Timestamp| InstanceFilter {
        stuck: Some(Stuck {
            now,
            after: [((1, "viewed".to_owned()), Span::hours(1))].into(),
        }),
        ..all()
    };
    assert!(listed(&store, stuck(after(3600))).await.is_empty());
    assert_eq!(
        listed(&store, stuck(after(3700))).await,
        [21],
        "an hour is too long there"
    );
    assert_eq!(
        listed(&store, stuck(noon() + TimeDelta::hours(48))).await,
        [22, 21],
        "the limit of both is near or past"
    );
    let ended = store.instance(project(), journey_id(), id(20)).await.unwrap().unwrap();
    assert_eq!(
        (ended.exit.as_deref(), ended.ended_at),
        (Some("signed"), Some(after(100)))
    );
    assert_eq!(store.versions_followed(project(), journey_id()).await.unwrap(), [1]);
    let first = PageAsk::first(2);
    let page = store.instances(project(), journey_id(), &all(), &first).await.unwrap();
    let rest = PageAsk {
        after: page.next,
        limit: 2,
    };
    let rest = store.instances(project(), journey_id(), &all(), &rest).await.unwrap();
    assert_eq!((page.rows.len(), rest.rows.len(), rest.next), (2, 1, None));
}

#[tokio::test]
async fn states_are_counted_and_other_projects_see_nothing() {
    let store = open().await;
    store.create_project(&project_row(2)).await.unwrap();
    three(&store).await;
    let counts = store.state_counts(project(), journey_id()).await.unwrap();
    let lead = &counts["lead"];
    assert_eq!((lead.open, lead.left, lead.median_s), (1, 2, Some(60)));
    let viewed = &counts["viewed"];
    assert_eq!((viewed.open, viewed.left, viewed.median_s), (1, 1, Some(40)));
    assert_eq!(viewed.exits, [("signed".to_owned(), 1)].into());
    assert!(store.state_counts(id(2), journey_id()).await.unwrap().is_empty());
    assert!(store.instance(id(2), journey_id(), id(20)).await.unwrap().is_none());
}

#[tokio::test]
async fn going_on_in_another_version_ends_no_stay() {
    let store = open().await;
    store
        .commit(vec![moved(1, instance(20, "lead", noon()), None, None)])
        .await
        .unwrap();
    let mut taken_over = moved(1, instance(20, "lead", noon()), Some(("lead", 0)), None);
    taken_over.effects.instances[0].instance.version = 2;
    taken_over.effects.instances[0].at = after(50);
    store.commit(vec![taken_over]).await.unwrap();
    let counts = store.state_counts(project(), journey_id()).await.unwrap();
    assert_eq!((counts["lead"].open, counts["lead"].left), (1, 0));
    assert_eq!(store.versions_followed(project(), journey_id()).await.unwrap(), [2]);
}
