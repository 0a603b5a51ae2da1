//! Sealing anew: everything gets the new key while others write, and the old one can go.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may panic")]

use super::super::sample::{change, decision, device, ids, moment, noon, open, project, registration, stay};
use super::super::testing::Fresh;
use super::super::{EndpointRow, EventRow, Held, Row as Written, SavedAnswer, SigningSecrets, WalletPass};
use super::*;
use crate::base::chance::SeededEntropy;
use crate::base::link::Link;
use crate::base::seal::SealingKey;
use crate::base::secret::Secret;
use crate::base::vault::Keyring;
use crate::engine::decision::ReasonCode;
use crate::engine::delivery::Health;
use crate::engine::fact::FactRef;
use serde_json::json;

fn new_key() -> String {
    Keyring::new_key(&SeededEntropy::new(77)).expose().to_owned()
}

/// That of RFC 8291, appendix A.
fn sealing_key() -> SealingKey {
    let public = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
    SealingKey::new(public, "BTBZMqHH6r4Tts7J_aSIgg").unwrap()
}

fn endpoint() -> EndpointRow {
    EndpointRow {
        id: Uuid::from_u128(1).into(),
        project_id: project(),
        url: "https://hotel.example/hook".into(),
        description: String::new(),
        secrets: SigningSecrets::new(Secret::new("whsec_canary")),
        disabled: None,
        health: Health::default(),
        held_until: None,
        created_at: noon(),
        updated_at: noon(),
    }
}

fn wallet() -> WalletPass {
    WalletPass {
        holder: "phone".into(),
        serial: "serial".into(),
        link: Link {
            project_id: project(),
            user_id: device(1).user_id,
            kind: "stay".into(),
            key: "s1".into(),
        },
        push_token: Some(Secret::new("token-canary")),
        due_at: None,
        attempts: 0,
    }
}

/// Something in every sealed column that the cast of the store's tests can fill.
async fn filled() -> Fresh {
    let fresh = open().await;
    let mut registration = registration(1);
    registration.device.sealing_key = Some(sealing_key());
    fresh.register_device(&registration).await.unwrap();
    assert!(fresh.add_endpoint(&endpoint()).await.unwrap());
    fresh.hold_pass(&wallet(), noon()).await.unwrap();
    fresh.put_fact(stay("s1", 1, &["ana"]), &mut ids(7)).await.unwrap();
    let mut change = change(1);
    change.effects.moments = vec![moment(1, 1, noon())];
    change.effects.decisions = vec![decision(1, 1, ReasonCode::Sent, noon())];
    change.rows.push(Written::Event(EventRow {
        user_id: device(1).user_id,
        device_id: None,
        record_id: "e1".into(),
        name: "ordered".into(),
        properties: json!({ "room": "4711" }).as_object().unwrap().clone(),
        occurred_at: noon(),
        received_at: noon(),
    }));
    fresh.commit(&[change]).await.unwrap();
    let saved = SavedAnswer {
        status: 200,
        content_type: "application/json".into(),
        body: b"\xff\x00 any bytes".to_vec(),
    };
    fresh.begin_idempotent(project(), "k", b"hash", noon()).await.unwrap();
    fresh.finish_idempotent(project(), "k", &saved).await.unwrap();
    fresh
}

async fn pass(fresh: &Fresh) -> Reseal {
    let mut pass = Reseal::default();
    while !fresh.reseal_step(&mut pass).await.unwrap().done {}
    pass
}

#[tokio::test]
async fn everything_gets_the_new_key_and_the_old_one_can_go() {
    let fresh = filled().await;
    let old = fresh.vault_keys().unwrap()[0].clone();
    assert!(
        fresh.reseal_needed().await.unwrap(),
        "nothing is known of a new database"
    );
    assert_eq!(pass(&fresh).await.sealed, 0);
    let values = fresh.keys_in_use().await.unwrap();
    assert_eq!(values.keys().collect::<Vec<_>>(), [&old]);
    assert!(values[&old] >= 14, "{values:?}");

    let both = Keyring::read(&format!("{} {}", new_key(), fresh.key().expose())).unwrap();
    let new = both.current().to_owned();
    fresh.unlock(both, None).await.unwrap();
    assert!(fresh.reseal_needed().await.unwrap());
    // Written meanwhile, it has the new key already.
    fresh.put_fact(stay("s1", 2, &["ana"]), &mut ids(8)).await.unwrap();
    let done = pass(&fresh).await;
    assert_eq!(done.unread, 0);
    assert_eq!(fresh.reseal_needed().await.unwrap(), fresh.is_shared());
    let values = fresh.keys_in_use().await.unwrap();
    assert_eq!(values.keys().collect::<Vec<_>>(), [&new]);
    assert_eq!(pass(&fresh).await.sealed, 0, "a second pass has nothing to do");

    fresh.unlock(Keyring::read(&new_key()).unwrap(), None).await.unwrap();
    let fact = FactRef {
        kind: "stay".into(),
        key: "s1".into(),
    };
    assert!(fresh.fact(project(), &fact).await.unwrap().is_some());
    let row = fresh.device(project(), device(1).id).await.unwrap().unwrap();
    assert_eq!(row.push, device(1).push);
    assert_eq!(row.sealing_key, Some(sealing_key()));
    assert_eq!(fresh.endpoints(project()).await.unwrap(), [endpoint()]);
    let held = fresh.passes_held("phone").await.unwrap().remove(0);
    assert!(held.due_at.is_some(), "the fact has changed since");
    let due_at = held.due_at;
    assert_eq!(held, WalletPass { due_at, ..wallet() });
    assert_eq!(
        fresh
            .load_subjects(project(), &[device(1).user_id])
            .await
            .unwrap()
            .len(),
        1
    );
    let again = fresh.begin_idempotent(project(), "k", b"hash", noon()).await.unwrap();
    let super::super::Begun::Finished(saved) = again else {
        panic!("{again:?}")
    };
    assert_eq!(saved.body, b"\xff\x00 any bytes");
}

#[tokio::test]
async fn what_stands_in_plain_text_is_sealed() {
    let fresh = filled().await;
    fresh
        .meddle("UPDATE facts SET properties = '{\"room\":\"4711\"}'")
        .await
        .unwrap();
    assert_eq!(fresh.keys_in_use().await.unwrap()[""], 1);
    let done = pass(&fresh).await;
    assert_eq!((done.sealed, done.unread), (1, 0));
    assert!(!fresh.keys_in_use().await.unwrap().contains_key(""));
}

#[tokio::test]
async fn what_does_not_open_stays_and_no_key_is_said_to_be_free() {
    let fresh = filled().await;
    pass(&fresh).await;
    let other = Keyring::read(&format!("{} {}", new_key(), fresh.key().expose())).unwrap();
    fresh.unlock(other, None).await.unwrap();
    fresh
        .meddle("UPDATE facts SET properties = 'usher1:00000000:AAAA'")
        .await
        .unwrap();
    let done = pass(&fresh).await;
    assert_eq!(done.unread, 1);
    assert!(fresh.reseal_needed().await.unwrap());
    assert_eq!(fresh.keys_in_use().await.unwrap()["00000000"], 1);
}

#[tokio::test]
async fn a_value_written_meanwhile_is_not_overwritten() {
    let fresh = filled().await;
    let table = &TABLES[1];
    let rows = fresh.next_rows(table, None).await.unwrap();
    fresh.put_fact(stay("s1", 2, &["ana"]), &mut ids(8)).await.unwrap();
    let txn = fresh.write_txn().await.unwrap();
    assert_eq!(replace(&txn, table, &rows[0], "older".into()).await.unwrap(), 0);
    txn.commit().await.unwrap();
}

#[tokio::test]
async fn many_rows_are_gone_through_in_steps_and_none_twice() {
    let fresh = open().await;
    let count = limits::RESEALED_PER_STEP_MAX * 2 + 1;
    for number in 0..count {
        let put = stay(&format!("s{number}"), 1, &["ana"]);
        fresh.put_fact(put, &mut ids(u128::from(number))).await.unwrap();
    }
    let both = Keyring::read(&format!("{} {}", new_key(), fresh.key().expose())).unwrap();
    fresh.unlock(both, None).await.unwrap();
    let mut pass = Reseal::default();
    let mut counts = Vec::new();
    pass.table = 1;
    while pass.table == 1 {
        counts.push(fresh.reseal_step(&mut pass).await.unwrap().count);
    }
    let step = limits::RESEALED_PER_STEP_MAX;
    assert_eq!(counts, [step, step, 1]);
}

#[tokio::test]
async fn a_wallet_that_tells_its_token_again_is_known_and_a_dead_address_is_found_by_its_name() {
    let fresh = filled().await;
    assert_eq!(fresh.hold_pass(&wallet(), noon()).await.unwrap(), Held::Known);
    let other = WalletPass {
        push_token: Some(Secret::new("token-2")),
        ..wallet()
    };
    assert_eq!(fresh.hold_pass(&other, noon()).await.unwrap(), Held::Known);
    assert_eq!(fresh.passes_held("phone").await.unwrap(), [other]);
    for secret in ["whsec_canary", "token-canary", "token-2", "BTBZMqHH6r4Tts7J_aSIgg"] {
        for table in &TABLES {
            for row in fresh.next_rows(table, None).await.unwrap() {
                let text = String::from_utf8_lossy(&row.stored).into_owned();
                assert!(!text.contains(secret), "{secret} stands in {}", table.name);
            }
        }
    }
    let forget = async |address: &str| {
        let txn = fresh.write_txn().await.unwrap();
        let device = (project(), device(1).id);
        super::super::devices::forget_address(&txn, &fresh.vault, device, Some(address), None)
            .await
            .unwrap();
        txn.commit().await.unwrap();
        let (project, id) = device;
        fresh.device(project, id).await.unwrap().unwrap().push
    };
    assert_eq!(forget("another").await, device(1).push);
    assert_eq!(forget("address 1").await, None);
}
