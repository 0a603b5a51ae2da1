//! `usher check`: what is in force, and whether everything around Usher answers. Starts nothing, sends nothing.

use super::check_projects;
use super::out::{Failure, Out};
use super::paint::Tone;
use super::vault::told;
use crate::app::{Effective, open_store};
use crate::base::clock::{Clock as _, SystemClock};
use crate::channel::Channels;
use crate::wallet::Wallets;
use serde::Serialize;
use serde_json::json;

/// One thing that was probed.
#[derive(Debug, Serialize)]
pub(super) struct Probe {
    pub(super) name: String,
    pub(super) passed: bool,
    pub(super) says: String,
}

impl Probe {
    pub(super) fn new(name: impl Into<String>, outcome: Result<String, String>) -> Self {
        let (passed, says) = outcome.map_or_else(|why| (false, why), |says| (true, says));
        Self {
            name: name.into(),
            passed,
            says,
        }
    }
}

pub(super) async fn run(effective: Effective, out: Out) -> Result<(), Failure> {
    let mut probes = vec![
        Probe::new("database", database(&effective).await),
        Probe::new("vault", vault(&effective).await),
    ];
    match Channels::open(&effective.settings.channels) {
        Err(why) => probes.push(Probe::new("channels", Err(why))),
        Ok(channels) => {
            for kind in channels.kinds() {
                if let Some(channel) = channels.get(kind) {
                    let outcome = channel.probe().await.map(|()| "answers".to_owned());
                    probes.push(Probe::new(format!("channel {}", kind.as_str()), outcome));
                }
            }
            probes.extend(check_projects::run(&effective.settings, &channels).await);
        }
    }
    let wallets = Wallets::open(&effective.settings.wallet, SystemClock.now());
    if let Err(why) = wallets {
        probes.push(Probe::new("wallet", Err(why)));
    }
    let failed = probes.iter().filter(|probe| !probe.passed).count();
    if out.json {
        out.value(&json!({ "config": effective.masked_json(), "file": effective.file, "probes": probes, "passed": failed == 0 }))?;
    } else {
        tell(&effective, &probes, out)?;
    }
    if failed == 0 {
        return Ok(());
    }
    Err(Failure::new(
        format!("{failed} of {} probes failed", probes.len()),
        "correct what they say and check again",
    ))
}

fn tell(effective: &Effective, probes: &[Probe], out: Out) -> Result<(), Failure> {
    let file = effective
        .file
        .as_ref()
        .map_or("no file".to_owned(), |path| path.display().to_string());
    out.line(
        &out.paint
            .text(Tone::Strong, &format!("# In force: defaults < {file} < environment")),
    )?;
    out.line(&effective.masked())?;
    for probe in probes {
        let (tone, word) = if probe.passed {
            (Tone::Good, "ok    ")
        } else {
            (Tone::Bad, "failed")
        };
        out.line(&format!(
            "{} {}: {}",
            out.paint.text(tone, word),
            probe.name,
            probe.says
        ))?;
    }
    Ok(())
}

async fn database(effective: &Effective) -> Result<String, String> {
    let store = open_store(&effective.settings.database)
        .await
        .map_err(|error| error.what)?;
    store.ping().await.map_err(|error| error.to_string())?;
    let pending = store.pending_migrations().await.map_err(|error| error.to_string())?;
    store.close().await.map_err(|error| error.to_string())?;
    Ok(match pending.len() {
        0 => "answers, and its tables are up to date".to_owned(),
        count => format!("answers; {count} migrations have not run yet (`usher migrate`, or the next `usher serve`)"),
    })
}

/// Which key seals, and whether another one is still in use. Makes none.
async fn vault(effective: &Effective) -> Result<String, String> {
    let settings = &effective.settings;
    let store = open_store(&settings.database).await.map_err(|error| error.what)?;
    let probed = async {
        if !store
            .pending_migrations()
            .await
            .map_err(|error| error.to_string())?
            .is_empty()
        {
            return Ok("is made with the tables".to_owned());
        }
        let state = store.probe_vault(&settings.vault, &settings.database.url).await;
        let state = state.map_err(|error| format!("{error}; {}", error.remedy()))?;
        let told = told(state.as_ref());
        let left = state.is_some() && store.reseal_needed().await.map_err(|error| error.to_string())?;
        Ok(if left {
            format!("{told}; values of another key may be left (`usher vault status` counts them)")
        } else {
            told
        })
    };
    let outcome: Result<String, String> = probed.await;
    store.close().await.map_err(|error| error.to_string())?;
    outcome
}
