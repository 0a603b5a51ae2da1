//! How the cost of a fix grows with the geofences, from the files of several runs.

use super::figures::Report;
use super::picture::growth;
use crate::cli::out::Failure;
use std::path::{Path, PathBuf};

type Curve = (String, Vec<(f64, f64)>);

/// Draws the processor time of a fix over the number of geofences into `picture`.
///
/// # Errors
/// A file is none of `usher bench`, or the picture cannot be written.
pub fn draw(files: &[PathBuf], picture: &Path) -> Result<(), Failure> {
    let mut reports = Vec::with_capacity(files.len());
    for file in files {
        let failed = |why: String| {
            let what = format!("{} is no file of figures: {why}", file.display());
            Failure::new(what, "name files that `usher bench --out` has written")
        };
        let bytes = std::fs::read(file).map_err(|error| failed(error.to_string()))?;
        let report: Report = serde_json::from_slice(&bytes).map_err(|error| failed(error.to_string()))?;
        reports.push(report);
    }
    let title = "processor time of the server for a fix";
    let svg = growth(title, "µs", &curves(&reports))
        .map_err(|why| Failure::new(format!("no picture: {why}"), "name files of runs with --rounds above 0"))?;
    std::fs::write(picture, svg).map_err(|error| {
        let what = format!("{} cannot be written: {error}", picture.display());
        Failure::new(what, "choose another file with --out")
    })
}

/// One curve for each endpoint and batch, by the number of geofences.
fn curves(reports: &[Report]) -> Vec<Curve> {
    let mut curves: Vec<Curve> = Vec::new();
    for report in reports {
        for ceiling in &report.ceilings {
            let Some(cost) = ceiling.server_us_per_fix else {
                continue;
            };
            let name = format!("{}, {} in a request", ceiling.endpoint, ceiling.batch);
            let point = (report.plan.fences as f64, cost);
            match curves.iter_mut().find(|curve| curve.0 == name) {
                Some(curve) => curve.1.push(point),
                None => curves.push((name, vec![point])),
            }
        }
    }
    for curve in &mut curves {
        curve.1.sort_by(|a, b| a.0.total_cmp(&b.0));
    }
    curves
}
