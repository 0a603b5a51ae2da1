//! The vault of a store: a key is made once, and a key that is missing, wrong or changed is told in words.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests may panic")]

use super::super::sample::{after, device, ids, project, project_row, registration, stay};
use super::super::testing::{Fresh, open_empty, open_fresh};
use super::*;
use crate::base::chance::SeededEntropy;
use crate::engine::fact::FactRef;
use std::os::unix::fs::PermissionsExt;

fn keys(seeds: &[u64]) -> String {
    let keys = seeds
        .iter()
        .map(|seed| Keyring::new_key(&SeededEntropy::new(*seed)).expose().to_owned());
    keys.collect::<Vec<_>>().join("\n")
}

fn told(seeds: &[u64]) -> Settings {
    Settings {
        keys: Some(Secret::new(keys(seeds))),
        keys_file: None,
    }
}

fn in_file(file: &Path) -> Settings {
    Settings {
        keys: None,
        keys_file: Some(file.to_owned()),
    }
}

async fn migrated() -> Fresh {
    let fresh = open_empty().await.unwrap();
    fresh.migrate().await.unwrap();
    fresh
}

#[test]
fn the_file_stands_beside_the_database_and_never_in_it() {
    let table = [
        ("sqlite://./data/usher.db", "./data/vault.key"),
        ("sqlite:///var/lib/usher/usher.db?mode=rwc", "/var/lib/usher/vault.key"),
        ("sqlite://usher.db", "vault.key"),
        ("postgres://user:secret@host/usher", "data/vault.key"),
    ];
    for (url, file) in table {
        assert_eq!(keys_file::beside(url), Path::new(file), "{url}");
    }
}

#[tokio::test]
async fn a_new_database_makes_its_key_once_for_its_owner_alone() {
    let fresh = migrated().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("deep/vault.key");
    assert_eq!(fresh.probe_vault(&in_file(&file), "").await.unwrap(), None);
    assert!(!file.exists());
    let made = fresh.open_vault(&in_file(&file), "").await.unwrap();
    assert!(made.made && made.keys.len() == 1, "{made:?}");
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let text = std::fs::read_to_string(&file).unwrap();
    let again = fresh.open_vault(&in_file(&file), "").await.unwrap();
    assert!(!again.made && again.keys == made.keys, "{again:?}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
    let files: Vec<_> = std::fs::read_dir(file.parent().unwrap()).unwrap().collect();
    assert_eq!(files.len(), 1, "{files:?}");
}

#[tokio::test]
async fn a_database_whose_key_is_away_makes_no_other_one_and_says_which_it_needs() {
    let fresh = migrated().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("vault.key");
    let made = fresh.open_vault(&in_file(&file), "").await.unwrap();
    std::fs::remove_file(&file).unwrap();
    let error = fresh.open_vault(&in_file(&file), "").await.unwrap_err();
    let said = format!("{error}; {}", error.remedy());
    for part in [
        made.keys[0].as_str(),
        file.to_str().unwrap(),
        "put the file back",
        "vault.keys_file",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!file.exists());
    let error = fresh.open_vault(&told(&[1]), "").await.unwrap_err();
    let said = format!("{error}; {}", error.remedy());
    assert!(said.contains(&made.keys[0]) && said.contains("vault.keys"), "{said}");
    std::fs::write(&file, "no key at all").unwrap();
    let error = fresh.open_vault(&in_file(&file), "").await.unwrap_err().to_string();
    assert!(error.contains("key number 1 is no key"), "{error}");
    std::fs::write(&file, "").unwrap();
    let error = fresh.open_vault(&in_file(&file), "").await.unwrap_err().to_string();
    assert!(error.contains("there is no key in it"), "{error}");
}

#[tokio::test]
async fn a_locked_store_neither_reads_nor_writes_what_is_sealed() {
    let fresh = migrated().await;
    fresh.create_project(&project_row(1)).await.unwrap();
    let error = fresh.register_device(&registration(1)).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
    assert!(error.to_string().contains("the vault is locked"), "{error}");
    fresh.open_vault(&told(&[1]), "").await.unwrap();
    fresh.register_device(&registration(1)).await.unwrap();
    let other = Store::open(fresh.settings()).await.unwrap();
    let error = other.devices_of(project(), device(1).user_id).await.unwrap_err();
    assert!(error.to_string().contains("the vault is locked"), "{error}");
}

#[tokio::test]
async fn a_value_that_was_changed_is_told_and_never_read() {
    let fresh = open_fresh().await.unwrap();
    fresh.create_project(&project_row(1)).await.unwrap();
    fresh.put_fact(stay("s1", 1, &["ana"]), &mut ids(7)).await.unwrap();
    let fact = FactRef {
        kind: "stay".into(),
        key: "s1".into(),
    };
    assert!(fresh.fact(project(), &fact).await.unwrap().is_some());
    // One value in the place of another: the same project, another column.
    let swap = "UPDATE facts SET properties = (SELECT input FROM inbox)";
    fresh.meddle(swap).await.unwrap();
    let error = fresh.fact(project(), &fact).await.unwrap_err();
    assert!(matches!(error, StoreError::Corrupt(_)), "{error}");
    assert!(
        error.to_string().contains("facts.properties: it was changed"),
        "{error}"
    );
    fresh
        .meddle("UPDATE facts SET properties = 'usher1:00000000:AAAA'")
        .await
        .unwrap();
    let error = fresh.fact(project(), &fact).await.unwrap_err();
    // The key may come back: worth trying again.
    assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
    assert!(error.to_string().contains("sealed with the key 00000000"), "{error}");
    // From before there was a vault.
    fresh
        .meddle("UPDATE facts SET properties = '{\"room\":\"12\"}'")
        .await
        .unwrap();
    let read = fresh.fact(project(), &fact).await.unwrap().unwrap();
    assert_eq!(read.properties["room"], "12");
}

#[tokio::test]
async fn new_keys_of_the_file_are_taken_while_it_runs_and_bad_ones_change_nothing() {
    let fresh = migrated().await;
    fresh.create_project(&project_row(1)).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("vault.key");
    let before = fresh.open_vault(&in_file(&file), "").await.unwrap();
    fresh.register_device(&registration(1)).await.unwrap();
    assert!(!fresh.reload_keys().await.unwrap());
    assert_eq!(rotate_keys(&in_file(&file), "", &SystemEntropy).unwrap(), file);
    assert!(fresh.reload_keys().await.unwrap());
    let after_it = fresh.vault_keys().unwrap();
    assert_eq!((after_it.len(), &after_it[1]), (2, &before.keys[0]));
    let good = std::fs::read_to_string(&file).unwrap();
    assert!(good.starts_with("# The keys"), "the remarks stay on top");
    for bad in [keys(&[9]), "nothing".to_owned(), String::new()] {
        std::fs::write(&file, &bad).unwrap();
        fresh.reload_keys().await.unwrap_err();
        assert_eq!(fresh.vault_keys().unwrap(), after_it, "{bad}");
    }
    std::fs::remove_file(&file).unwrap();
    fresh.reload_keys().await.unwrap_err();
    let row = &fresh.devices_of(project(), device(1).user_id).await.unwrap()[0];
    assert_eq!(row.push, device(1).push);
}

#[tokio::test]
async fn an_address_is_found_by_its_name_whatever_key_sealed_it() {
    let fresh = migrated().await;
    fresh.create_project(&project_row(1)).await.unwrap();
    fresh.open_vault(&told(&[1]), "").await.unwrap();
    fresh.register_device(&registration(1)).await.unwrap();
    fresh.open_vault(&told(&[2, 1]), "").await.unwrap();
    let mut taken = registration(2);
    taken.device.push = device(1).push;
    taken.device.created_at = after(1);
    let registered = fresh.register_device(&taken).await.unwrap();
    assert_eq!(registered.unreachable, [(device(1).user_id, device(1).id)]);
    let lost = fresh.device(project(), device(1).id).await.unwrap().unwrap();
    assert_eq!(lost.push, None);
}

#[tokio::test]
async fn addresses_from_before_there_was_a_vault_are_found_as_well() {
    let fresh = migrated().await;
    fresh.create_project(&project_row(1)).await.unwrap();
    fresh.open_vault(&told(&[1]), "").await.unwrap();
    fresh.register_device(&registration(1)).await.unwrap();
    let plain = "UPDATE devices SET push_address = 'old-token', push_address_name = NULL";
    fresh.meddle(plain).await.unwrap();
    fresh.open_vault(&told(&[1]), "").await.unwrap();
    let mut taken = registration(2);
    taken.device.push = device(1).push.map(|(channel, _)| (channel, "old-token".to_owned()));
    let registered = fresh.register_device(&taken).await.unwrap();
    assert_eq!(registered.unreachable.len(), 1);
}
