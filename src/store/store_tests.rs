//! The schema, projects, keys, idempotency and retention, on the database that the tests run on.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may panic")]

use super::Retention;
use super::error::StoreError;
use super::sample::{after, change, decision, id, noon, open, project, project_row};
use super::testing::open_empty;
use super::{Begun, DecisionFilter, KeyKind, KeyRow, PageAsk, SavedAnswer, Settings};
use crate::engine::decision::ReasonCode;
use chrono::TimeDelta;
use migration::{Migrator, MigratorTrait};

#[tokio::test]
async fn the_schema_goes_up_down_and_up_again() {
    let store = open_empty().await.unwrap();
    let all = store.pending_migrations().await.unwrap();
    assert_eq!(all.len(), Migrator::migrations().len());
    store.migrate().await.unwrap();
    assert!(store.pending_migrations().await.unwrap().is_empty());
    Migrator::down(&store.writer, None).await.unwrap();
    assert_eq!(store.pending_migrations().await.unwrap(), all);
    store.migrate().await.unwrap();
    store.create_project(&project_row(1)).await.unwrap();
    store.ping().await.unwrap();
    store.close().await.unwrap();
}

#[test]
fn settings_have_defaults_and_refuse_unknown_keys() {
    let settings: Settings = serde_json::from_str("{}").unwrap();
    assert_eq!(settings.url, "sqlite://./data/usher.db");
    assert!(serde_json::from_str::<Settings>(r#"{"ur":"x"}"#).is_err());
}

#[tokio::test]
async fn a_project_name_is_taken_once_and_settings_bump_the_catalogue() {
    let store = open().await;
    let again = super::ProjectRow {
        id: id(2),
        ..project_row(1)
    };
    let Err(StoreError::Conflict(what)) = store.create_project(&again).await else {
        panic!("the name is taken")
    };
    assert!(!what.contains("project 1"), "an error tells no values: {what}");
    let mut settings = project_row(1).settings;
    settings.paused = true;
    assert!(store.update_settings(project(), &settings).await.unwrap());
    assert!(!store.update_settings(id(9), &settings).await.unwrap());
    let row = store.project_by_name("project 1").await.unwrap().unwrap();
    assert_eq!((row.settings.paused, row.catalogue_version), (true, 1));
    assert_eq!(store.project(project()).await.unwrap().unwrap(), row);
    assert_eq!(store.catalogue_versions().await.unwrap(), [(project(), 1)]);
}

#[tokio::test]
async fn a_key_is_found_by_its_hash_until_it_is_revoked() {
    let store = open().await;
    let key = KeyRow {
        id: id(5),
        project_id: project(),
        kind: KeyKind::Secret,
        scopes: vec!["facts:write".into()],
        token_hash: vec![5; 32],
        label: "hotel system".into(),
        last4: "abcd".into(),
        created_at: noon(),
        expires_at: Some(after(60)),
        revoked_at: None,
    };
    store.create_key(&key).await.unwrap();
    let found = store.key_by_hash(&[5; 32]).await.unwrap().unwrap();
    assert_eq!(found, key);
    assert!(found.is_valid(after(59)) && !found.is_valid(after(60)));
    assert!(
        !store.revoke_key(id(2), id(5), noon()).await.unwrap(),
        "another project's key"
    );
    assert!(store.revoke_key(project(), id(5), noon()).await.unwrap());
    assert!(!store.revoke_key(project(), id(5), noon()).await.unwrap(), "once");
    assert!(!store.keys(project()).await.unwrap()[0].is_valid(noon()));
    assert!(store.key_by_hash(&[6; 32]).await.unwrap().is_none());
    let homeless = KeyRow {
        id: id(6),
        project_id: id(99),
        token_hash: vec![6; 32],
        ..key
    };
    assert!(matches!(
        store.create_key(&homeless).await,
        Err(StoreError::Conflict(_))
    ));
}

#[tokio::test]
async fn a_repeated_write_gets_the_same_answer_for_a_day() {
    let store = open().await;
    let begin = async |hash: &[u8], at| store.begin_idempotent(project(), "k", hash, at).await.unwrap();
    assert_eq!(begin(b"a", noon()).await, Begun::New);
    assert_eq!(begin(b"a", after(1)).await, Begun::InProgress);
    assert_eq!(begin(b"b", after(1)).await, Begun::Mismatch);
    assert_eq!(begin(b"a", after(60)).await, Begun::New, "the first one died");
    store.abandon_idempotent(project(), "k").await.unwrap();
    assert_eq!(begin(b"a", after(61)).await, Begun::New);
    let saved = SavedAnswer {
        status: 201,
        content_type: "application/json".into(),
        body: b"{}".to_vec(),
    };
    store.finish_idempotent(project(), "k", &saved).await.unwrap();
    store.abandon_idempotent(project(), "k").await.unwrap();
    assert_eq!(begin(b"a", after(3600)).await, Begun::Finished(saved));
    assert_eq!(begin(b"b", after(3600)).await, Begun::Mismatch);
    let day = after(61) + TimeDelta::hours(24);
    assert_eq!(
        store
            .purge(day - TimeDelta::seconds(1), 100, &Retention::default())
            .await
            .unwrap(),
        0
    );
    assert_eq!(store.purge(day, 100, &Retention::default()).await.unwrap(), 1);
    assert_eq!(begin(b"b", day).await, Begun::New);
}

#[tokio::test]
async fn old_decisions_go_in_small_steps() {
    let store = open().await;
    let mut old = change(1);
    for number in 0..5 {
        old.effects
            .decisions
            .push(decision(1, 100 + number, ReasonCode::NoFact, after(0)));
    }
    old.effects
        .decisions
        .push(decision(1, 200, ReasonCode::NoFact, after(60)));
    store.commit(vec![old]).await.unwrap();
    let now = after(0) + TimeDelta::days(30);
    let mut steps = Vec::new();
    loop {
        let purged = store.purge(now, 2, &Retention::default()).await.unwrap();
        if purged == 0 {
            break;
        }
        steps.push(purged);
    }
    assert_eq!(steps, [2, 2, 1]);
    let left = store
        .decisions(project(), &DecisionFilter::default(), &PageAsk::first(10))
        .await
        .unwrap();
    assert_eq!(left.rows.len(), 1);
}
