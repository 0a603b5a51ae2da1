//! Timeliness: when a delivery came to each point of its way, from what happened to what the person read.

use super::problem::Problem;
use super::server::Api;
use crate::engine::moment::Moment;
use crate::store::DeliveryRow;
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

/// The points of one delivery's way, as far as they are known, and the hops between them.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Timeliness {
    /// When it happened, by the corrected clock of who saw it.
    pub occurred_at: Option<DateTime<Utc>>,
    /// When the server had received and noticed it.
    pub noticed_at: Option<DateTime<Utc>>,
    /// When it was decided to say something.
    pub judged_at: Option<DateTime<Utc>>,
    /// When this way was taken; later than `judged_at` for a further one.
    pub queued_at: DateTime<Utc>,
    /// When the provider took it.
    pub handed_over_at: Option<DateTime<Utc>>,
    /// What the device said, by its corrected clock.
    pub received_at: Option<DateTime<Utc>>,
    pub displayed_at: Option<DateTime<Utc>>,
    pub opened_at: Option<DateTime<Utc>>,
    pub hops_ms: Hops,
}

/// Milliseconds from one point to the next that is known. Clocks differ: what seems to come before is 0.
#[derive(Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Hops {
    pub noticed: Option<i64>,
    pub judged: Option<i64>,
    pub queued: Option<i64>,
    pub handed_over: Option<i64>,
    /// From the hand-over.
    pub received: Option<i64>,
    /// From the hand-over.
    pub displayed: Option<i64>,
    /// From the hand-over.
    pub opened: Option<i64>,
}

impl Timeliness {
    /// Reads what came before the delivery; what is past its retention is not known.
    pub async fn of(api: &Api, row: &DeliveryRow) -> Result<Self, Problem> {
        let store = api.pipeline.store();
        let message = store.message(row.project_id, row.message_id).await?;
        let decision = match &message {
            Some(message) => store.decision(row.project_id, message.decision_id).await?,
            None => None,
        };
        let moment = match &decision {
            Some(decision) => store.moment(row.project_id, decision.moment_id).await?,
            None => None,
        };
        Ok(Self::between(
            moment.as_ref(),
            decision.map(|decision| decision.decided_at),
            row,
        ))
    }

    fn between(moment: Option<&Moment>, judged_at: Option<DateTime<Utc>>, row: &DeliveryRow) -> Self {
        let occurred_at = moment.map(|moment| moment.occurred_at);
        let noticed_at = moment.map(|moment| moment.noticed_at);
        let (passed, queued_at) = (row.passed, row.created_at);
        let handed_over_at = passed.accepted_at;
        let hop = |from: Option<DateTime<Utc>>, to: Option<DateTime<Utc>>| {
            from.zip(to).map(|(from, to)| (to - from).num_milliseconds().max(0))
        };
        let hops_ms = Hops {
            noticed: hop(occurred_at, noticed_at),
            judged: hop(noticed_at, judged_at),
            queued: hop(judged_at, Some(queued_at)),
            handed_over: hop(Some(queued_at), handed_over_at),
            received: hop(handed_over_at, passed.received_at),
            displayed: hop(handed_over_at, passed.displayed_at),
            opened: hop(handed_over_at, passed.opened_at),
        };
        Self {
            occurred_at,
            noticed_at,
            judged_at,
            queued_at,
            handed_over_at,
            received_at: passed.received_at,
            displayed_at: passed.displayed_at,
            opened_at: passed.opened_at,
            hops_ms,
        }
    }
}
