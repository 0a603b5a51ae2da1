//! The figures of a run, as they are printed, drawn and kept in a file.

use super::taken::{Second, Taken, at_ms};
use chrono::{DateTime, Utc};
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Shares of the samples that a latency curve is drawn through.
const SHARES: [f64; 13] = [
    0.0, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975, 0.99, 0.995, 0.999, 0.9995, 0.9999, 1.0,
];

/// One line of the table: what was asked, and what was found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    pub what: String,
    pub budget: String,
    pub figure: String,
    /// The figure by what it is measured against, in the same run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ratio: Option<f64>,
    /// None when there is nothing to hold it against.
    pub met: Option<bool>,
}

impl Row {
    pub fn judged(what: &str, budget: &str, figure: impl Into<String>, met: Option<bool>) -> Self {
        Self {
            what: what.to_owned(),
            budget: budget.to_owned(),
            figure: figure.into(),
            ratio: None,
            met,
        }
    }

    /// A figure that should be at least `least` times another one.
    pub fn ratio(what: &str, least: f64, figure: impl Into<String>, ratio: f64, of: &str) -> Self {
        Self {
            ratio: Some(ratio),
            ..Self::judged(what, &format!(">= {least} x {of}"), figure, Some(ratio >= least))
        }
    }

    pub fn told(what: &str, figure: impl Into<String>) -> Self {
        Self::judged(what, "", figure, None)
    }
}

/// Latencies from one point of the way to another.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Hop {
    pub name: String,
    pub samples: u64,
    pub p50_ms: f64,
    pub p90_ms: f64,
    pub p99_ms: f64,
    pub worst_ms: f64,
    /// Share of the samples, and the milliseconds they stay below.
    pub curve: Vec<(f64, f64)>,
}

/// No hop of a fix, but what each of them that waits for the disk waits for at least: one page, written beside the load.
pub const WRITE: &str = "one write to the disk, beside it";

impl Hop {
    /// None without samples.
    pub fn of(name: &str, histogram: &Histogram<u64>) -> Option<Self> {
        (!histogram.is_empty()).then(|| Self {
            name: name.to_owned(),
            samples: histogram.len(),
            p50_ms: at_ms(histogram, 0.5),
            p90_ms: at_ms(histogram, 0.9),
            p99_ms: at_ms(histogram, 0.99),
            worst_ms: at_ms(histogram, 1.0),
            curve: SHARES.iter().map(|share| (*share, at_ms(histogram, *share))).collect(),
        })
    }
}

/// The median of the rounds on one endpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ceiling {
    /// `empty`, `decode` or `track`.
    pub endpoint: String,
    /// Fixes of one request.
    pub batch: usize,
    pub requests_per_s: f64,
    pub fixes_per_s: f64,
    pub server_us_per_fix: Option<f64>,
    /// Share of one core that the generator used.
    pub generator_share: Option<f64>,
}

/// What was asked for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Plan {
    pub rate: f64,
    pub seconds: u64,
    pub devices: usize,
    pub fences: usize,
    pub users: usize,
    pub batch: usize,
    pub connections: usize,
    pub transitions_percent: f64,
    pub messages_percent: f64,
}

/// What came of one load.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Load {
    pub name: String,
    /// Fixes a second that were due; none when it was as much as there can be.
    pub rate: Option<f64>,
    pub seconds: f64,
    pub requests: u64,
    pub statuses: BTreeMap<u16, u64>,
    pub unanswered: u64,
    pub rejected: u64,
    pub moments: u64,
    pub messages: u64,
    pub fixes_per_s: f64,
    pub requests_per_s: f64,
    pub backlog: u64,
    pub server_us_per_fix: Option<f64>,
    pub generator_share: Option<f64>,
    /// How late the generator itself was at most with 99 % of the requests, in milliseconds.
    pub generator_lag_p99_ms: f64,
    pub hops: Vec<Hop>,
    pub timeline: Vec<Second>,
    pub first_failure: Option<String>,
}

impl Load {
    pub fn of(name: &str, rate: Option<f64>, taken: &Taken) -> Self {
        let hops = [
            Hop::of("fix to answer", &taken.answers),
            Hop::of("fix to answer, with a moment", &taken.moving),
        ];
        Self {
            name: name.to_owned(),
            rate,
            seconds: taken.lasted.as_secs_f64(),
            requests: taken.due,
            statuses: taken.statuses.clone(),
            unanswered: taken.unanswered,
            rejected: taken.rejected,
            moments: taken.moments,
            messages: 0,
            fixes_per_s: taken.fixes_per_s(),
            requests_per_s: taken.requests_per_s(),
            backlog: taken.backlog,
            server_us_per_fix: taken.cpu_us_per_fix(),
            generator_share: taken.generator_share(),
            generator_lag_p99_ms: at_ms(&taken.lag, 0.99),
            hops: hops.into_iter().flatten().collect(),
            timeline: taken.seconds.clone(),
            first_failure: taken.first_failure.clone(),
        }
    }

    pub fn hop(&self, name: &str) -> Option<&Hop> {
        self.hops.iter().find(|hop| hop.name == name)
    }
}

/// Everything one run found.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Report {
    pub version: String,
    pub taken_at: DateTime<Utc>,
    pub cores: usize,
    pub system: String,
    pub plan: Plan,
    /// Median time of one write that waits for the disk.
    pub sync_ms: Option<f64>,
    pub ready_ms: Option<f64>,
    pub idle_mib: Option<f64>,
    pub ceilings: Vec<Ceiling>,
    /// The highest rate that held, in fixes a second.
    pub saturation: Option<f64>,
    pub loads: Vec<Load>,
    /// What the first of them takes where nothing is done but what must be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor: Option<Load>,
    pub rows: Vec<Row>,
}
