//! `usher track`: plays a track file against a running server, as a phone would send it.

use super::client::Client;
use super::out::{Failure, Out};
use super::tracks::{Track, read_track};
use crate::base::clock::{Clock, SystemClock};
use crate::base::time::Timestamp;
use crate::engine::fix::RawRecord;
use chrono::TimeDelta;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Duration;

/// Records of one batch when nobody waits between them: well below the limit, so that progress shows.
const BATCH: usize = 250;

/// Plays a GPX, GeoJSON or CSV track against a running server.
///
/// Without --speed everything is sent at once, in batches; with it, one fix at a time, N times as fast as it was walked. The
/// server takes no fix older than a week for more than history: --now shifts the times so that the track ends now.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(super) struct TrackArguments {
    /// A .gpx, .geojson, .json or .csv file
    file: PathBuf,
    /// Where the server is
    #[arg(long, default_value = "http://127.0.0.1:8787", env = "USHER_URL")]
    url: String,
    /// The device token that POST /v1/devices handed out (dt_…)
    #[arg(long, env = "USHER_DEVICE_TOKEN", hide_env_values = true)]
    token: String,
    /// Play N times as fast as it was walked, instead of all at once
    #[arg(long, value_name = "N")]
    speed: Option<f64>,
    /// Shift the times so that the track ends now
    #[arg(long)]
    now: bool,
    /// Which vehicle, for files that hold several
    #[arg(long)]
    vehicle: Option<String>,
}

/// What the server said to the records so far.
#[derive(Debug, Default)]
struct Tally {
    accepted: u64,
    rejected: Vec<String>,
    moments: u64,
}

pub(super) async fn run(arguments: TrackArguments, out: Out) -> Result<(), Failure> {
    if arguments.speed.is_some_and(|speed| !(speed > 0.0 && speed.is_finite())) {
        return Err(Failure::new(
            "--speed must be above 0",
            "1 is as fast as it was walked, 10 ten times as fast",
        ));
    }
    let name = arguments.file.display().to_string();
    let bytes = std::fs::read(&arguments.file).map_err(|error| {
        Failure::new(
            format!("{name} cannot be read: {error}"),
            "name a .gpx, .geojson, .json or .csv file",
        )
    })?;
    let file =
        read_track(&name, &bytes).map_err(|error| Failure::new(error.to_string(), "see `usher track --help`"))?;
    let skipped = file.refused.len();
    let mut records = choose(file.tracks, arguments.vehicle.as_deref())?.records;
    records.sort_by_key(|record| record.at);
    let client = Client::new(&arguments.url, &arguments.token)?;
    let bar = progress_bar(records.len(), out);
    let mut tally = Tally::default();
    match arguments.speed {
        Some(speed) => play(&client, records, speed, arguments.now, &bar, &mut tally).await?,
        None => upload(&client, records, arguments.now, &bar, &mut tally).await?,
    }
    bar.finish_and_clear();
    tell(&tally, skipped, out)
}

fn choose(mut tracks: Vec<Track>, vehicle: Option<&str>) -> Result<Track, Failure> {
    let names: Vec<String> = tracks.iter().filter_map(|track| track.vehicle.clone()).collect();
    let found = match vehicle {
        Some(wanted) => tracks.iter().position(|track| track.vehicle.as_deref() == Some(wanted)),
        None if tracks.len() == 1 => Some(0),
        None => None,
    };
    match found {
        Some(index) => Ok(tracks.swap_remove(index)),
        None if tracks.is_empty() => Err(Failure::new(
            "the file holds no point with a time",
            "points without a time cannot be played",
        )),
        None => Err(Failure::new(
            format!("the file holds {} vehicles", names.len()),
            format!("choose one with --vehicle: {}", names.join(", ")),
        )),
    }
}

/// Drawn on standard error while it is a terminal; hidden otherwise.
fn progress_bar(count: usize, out: Out) -> ProgressBar {
    if out.json {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(count as u64);
    if let Ok(style) = ProgressStyle::with_template("{bar:32} {pos}/{len} fixes, {eta} left {msg}") {
        bar.set_style(style);
    }
    bar
}

fn shift_to(records: &[RawRecord], end: Timestamp) -> TimeDelta {
    records
        .last()
        .and_then(|record| record.at)
        .map_or(TimeDelta::zero(), |last| end - last)
}

async fn upload(
    client: &Client,
    mut records: Vec<RawRecord>,
    now: bool,
    bar: &ProgressBar,
    tally: &mut Tally,
) -> Result<(), Failure> {
    if now {
        let shift = shift_to(&records, SystemClock.now());
        records
            .iter_mut()
            .for_each(|record| shifted(record, record.at.map(|at| at + shift)));
    }
    for batch in records.chunks(BATCH) {
        send(client, batch, tally).await?;
        bar.inc(batch.len() as u64);
    }
    Ok(())
}

/// One fix at a time. With `now`, each carries the time it is sent at, so that a fast play is a fast journey.
async fn play(
    client: &Client,
    records: Vec<RawRecord>,
    speed: f64,
    now: bool,
    bar: &ProgressBar,
    tally: &mut Tally,
) -> Result<(), Failure> {
    let mut before: Option<Timestamp> = None;
    for mut record in records {
        let gap = match (before, record.at) {
            (Some(before), Some(at)) => (at - before).to_std().unwrap_or_default(),
            _ => Duration::ZERO,
        };
        before = record.at;
        tokio::time::sleep(Duration::try_from_secs_f64(gap.as_secs_f64() / speed).unwrap_or(Duration::MAX)).await;
        if now {
            shifted(&mut record, Some(SystemClock.now()));
        }
        send(client, &[record], tally).await?;
        bar.inc(1);
        bar.set_message(format!("- {} moments", tally.moments));
    }
    Ok(())
}

/// At another time it is another record: its id says so, or the server would take it for a repeat.
fn shifted(record: &mut RawRecord, at: Option<Timestamp>) {
    record.at = at;
    if let Some(at) = at {
        let id = format!("{}-{}", record.id, at.timestamp_micros());
        record.id = id;
    }
}

async fn send(client: &Client, records: &[RawRecord], tally: &mut Tally) -> Result<(), Failure> {
    let answer = client
        .post(
            "/v1/track",
            &json!({ "sent_at": SystemClock.now(), "records": records }),
        )
        .await?;
    for ack in answer.get("acks").and_then(Value::as_array).into_iter().flatten() {
        if ack.get("status").and_then(Value::as_str) == Some("accepted") {
            tally.accepted += 1;
        } else {
            let read = |key: &str| ack.get(key).and_then(Value::as_str).unwrap_or_default();
            tally
                .rejected
                .push(format!("{}: {} {}", read("id"), read("code"), read("detail")));
        }
    }
    tally.moments += answer
        .get("moments")
        .and_then(Value::as_array)
        .map_or(0, |moments| moments.len() as u64);
    Ok(())
}

fn tell(tally: &Tally, skipped: usize, out: Out) -> Result<(), Failure> {
    if out.json {
        return out.value(&json!({ "accepted": tally.accepted, "rejected": tally.rejected, "moments": tally.moments, "skipped": skipped }));
    }
    out.line(&format!(
        "{} fixes accepted, {} rejected, {} moments noticed",
        tally.accepted,
        tally.rejected.len(),
        tally.moments
    ))?;
    for line in tally.rejected.iter().take(5) {
        out.line(&format!("  {line}"))?;
    }
    if skipped > 0 {
        out.line(&format!(
            "{skipped} points of the file had no usable time or place and were left out"
        ))?;
    }
    Ok(())
}
