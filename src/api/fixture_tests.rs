//! A site for tests: a real store, a real pipeline, two projects with their keys, and one way to ask.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use super::Progress;
use super::server::{Api, Settings, app};
use crate::base::chance::SeededEntropy;
use crate::base::clock::ManualClock;
use crate::base::id::ProjectId;
use crate::base::secret::{Secret, token_hash};
use crate::base::time::Timestamp;
use crate::channel::Channels;
use crate::engine::catalogue::{Mode, ProjectSettings};
use crate::pipeline::{self, Pipeline};
use crate::store::testing::{Fresh, open_fresh};
use crate::store::{KeyKind, KeyRow, ProjectRow};
use crate::wallet::{LinkSettings, Links, Wallets};
use actix_web::http::header::HeaderMap;
use actix_web::http::{Method, StatusCode};
use actix_web::test::{self, TestRequest};
use actix_web::web;
use serde_json::{Value, json};
use std::sync::Arc;

pub struct Site {
    pub api: web::Data<Api>,
    pub clock: Arc<ManualClock>,
    pub fresh: Fresh,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Value,
    pub text: String,
}

/// Secret key of everything, of the first project.
pub const ALL: &str = "sk_test_all";
/// Secret key of everything, of the other project.
pub const FOREIGN: &str = "sk_test_foreign";
pub const PUBLISHABLE: &str = "pk_test_app";
pub const REVOKED: &str = "sk_test_revoked";

pub fn noon() -> Timestamp {
    "2026-05-04T12:00:00Z".parse().unwrap()
}

pub async fn site() -> Site {
    site_with(Settings::default()).await
}

pub async fn site_with(settings: Settings) -> Site {
    site_offering(settings, Wallets::default()).await
}

fn links() -> Links {
    let settings = LinkSettings {
        public_url: Some("https://usher.example".into()),
        secret: Some(Secret::new("a secret of the tests, which has 32 bytes")),
        ..LinkSettings::default()
    };
    Links::open(&settings, ([127, 0, 0, 1], 8787).into(), "", &SeededEntropy::new(7)).unwrap()
}

pub async fn site_offering(settings: Settings, wallets: Wallets) -> Site {
    site_of(settings, wallets, Channels::default()).await
}

/// A site that sends by these channels.
pub async fn site_through(channels: Channels) -> Site {
    site_of(Settings::default(), Wallets::default(), channels).await
}

async fn site_of(settings: Settings, wallets: Wallets, channels: Channels) -> Site {
    let fresh = open_fresh().await.unwrap();
    let clock = Arc::new(ManualClock::new(noon()));
    let pipeline = Pipeline::start(
        (*fresh).clone(),
        clock.clone(),
        Arc::new(SeededEntropy::new(7)),
        channels,
        pipeline::Settings {
            lanes: 1,
            ..pipeline::Settings::default()
        },
    );
    let api = Api::new(pipeline, settings, Progress::default(), None).offering(links(), wallets);
    let api = web::Data::new(api);
    let (project, foreign) = (add_project(&api, "mine").await, add_project(&api, "theirs").await);
    let site = Site { api, clock, fresh };
    site.add_key(project, ALL, KeyKind::Secret, &["all"], None).await;
    site.add_key(foreign, FOREIGN, KeyKind::Secret, &["all"], None).await;
    site.add_key(project, PUBLISHABLE, KeyKind::Publishable, &[], None)
        .await;
    site.add_key(project, REVOKED, KeyKind::Secret, &["all"], Some(noon()))
        .await;
    for scope in ["read", "write", "admin"] {
        site.add_key(project, &format!("sk_test_{scope}"), KeyKind::Secret, &[scope], None)
            .await;
    }
    site
}

async fn add_project(api: &Api, name: &str) -> ProjectId {
    let id = api.pipeline.new_id();
    let row = ProjectRow {
        id,
        name: name.to_owned(),
        mode: Mode::Test,
        salt: "salt".to_owned(),
        settings: ProjectSettings::default(),
        catalogue_version: 1,
        created_at: noon(),
    };
    api.pipeline.store().create_project(&row).await.unwrap();
    id
}

impl Site {
    async fn add_key(
        &self,
        project_id: ProjectId,
        token: &str,
        kind: KeyKind,
        scopes: &[&str],
        revoked_at: Option<Timestamp>,
    ) {
        let row = KeyRow {
            id: self.api.pipeline.new_id(),
            project_id,
            kind,
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            token_hash: token_hash(token).to_vec(),
            label: token.to_owned(),
            last4: "0000".to_owned(),
            created_at: noon(),
            expires_at: None,
            revoked_at,
        };
        self.api.pipeline.store().create_key(&row).await.unwrap();
    }

    /// Asks with a credential, and a JSON body where there is one.
    pub async fn ask(&self, method: &str, path: &str, token: &str, body: Option<Value>) -> Answer {
        let mut request = TestRequest::with_uri(path).method(Method::from_bytes(method.as_bytes()).unwrap());
        if !token.is_empty() {
            request = request.insert_header(("authorization", format!("Bearer {token}")));
        }
        if let Some(body) = body {
            request = request.set_json(body);
        }
        self.send(request).await
    }

    pub async fn send(&self, request: TestRequest) -> Answer {
        let service = test::init_service(app(self.api.clone())).await;
        let answer = test::call_service(&service, request.to_request()).await;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let text = String::from_utf8(test::read_body(answer).await.to_vec()).unwrap();
        let body = serde_json::from_str(&text).unwrap_or_default();
        Answer {
            status,
            headers,
            body,
            text,
        }
    }

    /// The status alone; the body is not waited for, since a stream has no end.
    pub async fn status(&self, method: &str, path: &str, token: &str) -> u16 {
        let mut request = TestRequest::with_uri(path).method(Method::from_bytes(method.as_bytes()).unwrap());
        if !token.is_empty() {
            request = request.insert_header(("authorization", format!("Bearer {token}")));
        }
        let service = test::init_service(app(self.api.clone())).await;
        test::call_service(&service, request.to_request())
            .await
            .status()
            .as_u16()
    }

    /// Registers a device and gives its token.
    pub async fn device(&self, installation: &str) -> String {
        let body = json!({
            "installation_id": installation, "platform": "android", "notifications": "granted",
            "push": { "channel": "tray", "address": installation },
            "consents": { "location": true, "service": true },
        });
        let answer = self.ask("POST", "/v1/devices", PUBLISHABLE, Some(body)).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
        answer.body["token"].as_str().unwrap().to_owned()
    }
}
