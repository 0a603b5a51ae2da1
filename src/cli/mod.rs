//! The command line: what can be asked, and who answers.

pub mod bench;
mod check;
mod check_projects;
mod client;
mod demo;
mod import;
mod keys;
mod migrate;
mod openapi;
pub mod out;
pub mod paint;
mod play;
mod serve;
mod simulate;
pub mod tracks;
mod vault;
pub mod walk;

use crate::app::{AppError, Effective, configuration};
use clap::{Parser, Subcommand};
use out::{Failure, Out};
use std::path::PathBuf;
use std::process::ExitCode;

/// Usher notices the moment and says the right thing.
///
/// Apps report where phones are, business systems report facts (a stay, a flight, an order), and triggers, one sentence each,
/// say what to tell whom when. Usher detects the moment, delivers the message, and can always say why it was or was not sent.
///
/// To look around:    usher demo
/// To run it:         usher keys create --project hotel --kind secret --scopes all
///                    usher serve
/// Without a server:  usher simulate examples/walks/hotel-arrival
///
/// Settings come from config.default.toml (compiled in, the manual of every key), then `usher.toml` or --config, then the
/// environment (`USHER__SERVER__BIND=127.0.0.1:9000`). `usher check` shows what is in force.
#[derive(Debug, Parser)]
#[command(name = "usher", version, verbatim_doc_comment, max_term_width = 110)]
struct Arguments {
    /// Read this configuration instead of ./usher.toml
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print JSON for programs instead of text for people
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server: API, timers and deliveries in one process (the default)
    Serve,
    #[command(about = "A seeded project with moving phones, real polygons and a real bus, on localhost")]
    Demo(demo::DemoArguments),
    #[command(about = "Run a story from files through the engine and print moments, decisions and messages")]
    Simulate(simulate::SimulateArguments),
    #[command(about = "Play a GPX, GeoJSON or CSV track against a running server, as a phone would send it")]
    Track(play::TrackArguments),
    #[command(about = "Load geofences from GeoJSON or CSV into a running server")]
    Import(import::ImportArguments),
    #[command(about = "Put a load on a server and measure it against what HTTP and JSON alone can do")]
    Bench(Box<bench::BenchArguments>),
    /// What HTTP and JSON alone can do: `bench` starts it
    #[command(hide = true)]
    BenchCeiling {
        /// Where pages are written: the disk that counts.
        #[arg(long, default_value = ".")]
        data: PathBuf,
    },
    #[command(about = "Make, list and take back API keys, directly in the database")]
    Keys(keys::KeysArguments),
    #[command(about = "Make, change and count the keys that seal what the database holds of people")]
    Vault(vault::VaultArguments),
    #[command(about = "Bring the tables of the database up to this version (`serve` does so at start)")]
    Migrate(migrate::MigrateArguments),
    /// Show the configuration in force, secrets hidden, and probe database and channels
    Check,
    /// Print the description of the HTTP API (`OpenAPI` 3.1, YAML)
    Openapi,
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let out = Out::new(arguments.json);
    // One TLS provider for the process: reqwest brings none of its own. A second installation is refused, and may be.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let ended = match runtime {
        Ok(runtime) => runtime.block_on(answer(arguments, out)),
        Err(error) => Err(Failure::new(
            format!("no threads: {error}"),
            "raise the limit of processes (`ulimit -u`)",
        )),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => out.fail(&failure),
    }
}

async fn answer(arguments: Arguments, out: Out) -> Result<(), Failure> {
    let effective = || -> Result<Effective, AppError> { configuration(arguments.config.as_deref()) };
    match arguments.command.unwrap_or(Command::Serve) {
        Command::Serve => serve::run(effective()?, out).await,
        Command::Demo(demo) => demo::run(demo, effective()?, out).await,
        Command::Simulate(simulate) => simulate::run(&simulate, out),
        Command::Track(track) => play::run(track, out).await,
        Command::Import(import) => import::run(import, out).await,
        Command::Bench(bench) => bench::run(*bench, out).await,
        Command::BenchCeiling { data } => bench::ceiling::serve(&data, out).await,
        Command::Keys(keys) => keys::run(keys, effective()?, out).await,
        Command::Vault(vault) => vault::run(vault, effective()?, out).await,
        Command::Migrate(migrate) => migrate::run(migrate, effective()?, out).await,
        Command::Check => check::run(effective()?, out).await,
        Command::Openapi => openapi::run(out),
    }
}

#[cfg(test)]
#[path = "cli_tests.rs"]
mod tests;
