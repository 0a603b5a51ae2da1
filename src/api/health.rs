//! Health: the process is alive, and its work goes on.

use super::server::Api;
use crate::base::time::Timestamp;
use actix_web::{HttpResponse, get, web};
use chrono::TimeDelta;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use utoipa::ToSchema;

/// Shared with the loops of the worker: each says that it goes round, and how often it means to.
#[derive(Debug, Clone, Default)]
pub struct Progress(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    beats: BTreeMap<&'static str, Beat>,
    /// What a start has yet to do.
    ahead: BTreeSet<&'static str>,
}

#[derive(Debug, Clone, Copy)]
struct Beat {
    at: Timestamp,
    patience: TimeDelta,
}

impl Progress {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The process is not ready before this is [`Progress::behind`] it.
    pub fn ahead(&self, work: &'static str) {
        self.known().ahead.insert(work);
    }

    pub fn behind(&self, work: &'static str) {
        self.known().ahead.remove(work);
    }

    /// The loop `name` is going round; after `patience` without another word it counts as stuck.
    pub fn beat(&self, name: &'static str, at: Timestamp, patience: TimeDelta) {
        self.known().beats.insert(name, Beat { at, patience });
    }

    /// The loop `name` has ended on purpose.
    pub fn done(&self, name: &'static str) {
        self.known().beats.remove(name);
    }

    /// The loops that have not been heard of for too long.
    pub fn stuck(&self, now: Timestamp) -> Vec<&'static str> {
        let known = self.known();
        known
            .beats
            .iter()
            .filter(|(_, beat)| now - beat.at > beat.patience)
            .map(|(name, _)| *name)
            .collect()
    }
}

/// One thing that readiness looks at.
#[derive(Debug, Serialize, ToSchema)]
pub struct Check {
    pub name: String,
    pub passed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// Is the service able to do its work?
#[derive(Debug, Serialize, ToSchema)]
pub struct Readiness {
    pub ready: bool,
    pub checks: Vec<Check>,
}

/// Is the process alive?
///
/// Answers as long as the process can; restart it when it does not.
#[utoipa::path(tag = "operate", responses((status = 200, description = "alive", body = String, content_type = "text/plain")))]
#[get("/healthz")]
pub async fn alive() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/plain; charset=utf-8")
        .body("ok\n")
}

/// Can it do its work?
///
/// Looks at the database, its migrations, what the start has yet to read, and the progress of every loop: health follows progress.
#[utoipa::path(tag = "operate", responses(
    (status = 200, description = "ready", body = Readiness),
    (status = 503, description = "not ready", body = Readiness),
))]
#[get("/readyz")]
pub async fn ready(api: web::Data<Api>) -> HttpResponse {
    let store = api.pipeline.store();
    let check = |name: &str, passed: bool, detail: Option<String>| Check {
        name: name.to_owned(),
        passed,
        detail,
    };
    let mut checks = Vec::new();
    let database = store.ping().await;
    if let Err(error) = &database {
        tracing::warn!(%error, "not ready: the database does not answer");
    }
    checks.push(check(
        "database",
        database.is_ok(),
        database.err().map(|_| "it does not answer".to_owned()),
    ));
    checks.push(match store.pending_migrations().await {
        Ok(pending) if pending.is_empty() => check("migrations", true, None),
        Ok(pending) => check(
            "migrations",
            false,
            Some(format!("{} not applied; run `usher migrate`", pending.len())),
        ),
        Err(_) => check("migrations", false, Some("unknown".to_owned())),
    });
    let stuck = api.progress.stuck(api.pipeline.now());
    let detail = (!stuck.is_empty()).then(|| format!("no progress: {}", stuck.join(", ")));
    checks.push(check("loops", stuck.is_empty(), detail));
    let ahead: Vec<&str> = api.progress.known().ahead.iter().copied().collect();
    let detail = (!ahead.is_empty()).then(|| format!("under way: {}", ahead.join(", ")));
    checks.push(check("start", ahead.is_empty(), detail));
    let ready = checks.iter().all(|check| check.passed);
    let mut answer = if ready {
        HttpResponse::Ok()
    } else {
        HttpResponse::ServiceUnavailable()
    };
    answer.json(Readiness { ready, checks })
}
