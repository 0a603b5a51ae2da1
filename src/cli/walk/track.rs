//! A recorded track as a path of a walk: a device moves as somebody once did.

use crate::base::time::Timestamp;
use crate::cli::out::Failure;
use crate::cli::tracks::read_track;
use crate::engine::fix::{RawBody, RawRecord};
use crate::walk::Walk;
use crate::walk::format::{Act, WalkStep};
use crate::walk::path::{PathAct, PathPoint};

/// Lets `device` follow the track in `file`, written as `name.gpx` or `name.gpx@2026-05-04T12:00:00Z`. It begins at that time,
/// else with the walk's first step; in a walk without steps it keeps its own times.
pub(in crate::cli) fn follow(walk: &mut Walk, device: &str, file: &str) -> Result<(), Failure> {
    let dated = file.rsplit_once('@').map(|(name, at)| (name, at.parse::<Timestamp>()));
    let (name, begin) = match dated {
        Some((name, Ok(at))) => (name, Some(at)),
        _ => (file, walk.steps.first().map(|step| step.at)),
    };
    let bytes = std::fs::read(name).map_err(|error| {
        let what = format!("{name} cannot be read: {error}");
        Failure::new(what, "name a .gpx, .geojson, .json or .csv file")
    })?;
    let read = read_track(name, &bytes).map_err(|error| Failure::new(error.to_string(), "see `usher track --help`"))?;
    let [track] = read.tracks.as_slice() else {
        let what = format!("{name} holds {} tracks with times", read.tracks.len());
        return Err(Failure::new(
            what,
            "give each device a file of its own, with one track in it",
        ));
    };
    let mut points: Vec<PathPoint> = track.records.iter().filter_map(point).collect();
    points.sort_by_key(|point| point.at);
    let Some(first) = points.first().and_then(|point| point.at) else {
        return Err(Failure::new(
            format!("{name} holds no point with a time"),
            "a point without a time is nowhere",
        ));
    };
    let at = begin.unwrap_or(first);
    for point in &mut points {
        point.at = point.at.map(|then| at + (then - first));
    }
    let path = PathAct {
        device: device.to_owned(),
        points,
        speed_mps: None,
        every: None,
        accuracy_m: None,
    };
    let place = walk.steps.partition_point(|step| step.at <= at);
    let act = Act::Path(path);
    walk.steps.insert(place, WalkStep { at, act });
    Ok(())
}

fn point(record: &RawRecord) -> Option<PathPoint> {
    let RawBody::Fix(fix) = &record.body else { return None };
    Some(PathPoint {
        lat: fix.lat,
        lng: fix.lng,
        at: Some(record.at?),
        accuracy_m: fix.accuracy_m,
    })
}
