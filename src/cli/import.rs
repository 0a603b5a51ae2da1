//! `usher import`: geofences from a file into a running server.

use super::client::{Client, segment};
use super::out::{Failure, Out};
use crate::base::limits;
use clap::Args;
use reqwest::Method;
use serde_json::Value;
use std::path::PathBuf;

/// Loads geofences from GeoJSON (a `FeatureCollection`; points need a property `radius_m`) or CSV into a running server.
///
/// A fence is known by tag and `external_id`: one that is there already is changed, one that is the same is left alone. So the
/// same file can be loaded again and again. --dry-run says what would happen.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(super) struct ImportArguments {
    /// A .geojson, .json or .csv file
    file: PathBuf,
    /// Where the server is
    #[arg(long, default_value = "http://127.0.0.1:8787", env = "USHER_URL")]
    url: String,
    /// A secret key with the scope write
    #[arg(long, env = "USHER_KEY", hide_env_values = true)]
    key: String,
    /// What kind of place they are, for features that do not say so
    #[arg(long)]
    tag: Option<String>,
    /// Check everything and change nothing
    #[arg(long)]
    dry_run: bool,
}

pub(super) async fn run(arguments: ImportArguments, out: Out) -> Result<(), Failure> {
    let name = arguments.file.display().to_string();
    let bytes = std::fs::read(&arguments.file).map_err(|error| {
        Failure::new(
            format!("{name} cannot be read: {error}"),
            "name a .geojson or .csv file",
        )
    })?;
    if bytes.len() > limits::IMPORT_BYTES_MAX {
        let what = format!(
            "{name} has {} bytes; at most {} are taken",
            bytes.len(),
            limits::IMPORT_BYTES_MAX
        );
        return Err(Failure::new(what, "split it"));
    }
    let ending = arguments
        .file
        .extension()
        .and_then(|ending| ending.to_str())
        .unwrap_or_default()
        .to_ascii_lowercase();
    let media = match ending.as_str() {
        "geojson" | "json" => "application/geo+json",
        "csv" => "text/csv",
        _ => {
            return Err(Failure::new(
                format!("{name} is neither GeoJSON nor CSV"),
                "its name must end in .geojson, .json or .csv",
            ));
        }
    };
    let client = Client::new(&arguments.url, &arguments.key)?;
    let answer = send(&client, media, bytes, arguments.tag.as_deref(), arguments.dry_run).await?;
    if out.json {
        return out.value(&answer);
    }
    tell(&answer, arguments.dry_run, out)
}

/// Sends a file of geofences.
pub(super) async fn send(
    client: &Client,
    media: &str,
    bytes: Vec<u8>,
    tag: Option<&str>,
    dry_run: bool,
) -> Result<Value, Failure> {
    let tag = tag.map(|tag| format!("&tag={}", segment(tag))).unwrap_or_default();
    let path = format!("/v1/geofences/import?dry_run={dry_run}{tag}");
    client.send(Method::POST, &path, media, bytes).await
}

fn tell(answer: &Value, dry_run: bool, out: Out) -> Result<(), Failure> {
    let count = |key: &str| answer.get(key).and_then(Value::as_u64).unwrap_or(0);
    let would = if dry_run { "would be " } else { "" };
    let (added, updated, same) = (count("added"), count("updated"), count("same"));
    out.line(&format!(
        "{would}added {added}, {would}updated {updated}, the same {same}"
    ))?;
    let rows = answer
        .get("rows")
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    let invalid: Vec<&Value> = rows
        .iter()
        .filter(|row| row.get("outcome").is_some_and(|outcome| outcome == "invalid"))
        .collect();
    for row in &invalid {
        let read = |key: &str| row.get(key).and_then(Value::as_str).unwrap_or_default();
        let index = row.get("index").and_then(Value::as_u64).unwrap_or(0);
        out.line(&format!(
            "  row {index} {}: {} ({})",
            read("pointer"),
            read("detail"),
            read("hint")
        ))?;
    }
    if invalid.is_empty() {
        return Ok(());
    }
    Err(Failure::new(
        format!("{} rows were not taken", invalid.len()),
        "correct them and load the file again",
    ))
}
