//! `usher bench`: load on a server, and the workload that it and `cargo bench` share.

mod budgets;
pub mod ceiling;
pub mod child;
mod client;
pub mod crowd;
mod endurance;
mod figures;
mod growth;
mod hops;
pub mod load;
pub mod meter;
mod page;
mod phases;
pub mod picture;
mod report;
mod rounds;
mod search;
pub mod seed;
mod show;
pub mod taken;
mod target;
pub mod workload;

use super::out::{Failure, Out};
use crate::base::clock::{Clock, SystemClock};
use clap::Args;
use crowd::Mix;
use figures::{Plan, Report};
use phases::Phases;
use show::Show;
use std::path::PathBuf;
use std::time::Duration;
use target::Target;

/// How long a server is left alone before its idle memory is read.
const IDLE: Duration = Duration::from_secs(3);

/// Puts a load on a server and says what came of it: answers, messages handed over, processor time and memory.
///
/// Requests are due at fixed instants, whether earlier ones were answered or not, and latency counts from when they were due.
/// Without --url it starts a server of its own on loopback, with SQLite that waits for the disk, fills it with geofences and
/// phones, and holds it against what HTTP and JSON alone can do in the same run. The figures, the budgets and a picture go
/// to files; what was stored for the run is removed.
///
/// A minute, ceilings and then 5,000 fixes a second:    usher bench
/// The highest rate that holds:                         usher bench --saturate --fences 100000
/// Half of that for half an hour:                       usher bench --soak 30
/// Three times that for two minutes:                    usher bench --overload
#[derive(Debug, Clone, Args)]
#[command(verbatim_doc_comment)]
pub(super) struct BenchArguments {
    /// Fixes a second; with --saturate the first rate that is tried
    #[arg(long, default_value_t = 5_000.0)]
    rate: f64,
    /// Look for the highest rate that holds (99 % of the answers within 100 ms), and measure at half of it
    #[arg(long)]
    saturate: bool,
    /// Seconds of the load at the fixed rate
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// Phones that report
    #[arg(long, default_value_t = 2_000)]
    devices: usize,
    /// Geofences of the workload: four circles to one polygon, crowded in cities
    #[arg(long, default_value_t = 10_000)]
    fences: usize,
    /// Users that are stored and silent, in a server of our own
    #[arg(long, default_value_t = 0)]
    users: usize,
    /// Fixes of one request
    #[arg(long, default_value_t = 1)]
    batch: usize,
    /// Connections that are kept open; each phone keeps to one
    #[arg(long, default_value_t = 128)]
    connections: usize,
    /// Percent of the fixes that enter or leave a geofence, and that cause a message
    #[arg(long, default_value = "1,0.2", value_name = "TRANSITIONS,MESSAGES")]
    mix: String,
    /// Load this server instead of one of our own; writes geofences, a trigger and phones to the project of --key
    #[arg(long, env = "USHER_URL", requires = "key")]
    url: Option<String>,
    /// A secret key of a project for tests on that server
    #[arg(long, env = "USHER_KEY", hide_env_values = true)]
    key: Option<String>,
    /// Where the database of our own server is kept while it runs: the disk that counts
    #[arg(long, default_value = "data/bench", value_name = "FOLDER")]
    data: PathBuf,
    /// Where the figures go; the picture goes beside them as .svg
    #[arg(long, default_value = "usher-bench.json", value_name = "FILE")]
    out: PathBuf,
    /// Rounds of what HTTP and JSON alone can do, 10 seconds each; 0 leaves them out
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Then hold half of the saturation for so many minutes: memory and latency must stay flat
    #[arg(long, value_name = "MINUTES")]
    soak: Option<u64>,
    /// Then offer three times the saturation for two minutes: nothing that was accepted may be lost
    #[arg(long)]
    overload: bool,
    /// Measure nothing: draw how the cost of a fix grows, from the files of runs with different --fences
    #[arg(long, value_name = "FILES", value_delimiter = ',')]
    growth: Vec<PathBuf>,
}

pub(super) async fn run(arguments: BenchArguments, out: Out) -> Result<(), Failure> {
    if !arguments.growth.is_empty() {
        let picture = target::beside(&arguments.out, "svg");
        growth::draw(&arguments.growth, &picture)?;
        return out.note(&format!("picture: {}", picture.display()));
    }
    let mix = checked(&arguments)?;
    // Dropping the run ends its servers and removes its folder, also when it is interrupted.
    tokio::select! {
        ended = measure(&arguments, mix, out) => ended,
        () = crate::app::told() => Err(Failure::new("interrupted", "the servers of the run are stopped, and its folder is gone")),
    }
}

fn checked(arguments: &BenchArguments) -> Result<Mix, Failure> {
    let wrong = |what: &str, remedy: &str| Err(Failure::new(what, remedy));
    if !(arguments.rate >= 1.0 && arguments.rate <= 1e7) {
        return wrong("--rate must be between 1 and 10,000,000", "it counts fixes a second");
    }
    if arguments.seconds == 0 || arguments.devices == 0 || arguments.fences < 10 || arguments.connections == 0 {
        return wrong(
            "--seconds, --devices and --connections must be above 0, and --fences 10 or more",
            "leave them out for the usual ones",
        );
    }
    if !(1..=crate::base::limits::RECORDS_PER_BATCH_MAX).contains(&arguments.batch) {
        return wrong("--batch must be between 1 and 1,000", "phones send 1 to 50 at once");
    }
    let numbers: Vec<f64> = arguments
        .mix
        .split(',')
        .filter_map(|part| part.trim().parse().ok())
        .collect();
    match numbers.as_slice() {
        [transitions, messages]
            if (0.001..=30.0).contains(transitions) && *messages >= 0.0 && *messages <= transitions / 2.0 =>
        {
            Ok(Mix {
                transitions: *transitions,
                messages: *messages,
            })
        }
        _ => Err(Failure::new(
            format!("--mix {} cannot be", arguments.mix),
            "write two percentages such as 1,0.2: at most 30 of transitions, and messages for at most half of them",
        )),
    }
}

async fn measure(arguments: &BenchArguments, mix: Mix, out: Out) -> Result<(), Failure> {
    let show = Show::new(out);
    let target = Target::ready(arguments, mix, show).await?;
    let mut report = empty_report(arguments, mix, &target);
    let idle = async {
        tokio::time::sleep(IDLE).await;
        target.pid().and_then(meter::resident_bytes)
    };
    report.idle_mib = idle.await.map(|bytes| bytes as f64 / 1_048_576.0);
    if cfg!(debug_assertions) {
        show.line("this executable is not optimised: its figures say nothing")?;
    }
    let phases = Phases {
        target: &target,
        arguments,
        show,
    };
    phases.warm_up().await?;
    let bare = match &target.scratch {
        Some(scratch) => Some(child::bare(scratch.path()).await?),
        None => None,
    };
    if let Some(bare) = bare.as_ref().filter(|_| arguments.rounds > 0) {
        report.ceilings = rounds::run(&target, bare, arguments.rounds, arguments.connections, show).await?;
    }
    let mut rate = arguments.rate;
    if arguments.saturate || arguments.soak.is_some() || arguments.overload {
        let saturation = phases.saturation().await?;
        (report.saturation, rate) = (Some(saturation), saturation / 2.0);
    }
    let name = if report.saturation.is_some() {
        "half of the saturation"
    } else {
        "fixed rate"
    };
    report
        .loads
        .push(phases.fixed(name, rate, Duration::from_secs(arguments.seconds)).await?);
    if let Some(bare) = &bare {
        report.floor = Some(phases.floor(bare, rate).await?);
    }
    report.rows = budgets::judge(&report);
    let saturation = report.saturation.unwrap_or(rate);
    if let Some(minutes) = arguments.soak {
        let (load, rows) = phases.soak(saturation, minutes).await?;
        report.loads.push(load);
        report.rows.extend(rows);
    }
    if arguments.overload {
        let (loads, rows) = phases.overload(saturation).await?;
        report.loads.extend(loads);
        report.rows.extend(rows);
    }
    report::print(&report, out)?;
    report::keep(&report, &arguments.out)?;
    let drawn =
        picture::draw(&report).map_err(|why| Failure::new(format!("no picture: {why}"), "the figures are kept"))?;
    let picture = target::beside(&arguments.out, "svg");
    std::fs::write(&picture, drawn).map_err(|error| {
        let what = format!("{} cannot be written: {error}", picture.display());
        Failure::new(what, "choose another file with --out")
    })?;
    out.note(&format!(
        "\nfigures: {}, picture: {}",
        arguments.out.display(),
        picture.display()
    ))
}

fn empty_report(arguments: &BenchArguments, mix: Mix, target: &Target) -> Report {
    let ms = |took: Duration| took.as_secs_f64() * 1e3;
    Report {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        taken_at: SystemClock.now(),
        cores: crate::base::cores::count(),
        system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        plan: Plan {
            rate: arguments.rate,
            seconds: arguments.seconds,
            devices: target.crowd.phones.len(),
            fences: arguments.fences,
            users: arguments.users,
            batch: arguments.batch,
            connections: arguments.connections,
            transitions_percent: mix.transitions,
            messages_percent: mix.messages,
        },
        sync_ms: target.sync.map(ms),
        ready_ms: target.ready.map(ms),
        idle_mib: None,
        ceilings: Vec::new(),
        saturation: None,
        loads: Vec::new(),
        floor: None,
        rows: Vec::new(),
    }
}

#[cfg(test)]
#[path = "bench_tests.rs"]
mod tests;
