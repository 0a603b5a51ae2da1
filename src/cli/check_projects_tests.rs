//! Channels of projects are asked with what is stored, and told by project, in the provider's words and without a secret.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use super::*;
use crate::base::id::ProjectId;
use crate::base::secret::Secret;
use crate::base::time::Timestamp;
use crate::channel::http_peer::{HttpPeer, Reply};
use crate::engine::catalogue::{Mode, ProjectSettings};
use crate::engine::delivery::ChannelKind;
use crate::store::ProjectRow;
use crate::store::testing::open_fresh;
use serde_json::json;
use uuid::Uuid;

const TOKEN: &str = "gateway-token";

fn noon() -> Timestamp {
    "2026-05-04T12:00:00Z".parse().unwrap()
}

async fn project(store: &Store, number: u128, name: &str) -> ProjectId {
    let noon = noon();
    let row = ProjectRow {
        id: Uuid::from_u128(number).into(),
        name: name.to_owned(),
        mode: Mode::Live,
        salt: "salt".to_owned(),
        settings: ProjectSettings::default(),
        catalogue_version: 0,
        created_at: noon,
    };
    store.create_project(&row).await.unwrap();
    let credentials = json!({ "account_sid": "AC0123", "auth_token": TOKEN, "from": name });
    let credentials = Secret::new(credentials.to_string());
    let edited = store.edit_channel((row.id, ChannelKind::Sms), noon, |row| {
        row.set_up.credentials = Some(credentials);
    });
    edited.await.unwrap();
    row.id
}

#[tokio::test]
async fn each_project_has_its_own_answer_and_no_secret_is_told() {
    let fresh = open_fresh().await.unwrap();
    let gateway = HttpPeer::start().await;
    let mut settings = crate::channel::Settings::default();
    settings.outside.allow = vec!["127.0.0.0/8".into()];
    settings.sms.base_url = gateway.url("");
    let channels = Channels::open(&settings).unwrap();
    project(&fresh, 1, "Alpenhof").await;
    project(&fresh, 2, "Seeblick").await;
    let words = format!("Authenticate: {TOKEN} is not it");
    let refusal = json!({ "message": words }).to_string();
    // Both are asked at once: whoever is refused, the other one is not.
    gateway.reply_next(Reply::Full(401, "", refusal));
    let mut probes = of_store(&fresh, &channels).await.unwrap();
    let names: Vec<_> = probes.iter().map(|probe| probe.name.as_str()).collect();
    assert_eq!(
        names,
        ["channel sms of project Alpenhof", "channel sms of project Seeblick"]
    );
    probes.sort_by_key(|probe| probe.passed);
    assert_eq!(probes[0].says, "the gateway answered 401: Authenticate: … is not it");
    assert_eq!(
        (probes[0].passed, probes[1].passed, probes[1].says.as_str()),
        (false, true, "answers")
    );
    // What the server's configuration is left to has a probe of its own.
    let left = fresh.edit_channel((Uuid::from_u128(2).into(), ChannelKind::Sms), noon(), |row| {
        row.set_up.credentials = None;
    });
    left.await.unwrap();
    assert_eq!(of_store(&fresh, &channels).await.unwrap().len(), 1);
}
