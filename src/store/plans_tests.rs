//! No statement of the hot paths goes through a whole table that grows: every one is asked how it would be answered.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use super::commit_at_once::{NO_KEY_TAKEN, NOBODY_ERASED};
use super::sample::{
    after, change, decision, delivery, device, fence, id, ids, moment, noon, open, project, registration, sending, stay,
};
use super::*;
use crate::base::id::{DeliveryId, UserId};
use crate::base::time::Timestamp;
use crate::engine::decision::ReasonCode;
use crate::engine::fix::ReceiptStatus;
use crate::engine::step::Received;
use chrono::TimeDelta;
use sea_orm::{ConnectionTrait, Statement};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// Tables that hold a row for everything that happens, or for everybody there is.
const GROWING: [&str; 19] = [
    "moments",
    "decisions",
    "events",
    "fixes",
    "messages",
    "deliveries",
    "attempts",
    "receipts",
    "devices",
    "device_owners",
    "subjects",
    "users",
    "consents",
    "facts",
    "fact_subjects",
    "tombstones",
    "journey_instances",
    "journey_passages",
    "idempotency_keys",
];

type Said = Arc<Mutex<BTreeMap<String, Statement>>>;

/// The store, and every different statement that it is told from now on.
async fn listened() -> Option<(testing::Fresh, Store, Said)> {
    let fresh = open().await;
    if fresh.is_shared() {
        return None;
    }
    let (mut store, said) = ((*fresh).clone(), Said::default());
    for connection in [&mut store.writer, &mut store.reader] {
        let said = Arc::clone(&said);
        connection.set_metric_callback(move |info| {
            let statement = info.statement.clone();
            said.lock().unwrap().insert(statement.sql.clone(), statement);
        });
    }
    Some((fresh, store, said))
}

async fn use_it(store: &Store, now: Timestamp) {
    let all = PageAsk::first(10);
    let (project, user) = (project(), id(1));
    store.register_device(&registration(1)).await.unwrap();
    store.held_device(&device(1).token_hash).await.unwrap();
    store.owners_since(project, device(1).id, noon()).await.unwrap();
    store.merged_into(project, &[user]).await.unwrap();
    store.load_subjects(project, &[user]).await.unwrap();
    store.known_records(project, &["r1".into()]).await.unwrap();
    let mut changed = change(1);
    changed.effects.changed = true;
    changed.effects.moments.push(moment(1, 7, noon()));
    let decided = decision(1, 8, ReasonCode::NoFact, after(0));
    changed.effects.decisions.push(decided);
    changed.rows.push(Row::Device(device(1)));
    changed.inbox_done = Some(id(5));
    store.commit(vec![changed, sending(1, 3, "key")]).await.unwrap();
    store.put_fact(stay("b1", 1, &["ana"]), &mut ids(3)).await.unwrap();
    store.wakes_due(now, 10).await.unwrap();
    store.next_wake().await.unwrap();
    store.inbox_pending(10).await.unwrap();
    store.claim_deliveries(now, TimeDelta::seconds(60), 10).await.unwrap();
    store.moments(project, &MomentFilter::default(), &all).await.unwrap();
    store
        .decisions(project, &DecisionFilter::default(), &all)
        .await
        .unwrap();
    store
        .deliveries(project, &DeliveryFilter::default(), &all)
        .await
        .unwrap();
    let late = now + TimeDelta::days(1_000);
    while store.purge(late, 10, &Retention::default()).await.unwrap() > 0 {}
}

#[tokio::test]
async fn no_hot_statement_goes_through_a_table_that_grows() {
    let Some((_fresh, store, said)) = listened().await else {
        return;
    };
    use_it(&store, after(3600)).await;
    let mut said = std::mem::take(&mut *said.lock().unwrap());
    // These go past the ORM, which would have told of them.
    for text in [NOBODY_ERASED, NO_KEY_TAKEN] {
        let statement = Statement::from_string(store.writer.get_database_backend(), text);
        said.insert(text.to_owned(), statement);
    }
    assert!(said.len() > 40, "{} statements were heard", said.len());
    let goes_through = |plan: &str| {
        let table = plan.strip_prefix("SCAN ").and_then(|rest| rest.split(' ').next());
        table.is_some_and(|table| GROWING.contains(&table.trim_matches('"')))
    };
    let slow = plans_that(goes_through, &store, &said).await;
    assert!(slow.is_empty(), "{}", slow.join("\n"));
}

/// A project may have a million of them.
#[tokio::test]
async fn a_geofence_is_changed_without_a_look_at_the_others() {
    let Some((_fresh, store, said)) = listened().await else {
        return;
    };
    let put = store
        .upsert_geofences(project(), &[fence(1, "adlon", "Adlon")], false)
        .await
        .unwrap();
    let id = put.outcomes[0].id;
    store.geofence(project(), id).await.unwrap();
    store
        .geofence_by_external_id(project(), "hotel", "adlon")
        .await
        .unwrap();
    store.delete_geofence(project(), id, noon()).await.unwrap();
    let others = store
        .load_catalogue_rows(project(), noon(), Some(0), |row| row)
        .await
        .unwrap();
    assert!(others.is_some());
    let said = std::mem::take(&mut *said.lock().unwrap());
    let of_the_project = |plan: &str| {
        plan.contains("geofences") && (plan.ends_with("(project_id=?)") || plan.starts_with("SCAN geofences"))
    };
    let slow = plans_that(of_the_project, &store, &said).await;
    assert!(slow.is_empty(), "{}", slow.join("\n"));
}

/// What has keys is found by them, however many rows a project has: SQLite takes those for ten, and would go through all of them.
#[tokio::test]
async fn a_few_keys_are_looked_for_and_not_all_that_a_project_has() {
    let Some((_fresh, store, said)) = listened().await else {
        return;
    };
    const COUNT: u128 = 8;
    let each = || 1..=COUNT;
    let project = project();
    let users: Vec<UserId> = each().map(id).collect();
    for number in each() {
        store.register_device(&registration(number)).await.unwrap();
    }
    let sent = each().map(|number| sending(number, 100 + number, &format!("key-{number}")));
    store.commit(sent.collect::<Vec<_>>()).await.unwrap();
    let heard = each().map(|number| {
        let mut change = change(number);
        let (message_id, device_id, at) = (id(100 + number), id(number), after(9));
        change.effects.receipts = vec![Received {
            record_id: format!("r{number}"),
            device_id,
            message_id,
            status: ReceiptStatus::Opened,
            action: None,
            text: None,
            at,
        }];
        change.effects.cancelled = vec![message_id];
        change
    });
    store.commit(heard.collect::<Vec<_>>()).await.unwrap();
    let mut put = stay("b1", 1, &[]);
    put.fact.subjects.clone_from(&users);
    store.put_fact(put, &mut ids(3)).await.unwrap();
    store.merged_into(project, &users).await.unwrap();
    let deliveries: Vec<DeliveryId> = each().map(|number| delivery(100 + number)).collect();
    store.attempts(project, &deliveries).await.unwrap();
    let late = after(3600) + TimeDelta::days(1_000);
    store.silent_devices(project, late, &PageAsk::first(10)).await.unwrap();
    let then = Noticed {
        project_id: project,
        from: noon(),
        to: late,
    };
    store.people_then(&then, &users).await.unwrap();
    let mut asked = std::mem::take(&mut *said.lock().unwrap());
    asked.retain(|sql, _| sql.contains("IN (?, ?, ?, ?, ?, ?"));
    assert!(asked.len() >= 8, "{:?}", asked.keys());
    let goes_through = |plan: &str| plan.ends_with("(project_id=?)") || plan.contains("(state=?");
    let slow = plans_that(goes_through, &store, &asked).await;
    assert!(slow.is_empty(), "{}", slow.join("\n"));
    assert!(store.purge(late, 500, &Retention::default()).await.unwrap() > 0);
    let mut removed = std::mem::take(&mut *said.lock().unwrap());
    removed.retain(|sql, _| sql.starts_with("DELETE"));
    let by_place = plans_that(|plan| plan.contains("(rowid=?)"), &store, &removed).await;
    assert_eq!((by_place.len(), removed.len()), (9, 9), "{:?}", removed.keys());
}

/// The steps of which this is true, of the plans for what was said, with what was said.
async fn plans_that(is_so: impl Fn(&str) -> bool, store: &Store, said: &BTreeMap<String, Statement>) -> Vec<String> {
    let mut found = Vec::new();
    // A script is several statements. Values need not be given: no plan depends on one.
    for (sql, statement) in said
        .iter()
        .flat_map(|(text, said)| text.split(';').map(move |sql| (sql, said)))
    {
        let asks = ["SELECT", "UPDATE", "DELETE", "INSERT"]
            .iter()
            .any(|word| sql.starts_with(word));
        if !asks {
            continue;
        }
        let ask = Statement::from_string(statement.db_backend, format!("EXPLAIN QUERY PLAN {sql}"));
        for row in store.reader.query_all_raw(ask).await.unwrap() {
            let plan: String = row.try_get("", "detail").unwrap();
            if is_so(&plan) {
                found.push(format!("{plan}: {sql}"));
            }
        }
    }
    found
}
