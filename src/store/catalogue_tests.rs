//! The catalogue: what an edit does to versions, revisions and the rows a snapshot is built from.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use super::error::StoreError;
use super::sample::{after, fence, id, noon, open, project, project_row};
use super::{FenceRow, PageAsk, RevisionState, Store, TriggerState, Upserted};
use crate::base::id::TriggerId;
use crate::base::time::Span;
use crate::engine::message::{Content, Texts, Urgency};
use crate::engine::trigger::Trigger;
use chrono::TimeDelta;
use serde_json::json;
use std::collections::BTreeMap;

fn trigger(name: &str, condition: &str) -> Trigger {
    let sentence = json!({
        "name": name, "class": "service", "when": { "entered": { "tag": "hotel" } },
        "if": condition, "then": { "content": "room-ready" },
    });
    serde_json::from_value(sentence).unwrap()
}

fn content(body: &str) -> Content {
    let texts = Texts {
        title: "Hello".into(),
        body: body.into(),
        public_title: None,
        public_body: None,
    };
    Content {
        name: "room-ready".into(),
        default_locale: "en".into(),
        locales: [("en".to_owned(), texts)].into(),
        variables: BTreeMap::new(),
        link: None,
        image: None,
        actions: Vec::new(),
        ttl: Span::hours(1),
        collapse: None,
        ends_at: None,
        urgency: Urgency::Normal,
    }
}

async fn version(store: &Store) -> i64 {
    store.project(project()).await.unwrap().unwrap().catalogue_version
}

#[tokio::test]
async fn five_thousand_fences_in_one_upsert() {
    let store = open().await;
    let rows: Vec<FenceRow> = (0..5_000).map(|n| fence(10 + n, &format!("h{n}"), "Hotel")).collect();
    let dry = store.upsert_geofences(project(), &rows, true).await.unwrap();
    assert!(dry.edit.is_none());
    let dry = dry.outcomes;
    assert!(dry.iter().all(|row| row.outcome == Upserted::Added));
    assert_eq!(version(&store).await, 0);
    let put = store.upsert_geofences(project(), &rows, false).await.unwrap();
    let edit = put.edit.unwrap();
    assert_eq!((put.outcomes, edit.version, edit.put.len()), (dry, 1, rows.len()));
    let same = store.upsert_geofences(project(), &rows, false).await.unwrap().outcomes;
    assert!(same.iter().all(|row| row.outcome == Upserted::Same));
    assert_eq!(
        version(&store).await,
        1,
        "one upsert, one version; nothing new, no version"
    );
    let loaded = store
        .load_catalogue_rows(project(), noon(), None, |row| row)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (
            loaded.fences.put.len(),
            loaded.fences_version,
            loaded.project.catalogue_version
        ),
        (5_000, 1, 1)
    );
    let known = store
        .load_catalogue_rows(project(), noon(), Some(1), |row| row)
        .await
        .unwrap()
        .unwrap();
    assert!(known.fences.put.is_empty() && !known.fences.all);
    let (mut ask, mut seen) = (PageAsk::first(10_000), 0);
    loop {
        let page = store.geofences(project(), Some("hotel"), &ask).await.unwrap();
        assert!(page.rows.len() <= 200);
        seen += page.rows.len();
        ask.after = page.next;
        if ask.after.is_none() {
            break;
        }
    }
    assert_eq!(seen, 5_000);
}

#[tokio::test]
async fn a_fence_keeps_its_id_through_edits_deletion_and_return() {
    let store = open().await;
    let put = async |row: FenceRow| store.upsert_geofences(project(), &[row], false).await.unwrap().outcomes[0];
    assert_eq!(put(fence(10, "h1", "Old")).await.version, 1);
    let edit = put(fence(11, "h1", "New")).await;
    assert_eq!((edit.id, edit.outcome, edit.version), (id(10), Upserted::Updated, 2));
    let stored = store
        .geofence_by_external_id(project(), "hotel", "h1")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        stored,
        FenceRow {
            version: 2,
            ..fence(10, "h1", "New")
        }
    );
    let gone = store
        .delete_geofence(project(), id(10), after(1))
        .await
        .unwrap()
        .unwrap();
    assert_eq!((gone.version, gone.deleted), (3, vec![id(10)]));
    assert!(
        store
            .delete_geofence(project(), id(10), after(1))
            .await
            .unwrap()
            .is_none()
    );
    assert!(store.geofence(project(), id(10)).await.unwrap().is_none());
    let back = put(fence(12, "h1", "New")).await;
    assert_eq!((back.id, back.outcome, back.version), (id(10), Upserted::Added, 4));
    assert_eq!(version(&store).await, 4);
    // An id that belongs to another project is never overwritten.
    store.create_project(&project_row(2)).await.unwrap();
    store
        .upsert_geofences(id(2), &[fence(10, "x", "Theft")], false)
        .await
        .unwrap();
    assert_eq!(store.geofence(project(), id(10)).await.unwrap().unwrap().name, "New");
}

/// A million others are not read because one changed.
#[tokio::test]
async fn who_knows_some_edits_reads_what_later_ones_wrote() {
    let store = open().await;
    let put = async |names: &[&str], name: &str| {
        let rows: Vec<FenceRow> = names.iter().zip(10..).map(|(at, n)| fence(n, at, name)).collect();
        store.upsert_geofences(project(), &rows, false).await.unwrap()
    };
    let first = put(&["adlon", "sacher", "savoy"], "Hotel").await.outcomes;
    let changed = put(&["adlon", "sacher"], "Grand Hotel").await.outcomes;
    let gone = store.delete_geofence(project(), first[1].id, noon()).await.unwrap();
    assert_eq!(gone.unwrap().version, 3);
    assert!(
        store
            .delete_geofence(project(), first[1].id, noon())
            .await
            .unwrap()
            .is_none()
    );
    let since = async |known: Option<i64>| {
        let rows = store
            .load_catalogue_rows(project(), noon(), known, |row| row.external_id)
            .await;
        let rows = rows.unwrap().unwrap();
        assert_eq!(rows.fences_version, 3, "what changed nothing is not counted");
        let mut put = rows.fences.put;
        put.sort_unstable();
        (rows.fences.all, put, rows.fences.deleted)
    };
    let (adlon, savoy, sacher) = ("adlon".to_owned(), "savoy".to_owned(), changed[1].id);
    assert_eq!(since(None).await, (true, vec![adlon.clone(), savoy.clone()], vec![]));
    assert_eq!(since(Some(1)).await, (false, vec![adlon.clone()], vec![sacher]));
    assert_eq!(since(Some(2)).await, (false, vec![], vec![sacher]));
    assert_eq!(since(Some(3)).await, (false, vec![], vec![]));
    let restored = since(Some(4)).await;
    assert_eq!(
        restored,
        (true, vec![adlon, savoy], vec![]),
        "a backup has fewer edits than are known"
    );
}

#[tokio::test]
async fn of_two_rows_with_one_name_the_later_counts() {
    let store = open().await;
    let rows = [fence(10, "h1", "First"), fence(11, "h1", "Second")];
    let answers = store.upsert_geofences(project(), &rows, false).await.unwrap().outcomes;
    assert_eq!(
        answers.iter().map(|answer| answer.outcome).collect::<Vec<_>>(),
        [Upserted::Added, Upserted::Updated]
    );
    assert_eq!(store.geofence(project(), id(10)).await.unwrap().unwrap().name, "Second");
    assert!(store.geofence(project(), id(11)).await.unwrap().is_none());
}

#[tokio::test]
async fn a_content_counts_its_edits() {
    let store = open().await;
    let put = async |body: &str, s| store.put_content(project(), &content(body), after(s)).await.unwrap();
    assert_eq!(put("a", 0).await, (Upserted::Added, 1));
    assert_eq!(put("a", 1).await, (Upserted::Same, 1));
    assert_eq!(put("b", 2).await, (Upserted::Updated, 2));
    let row = store.content(project(), "room-ready").await.unwrap().unwrap();
    assert_eq!((row.content, row.updated_at), (content("b"), after(2)));
    assert_eq!(
        store.contents(project(), &PageAsk::first(5)).await.unwrap().rows.len(),
        1
    );
    assert_eq!(version(&store).await, 2);
}

#[tokio::test]
async fn an_edit_is_a_draft_until_it_is_published() {
    let store = open().await;
    let trg: TriggerId = id(70);
    let (row, first) = store
        .put_draft(project(), trg, &trigger("t", "true"), noon())
        .await
        .unwrap();
    assert_eq!(
        (row.state, row.live_revision, first.revision),
        (TriggerState::Draft, None, 1)
    );
    let (_, same) = store
        .put_draft(project(), trg, &trigger("t", "true"), after(1))
        .await
        .unwrap();
    assert_eq!(same, first);
    let taken = store.put_draft(project(), id(71), &trigger("t", "false"), noon()).await;
    assert!(matches!(taken, Err(StoreError::Conflict(_))));
    assert!(
        store
            .publish_trigger(project(), trg, 2, None, noon())
            .await
            .unwrap()
            .is_none(),
        "no such draft"
    );
    assert!(
        store
            .publish_trigger(id(2), trg, 1, None, noon())
            .await
            .unwrap()
            .is_none(),
        "another project"
    );
    let live = store
        .publish_trigger(project(), trg, 1, None, after(2))
        .await
        .unwrap()
        .unwrap();
    assert_eq!((live.state, live.live_revision), (TriggerState::Live, Some(1)));
}

#[tokio::test]
async fn a_rollback_publishes_the_old_words_as_a_new_revision() {
    let store = open().await;
    let trg: TriggerId = id(70);
    let (_, first) = store
        .put_draft(project(), trg, &trigger("t", "true"), noon())
        .await
        .unwrap();
    store
        .publish_trigger(project(), trg, 1, None, after(2))
        .await
        .unwrap()
        .unwrap();
    store
        .put_draft(project(), trg, &trigger("t2", "false"), after(3))
        .await
        .unwrap();
    assert_eq!(
        store
            .trigger_by_name(project(), "t2")
            .await
            .unwrap()
            .unwrap()
            .live_revision,
        Some(1)
    );
    store
        .publish_trigger(project(), trg, 2, None, after(4))
        .await
        .unwrap()
        .unwrap();
    assert!(
        store
            .publish_trigger(project(), trg, 2, None, after(4))
            .await
            .unwrap()
            .is_none(),
        "a draft is published once"
    );
    let again = store
        .rollback_trigger(project(), trg, 1, None, after(5))
        .await
        .unwrap()
        .unwrap();
    assert_eq!((again.revision, &again.definition), (3, &first.definition));
    assert_eq!(store.revision(project(), trg, 3).await.unwrap().unwrap(), again);
    let states: Vec<_> = store
        .revisions(project(), trg)
        .await
        .unwrap()
        .iter()
        .map(|row| row.state)
        .collect();
    assert_eq!(
        states,
        [RevisionState::Live, RevisionState::Retired, RevisionState::Retired]
    );
    assert_eq!(
        store.triggers(project(), &PageAsk::first(5)).await.unwrap().rows[0].live_revision,
        Some(3)
    );
}

#[tokio::test]
async fn a_snapshot_holds_live_paused_and_lately_retired_revisions() {
    let store = open().await;
    for (number, condition) in [(70_u128, "true"), (71, "false")] {
        store
            .put_draft(
                project(),
                id(number),
                &trigger(&format!("t{number}"), condition),
                noon(),
            )
            .await
            .unwrap();
        store
            .publish_trigger(project(), id(number), 1, None, noon())
            .await
            .unwrap()
            .unwrap();
    }
    store
        .put_draft(project(), id(70), &trigger("t70", "1 == 1"), noon())
        .await
        .unwrap();
    store
        .publish_trigger(project(), id(70), 2, None, noon())
        .await
        .unwrap()
        .unwrap();
    let before = version(&store).await;
    assert!(store.pause_trigger(project(), id(71)).await.unwrap());
    assert!(!store.pause_trigger(project(), id(71)).await.unwrap());
    assert_eq!(version(&store).await, before + 1);
    let rows = store
        .load_catalogue_rows(project(), after(0), None, |row| row)
        .await
        .unwrap()
        .unwrap();
    let names = |rows: &[super::RevisionRow]| {
        rows.iter()
            .map(|row| (row.trigger_id, row.revision))
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&rows.live), [(id(70), 2)]);
    assert_eq!(names(&rows.paused), [(id(71), 1)]);
    assert_eq!(names(&rows.retired), [(id(70), 1)]);
    let later = store
        .load_catalogue_rows(project(), noon() + TimeDelta::days(32), None, |row| row)
        .await
        .unwrap()
        .unwrap();
    assert!(later.retired.is_empty(), "no wait is older than that");
    assert!(store.resume_trigger(project(), id(71)).await.unwrap());
    assert!(
        store
            .load_catalogue_rows(id(9), noon(), None, |row| row)
            .await
            .unwrap()
            .is_none()
    );
}
