//! `usher simulate`: a story from files, through the production engine, as a picture in the terminal.

use super::out::{Failure, Out};
use super::paint::Tone;
use super::walk::{load, table};
use crate::walk::{Expected, Outcome, Walk, differences, parse, run as run_walk};
use clap::Args;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Runs a walk: a folder with `walk.json`, or such a file.
///
/// walk.json holds places, contents, triggers, users with their devices, and steps, each with its time `at`:
///   {"at": "2026-05-04T14:55:00+02:00", "fix": {"device": "d1", "lat": 48.2055, "lng": 16.3696, "accuracy_m": 20}}
/// A step is one of fix, batch, fact, event, consent, identify, sign_out, erase, tick, publish, pause, place, token_gone.
/// Timers that fall due between two steps fire at their own instant. Nothing is stored and nothing is sent.
///
/// When expected.json lies beside it, the outcome is compared with it, and a difference ends with an error.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
#[expect(
    clippy::doc_markdown,
    reason = "the help is shown as it stands here, without Markdown"
)]
pub(super) struct SimulateArguments {
    /// A folder with walk.json (and expected.json), or a walk file
    path: PathBuf,
}

pub(super) fn run(arguments: &SimulateArguments, out: Out) -> Result<(), Failure> {
    let (file, expected) = files(&arguments.path);
    let walk = load(&file)?;
    let outcome = run_walk(&walk)?;
    let expected: Option<Expected> = match expected.filter(|path| path.exists()) {
        Some(path) => Some(parse(&path.display().to_string(), &read(&path)?)?),
        None => None,
    };
    let differing = expected.as_ref().map(|expected| differences(expected, &outcome));
    if out.json {
        out.value(&json!({ "outcome": outcome, "differences": differing }))?;
    } else {
        tell(&walk, &outcome, differing.as_deref(), out)?;
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
