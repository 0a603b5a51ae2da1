//! The secret is made once and kept, and an address that no phone could open is refused.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use super::super::tests::now;
use super::*;
use crate::base::chance::SeededEntropy;
use std::os::unix::fs::PermissionsExt as _;

fn link() -> Link {
    Link {
        project_id: uuid::Uuid::from_u128(1).into(),
        user_id: uuid::Uuid::from_u128(2).into(),
        kind: "flight".into(),
        key: "F1".into(),
    }
}

fn opened(settings: &Settings, database: &str, seed: u64) -> Result<Links, String> {
    Links::open(
        settings,
        "127.0.0.1:8787".parse().unwrap(),
        database,
        &SeededEntropy::new(seed),
    )
}

fn token(address: &str) -> &str {
    address.rsplit_once('/').unwrap().1
}

#[test]
fn a_secret_is_made_beside_the_database_and_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let database = format!("sqlite://{}/usher.db?mode=rwc", folder.path().display());
    let first = opened(&Settings::default(), &database, 1).unwrap();
    let address = first.page(&link(), None, now());
    assert!(address.starts_with("http://127.0.0.1:8787/p/"), "{address}");
    let again = opened(&Settings::default(), &database, 2).unwrap();
    assert_eq!(again.read(token(&address), now()), Ok(link()));
    let mode = std::fs::metadata(folder.path().join("links.key"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    std::fs::write(folder.path().join("links.key"), "short").unwrap();
    assert!(
        opened(&Settings::default(), &database, 1)
            .unwrap_err()
            .contains("shorter than 32 bytes")
    );
    let elsewhere = opened(&Settings::default(), "postgres://usher@db/usher", 1).unwrap();
    assert!(first.is_kept && !elsewhere.is_kept);
    assert_eq!(elsewhere.read(token(&address), now()), Err(LinkError::Unknown));
    let nowhere = opened(&Settings::default(), "sqlite:///nowhere/at/all/usher.db", 1).unwrap_err();
    assert!(
        nowhere.starts_with("links.secret: /nowhere/at/all/links.key:") && nowhere.contains("links.secret_file"),
        "{nowhere}"
    );
}

#[test]
fn a_link_ends_with_its_day_or_with_what_it_is_for() {
    let links = opened(&Settings::default(), "postgres://db", 1).unwrap();
    let read_at = |ends_at: Option<Timestamp>, minutes: i64| {
        let address = links.page(&link(), ends_at, now());
        links.read(token(&address), now() + TimeDelta::minutes(minutes))
    };
    assert_eq!(read_at(None, 24 * 60 - 1), Ok(link()));
    assert_eq!(read_at(None, 24 * 60), Err(LinkError::Expired));
    assert_eq!(read_at(Some(now() + TimeDelta::hours(1)), 60), Err(LinkError::Expired));
    assert_eq!(
        read_at(Some(now() + TimeDelta::days(9)), 24 * 60),
        Err(LinkError::Expired)
    );
}

#[test]
fn settings_that_cannot_work_are_refused() {
    let refused = |public_url: &str, secret: Option<&str>, hours: u32| {
        let settings = Settings {
            public_url: Some(public_url.into()),
            secret: secret.map(Secret::new),
            hours,
        };
        opened(&settings, "postgres://db", 1).unwrap_err()
    };
    for url in [
        "usher.example",
        "https://",
        "https://u.example/?x=1",
        "ftp://u.example",
        "https://a b",
    ] {
        let said = refused(url, None, 24);
        assert!(
            said.starts_with("links.public_url: ") && said.contains("such as https://usher.example"),
            "{said}"
        );
    }
    assert!(refused("https://u.example", Some("short"), 24).starts_with("links.secret: is shorter"));
    assert!(refused("https://u.example", None, 0).starts_with("links.hours: 0 is not 1 to 168"));
    let settings = Settings {
        public_url: Some("https://u.example/usher/".into()),
        ..Settings::default()
    };
    let links = opened(&settings, "postgres://db", 1).unwrap();
    assert_eq!(links.secure_url(), Some("https://u.example/usher"));
    assert!(!format!("{links:?}").contains("hmac"), "{links:?}");
}
