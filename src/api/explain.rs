//! Explain: the ordered checklist of one case, found by its decision or by user, trigger and time.

use super::auth::Reads;
use super::fields;
use super::problem::{ErrorCode, Problem};
use super::server::Api;
use crate::base::id::{DecisionId, ProjectId, TriggerId};
use crate::base::limits;
use crate::base::time::Timestamp;
use crate::engine::catalogue::Catalogue;
use crate::engine::decision::Decision;
use crate::engine::explain::{Absent, Explanation, Known, Sending, Tried, absent, explain};
use crate::engine::fact::Fact;
use crate::engine::trigger::Trigger;
use crate::store::{AttemptRow, DeliveryFilter, DeliveryRow, DeviceRow, PageAsk, UserRow};
use actix_web::{get, web};
use chrono::{DateTime, Datelike, Utc};
use chrono_tz::Tz;
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use utoipa::IntoParams;

/// Which case.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ExplainQuery {
    #[param(min_length = 1, max_length = 128)]
    user_ref: String,
    /// Name of a trigger; of one inside a journey `journey/trigger`.
    #[param(min_length = 1, max_length = 257)]
    trigger: String,
    /// The newest decision up to this instant is explained; now when it is left out.
    at: Option<DateTime<Utc>>,
}

/// Explain a case
///
/// For a user, a trigger and a time: the newest decision up to then as an ordered checklist, from what was recorded, with the
/// nearest change that would have made it go on. Without a decision, what is stored says why there is none.
#[utoipa::path(tag = "look", security(("secret_key" = [])), params(ExplainQuery),
    responses((status = 200, description = "the checklist", body = Explanation)))]
#[get("/v1/explain")]
pub async fn of_case(
    api: web::Data<Api>,
    Reads(key): Reads,
    query: web::Query<ExplainQuery>,
) -> Result<web::Json<Explanation>, Problem> {
    fields::query_name("user_ref", &query.user_ref)?;
    for part in query.trigger.splitn(2, '/') {
        fields::query_name("trigger", part)?;
    }
    let at = query.at.unwrap_or_else(|| api.pipeline.now());
    if !(1970..=9999).contains(&at.year()) {
        return Err(Problem::new(
            ErrorCode::QueryInvalid,
            "`at` must lie between the years 1970 and 9999",
        ));
    }
    let project = key.project_id;
    let catalogue = api.pipeline.catalogue(project).await?;
    let store = api.pipeline.store();
    let trigger = trigger_named(&api, &catalogue, &query.trigger).await?;
    let user = store.user_by_ref(project, &query.user_ref).await?;
    if let Some(user) = &user
        && let Some(decision) = store.decision_at(project, user.id, trigger, at).await?
    {
        return Ok(web::Json(explained(&api, &catalogue, &decision).await?));
    }
    let answer = nothing_decided(&api, &catalogue, user.as_ref(), trigger, at).await?;
    Ok(web::Json(answer))
}

/// Explain a decision step by step
///
/// Its case as an ordered checklist, with the nearest change that would have made it go on.
#[utoipa::path(tag = "look", security(("secret_key" = [])), params(("id" = DecisionId, Path, description = "the decision")),
    responses((status = 200, description = "the checklist", body = Explanation)))]
#[get("/v1/decisions/{id}/explain")]
pub async fn of_decision(
    api: web::Data<Api>,
    Reads(key): Reads,
    id: web::Path<DecisionId>,
) -> Result<web::Json<Explanation>, Problem> {
    let decision = api.pipeline.store().decision(key.project_id, *id).await?;
    let decision = decision.ok_or_else(|| Problem::not_found("decision"))?;
    let catalogue = api.pipeline.catalogue(key.project_id).await?;
    Ok(web::Json(explained(&api, &catalogue, &decision).await?))
}

async fn trigger_named(api: &Api, catalogue: &Catalogue, name: &str) -> Result<TriggerId, Problem> {
    let by_name = api.pipeline.store().trigger_by_name(catalogue.project_id, name).await?;
    if let Some(row) = by_name {
        return Ok(row.id);
    }
    let is_it = |journey: &str, trigger: &str| name.strip_prefix(journey) == Some(&format!("/{trigger}"));
    let held = catalogue.listeners().chain(catalogue.retired.values()).find(|held| {
        let journey = held.journey.as_ref();
        journey.is_some_and(|journey| held.sentence.name == name || is_it(&journey.name, &held.sentence.name))
    });
    held.map(|held| held.id).ok_or_else(|| Problem::not_found("trigger"))
}

/// Everything that is kept around a decision, explained.
async fn explained(api: &Api, catalogue: &Arc<Catalogue>, decision: &Decision) -> Result<Explanation, Problem> {
    let (project, store) = (catalogue.project_id, api.pipeline.store());
    let moment = store.moment(project, decision.moment_id).await?;
    let record = moment.as_ref().and_then(|moment| moment.evidence.record_id.as_deref());
    let fix = match record {
        Some(record) => store.kept_fix(project, decision.user_id, record).await?,
        None => None,
    };
    let answers = store.decisions_of_moment(project, decision.user_id, decision.trigger_id, decision.moment_id);
    let mut earlier = answers.await?;
    earlier.retain(|other| {
        let before = (other.decided_at, other.id) < (decision.decided_at, decision.id);
        before && other.facts == decision.facts
    });
    let bound = Bound::load(api, catalogue, decision).await?;
    let place = moment.as_ref().and_then(|moment| moment.kind.place());
    let fence = place.and_then(|place| catalogue.fences.get(&place.id));
    let (mut message, mut sendings, mut receipts) = (None, Vec::new(), Vec::new());
    if let Some(id) = decision.message_id {
        message = store.message(project, id).await?;
        sendings = sendings_of(api, project, id).await?;
        receipts = store.receipts_of(project, id).await?;
    }
    let user = store.user(project, decision.user_id).await?;
    let zone = match fence.and_then(|fence| fence.time_zone) {
        Some(zone) => zone,
        None => zone_of(api, catalogue, user.as_ref()).await?,
    };
    Ok(explain(&Known {
        decision,
        earlier: &earlier,
        moment: moment.as_ref(),
        fix: fix.as_ref(),
        sentence: sentence_of(api, catalogue, decision).await?.as_ref(),
        facts: &bound.facts,
        sensitive: &bound.sensitive,
        secrets: &bound.secrets,
        thresholds: fence.map(|fence| catalogue.thresholds(fence)),
        message: message.as_ref(),
        sendings: &sendings,
        receipts: &receipts,
        zone,
    }))
}

/// The facts of a decision as they were known then, and what of them is sensitive.
#[derive(Default)]
struct Bound {
    facts: BTreeMap<String, Fact>,
    sensitive: BTreeMap<String, BTreeSet<String>>,
    secrets: Vec<Value>,
}

impl Bound {
    async fn load(api: &Api, catalogue: &Catalogue, decision: &Decision) -> Result<Self, Problem> {
        let mut bound = Self::default();
        for (name, id) in &decision.facts {
            let store = api.pipeline.store();
            let then = store.fact_as_of(catalogue.project_id, id, decision.decided_at).await?;
            let Some(fact) = then else { continue };
            let mut sensitive: BTreeSet<String> = fact.sensitive.iter().cloned().collect();
            if let Some(kind) = catalogue.fact_types.get(&id.kind) {
                sensitive.extend(kind.sensitive.iter().cloned());
            }
            let secrets = sensitive.iter().filter_map(|field| fact.properties.get(field));
            bound.secrets.extend(secrets.cloned());
            bound.sensitive.insert(name.clone(), sensitive);
            bound.facts.insert(name.clone(), fact);
        }
        Ok(bound)
    }
}

async fn sentence_of(api: &Api, catalogue: &Catalogue, decision: &Decision) -> Result<Option<Trigger>, Problem> {
    if let Some(live) = catalogue.revision(decision.trigger_id, decision.revision) {
        return Ok(Some(live.sentence.clone()));
    }
    let store = api.pipeline.store();
    let row = store.revision(catalogue.project_id, decision.trigger_id, decision.revision);
    Ok(row.await?.map(|row| row.definition))
}

async fn sendings_of(
    api: &Api,
    project: ProjectId,
    message: crate::base::id::MessageId,
) -> Result<Vec<Sending>, Problem> {
    let store = api.pipeline.store();
    let filter = DeliveryFilter {
        message_id: Some(message),
        ..DeliveryFilter::default()
    };
    let page = PageAsk::first(limits::PAGE_ROWS_MAX);
    let mut rows = store.deliveries(project, &filter, &page).await?.rows;
    rows.reverse();
    let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
    let mut attempts = store.attempts(project, &ids).await?;
    let sending = |row: DeliveryRow| Sending {
        attempts: attempts
            .remove(&row.id)
            .unwrap_or_default()
            .into_iter()
            .map(tried)
            .collect(),
        id: row.id,
        device_id: row.device_id,
        channel: row.channel,
        state: row.state,
        why: row.why,
        because: row.because,
    };
    Ok(rows.into_iter().map(sending).collect())
}

fn tried(row: AttemptRow) -> Tried {
    Tried {
        number: row.number,
        at: row.at,
        outcome: row.outcome,
        detail: row.detail,
        duration_ms: row.duration_ms,
    }
}

/// The zone of the person: of the phone heard from last, their own, or the project's.
async fn zone_of(api: &Api, catalogue: &Catalogue, user: Option<&UserRow>) -> Result<Tz, Problem> {
    let devices = devices_of(api, catalogue.project_id, user).await?;
    let newest = devices.iter().max_by_key(|device| device.last_seen_at);
    let device = newest.and_then(|device| device.time_zone.as_deref());
    let own = user.and_then(|user| user.profile.time_zone.as_deref());
    let known = [device, own].into_iter().flatten().find_map(|name| name.parse().ok());
    Ok(known.unwrap_or(catalogue.settings.time_zone))
}

async fn devices_of(api: &Api, project: ProjectId, user: Option<&UserRow>) -> Result<Vec<DeviceRow>, Problem> {
    Ok(match user {
        Some(user) => api.pipeline.store().devices_of(project, user.id).await?,
        None => Vec::new(),
    })
}

async fn nothing_decided(
    api: &Api,
    catalogue: &Catalogue,
    user: Option<&UserRow>,
    trigger: TriggerId,
    at: Timestamp,
) -> Result<Explanation, Problem> {
    let (project, store) = (catalogue.project_id, api.pipeline.store());
    let devices = devices_of(api, project, user).await?;
    let seen: Vec<Option<Timestamp>> = devices.iter().map(|device| device.last_seen_at).collect();
    let around = (at - limits::EXPLAIN_AROUND, at + limits::EXPLAIN_AROUND);
    let moments = match user {
        Some(user) => store.moments_between(project, user.id, around).await?,
        None => Vec::new(),
    };
    let revisions = store.revisions(project, trigger).await?;
    let was_live = |row: &crate::store::RevisionRow| {
        row.published_at.is_some_and(|from| from <= at) && row.retired_at.is_none_or(|to| at < to)
    };
    let held = catalogue.listeners().find(|held| held.id == trigger);
    let stored = revisions.into_iter().find(was_live).map(|row| row.definition);
    let of_journey = held.filter(|held| held.journey.is_some() && held.live_since.is_none_or(|since| since <= at));
    let live = stored.or_else(|| of_journey.map(|held| held.sentence.clone()));
    Ok(absent(&Absent {
        is_known: user.is_some(),
        devices: &seen,
        live: live.as_ref(),
        is_paused: catalogue.settings.paused || held.is_some_and(|held| held.paused),
        moments: &moments,
        at,
        zone: zone_of(api, catalogue, user).await?,
    }))
}
