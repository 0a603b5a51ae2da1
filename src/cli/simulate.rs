//! `usher simulate`: a story from files, through the production engine, as a picture in the terminal.

use super::out::{Failure, Out};
use super::paint::Tone;
use super::walk::{follow, load, save, table};
use crate::walk::disturb::{Offline, Skew};
use crate::walk::{Bounds, Disturbance, Expected, Outcome, Trial, Walk, differences, parse};
use clap::Args;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Runs a walk: a folder with `walk.json`, or such a file.
///
/// walk.json holds places, contents, triggers, users with their devices, and steps, each with its time `at`:
///   {"at": "2026-05-04T14:55:00+02:00", "fix": {"device": "d1", "lat": 48.2055, "lng": 16.3696, "accuracy_m": 20}}
/// A step is one of fix, crossing, batch, path, fact, event, answer, consent, identify, sign_out, erase, tick, publish, pause,
/// place, publish_journey, instance, token_gone.
/// Timers that fall due between two steps fire at their own instant. Nothing is stored and nothing is sent.
///
/// A path moves a device along a line, with a fix every half minute; its points have times, or it has a speed:
///   {"at": "…", "path": {"device": "d1", "speed_mps": 1.4, "points": [{"lat": 48.2, "lng": 16.37}, {"lat": 48.21, "lng": 16.37}]}}
///
/// When expected.json lies beside it, the outcome is compared with it, and a difference ends with an error. With a disturbance
/// or a track it is another story, and nothing is compared.
///
/// What the world does to it:
///   usher simulate my-walk --seed 7 --noise 30 --skew d1=-PT3H --offline d1=2026-05-04T12:00:00Z/2026-05-04T13:00:00Z
/// The same seed gives the same outcome. With --save, the walk as it was run and its outcome become a folder that runs by itself.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
#[expect(
    clippy::doc_markdown,
    reason = "the help is shown as it stands here, without Markdown"
)]
pub(super) struct SimulateArguments {
    /// A folder with walk.json (and expected.json), or a walk file
    path: PathBuf,
    /// Draw all noise from this number
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Scatter every fix: a radius in metres that holds 68 % of the scatter
    #[arg(long, value_name = "METRES")]
    noise: Option<f64>,
    /// A device without network: what it records arrives in one batch at the end (may be repeated)
    #[arg(long, value_name = "DEVICE=FROM/TO", value_parser = offline)]
    offline: Vec<Offline>,
    /// A device whose clock is ahead, or behind with a minus (may be repeated)
    #[arg(long, value_name = "DEVICE=PT3H", value_parser = skew)]
    skew: Vec<Skew>,
    /// A device follows a GPX, GeoJSON or CSV track, shifted to begin with the walk's first step or at @TIME (may be repeated)
    #[arg(long, value_name = "DEVICE=FILE[@TIME]", value_parser = named)]
    track: Vec<(String, String)>,
    /// Write walk.json and expected.json of this run into a new folder
    #[arg(long, value_name = "FOLDER")]
    save: Option<PathBuf>,
}

/// `name=value`.
fn named(text: &str) -> Result<(String, String), String> {
    let (device, value) = text
        .split_once('=')
        .ok_or("write it as DEVICE=…, with the walk's name for the device")?;
    Ok((device.to_owned(), value.to_owned()))
}

fn offline(text: &str) -> Result<Offline, String> {
    let (device, span) = named(text)?;
    let (from, to) = span.split_once('/').ok_or("write the times as FROM/TO, in RFC 3339")?;
    let instant = |text: &str| {
        let at = text.parse::<chrono::DateTime<chrono::Utc>>();
        at.map_err(|error| format!("`{text}` is no RFC 3339 time: {error}"))
    };
    Ok(Offline {
        device,
        from: instant(from)?,
        to: instant(to)?,
    })
}

fn skew(text: &str) -> Result<Skew, String> {
    let (device, by) = named(text)?;
    Ok(Skew {
        device,
        by: by.parse()?,
    })
}

pub(super) fn run(arguments: &SimulateArguments, out: Out) -> Result<(), Failure> {
    let (file, expected) = files(&arguments.path);
    let mut walk = load(&file)?;
    for (device, track) in &arguments.track {
        follow(&mut walk, device, track)?;
    }
    let disturb = Disturbance {
        seed: arguments.seed,
        noise_m: arguments.noise,
        offline: arguments.offline.clone(),
        skew: arguments.skew.clone(),
        speed: None,
    };
    let another_story = disturb.is_any() || !arguments.track.is_empty();
    let trial = Trial {
        walk,
        stage: None,
        drafts: Vec::new(),
        disturb,
    };
    let tried = trial.run(&Bounds::default())?;
    let (walk, outcome) = (&tried.walk, &tried.outcome);
    let expected: Option<Expected> = match expected.filter(|path| !another_story && path.exists()) {
        Some(path) => Some(parse(&path.display().to_string(), &read(&path)?)?),
        None => None,
    };
    let differing = expected.as_ref().map(|expected| differences(expected, outcome));
    if let Some(folder) = &arguments.save {
        save(folder, &tried)?;
    }
    if out.json {
        out.value(&json!({ "outcome": outcome, "differences": differing }))?;
    } else {
        tell(walk, outcome, differing.as_deref(), out)?;
    }
    match differing.map_or(0, |lines| lines.len()) {
        0 => Ok(()),
        count => Err(Failure::new(
            format!("{count} differences from expected.json"),
            "correct the walk's expectation, or the trigger that surprised you",
        )),
    }
}

fn files(path: &Path) -> (PathBuf, Option<PathBuf>) {
    if path.is_dir() {
        (path.join("walk.json"), Some(path.join("expected.json")))
    } else {
        (
            path.to_owned(),
            path.parent().map(|folder| folder.join("expected.json")),
        )
    }
}

fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| {
        let what = format!("{} cannot be read: {error}", path.display());
        Failure::new(
            what,
            "name a folder that holds walk.json, such as examples/walks/hotel-arrival",
        )
    })
}

fn tell(walk: &Walk, outcome: &Outcome, differing: Option<&[String]>, out: Out) -> Result<(), Failure> {
    if let Some(title) = &walk.title {
        out.line(&out.paint.text(Tone::Strong, title))?;
    }
    out.line(table::draw(outcome, walk.project.settings.time_zone, out.paint).trim_end())?;
    let (moments, decisions, messages) = (outcome.moments.len(), outcome.decisions.len(), outcome.messages.len());
    out.line(&out.paint.text(
        Tone::Faint,
        &format!("{moments} moments, {decisions} decisions, {messages} messages"),
    ))?;
    match differing {
        None => Ok(()),
        Some([]) => out.line(&out.paint.text(Tone::Good, "as expected")),
        Some(lines) => lines
            .iter()
            .try_for_each(|line| out.line(&out.paint.text(Tone::Bad, line))),
    }
}

#[cfg(test)]
#[path = "simulate_tests.rs"]
mod tests;
