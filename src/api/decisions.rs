//! Decisions: why a message was or was not sent, with the values as they were.

use super::auth::Reads;
use super::deliveries::DeliveryView;
use super::fields;
use super::me::MessageView;
use super::paging::{List, ask};
use super::problem::Problem;
use super::server::Api;
use super::users::filtered_user;
use crate::base::id::{DecisionId, MomentId, ProjectId};
use crate::engine::decision::{Decision, ReasonCode};
use crate::engine::moment::Moment;
use crate::store::{DecisionFilter, DeliveryFilter, PageAsk};
use actix_web::{get, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which decisions.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct DecisionQuery {
    #[param(min_length = 1, max_length = 128)]
    user_ref: Option<String>,
    /// Name of a trigger.
    #[param(min_length = 1, max_length = 128)]
    trigger: Option<String>,
    code: Option<ReasonCode>,
    moment: Option<MomentId>,
    /// `next_cursor` of the page before.
    #[param(max_length = 512)]
    cursor: Option<String>,
    /// Rows of the page.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u64>,
}

/// A decision with everything around it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Explained {
    pub decision: Decision,
    /// None when it was kept for a shorter time than the decision.
    pub moment: Option<Moment>,
    /// What was said; none when nothing was.
    pub message: Option<MessageView>,
    pub deliveries: Vec<DeliveryView>,
}

/// Decisions, newest first
#[utoipa::path(tag = "look", security(("secret_key" = [])), params(DecisionQuery),
    responses((status = 200, description = "a page", body = List<Decision>)))]
#[get("/v1/decisions")]
pub async fn list(
    api: web::Data<Api>,
    Reads(key): Reads,
    query: web::Query<DecisionQuery>,
) -> Result<web::Json<List<Decision>>, Problem> {
    let page = ask(query.cursor.as_deref(), query.limit)?;
    let nothing = || Ok(web::Json(List::whole(Vec::new())));
    let mut filter = DecisionFilter {
        code: query.code,
        moment_id: query.moment,
        ..DecisionFilter::default()
    };
    match filtered_user(&api, key.project_id, query.user_ref.as_deref()).await? {
        Some(None) => return nothing(),
        wanted => filter.user_id = wanted.flatten(),
    }
    if let Some(name) = &query.trigger {
        fields::query_name("trigger", name)?;
        let Some(row) = api.pipeline.store().trigger_by_name(key.project_id, name).await? else {
            return nothing();
        };
        filter.trigger_id = Some(row.id);
    }
    let rows = api.pipeline.store().decisions(key.project_id, &filter, &page).await?;
    Ok(web::Json(List::of(rows, |decision| decision)))
}

/// Explain a decision
///
/// The decision with its trace, the moment it was about, what was said and what became of it.
#[utoipa::path(tag = "look", security(("secret_key" = [])), params(("id" = DecisionId, Path, description = "the decision")),
    responses((status = 200, description = "everything around it", body = Explained)))]
#[get("/v1/decisions/{id}")]
pub async fn explain(
    api: web::Data<Api>,
    Reads(key): Reads,
    id: web::Path<DecisionId>,
) -> Result<web::Json<Explained>, Problem> {
    let store = api.pipeline.store();
    let decision = store.decision(key.project_id, *id).await?;
    let decision = decision.ok_or_else(|| Problem::not_found("decision"))?;
    let moment = store.moment(key.project_id, decision.moment_id).await?;
    let (message, deliveries) = said(&api, key.project_id, &decision).await?;
    Ok(web::Json(Explained {
        decision,
        moment,
        message,
        deliveries,
    }))
}

async fn said(
    api: &Api,
    project: ProjectId,
    decision: &Decision,
) -> Result<(Option<MessageView>, Vec<DeliveryView>), Problem> {
    let Some(message_id) = decision.message_id else {
        return Ok((None, Vec::new()));
    };
    let store = api.pipeline.store();
    let message = store.message(project, message_id).await?.map(MessageView::of);
    let filter = DeliveryFilter {
        message_id: Some(message_id),
        ..DeliveryFilter::default()
    };
    let rows = store
        .deliveries(project, &filter, &PageAsk::first(crate::base::limits::PAGE_ROWS_MAX))
        .await?
        .rows;
    let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
    let mut attempts = store.attempts(project, &ids).await?;
    let view = |row: crate::store::DeliveryRow| {
        let tried = attempts.remove(&row.id).unwrap_or_default();
        DeliveryView::of(row, tried)
    };
    Ok((message, rows.into_iter().map(view).collect()))
}
