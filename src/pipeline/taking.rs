//! What the dispatcher sends: claimed from the outbox, or leased by the commit that made it.

use super::ways::{Leased, Place};
use super::{Pipeline, PipelineError};
use crate::engine::flow::Route;
use crate::store::{Claimed, DeliveryRow};
use std::collections::{BTreeMap, HashMap};

/// What a look or a taking over gave.
pub(super) struct Taken {
    pub(super) claimed: Vec<(Claimed, Place)>,
    /// Something is due that had no share, or more than its share. None when nobody looked.
    pub(super) is_more: Option<bool>,
}

impl Pipeline {
    /// Claims what is due, of each route its share.
    pub(super) async fn take_up(&self) -> Result<Taken, PipelineError> {
        let due = self.0.store.routes_due(self.now()).await?;
        let now = self.now();
        let shares = self.0.ways.flow().plan(&due, now);
        if shares.is_empty() {
            let (claimed, is_more) = (Vec::new(), Some(!due.is_empty()));
            return Ok(Taken { claimed, is_more });
        }
        let claimed = self.0.store.claim_shares(now, self.0.lease, &shares).await?;
        let mut counts: BTreeMap<Route, usize> = BTreeMap::new();
        for one in &claimed {
            *counts.entry(route_of(&one.delivery)).or_default() += 1;
        }
        let mut is_more = shares.len() < due.len();
        for (route, share) in &shares {
            let count = counts.get(route).copied().unwrap_or_default();
            let mut flow = self.0.ways.flow();
            if count > 0 {
                flow.began(*route, count, now);
            }
            if count < *share {
                flow.emptied(*route);
            } else {
                is_more = true;
            }
        }
        let claimed = claimed.into_iter().map(|one| {
            let place = self.0.ways.place(route_of(&one.delivery), now);
            (one, place)
        });
        Ok(Taken {
            claimed: claimed.collect(),
            is_more: Some(is_more),
        })
    }

    /// Deliveries that were leased as they were made, with what must be checked before they are sent.
    pub(super) async fn take_over(&self, leased: Vec<Leased>) -> Result<Taken, PipelineError> {
        let (mut rows, mut places) = (Vec::new(), HashMap::new());
        for one in leased {
            places.extend(one.rows.iter().map(|row| row.id).zip(one.places));
            rows.extend(one.rows);
        }
        let claimed = self.0.store.surrounded(rows).await?;
        let with_place = |one: Claimed| places.remove(&one.delivery.id).map(|place| (one, place));
        Ok(Taken {
            claimed: claimed.into_iter().filter_map(with_place).collect(),
            is_more: None,
        })
    }
}

fn route_of(delivery: &DeliveryRow) -> Route {
    Route {
        project_id: delivery.project_id,
        channel: delivery.channel,
        endpoint_id: delivery.endpoint_id,
    }
}
