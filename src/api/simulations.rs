//! Simulations: a walk through the production engine with a sender that sends nothing. Nothing is stored.

use super::auth::Reads;
use super::json::Json;
use super::problem::{ErrorCode, Problem};
use super::server::Api;
use super::triggers::draft_of;
use crate::base::id::ProjectId;
use crate::base::limits;
use crate::engine::trigger::Trigger;
use crate::walk::disturb::DisturbError;
use crate::walk::outcome::{SeenDecision, SeenMessage, SeenMoment, SeenRefusal};
use crate::walk::{Bounds, Disturbance, Trial, TrialError, Tried, Walk, WalkError};
use actix_web::http::header::ContentType;
use actix_web::{HttpResponse, post, web};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use utoipa::ToSchema;

/// What is to be simulated.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SimulationBody {
    /// A walk, as `usher simulate` runs it: users with their devices, and steps in the order of time; with `use: walk` also
    /// places, contents and triggers.
    #[schema(value_type = Object)]
    pub walk: Value,
    /// What it plays on.
    #[serde(rename = "use", default)]
    pub stage: StageOf,
    /// Drafts that are live in it: the name of a trigger with a draft, or a whole sentence.
    #[serde(default)]
    #[schema(max_items = 20)]
    pub draft: Vec<DraftOf>,
    /// What goes wrong on the way.
    #[serde(default)]
    pub disturb: Option<Disturbance>,
}

/// What a simulation plays on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StageOf {
    /// The walk brings its own places, contents and triggers.
    #[default]
    Walk,
    /// The live places, contents, fact types and triggers of this project; those of the walk go before them.
    Project,
}

/// A draft by name, or written out.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(untagged)]
#[schema(no_recursion)]
pub enum DraftOf {
    Name(String),
    Sentence(Box<Trigger>),
}

/// Everything that came of it, told in the names of the walk.
#[derive(Debug, Serialize, ToSchema)]
pub struct SimulationView {
    pub moments: Vec<SeenMoment>,
    /// Each with the trace of everything that was looked at.
    pub decisions: Vec<SeenDecision>,
    pub messages: Vec<SeenMessage>,
    /// Records that were not taken.
    pub refused: Vec<SeenRefusal>,
    /// All that was tried as one walk, stage and disturbance included: saved as a file, `usher simulate` gives the same outcome.
    #[schema(value_type = Object)]
    pub walk: Value,
}

/// Tells the engine that nobody waits any more, when the request is gone.
struct Patience(Arc<AtomicBool>);

impl Drop for Patience {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

/// Simulate a walk
///
/// The production engine over users, facts, events and paths, with a sender that sends nothing; nothing is stored. Answers every
/// moment, every decision with its trace, every message and refusal, and the walk as it was run. A person is drawn for a holdout by
/// the ids of the simulation, so who is held out is not who is held out in the project.
#[utoipa::path(tag = "try", security(("secret_key" = [])), request_body = SimulationBody,
    responses((status = 200, description = "what came of it", body = SimulationView)))]
#[post("/v1/simulations")]
pub async fn simulate(
    api: web::Data<Api>,
    Reads(key): Reads,
    Json(body): Json<SimulationBody>,
) -> Result<HttpResponse, Problem> {
    let walk: Walk = serde_path_to_error::deserialize(body.walk).map_err(|error| {
        let pointer = super::json::pointer_of(error.path());
        let detail = super::json::without_values(&error.into_inner().to_string());
        Problem::new(ErrorCode::BodyInvalid, detail).at(format!("/walk{pointer}"))
    })?;
    let drafts = drafts(&api, key.project_id, body.draft).await?;
    let stage = match body.stage {
        StageOf::Project => Some(api.pipeline.catalogue(key.project_id).await?),
        StageOf::Walk => None,
    };
    let place = api.simulating.take("simulations")?;
    let waits = Arc::new(AtomicBool::new(true));
    let patience = Patience(Arc::clone(&waits));
    let disturb = body.disturb.unwrap_or_default();
    let running = web::block(move || {
        // The place is held by the work, not by the request: work that goes on for a moment after the request still counts.
        let _place = place;
        let trial = Trial {
            walk,
            stage: stage.as_deref(),
            drafts,
            disturb,
        };
        let goes_on = || waits.load(Ordering::Acquire);
        answer_of(trial.run(&bounds(&goes_on)).map_err(problem_of)?)
    });
    let ended = tokio::time::timeout(limits::SIMULATION_LASTS_MAX, running).await;
    drop(patience);
    let ended = ended.map_err(|_| {
        let seconds = limits::SIMULATION_LASTS_MAX.as_secs();
        Problem::field("/walk", format!("did not end within {seconds} s"))
            .hint("simulate a shorter time or fewer people")
    })?;
    let text = ended.map_err(|_| Problem::new(ErrorCode::Internal, "the simulation stopped; please report it"))??;
    Ok(HttpResponse::Ok().content_type(ContentType::json()).body(text))
}

fn bounds(goes_on: &(dyn Fn() -> bool + Sync)) -> Bounds<'_> {
    Bounds {
        steps: limits::STEPS_PER_SIMULATION_MAX,
        timers: limits::TIMERS_PER_SIMULATION_MAX,
        rows: limits::ROWS_PER_SIMULATION_MAX,
        span: limits::SIMULATION_SPAN_MAX,
        goes_on,
    }
}

/// The answer as text, made where it may take its time.
fn answer_of(tried: Tried) -> Result<String, Problem> {
    let internal = |_| Problem::new(ErrorCode::Internal, "the outcome has no JSON form; please report it");
    let view = SimulationView {
        moments: tried.outcome.moments,
        decisions: tried.outcome.decisions,
        messages: tried.outcome.messages,
        refused: tried.outcome.refused,
        walk: serde_json::to_value(&tried.walk).map_err(internal)?,
    };
    let text = serde_json::to_string(&view).map_err(internal)?;
    if text.len() > limits::SIMULATION_BYTES_MAX {
        let detail = format!("the outcome takes more than {} bytes", limits::SIMULATION_BYTES_MAX);
        return Err(Problem::field("/walk/steps", detail).hint("simulate a shorter time or fewer people"));
    }
    Ok(text)
}

async fn drafts(api: &Api, project: ProjectId, wanted: Vec<DraftOf>) -> Result<Vec<Trigger>, Problem> {
    if wanted.len() > limits::DRAFTS_PER_SIMULATION_MAX {
        let detail = format!("at most {} drafts", limits::DRAFTS_PER_SIMULATION_MAX);
        return Err(Problem::field("/draft", detail));
    }
    let mut found = Vec::with_capacity(wanted.len());
    for (index, draft) in wanted.into_iter().enumerate() {
        let pointer = format!("/draft/{index}");
        found.push(match draft {
            DraftOf::Sentence(sentence) => *sentence,
            DraftOf::Name(name) => draft_of(api, project, &name, &pointer).await?,
        });
    }
    Ok(found)
}

fn problem_of(error: TrialError) -> Problem {
    match error {
        TrialError::Walk(WalkError { pointer, detail, .. }) => {
            Problem::new(ErrorCode::WalkInvalid, detail).at(format!("/walk{pointer}"))
        }
        TrialError::Disturb(DisturbError { pointer, detail }) => Problem::field(format!("/disturb{pointer}"), detail),
    }
}
