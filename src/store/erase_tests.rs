//! Export gives everything of a person, erasure leaves nothing: looked for in the bytes of the database file.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use super::change::{Change, Row};
use super::sample::{after, decision, id, ids, moment, noon, open, project, registration, sending, stay};
use super::testing::Fresh;
use crate::base::id::UserId;
use crate::engine::decision::ReasonCode;
use crate::engine::delivery::ChannelKind;
use crate::engine::fact::FactRef;
use crate::engine::fix::Fix;
use crate::engine::step::{InstanceChange, KeptBecause, KeptFix};
use crate::engine::subject::{Consent, Instance, Profile, Purpose};
use sea_orm::ConnectionTrait;
use serde_json::json;

/// A change with something of every kind, each carrying the canary.
fn everything() -> Change {
    let mut all = sending(1, 50, "canary-send-key");
    all.effects.messages[0].shown.body = "canary-body".into();
    all.effects.subject.profile.user_ref = Some("canary-ref".into());
    let profile = Profile::clone(&all.effects.subject.profile);
    let mut noticed = moment(1, 40, noon());
    noticed.evidence.record_id = Some("canary-record".into());
    all.effects.moments.push(noticed);
    all.effects.decisions.push(crate::engine::decision::Decision {
        trigger: "canary-trigger".into(),
        ..decision(1, 41, ReasonCode::Sent, noon())
    });
    keep_records(&mut all);
    all.effects.instances.push(in_a_journey());
    all.rows = rows(profile);
    all
}

/// An instance that left a state behind, and so has a row in both tables.
fn in_a_journey() -> InstanceChange {
    InstanceChange {
        instance: Instance {
            id: id(60),
            journey_id: id(61),
            version: 1,
            key: "canary-key".into(),
            facts: std::collections::BTreeMap::new(),
            state: "canary-state".into(),
            passed: 1,
            started_at: noon(),
            since: after(1),
            ends_at: after(60),
        },
        from: Some("canary-from".into()),
        from_since: Some(noon()),
        exit: None,
        at: after(1),
    }
}

fn keep_records(all: &mut Change) {
    all.effects.fixes.push(KeptFix {
        record_id: "canary-fix".into(),
        device_id: id(1),
        at: noon(),
        fix: Fix {
            source: Some("canary-source".into()),
            ..Fix::default()
        },
        why: KeptBecause::Evidence,
    });
    all.effects.receipts.push(crate::engine::step::Received {
        record_id: "canary-receipt".into(),
        device_id: id(1),
        message_id: id(50),
        status: crate::engine::fix::ReceiptStatus::Action,
        action: Some("canary-action".into()),
        text: None,
        at: noon(),
    });
}

fn rows(profile: Profile) -> Vec<Row> {
    let consent = (
        Purpose::Promo,
        Consent {
            granted: true,
            at: after(1),
        },
    );
    vec![
        Row::User {
            user_id: id(1),
            profile,
            at: noon(),
        },
        Row::Consents {
            user_id: id(1),
            consents: vec![consent],
            source: "canary-consent".into(),
        },
        Row::Event(super::EventRow {
            user_id: id(1),
            device_id: Some(id(1)),
            record_id: "canary-event".into(),
            name: "canary-name".into(),
            properties: json!({ "note": "canary-property" }).as_object().unwrap().clone(),
            occurred_at: noon(),
            received_at: noon(),
        }),
    ]
}

/// A user with a row in every table, each carrying the canary; returns the user's id.
async fn canary(store: &Fresh) -> UserId {
    let mut canary = registration(1);
    canary.device.installation_id = "canary-installation".into();
    canary.device.push = Some((ChannelKind::Tray, "canary-address".into()));
    store.register_device(&canary).await.unwrap();
    store.commit(vec![everything()]).await.unwrap();
    store
        .put_fact(stay("canary-stay", 1, &["canary-ref"]), &mut ids(1))
        .await
        .unwrap();
    store
        .put_fact(stay("tour", 1, &["canary-ref", "friend"]), &mut ids(2))
        .await
        .unwrap();
    id(1)
}

#[tokio::test]
async fn an_export_gives_everything_but_credentials_and_strangers() {
    let store = open().await;
    let user = canary(&store).await;
    let document = store.export_user(project(), user).await.unwrap().unwrap();
    for (part, rows) in [
        ("consents", 3),
        ("facts", 2),
        ("events", 1),
        ("fixes", 1),
        ("moments", 1),
        ("decisions", 1),
        ("messages", 1),
        ("journeys", 1),
    ] {
        assert_eq!(document[part].as_array().unwrap().len(), rows, "{part}");
    }
    assert_eq!(document["deliveries"].as_array().unwrap().len(), 1);
    assert_eq!(document["receipts"][0]["action"], "canary-action");
    assert_eq!(document["devices"]["now"][0]["installation_id"], "canary-installation");
    assert_eq!(document["state"].as_array().unwrap().len(), 1);
    let friend = store.user_by_ref(project(), "friend").await.unwrap().unwrap().id;
    assert!(!document["facts"].to_string().contains(&friend.to_string()));
    assert!(!document.to_string().contains("token_hash"));
    assert!(store.export_user(id(2), user).await.unwrap().is_none());
}

/// Does the file or the log of the database hold the canary? The shared fact keeps its own text: it is the friend's, too.
fn traces(store: &Fresh) -> bool {
    let Some(folder) = store.folder() else { return true };
    ["usher.db", "usher.db-wal"].into_iter().any(|name| {
        let bytes = std::fs::read(folder.join(name)).unwrap_or_default();
        String::from_utf8_lossy(&bytes)
            .replace("canary-in-fact", "")
            .contains("canary")
    })
}

#[tokio::test]
async fn erasing_leaves_only_a_tombstone() {
    let store = open().await;
    let user = canary(&store).await;
    assert!(traces(&store), "the canary is where the search looks");
    assert!(!store.erase_user(id(2), user, noon()).await.unwrap(), "another project");
    assert!(store.erase_user(project(), user, after(60)).await.unwrap());
    assert!(!store.erase_user(project(), user, after(61)).await.unwrap(), "once");
    assert!(store.is_erased(project(), user).await.unwrap());
    assert!(store.export_user(project(), user).await.unwrap().is_none());
    assert!(
        store
            .claim_deliveries(after(60), chrono::TimeDelta::seconds(30), 10)
            .await
            .unwrap()
            .is_empty()
    );
    let shared = store
        .fact(
            project(),
            &FactRef {
                kind: "stay".into(),
                key: "tour".into(),
            },
        )
        .await
        .unwrap()
        .unwrap();
    let friend = store.user_by_ref(project(), "friend").await.unwrap().unwrap().id;
    assert_eq!(shared.subjects, [friend], "what is shared stays with the others");
    assert_eq!(store.inbox_pending(10).await.unwrap().len(), 1);
    if store.folder().is_some() {
        assert!(!traces(&store), "something of the person is still in the file");
        store.writer.execute_unprepared("VACUUM").await.unwrap();
        assert!(!traces(&store), "something of the person came back with the VACUUM");
    }
}
