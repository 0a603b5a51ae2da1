//! `usher demo`: a seeded project with moving phones, all of it through the public API of the server it starts.

mod bus;
mod path;
mod people;
mod seed;

use super::client::Client;
use super::out::{Failure, Out};
use super::paint::Tone;
use super::serve::log_errors;
use crate::app::{Effective, Running, Settings};
use crate::telemetry::log;
use clap::Args;
use seed::Seeded;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::task::JoinSet;

/// Rounds of the story after which the phones stand still: a demo forgotten over night must not fill the disk.
const CYCLES_MAX: u32 = 200;

/// Starts a server with a project of its own and lets people move: a guest reaches her hotel and hears her room, another
/// stands in the wrong hotel, a traveller gets the boarding pass at the airport and then a new gate, somebody waits for a
/// room, a friend has no flight, and two real buses drive through Liverpool. The airport is SFO, from real polygons.
///
/// Everything goes through the public API, with device tokens, as it would from phones. The database is made anew at each
/// start. Ctrl-C ends it.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(super) struct DemoArguments {
    /// Where the demo's database is kept
    #[arg(long, default_value = "data/demo", value_name = "FOLDER")]
    data: PathBuf,
    /// Listen on this port instead of the configured one; 0 takes a free one
    #[arg(long)]
    port: Option<u16>,
    /// Open the page in the browser
    #[arg(long)]
    open: bool,
}

pub(super) async fn run(arguments: DemoArguments, effective: Effective, out: Out) -> Result<(), Failure> {
    let mut settings = effective.settings;
    // The page is what to look at here; only what goes wrong belongs beside the address.
    if settings.log.level == "info" {
        "warn".clone_into(&mut settings.log.level);
    }
    log::install(&settings.log).map_err(|error| log_errors(&error))?;
    if let Some(port) = arguments.port {
        settings.server.bind.set_port(port);
    }
    let mut running = start(&mut settings, &arguments.data).await?;
    let told = tell_people(&mut running, out, arguments.open).await;
    running.stop().await;
    told
}

async fn start(settings: &mut Settings, folder: &Path) -> Result<Running, Failure> {
    // A demo that cannot have the address must not take the database from under the one that has it.
    if let Err(error) = TcpListener::bind(settings.server.bind) {
        let what = format!("cannot listen on {}: {error}", settings.server.bind);
        return Err(Failure::new(
            what,
            "another program listens there: stop it, or choose --port 0",
        ));
    }
    let file = folder.join("demo.db");
    for ending in ["", "-wal", "-shm"] {
        let stale = PathBuf::from(format!("{}{ending}", file.display()));
        if stale.exists() {
            std::fs::remove_file(&stale).map_err(|error| {
                Failure::new(
                    format!("{} cannot be removed: {error}", stale.display()),
                    "choose another folder with --data",
                )
            })?;
        }
    }
    settings.database.url = format!("sqlite://{}", file.display());
    Ok(Running::start(settings).await?)
}

async fn tell_people(running: &mut Running, out: Out, open: bool) -> Result<(), Failure> {
    let url = format!("http://{}", running.address);
    let seeded = seed::seed(running.pipeline.store(), &url).await?;
    let page = format!("{url}/#key={}", seeded.secret_key);
    if out.json {
        out.value(&serde_json::json!({ "url": url, "page": page, "key": seeded.secret_key, "publishable_key": seeded.publishable_key }))?;
    } else {
        out.line(&format!("listening on {url}"))?;
        out.line(&format!("\n  Look:     {}", out.paint.text(Tone::Strong, &page)))?;
        let explain = format!(
            "curl -s '{url}/v1/decisions?user_ref=ana' -H 'Authorization: Bearer {}'",
            seeded.secret_key
        );
        out.line(&format!("  Explain:  {explain}"))?;
        out.line("\n  Ana reaches the Grand Hyatt at SFO in a few seconds. Ctrl-C ends the demo.")?;
    }
    if open {
        open_browser(&page, out)?;
    }
    let mut players = players(&url, seeded)?;
    running.until_told().await;
    players.shutdown().await;
    Ok(())
}

/// One task per phone.
fn players(url: &str, seeded: Seeded) -> Result<JoinSet<()>, Failure> {
    let server = Client::new(url, &seeded.secret_key)?;
    let mut players = JoinSet::new();
    for (person, phone) in seeded.people {
        players.spawn(people::play(person, phone, server.clone(), CYCLES_MAX));
    }
    for (journey, phone) in seeded.buses {
        players.spawn(bus::play(journey, phone, CYCLES_MAX));
    }
    Ok(players)
}

fn open_browser(page: &str, out: Out) -> Result<(), Failure> {
    let opener = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let opened = std::process::Command::new(opener)
        .arg(page)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    match opened {
        Ok(_) => Ok(()),
        Err(error) => out.note(&format!(
            "  ({opener} did not start: {error}; open the address by hand)"
        )),
    }
}
