//! Backtests: a draft judged over stored moments, with progress while it runs and a report when it is done.

use super::auth::{Reads, Writes};
use super::fields;
use super::json::Json;
use super::places::{Place, Places};
use super::problem::{ErrorCode, Problem};
use super::server::Api;
use super::triggers::revision_of;
use crate::base::id::{BacktestId, ProjectId, TriggerId};
use crate::base::limits;
use crate::base::time::Timestamp;
use crate::engine::backtest::Report;
use crate::engine::trigger::Trigger;
use crate::pipeline::{BacktestError, BacktestPlan, BacktestProgress, Pipeline};
use actix_web::http::header::LOCATION;
use actix_web::{HttpResponse, delete, get, post, web};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::fmt::Write;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use utoipa::ToSchema;

/// What is judged, over which time.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BacktestBody {
    /// A stored trigger by its name…
    #[serde(default)]
    #[schema(max_length = 128)]
    pub trigger: Option<String>,
    /// …in this revision; the newest one, published or not, when it is left out.
    #[serde(default)]
    #[schema(minimum = 1)]
    pub revision: Option<i64>,
    /// Or a sentence that is stored nowhere; it takes the place of the live trigger of its name.
    #[serde(default)]
    pub sentence: Option<Box<Trigger>>,
    /// The first instant; at most 92 days before `to`.
    pub from: DateTime<Utc>,
    /// The end, which does not belong to it.
    pub to: DateTime<Utc>,
}

/// How a backtest stands.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct BacktestView {
    pub id: BacktestId,
    pub state: BacktestState,
    /// Name of the trigger.
    pub trigger: String,
    /// None for a sentence that is stored nowhere.
    pub revision: Option<i64>,
    /// SHA-256 of the sentence as JSON, in hexadecimal digits: the same sentence has the same one.
    pub sentence_hash: String,
    pub from: DateTime<Utc>,
    pub to: DateTime<Utc>,
    pub started_at: DateTime<Utc>,
    pub progress: ProgressView,
    /// Once it is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report: Option<Report>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// Where a backtest is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BacktestState {
    Running,
    Done,
    Failed,
}

/// People replayed so far, of all that are to be replayed.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct ProgressView {
    pub done: u64,
    /// 0 until they are counted.
    pub total: u64,
}

/// The backtests of this process: they are not stored, and a restart forgets them.
#[derive(Debug)]
pub struct Backtests {
    places: Places,
    known: Mutex<HashMap<BacktestId, Known>>,
}

#[derive(Debug)]
struct Known {
    project_id: ProjectId,
    view: BacktestView,
    progress: Arc<BacktestProgress>,
    ended_at: Option<Timestamp>,
}

impl Default for Backtests {
    fn default() -> Self {
        Self {
            places: Places::new(limits::BACKTESTS_AT_ONCE_MAX),
            known: Mutex::default(),
        }
    }
}

impl Backtests {
    #[cfg(test)]
    pub(super) fn hold(&self) -> Result<Place, Problem> {
        self.places.take("backtests")
    }

    fn known(&self) -> MutexGuard<'_, HashMap<BacktestId, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets what is past its hour, and the oldest that ended when the project has too many.
    fn make_room(&self, project_id: ProjectId, now: Timestamp) {
        let mut known = self.known();
        known.retain(|_, one| one.ended_at.is_none_or(|ended| ended + limits::BACKTEST_KEPT > now));
        while known.values().filter(|one| one.project_id == project_id).count() >= limits::BACKTESTS_KEPT_MAX {
            let ended = known.iter().filter(|(_, one)| one.project_id == project_id);
            let oldest = ended.filter_map(|(id, one)| one.ended_at.map(|at| (at, *id))).min();
            let Some((_, oldest)) = oldest else { return };
            known.remove(&oldest);
        }
    }

    fn end(&self, id: BacktestId, now: Timestamp, result: Result<Report, String>) {
        // One that was cancelled is gone from here.
        if let Some(one) = self.known().get_mut(&id) {
            one.ended_at = Some(now);
            match result {
                Ok(report) => {
                    one.view.state = BacktestState::Done;
                    one.view.report = Some(report);
                }
                Err(detail) => {
                    one.view.state = BacktestState::Failed;
                    one.view.detail = Some(detail);
                }
            }
        }
    }

    fn view(&self, project_id: ProjectId, id: BacktestId, now: Timestamp) -> Option<BacktestView> {
        let known = self.known();
        let one = known.get(&id).filter(|one| one.project_id == project_id)?;
        if one.ended_at.is_some_and(|ended| ended + limits::BACKTEST_KEPT <= now) {
            return None;
        }
        let mut view = one.view.clone();
        view.progress = ProgressView {
            done: one.progress.done.load(Ordering::Relaxed),
            total: one.progress.total.load(Ordering::Relaxed),
        };
        Some(view)
    }
}

/// One run: however it ends, it is on record and its place is free again.
struct Run {
    id: BacktestId,
    pipeline: Pipeline,
    backtests: Arc<Backtests>,
    progress: Arc<BacktestProgress>,
    result: Result<Report, String>,
    _place: Place,
}

impl Run {
    async fn finish(mut self, plan: BacktestPlan) {
        let result = self.pipeline.run_backtest(plan, &self.progress).await;
        self.result = result.map_err(|error| match error {
            BacktestError::Pipeline(error) => {
                tracing::error!(%error, backtest = %self.id, "a backtest failed");
                "the store could not be read; the operator finds the reason in the log".to_owned()
            }
            error @ (BacktestError::TooMuch(_) | BacktestError::Cancelled) => error.to_string(),
        });
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let result = std::mem::replace(&mut self.result, Err(String::new()));
        self.backtests.end(self.id, self.pipeline.now(), result);
    }
}

/// Start a backtest
///
/// Judges a draft over what is stored, with facts and consent as of then: what it would have sent, and what held the rest back.
/// Profiles and devices are as they are now. A visit is trusted for as long as it lasted, since the evidence of every fix is not
/// kept. It runs beside the service; ask for it at `Location`. Two run at once in one process, and what is done is remembered
/// for an hour.
#[utoipa::path(tag = "try", security(("secret_key" = [])), request_body = BacktestBody,
    responses((status = 202, description = "under way; `Location` says where to ask", body = BacktestView,
        headers(("Location" = String)))))]
#[post("/v1/backtests")]
pub async fn start(
    api: web::Data<Api>,
    Writes(key): Writes,
    Json(body): Json<BacktestBody>,
) -> Result<HttpResponse, Problem> {
    let span = span_of(&body)?;
    let (id, revision, sentence) = sentence_of(&api, key.project_id, body).await?;
    let (name, text) = (sentence.name.clone(), serde_json::to_vec(&sentence).unwrap_or_default());
    let draft = (id, revision.unwrap_or(0), sentence);
    let planned = api.pipeline.plan_backtest(key.project_id, draft, span).await?;
    let plan = planned.map_err(fields::trigger_errors)?;
    api.pipeline.weigh_backtest(&plan).await.map_err(|error| match error {
        BacktestError::Pipeline(error) => error.into(),
        error @ (BacktestError::TooMuch(_) | BacktestError::Cancelled) => Problem::field("/from", error.to_string()),
    })?;
    let place = api.backtests.places.take("backtests")?;
    let now = api.pipeline.now();
    api.backtests.make_room(key.project_id, now);
    let (id, progress): (BacktestId, Arc<BacktestProgress>) = (api.pipeline.new_id(), Arc::default());
    let view = BacktestView {
        id,
        state: BacktestState::Running,
        trigger: name,
        revision,
        sentence_hash: hexadecimal(&Sha256::digest(&text)),
        from: span.0,
        to: span.1,
        started_at: now,
        progress: ProgressView { done: 0, total: 0 },
        report: None,
        detail: None,
    };
    let known = Known {
        project_id: key.project_id,
        view: view.clone(),
        progress: Arc::clone(&progress),
        ended_at: None,
    };
    api.backtests.known().insert(id, known);
    let run = Run {
        id,
        pipeline: api.pipeline.clone(),
        backtests: Arc::clone(&api.backtests),
        progress,
        result: Err("the server stopped before it was done; start it again".to_owned()),
        _place: place,
    };
    #[expect(
        clippy::disallowed_methods,
        reason = "it is watched: a run that ends in any way leaves its end on record"
    )]
    tokio::spawn(run.finish(plan));
    let location = (LOCATION, format!("/v1/backtests/{id}"));
    Ok(HttpResponse::Accepted().insert_header(location).json(view))
}

/// A backtest
#[utoipa::path(tag = "try", security(("secret_key" = [])), params(("id" = BacktestId, Path)),
    responses((status = 200, description = "running with its progress, or done with its report", body = BacktestView)))]
#[get("/v1/backtests/{id}")]
pub async fn show(
    api: web::Data<Api>,
    Reads(key): Reads,
    id: web::Path<BacktestId>,
) -> Result<web::Json<BacktestView>, Problem> {
    let view = api.backtests.view(key.project_id, *id, api.pipeline.now());
    view.map(web::Json).ok_or_else(|| Problem::not_found("backtest"))
}

/// Cancel a backtest, or forget one that is done
#[utoipa::path(tag = "try", security(("secret_key" = [])), params(("id" = BacktestId, Path)),
    responses((status = 204, description = "gone")))]
#[delete("/v1/backtests/{id}")]
pub async fn cancel(
    api: web::Data<Api>,
    Writes(key): Writes,
    id: web::Path<BacktestId>,
) -> Result<HttpResponse, Problem> {
    let mut known = api.backtests.known();
    let theirs = known.get(&id).filter(|one| one.project_id == key.project_id);
    let theirs = theirs.ok_or_else(|| Problem::not_found("backtest"))?;
    theirs.progress.cancelled.store(true, Ordering::Release);
    known.remove(&id);
    Ok(HttpResponse::NoContent().finish())
}

fn hexadecimal(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn span_of(body: &BacktestBody) -> Result<(Timestamp, Timestamp), Problem> {
    let bounded = |pointer, at| fields::instant(pointer, Some(at)).map(Option::unwrap_or_default);
    let (from, to) = (bounded("/from", body.from)?, bounded("/to", body.to)?);
    if from >= to {
        return Err(Problem::field("/to", "must be after `from`"));
    }
    if to - from > limits::BACKTEST_SPAN_MAX {
        let days = limits::BACKTEST_SPAN_MAX.num_days();
        return Err(Problem::field("/from", format!("at most {days} days before `to`")));
    }
    Ok((from, to))
}

/// The trigger's id, its revision, and what it says.
async fn sentence_of(
    api: &Api,
    project: ProjectId,
    body: BacktestBody,
) -> Result<(TriggerId, Option<i64>, Trigger), Problem> {
    match (body.trigger, body.sentence) {
        (Some(name), None) => {
            let row = revision_of(api, project, &name, body.revision).await?;
            Ok((row.trigger_id, Some(row.revision), row.definition))
        }
        (None, Some(sentence)) => {
            let known = api.pipeline.store().trigger_by_name(project, &sentence.name).await?;
            let id = known.map_or_else(|| api.pipeline.new_id(), |row| row.id);
            Ok((id, None, *sentence))
        }
        (None, None) | (Some(_), Some(_)) => {
            let detail = "give either `trigger`, the name of a stored one, or a `sentence`";
            Err(Problem::new(ErrorCode::FieldInvalid, detail).at("/trigger"))
        }
    }
}
