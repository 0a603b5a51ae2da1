//! Paths: a line that a device moves along, cut into fixes before the walk begins.

use super::format::{Act, FixAct, Walk, WalkError, WalkStep};
use crate::base::time::{Span, Timestamp};
use crate::engine::fence::{Position, distance_m};
use crate::engine::fix::Fix;
use chrono::{Datelike, TimeDelta};
use serde::{Deserialize, Serialize};

/// Time between two fixes of a path that moves by a speed.
const EVERY_DEFAULT: Span = Span::seconds(30);
/// Radius in metres that a fix of a path states unless it says otherwise: a phone under the open sky.
const ACCURACY_M: f64 = 10.0;
/// A path takes at most this long: a point is reached at a speed of nearly nothing otherwise.
const PATH_LASTS_MAX_S: f64 = 366.0 * 86_400.0;

/// Moves a device along a line from the time of the step on.
///
/// Either every point says when it is reached, or `speed_mps` says how fast it goes. With times and without `every`, the points
/// themselves are the fixes; otherwise there is one at the start, one after each `every` (`PT30S`), and one at the end.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PathAct {
    pub device: String,
    pub points: Vec<PathPoint>,
    /// Metres per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speed_mps: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<Span>,
    /// Metres; 10 unless it says otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accuracy_m: Option<f64>,
}

/// One corner of the line, WGS84 degrees.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PathPoint {
    pub lat: f64,
    pub lng: f64,
    /// When it is reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// Metres; that of the path unless it says otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accuracy_m: Option<f64>,
}

/// Steps in the order of time, each with its index in the walk as written: an error names the place that its author knows.
pub type Steps = Vec<(usize, WalkStep)>;

/// The steps of a walk with its paths cut into fixes. `speed` is how many times as fast as written people move.
///
/// # Errors
/// Steps out of order, a path that does not say when it is where, or more than `most` steps.
pub fn expand(walk: &Walk, speed: f64, most: usize) -> Result<Steps, WalkError> {
    let mut steps: Steps = Vec::with_capacity(walk.steps.len());
    let mut before = walk.starts_at;
    for (number, step) in walk.steps.iter().enumerate() {
        let fail = |error: WalkError| error.at(format!("/steps/{number}"));
        if before.is_some_and(|before| step.at < before) {
            let detail = format!("{} is before the step ahead of it; sort them by time", step.at);
            return Err(fail(WalkError::new(detail)));
        }
        if !is_sensible(step.at) {
            return Err(fail(WalkError::new("must lie between the years 1970 and 9000")));
        }
        before = Some(step.at);
        if let Act::Path(path) = &step.act {
            let room = most.saturating_sub(steps.len());
            steps.extend(fixes(number, step.at, path, speed, room)?);
        } else {
            steps.push((number, step.clone()));
        }
        if steps.len() > most {
            return Err(too_many(most).at(format!("/steps/{number}")));
        }
    }
    steps.sort_by_key(|(_, step)| step.at);
    Ok(steps)
}

/// Far from where the arithmetic of time ends.
fn is_sensible(at: Timestamp) -> bool {
    (1970..=9000).contains(&at.year())
}

fn too_many(most: usize) -> WalkError {
    WalkError::new(format!(
        "the walk has more than {most} steps by here; take a shorter path, or a longer `every`"
    ))
}

/// One corner with its instant.
#[derive(Clone, Copy)]
struct Corner {
    at: Timestamp,
    position: Position,
    accuracy_m: f64,
}

fn fixes(number: usize, start: Timestamp, path: &PathAct, speed: f64, room: usize) -> Result<Steps, WalkError> {
    let pointer = format!("/steps/{number}/path");
    let corners = corners(start, path, speed).map_err(|error| WalkError {
        pointer: format!("{pointer}{}", error.pointer),
        ..error
    })?;
    let recorded = path.every.is_none() && path.speed_mps.is_none();
    let every = path.every.unwrap_or(EVERY_DEFAULT).delta();
    let (Some(first), Some(last)) = (corners.first(), corners.last()) else {
        return Ok(Vec::new());
    };
    let count = if recorded {
        corners.len()
    } else {
        let gaps = (last.at - first.at).num_seconds() / every.num_seconds().max(1);
        usize::try_from(gaps).unwrap_or(usize::MAX).saturating_add(2)
    };
    if count > room.saturating_add(1) {
        return Err(too_many(room).at(pointer));
    }
    let mut instants: Vec<Timestamp> = if recorded {
        corners.iter().map(|corner| corner.at).collect()
    } else {
        std::iter::successors(Some(first.at), |at| at.checked_add_signed(every))
            .take_while(|at| *at < last.at)
            .collect()
    };
    if !recorded {
        instants.push(last.at);
    }
    let made = instants.iter().enumerate().map(|(index, at)| {
        let fix = FixAct {
            device: path.device.clone(),
            id: Some(format!("path-{number}-{index}")),
            fixed_at: None,
            fix: fix_at(&corners, *at),
        };
        let act = Act::Fix(fix);
        (number, WalkStep { at: *at, act })
    });
    Ok(made.collect())
}

/// When it is where. Pointers of errors begin below the path.
fn corners(start: Timestamp, path: &PathAct, speed: f64) -> Result<Vec<Corner>, WalkError> {
    if path.points.is_empty() {
        return Err(WalkError::new("a path needs at least one point").at("/points"));
    }
    if path.every.is_some_and(|every| every.as_seconds() < 1) {
        return Err(WalkError::new("must be at least PT1S").at("/every"));
    }
    let timed = path.points.iter().filter(|point| point.at.is_some()).count();
    let pace = match (timed, path.speed_mps) {
        (0, None) => {
            let detail = "a path needs to know when it is where: give each point its `at`, or the path a `speed_mps` (1.4 walks)";
            return Err(WalkError::new(detail));
        }
        (0, Some(pace)) if pace.is_finite() && pace > 0.0 => pace * speed,
        (0, Some(_)) => return Err(WalkError::new("must be above 0, in metres per second").at("/speed_mps")),
        (_, Some(_)) => {
            let detail = "give either each point its `at` or the path a `speed_mps`, not both";
            return Err(WalkError::new(detail).at("/speed_mps"));
        }
        (_, None) => speed,
    };
    let mut corners: Vec<Corner> = Vec::with_capacity(path.points.len());
    let (mut before, mut passed_s) = (start, 0.0);
    for (index, point) in path.points.iter().enumerate() {
        let fail = |detail: String| WalkError::new(detail).at(format!("/points/{index}"));
        let position = Position::new(point.lat, point.lng).map_err(|error| fail(error.to_string()))?;
        let at = if timed == 0 {
            passed_s += corners
                .last()
                .map_or(0.0, |last| distance_m(last.position, position) / pace);
            if passed_s > PATH_LASTS_MAX_S {
                return Err(fail("is reached after more than a year; go faster".to_owned()));
            }
            start + seconds(passed_s)
        } else {
            let at = point
                .at
                .ok_or_else(|| fail("has no `at`, but other points of this path have one".to_owned()))?;
            if at < before {
                let detail = format!("{at} is before what is ahead of it; sort the points by time");
                return Err(fail(detail));
            }
            before = at;
            let after = seconds((at - start).as_seconds_f64() / pace);
            let reached = start.checked_add_signed(after).filter(|at| is_sensible(*at));
            reached.ok_or_else(|| fail(format!("{at} is no time for a walk")))?
        };
        let accuracy_m = point.accuracy_m.or(path.accuracy_m).unwrap_or(ACCURACY_M);
        corners.push(Corner {
            at,
            position,
            accuracy_m,
        });
    }
    Ok(corners)
}

/// To the millisecond: what a phone's clock tells.
#[expect(clippy::cast_possible_truncation, reason = "milliseconds of at most a few years")]
fn seconds(seconds: f64) -> TimeDelta {
    TimeDelta::milliseconds((seconds * 1000.0).round() as i64)
}

/// Where it is at an instant: on the straight line between two corners.
fn fix_at(corners: &[Corner], at: Timestamp) -> Fix {
    let next = corners.partition_point(|corner| corner.at <= at);
    let from = corners[next.saturating_sub(1)];
    let to = corners.get(next).copied().unwrap_or(from);
    let whole = (to.at - from.at).as_seconds_f64();
    let part = if whole > 0.0 {
        (at - from.at).as_seconds_f64() / whole
    } else {
        0.0
    };
    let mut degrees = to.position.lng - from.position.lng;
    // The short way round, also over the antimeridian.
    degrees -= 360.0 * (degrees / 360.0).round();
    let speed_mps = (whole > 0.0).then(|| distance_m(from.position, to.position) / whole);
    Fix {
        lat: rounded(from.position.lat + (to.position.lat - from.position.lat) * part),
        lng: rounded(wrapped(from.position.lng + degrees * part)),
        accuracy_m: Some(from.accuracy_m),
        speed_mps: speed_mps.map(|speed| (speed * 100.0).round() / 100.0),
        ..Fix::default()
    }
}

/// A longitude between -180 and 180 degrees.
pub(super) fn wrapped(degrees: f64) -> f64 {
    degrees - 360.0 * (degrees / 360.0).round()
}

/// Degrees to the centimetre: what is written to a file reads as a person would write it.
pub(super) fn rounded(degrees: f64) -> f64 {
    (degrees * 1e7).round() / 1e7
}

#[cfg(test)]
#[path = "path_tests.rs"]
mod tests;
