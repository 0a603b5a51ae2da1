//! From the fix to the provider: what the server says of each message is joined with when its fix was due.

use super::figures::Hop;
use super::taken::{Arrival, count, latencies};
use crate::base::time::Timestamp;
use crate::cli::out::Failure;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use std::collections::HashMap;
use std::time::Duration;

/// How long deliveries are waited for after a load.
const SETTLED_WITHIN: Duration = Duration::from_secs(20);
/// Pages of deliveries that are read.
const PAGES_MAX: usize = 2_000;

/// A delivery, as far as it matters here.
#[derive(Debug, Clone, Deserialize)]
pub struct Delivered {
    pub device_id: Option<String>,
    pub state: String,
    pub created_at: DateTime<Utc>,
    pub updated_at: DateTime<Utc>,
}

#[derive(Debug, Deserialize)]
struct Page {
    items: Vec<Delivered>,
    next_cursor: Option<String>,
}

/// What became of the messages of a load.
#[derive(Debug, Default)]
pub struct Messages {
    pub hops: Vec<Hop>,
    /// Greeted arrivals whose message was handed over: as many messages as there were arrivals of a phone, whichever was for which.
    pub handed_over: u64,
    /// Deliveries that nobody has taken yet.
    pub waiting: u64,
}

/// Asks one server about its deliveries.
pub struct Asker<'a> {
    pub http: &'a reqwest::Client,
    pub url: &'a str,
    pub key: &'a str,
}

impl Asker<'_> {
    /// Waits until nothing is queued any more, then joins the deliveries made since `since` with these arrivals.
    ///
    /// # Errors
    /// The server does not answer.
    pub async fn messages(
        &self,
        devices: &[&str],
        arrivals: &[Arrival],
        since: Timestamp,
    ) -> Result<Messages, Failure> {
        let begun = super::meter::instant();
        let mut waiting;
        loop {
            waiting = self.page("state=queued&limit=200", None).await?.items.len() as u64
                + self.page("state=sending&limit=200", None).await?.items.len() as u64;
            if waiting == 0 || begun.elapsed() > SETTLED_WITHIN {
                break;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        let (mut found, mut cursor) = (Vec::new(), None);
        for _ in 0..PAGES_MAX {
            let page = self.page("limit=200", cursor.as_deref()).await?;
            let oldest = page.items.last().map(|delivery| delivery.created_at);
            found.extend(page.items);
            cursor = page.next_cursor;
            if cursor.is_none() || oldest.is_none_or(|oldest| oldest < since) {
                break;
            }
        }
        Ok(Messages {
            waiting,
            ..join(devices, arrivals, &found)
        })
    }

    async fn page(&self, query: &str, cursor: Option<&str>) -> Result<Page, Failure> {
        let cursor = cursor.map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
        let address = format!("{}/v1/deliveries?{query}{cursor}", self.url);
        let failed = |error: reqwest::Error| {
            let what = format!("the deliveries cannot be read: {error}");
            Failure::new(what, "the key needs the scope `read`")
        };
        let answer = self
            .http
            .get(address)
            .bearer_auth(self.key)
            .send()
            .await
            .map_err(failed)?;
        answer.error_for_status().map_err(failed)?.json().await.map_err(failed)
    }
}

/// Each arrival with the first message made for its phone after it was due, and before the phone's next arrival.
fn join(devices: &[&str], arrivals: &[Arrival], found: &[Delivered]) -> Messages {
    let mut by_device: HashMap<&str, Vec<&Delivered>> = HashMap::new();
    for delivery in found.iter().filter(|delivery| delivery.state == "accepted") {
        if let Some(device) = &delivery.device_id {
            by_device.entry(device).or_default().push(delivery);
        }
    }
    for deliveries in by_device.values_mut() {
        deliveries.sort_by_key(|delivery| delivery.created_at);
    }
    let mut due: HashMap<usize, Vec<Timestamp>> = HashMap::new();
    for arrival in arrivals {
        due.entry(arrival.phone).or_default().push(arrival.due);
    }
    let mut handed_over = 0;
    let (mut judged, mut handed, mut whole) = (latencies(), latencies(), latencies());
    for (phone, times) in &mut due {
        times.sort_unstable();
        let Some(deliveries) = by_device.get(devices[*phone]) else {
            continue;
        };
        // Under overload a message is made long after its arrival was due, and after the next one was, too.
        let since =
            deliveries.partition_point(|delivery| times.first().is_some_and(|first| delivery.created_at < *first));
        handed_over += times.len().min(deliveries.len() - since) as u64;
        for (at, time) in times.iter().enumerate() {
            let next = times.get(at + 1);
            let first = deliveries.partition_point(|delivery| delivery.created_at < *time);
            let Some(delivery) = deliveries.get(first) else {
                continue;
            };
            if next.is_some_and(|next| delivery.created_at >= *next) {
                continue;
            }
            let span = |from: DateTime<Utc>, to: DateTime<Utc>| (to - from).to_std().unwrap_or_default();
            count(&mut judged, span(*time, delivery.created_at));
            count(&mut handed, span(delivery.created_at, delivery.updated_at));
            count(&mut whole, span(*time, delivery.updated_at));
        }
    }
    let hops = [
        Hop::of("fix to judged", &judged),
        Hop::of("judged to handed over", &handed),
        Hop::of("fix to handed over", &whole),
    ];
    Messages {
        handed_over,
        hops: hops.into_iter().flatten().collect(),
        waiting: 0,
    }
}

#[cfg(test)]
#[path = "hops_tests.rs"]
mod tests;
