//! The parts of a run that load the server: warm-up, a fixed rate, the search for saturation, soak and overload.

use super::BenchArguments;
use super::child::Served;
use super::endurance::{Overload, overloaded, soaked};
use super::figures::{Hop, Load, Row, WRITE};
use super::hops::{Asker, Messages};
use super::load::{Offer, Pace, offer};
use super::meter::Probe;
use super::search::{Search, TRIES_MAX, Tried};
use super::show::Show;
use super::taken::{Taken, at_ms};
use super::target::Target;
use crate::base::clock::{Clock, SystemClock};
use crate::cli::out::Failure;
use chrono::TimeDelta;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

/// One step of the search for saturation.
const STEP: Duration = Duration::from_secs(5);
/// A rate holds while 99 % of the answers come within this, in milliseconds.
const P99_MS_MAX: f64 = 100.0;
/// Every phone reports once before anything is measured.
const WARM_WITHIN: Duration = Duration::from_mins(2);
/// A soak runs at this share of the saturation.
const SOAK_SHARE: f64 = 0.5;
/// Long enough for a percentile of the few that wait for the disk.
const FLOOR: Duration = Duration::from_secs(10);
const OVERLOAD: Duration = Duration::from_mins(2);
/// Before an overload and after it, at half of the saturation.
const BEFORE: &str = "before the overload";
const AFTER: &str = "after the overload";
const CALM: Duration = Duration::from_secs(20);
/// Many connections: a few of them only ever wait for their answers, and the server never has too much at once.
const OVERLOAD_CONNECTIONS: usize = 2_000;

/// Loads one server.
pub struct Phases<'a> {
    pub target: &'a Target,
    pub arguments: &'a BenchArguments,
    pub show: Show,
}

impl Phases<'_> {
    /// One load. `rate` counts fixes; without one, every phone reports once.
    async fn load(&self, name: &str, rate: Option<f64>, lasts: Duration, connections: usize) -> Result<Taken, Failure> {
        let batch = self.arguments.batch;
        let progress = Arc::new(AtomicU64::new(0));
        let offered = Offer {
            address: self.target.address,
            path: "/v1/track".to_owned(),
            pace: rate.map_or(Pace::Once, |rate| Pace::Fixed(rate / batch as f64)),
            lasts,
            batch,
            connections,
            pid: self.target.pid(),
            progress: Arc::clone(&progress),
        };
        let taken = self
            .show
            .during(name, lasts, &progress, offer(offered, Arc::clone(&self.target.crowd)))
            .await;
        taken.map_err(|why| Failure::new(format!("{name}: {why}"), "look at the log of the server"))
    }

    /// Every phone says where it is, so that the server has seen all of them; nothing is measured.
    pub async fn warm_up(&self) -> Result<(), Failure> {
        let taken = self
            .load("warm-up", None, WARM_WITHIN, self.arguments.connections)
            .await?;
        if taken.good() == 0 {
            let why = taken.first_failure.unwrap_or_else(|| format!("{:?}", taken.statuses));
            return Err(Failure::new(
                format!("no request was answered well: {why}"),
                "look at the log of the server",
            ));
        }
        Ok(())
    }

    /// A load at a fixed rate, with what became of its messages.
    pub async fn fixed(&self, name: &str, rate: f64, lasts: Duration) -> Result<Load, Failure> {
        let since = SystemClock.now() - TimeDelta::seconds(1);
        let disk = self
            .target
            .scratch
            .as_ref()
            .and_then(|scratch| Probe::start(scratch.path()).ok());
        let taken = self.load(name, Some(rate), lasts, self.arguments.connections).await?;
        let writes = disk.and_then(Probe::stop);
        let messages = self.messages(&taken, since).await?;
        let mut load = Load::of(name, Some(rate), &taken);
        load.hops.extend(messages.hops);
        load.hops.extend(writes.and_then(|took| Hop::of(WRITE, &took)));
        load.messages = messages.handed_over;
        Ok(load)
    }

    /// The same load where nothing is done but what must be: HTTP, and a page on the disk for each that enters or leaves.
    pub async fn floor(&self, bare: &Served, rate: f64) -> Result<Load, Failure> {
        let (batch, progress) = (self.arguments.batch, Arc::new(AtomicU64::new(0)));
        let fixes = self.target.crowd.fixes_per_transition();
        let every = (fixes / batch as f64).round().max(1.0);
        let offered = Offer {
            address: bare.address,
            path: format!("/written?every={every:.0}"),
            pace: Pace::Fixed(rate / batch as f64),
            lasts: FLOOR,
            batch,
            connections: self.arguments.connections,
            pid: Some(bare.pid()),
            progress: Arc::clone(&progress),
        };
        let name = "the same by HTTP and the disk alone";
        let twin = Arc::new(self.target.crowd.twin());
        let taken = self.show.during(name, FLOOR, &progress, offer(offered, twin)).await;
        let taken = taken.map_err(|why| Failure::new(format!("{name}: {why}"), "run it again"))?;
        Ok(Load::of(name, Some(rate), &taken))
    }

    async fn messages(&self, taken: &Taken, since: crate::base::time::Timestamp) -> Result<Messages, Failure> {
        let target = self.target;
        let devices: Vec<&str> = target
            .crowd
            .phones
            .iter()
            .map(|phone| phone.device_id.as_str())
            .collect();
        let asker = Asker {
            http: &target.http,
            url: &target.url,
            key: &target.key,
        };
        asker.messages(&devices, &taken.arrivals, since).await
    }

    /// The highest rate of fixes that the server keeps up with.
    pub async fn saturation(&self) -> Result<f64, Failure> {
        let mut search = Search::from(self.arguments.rate);
        for _ in 0..TRIES_MAX {
            let Some(rate) = search.next() else { break };
            let taken = self
                .load(
                    &format!("{rate:.0} fixes/s"),
                    Some(rate),
                    STEP,
                    self.arguments.connections,
                )
                .await?;
            let later = taken.statuses.get(&429).unwrap_or(&0) + taken.statuses.get(&503).unwrap_or(&0);
            let tried = Tried {
                rate: rate / self.arguments.batch as f64,
                seconds: STEP.as_secs_f64(),
                p99_ms: at_ms(&taken.answers, 0.99),
                backlog: taken.backlog,
                errors: taken.errors(),
                later,
            };
            let held = tried.held(P99_MS_MAX);
            self.show.line(&format!(
                "  {rate:>9.0} fixes/s: p99 {:.1} ms, {} waiting at the end: {}",
                tried.p99_ms,
                tried.backlog,
                if held { "held" } else { "broke" }
            ))?;
            search.learn(rate, held);
            // What piled up is worked off before the next try.
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        search.found().ok_or_else(|| {
            Failure::new(
                "no rate held at all",
                "start lower with --rate, or look at the log of the server",
            )
        })
    }

    /// A long load at half of the saturation.
    pub async fn soak(&self, saturation: f64, minutes: u64) -> Result<(Load, Vec<Row>), Failure> {
        let rate = saturation * SOAK_SHARE;
        let lasts = Duration::from_mins(minutes);
        let load = self.fixed("soak", rate, lasts).await?;
        let good: u64 = load.statuses.range(200..300).map(|(_, count)| count).sum();
        let rows = soaked(&load.timeline, load.requests - good.min(load.requests) + load.rejected);
        Ok((load, rows))
    }

    /// Three times the saturation for two minutes, and what is left of it afterwards.
    pub async fn overload(&self, saturation: f64) -> Result<(Vec<Load>, Vec<Row>), Failure> {
        let calm = saturation * SOAK_SHARE;
        let before = self.load(BEFORE, Some(calm), CALM, self.arguments.connections).await?;
        let since = SystemClock.now() - TimeDelta::seconds(1);
        let connections = OVERLOAD_CONNECTIONS.min(self.target.crowd.phones.len());
        let taken = self
            .load("overload", Some(saturation * 3.0), OVERLOAD, connections)
            .await?;
        let after = self.load(AFTER, Some(calm), CALM, self.arguments.connections).await?;
        let messages = self.messages(&taken, since).await?;
        // Requests that were never sent, since all connections were waiting, are no fault of the server.
        let unsent = taken.unanswered.min(taken.backlog);
        let rows = overloaded(&Overload {
            errors: taken.errors() - unsent,
            without_retry_after: taken.without_retry_after,
            p99_ms: at_ms(&taken.served, 0.99),
            seconds: &taken.seconds,
            before: &before.seconds,
            after: &after.seconds,
            waiting: messages.waiting,
            accepted: taken.arrivals.len() as u64,
            handed_over: messages.handed_over,
        });
        let mut load = Load::of("overload", Some(saturation * 3.0), &taken);
        load.hops.extend(messages.hops);
        load.messages = messages.handed_over;
        let loads = vec![
            Load::of(BEFORE, Some(calm), &before),
            load,
            Load::of(AFTER, Some(calm), &after),
        ];
        Ok((loads, rows))
    }
}
