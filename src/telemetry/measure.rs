//! Measures for Prometheus: every name, what it counts, and the one place that records it.

use crate::engine::decision::ReasonCode;
use crate::engine::delivery::{ChannelKind, DeliveryState};
use metrics::{Counter, Histogram, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use std::cell::RefCell;
use std::sync::OnceLock;
use std::time::Duration;

/// Records that came in, by kind (`unreadable` for those that have none) and by outcome: `accepted` or `rejected`.
pub const RECORDS_TOTAL: &str = "usher_records_total";
/// Moments noticed, by kind.
pub const MOMENTS_TOTAL: &str = "usher_moments_total";
/// Decisions, by reason code.
pub const DECISIONS_TOTAL: &str = "usher_decisions_total";
/// Deliveries that reached a state, by channel.
pub const DELIVERIES_TOTAL: &str = "usher_deliveries_total";
/// Requests answered, by method, route (never the path) and status.
pub const HTTP_REQUESTS_TOTAL: &str = "usher_http_requests_total";
pub const HTTP_SECONDS: &str = "usher_http_request_seconds";
/// One attempt to hand a message to a provider.
pub const SEND_SECONDS: &str = "usher_send_seconds";
/// Deliveries by what became of them, as counted last; `accepted` is the sum of the others.
pub const MESSAGES: &str = "usher_messages";
/// How long each hop took on the way from what happened to what the person read.
pub const HOP_SECONDS: &str = "usher_hop_seconds";
/// Sends that a provider refused for our keys, permissions or sender, by channel and code: each needs the operator.
pub const MISCONFIGURED_TOTAL: &str = "usher_channel_misconfigured_total";
/// Times that a tenant's channel failed so often in a row that it was only probed from then on.
pub const ROUTES_CLOSED_TOTAL: &str = "usher_routes_closed_total";
/// Turns of the workers' loops that failed, by loop.
pub const LOOP_FAILURES_TOTAL: &str = "usher_loop_failures_total";
/// Inputs whose step ended in a fault of ours.
pub const STEPS_BROKEN_TOTAL: &str = "usher_steps_broken_total";
/// Inputs that failed too often and are kept aside in the inbox.
pub const INBOX_SET_ASIDE_TOTAL: &str = "usher_inbox_set_aside_total";
/// Values of the database that were sealed anew with the present key.
pub const RESEALED_TOTAL: &str = "usher_vault_resealed_total";
/// 1 while values of another key may be left, 0 when there are none.
pub const RESEAL_PENDING: &str = "usher_vault_reseal_pending";
/// Always 1; its labels name the version.
pub const BUILD_INFO: &str = "usher_build_info";

/// Upper bounds in seconds: from a cached answer to a provider at its time-out.
const SECONDS: [f64; 14] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// Upper bounds in seconds: from a hand-over within the machine to a message read the next day.
const HOPS: [f64; 16] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0, 300.0, 1_800.0, 14_400.0, 86_400.0,
];

static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();

/// What was measured since the start of the process.
#[derive(Clone)]
pub struct Measures(PrometheusHandle);

impl Measures {
    /// The recorder of this process; the first call installs it.
    ///
    /// # Errors
    /// Another recorder is installed already.
    pub fn install() -> Result<Self, BuildError> {
        if let Some(handle) = HANDLE.get() {
            return Ok(Self(handle.clone()));
        }
        let mut builder = PrometheusBuilder::new();
        for name in [HTTP_SECONDS, SEND_SECONDS] {
            builder = builder.set_buckets_for_metric(Matcher::Full(name.to_owned()), &SECONDS)?;
        }
        builder = builder.set_buckets_for_metric(Matcher::Full(HOP_SECONDS.to_owned()), &HOPS)?;
        // Two threads may build; the loser takes the winner's, and its own recorder was never global.
        let recorder = builder.build_recorder();
        let built = recorder.handle();
        let handle = HANDLE.get_or_init(|| {
            if metrics::set_global_recorder(recorder).is_ok() {
                describe();
            }
            built
        });
        Ok(Self(handle.clone()))
    }

    /// The Prometheus text of everything measured so far.
    pub fn render(&self) -> String {
        self.0.render()
    }

    /// What renders it, for the route that Prometheus reads.
    pub fn handle(&self) -> PrometheusHandle {
        self.0.clone()
    }

    /// Moves raw samples into their buckets; called every few seconds, or they would pile up between two scrapes.
    pub fn tidy(&self) {
        self.0.run_upkeep();
    }
}

fn describe() {
    describe_counter!(RECORDS_TOTAL, "Records that came in, by kind and outcome");
    describe_counter!(MOMENTS_TOTAL, "Moments noticed, by kind");
    describe_counter!(DECISIONS_TOTAL, "Decisions, by reason code");
    describe_counter!(DELIVERIES_TOTAL, "Deliveries that reached a state, by channel");
    describe_counter!(HTTP_REQUESTS_TOTAL, "Requests answered, by method, route and status");
    describe_histogram!(HTTP_SECONDS, "Time to answer a request, by route");
    describe_histogram!(SEND_SECONDS, "Time of one attempt to send, by channel");
    describe_gauge!(
        MESSAGES,
        "Deliveries by what became of them; accepted is the sum of the others"
    );
    describe_histogram!(HOP_SECONDS, "Time of each hop on the way of a message");
    describe_counter!(
        MISCONFIGURED_TOTAL,
        "Sends refused for our keys, permissions or sender, by channel and code: each needs the operator"
    );
    describe_counter!(
        ROUTES_CLOSED_TOTAL,
        "Times a tenant's channel went silent and was only probed, by channel"
    );
    describe_counter!(LOOP_FAILURES_TOTAL, "Failed turns of the workers' loops, by loop");
    describe_counter!(
        STEPS_BROKEN_TOTAL,
        "Inputs whose step ended in a fault: each is worth a report"
    );
    describe_counter!(INBOX_SET_ASIDE_TOTAL, "Inputs that failed too often and were set aside");
    describe_counter!(RESEALED_TOTAL, "Values sealed anew with the present key of the vault");
    describe_gauge!(RESEAL_PENDING, "1 while values sealed with another key may be left");
    describe_gauge!(BUILD_INFO, "Always 1; the labels name the version");
    gauge!(BUILD_INFO, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
}

/// `outcome`: `accepted` or `rejected`.
pub fn records(kind: &'static str, outcome: &'static str, count: u64) {
    RECORDS.with_borrow_mut(|series| {
        let known = series.iter().position(|(name, _)| *name == (kind, outcome));
        let at = known.unwrap_or_else(|| {
            let total = counter!(RECORDS_TOTAL, "kind" => kind, "outcome" => outcome);
            series.push(((kind, outcome), total));
            series.len() - 1
        });
        if let Some((_, total)) = series.get(at) {
            total.increment(count);
        }
    });
}

/// A request was answered. `route` is its pattern; of both there are few.
pub fn request(method: &'static str, route: &str, status: u16, took: Duration) {
    REQUESTS.with_borrow_mut(|series| {
        let is_it = |known: &Answered| known.status == status && known.route == route && known.method == method;
        let at = series.iter().position(is_it).unwrap_or_else(|| {
            series.push(Answered::new(method, route, status));
            series.len() - 1
        });
        if let Some(known) = series.get(at) {
            known.total.increment(1);
            known.seconds.record(took.as_secs_f64());
        }
    });
}

/// The series of requests with the same method, route and status.
struct Answered {
    method: &'static str,
    route: String,
    status: u16,
    total: Counter,
    seconds: Histogram,
}

impl Answered {
    fn new(method: &'static str, route: &str, status: u16) -> Self {
        let (route, code) = (route.to_owned(), status.to_string());
        let seconds = histogram!(HTTP_SECONDS, "route" => route.clone());
        let total = counter!(HTTP_REQUESTS_TOTAL, "method" => method, "route" => route.clone(), "status" => code);
        Self {
            method,
            route,
            status,
            total,
            seconds,
        }
    }
}

// What is counted for every request: looking its series up among all others costs more than the counting, so each thread keeps
// those it has met. They are few, and what phones ask all day is met first: that is found sooner by going through them than by
// writing their names and hashing them.
thread_local! {
    static RECORDS: RefCell<Vec<((&'static str, &'static str), Counter)>> = RefCell::default();
    static REQUESTS: RefCell<Vec<Answered>> = RefCell::default();
}

pub fn moment(kind: &'static str) {
    counter!(MOMENTS_TOTAL, "kind" => kind).increment(1);
}

pub fn decision(code: ReasonCode) {
    counter!(DECISIONS_TOTAL, "code" => code.as_str()).increment(1);
}

pub fn delivery(channel: ChannelKind, state: DeliveryState) {
    counter!(DELIVERIES_TOTAL, "channel" => channel.as_str(), "state" => state.as_str()).increment(1);
}

pub fn send(channel: ChannelKind, took: Duration) {
    histogram!(SEND_SECONDS, "channel" => channel.as_str()).record(took.as_secs_f64());
}

/// `state`: `accepted`, `delivered`, `failed`, `expired` or `waiting`.
#[expect(clippy::cast_precision_loss, reason = "a gauge is a double")]
pub fn books(state: &'static str, count: u64) {
    gauge!(MESSAGES, "state" => state).set(count as f64);
}

/// `hop`: what it ends with - `noticed`, `judged`, `handed_over`, `received`, `displayed` or `opened`. What seems to come before
/// its cause, by clocks that differ, took no time.
pub fn hop(hop: &'static str, took: chrono::TimeDelta) {
    let took = took.to_std().unwrap_or_default();
    histogram!(HOP_SECONDS, "hop" => hop).record(took.as_secs_f64());
}

pub fn misconfigured(channel: ChannelKind, code: &str) {
    counter!(MISCONFIGURED_TOTAL, "channel" => channel.as_str(), "code" => code.to_owned()).increment(1);
}

pub fn route_closed(channel: ChannelKind) {
    counter!(ROUTES_CLOSED_TOTAL, "channel" => channel.as_str()).increment(1);
}

pub fn step_broken() {
    counter!(STEPS_BROKEN_TOTAL).increment(1);
}

pub fn set_aside() {
    counter!(INBOX_SET_ASIDE_TOTAL).increment(1);
}

pub fn resealed(count: u64) {
    counter!(RESEALED_TOTAL).increment(count);
}

pub fn reseal_pending(pending: bool) {
    gauge!(RESEAL_PENDING).set(f64::from(u8::from(pending)));
}

pub fn loop_failed(name: &'static str) {
    counter!(LOOP_FAILURES_TOTAL, "loop" => name).increment(1);
}

#[cfg(test)]
#[path = "measure_tests.rs"]
mod tests;
