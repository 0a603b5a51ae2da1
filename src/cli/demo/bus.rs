//! Two real buses, played ten times as fast as they drove, there and back.

use super::seed::Phone;
use crate::cli::out::Failure;
use crate::engine::fix::{RawBody, RawRecord};
use std::time::Duration;

/// How much faster than they drove: at most 15.6 m/s then, so below what the engine takes for a jump.
const FASTER: f64 = 10.0;
/// The operator's data does not say; street canyons of a city.
const ACCURACY_M: f64 = 15.0;

/// One trip: seconds since its start, latitude, longitude.
#[derive(Debug, Clone)]
pub(super) struct Journey(Vec<(f64, f64, f64)>);

impl Journey {
    pub(super) fn of(records: &[RawRecord]) -> Self {
        let first = records.iter().filter_map(|record| record.at).min();
        let mut points: Vec<(f64, f64, f64)> = records
            .iter()
            .filter_map(|record| match (&record.body, record.at, first) {
                (RawBody::Fix(fix), Some(at), Some(first)) => Some(((at - first).as_seconds_f64(), fix.lat, fix.lng)),
                _ => None,
            })
            .collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        Self(points)
    }
}

/// Drives there and back again and again.
pub(super) async fn play(journey: Journey, phone: Phone, cycles: u32) {
    // The first trip starts half way: at the terminus a bus would speak before anybody else in the story does.
    let mut begin = journey.0.len() / 2;
    for cycle in 0..cycles {
        if let Err(Failure::Told { what, .. }) =
            once(&journey, &phone, cycle % 2 == 1, std::mem::take(&mut begin)).await
        {
            tracing::warn!(what, "a bus lost its way; it starts again");
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
    }
}

async fn once(journey: &Journey, phone: &Phone, back: bool, begin: usize) -> Result<(), Failure> {
    let mut points = journey.0.clone();
    if back {
        points.reverse();
    }
    let mut before: Option<f64> = None;
    for (at, lat, lng) in points.into_iter().skip(begin) {
        let gap = before.map_or(0.0, |before| (at - before).abs() / FASTER);
        before = Some(at);
        tokio::time::sleep(Duration::try_from_secs_f64(gap).unwrap_or_default()).await;
        phone.report((lat, lng), ACCURACY_M, 0.0).await?;
    }
    Ok(())
}
