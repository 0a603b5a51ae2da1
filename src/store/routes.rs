//! Which routes have deliveries that are due, found without looking at how many.

use super::codec::from_word;
use super::connect::Store;
use super::error::StoreError;
use crate::base::id::EndpointId;
use crate::base::time::Timestamp;
use crate::engine::delivery::ChannelKind;
use crate::engine::flow::Route;
use sea_orm::{ConnectionTrait, Statement, Value};
use std::collections::BTreeMap;
use uuid::Uuid;

impl Store {
    /// The routes that have something due, or something whose sender went silent.
    pub async fn routes_due(&self, now: Timestamp) -> Result<Vec<Route>, StoreError> {
        let due = self.routes().await?.into_iter().filter(|(_, at)| *at <= now);
        Ok(due.map(|(route, _)| route).collect())
    }

    /// When the next delivery is due: queued, or leased by a sender that may have gone silent.
    pub async fn next_run_at(&self) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.routes().await?.into_values().min())
    }

    /// Every route that has something to do, with when. From index entry to index entry: a backlog of a million costs what one
    /// of three does, and what is leased is as much as is under way.
    async fn routes(&self) -> Result<BTreeMap<Route, Timestamp>, StoreError> {
        // Each endpoint of a business is a route; what goes to people has no endpoint.
        let channels: Vec<String> = ChannelKind::ALL
            .iter()
            .filter(|kind| **kind != ChannelKind::Webhook)
            .map(|kind| format!("SELECT '{}' AS channel", kind.as_str()))
            .collect();
        let next_project = "SELECT project_id FROM deliveries WHERE state = 'queued'";
        let webhook = ChannelKind::Webhook.as_str();
        // PostgreSQL wants to know of which type nothing is.
        let uuid = if self.is_sqlite() { "BLOB" } else { "UUID" };
        let next_endpoint = "SELECT endpoint_id FROM deliveries WHERE state = 'queued' AND endpoint_id IS NOT NULL";
        let sql = format!(
            "WITH RECURSIVE p(id) AS (
                SELECT ({next_project} ORDER BY project_id LIMIT 1)
                UNION ALL
                SELECT ({next_project} AND project_id > p.id ORDER BY project_id LIMIT 1) FROM p WHERE p.id IS NOT NULL
            ), c AS ({}),
            e(project_id, id) AS (
                SELECT p.id, ({next_endpoint} AND project_id = p.id ORDER BY endpoint_id LIMIT 1)
                FROM p WHERE p.id IS NOT NULL
                UNION ALL
                SELECT e.project_id, ({next_endpoint} AND project_id = e.project_id AND endpoint_id > e.id ORDER BY endpoint_id LIMIT 1)
                FROM e WHERE e.id IS NOT NULL
            ),
            q AS (
                SELECT p.id AS project_id, c.channel AS channel, CAST(NULL AS {uuid}) AS endpoint_id, (
                    SELECT run_at FROM deliveries
                    WHERE state = 'queued' AND project_id = p.id AND channel = c.channel ORDER BY run_at LIMIT 1
                ) AS at
                FROM p CROSS JOIN c WHERE p.id IS NOT NULL
                UNION ALL
                SELECT e.project_id, '{webhook}', e.id, (
                    SELECT run_at FROM deliveries
                    WHERE state = 'queued' AND project_id = e.project_id AND endpoint_id = e.id ORDER BY run_at LIMIT 1
                )
                FROM e WHERE e.id IS NOT NULL
            )
            SELECT project_id, channel, endpoint_id, at FROM q WHERE at IS NOT NULL
            UNION ALL
            SELECT project_id, channel, endpoint_id, MIN(lease_until) AS at FROM deliveries WHERE state = 'sending'
            GROUP BY project_id, channel, endpoint_id",
            channels.join(" UNION ALL ")
        );
        let statement = Statement::from_sql_and_values(self.reader.get_database_backend(), sql, Vec::<Value>::new());
        let mut routes: BTreeMap<Route, Timestamp> = BTreeMap::new();
        for row in self.reader.query_all_raw(statement).await? {
            let (project, channel): (Uuid, String) = (row.try_get("", "project_id")?, row.try_get("", "channel")?);
            let endpoint: Option<Uuid> = row.try_get("", "endpoint_id")?;
            // A claim without a lease was settled in between.
            let Some(at) = row.try_get::<Option<Timestamp>>("", "at")? else {
                continue;
            };
            let route = Route {
                project_id: project.into(),
                channel: from_word("deliveries.channel", &channel)?,
                endpoint_id: endpoint.map(EndpointId::from),
            };
            let earliest = routes.entry(route).or_insert(at);
            *earliest = at.min(*earliest);
        }
        Ok(routes)
    }
}
