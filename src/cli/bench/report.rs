//! The table at the end, and the file that keeps the figures.

use super::figures::{Ceiling, Hop, Load, Report, Row};
use crate::cli::out::{Failure, Out};
use crate::cli::paint::Tone;
use std::path::Path;

/// Prints everything a run found.
///
/// # Errors
/// The reader has gone.
pub fn print(report: &Report, out: Out) -> Result<(), Failure> {
    if out.json {
        return out.value(report);
    }
    print_ceilings(&report.ceilings, out)?;
    for load in report.loads.iter().chain(&report.floor) {
        print_load(load, out)?;
    }
    print_rows(&report.rows, out)
}

fn print_ceilings(ceilings: &[Ceiling], out: Out) -> Result<(), Failure> {
    if ceilings.is_empty() {
        return Ok(());
    }
    out.line("\nAs much as there can be, medians of interleaved rounds")?;
    out.line("  endpoint  batch   requests/s      fixes/s   server µs/fix   generator")?;
    for ceiling in ceilings {
        out.line(&format!(
            "  {:8}  {:5}  {:11.0}  {:11.0}  {:>14}  {:>10}",
            ceiling.endpoint,
            ceiling.batch,
            ceiling.requests_per_s,
            ceiling.fixes_per_s,
            known(ceiling.server_us_per_fix, 1, ""),
            known(ceiling.generator_share.map(|share| share * 100.0), 0, " %"),
        ))?;
        if ceiling.generator_share.is_some_and(|share| share > GENERATOR_FULL) {
            out.line("            the generator filled its core: the server may be faster than this")?;
        }
    }
    Ok(())
}

/// From this share of one core on, the generator is what was measured.
const GENERATOR_FULL: f64 = 0.95;

fn print_load(load: &Load, out: Out) -> Result<(), Failure> {
    let rate = load.rate.map_or("as much as there can be".to_owned(), |rate| {
        format!("{rate:.0} fixes/s due")
    });
    out.line(&format!("\n{}: {rate}, {:.0} s", load.name, load.seconds))?;
    let statuses: Vec<String> = load
        .statuses
        .iter()
        .map(|(status, count)| format!("{count} x {status}"))
        .collect();
    out.line(&format!(
        "  {} requests: {}; {} without an answer, {} waiting at the end",
        load.requests,
        statuses.join(", "),
        load.unanswered,
        load.backlog
    ))?;
    out.line(&format!(
        "  {:.0} fixes/s, {:.0} requests/s, {} moments, {} messages handed over",
        load.fixes_per_s, load.requests_per_s, load.moments, load.messages
    ))?;
    out.line(&format!(
        "  server {} per fix; generator {} of a core, itself at most {:.1} ms late for 99 %",
        known(load.server_us_per_fix, 1, " µs"),
        known(load.generator_share.map(|share| share * 100.0), 0, " %"),
        load.generator_lag_p99_ms
    ))?;
    if let Some(failure) = &load.first_failure {
        out.line(&format!("  first failure: {failure}"))?;
    }
    if !load.hops.is_empty() {
        out.line("  latency                          samples      p50      p90      p99    worst  ms")?;
    }
    for hop in &load.hops {
        out.line(&hop_line(hop))?;
    }
    Ok(())
}

fn hop_line(hop: &Hop) -> String {
    format!(
        "  {:30}  {:8}  {:7.2}  {:7.2}  {:7.2}  {:7.1}",
        hop.name, hop.samples, hop.p50_ms, hop.p90_ms, hop.p99_ms, hop.worst_ms
    )
}

fn known(value: Option<f64>, digits: usize, unit: &str) -> String {
    value.map_or("not known here".to_owned(), |value| format!("{value:.digits$}{unit}"))
}

fn print_rows(rows: &[Row], out: Out) -> Result<(), Failure> {
    out.line("\n  what                                             budget                          figure                          ratio   met")?;
    for row in rows {
        let ratio = row.ratio.map_or(String::new(), |ratio| format!("{ratio:.2}"));
        let (word, tone) = match row.met {
            Some(true) => ("yes", Tone::Good),
            Some(false) => ("no", Tone::Bad),
            None => ("", Tone::Plain),
        };
        out.line(&format!(
            "  {:47}  {:30}  {:30}  {ratio:>5}   {}",
            row.what,
            row.budget,
            row.figure,
            out.paint.text(tone, word)
        ))?;
    }
    Ok(())
}

/// Writes the figures as JSON.
///
/// # Errors
/// The file cannot be written.
pub fn keep(report: &Report, file: &Path) -> Result<(), Failure> {
    let failed = |why: String| {
        let what = format!("{} cannot be written: {why}", file.display());
        Failure::new(what, "choose another file with --out")
    };
    let text = serde_json::to_string_pretty(report).map_err(|error| failed(error.to_string()))?;
    std::fs::write(file, text).map_err(|error| failed(error.to_string()))
}
