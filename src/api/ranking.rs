//! Which regions a phone should watch: it may watch few, so the ones that matter come first. Pure.

use crate::engine::fence::{Bounds, Position, Shape, distance_m};
use serde::Serialize;
use utoipa::ToSchema;

/// The bubble is never smaller: a phone would wake at every corner.
const BUBBLE_M_MIN: f64 = 100.0;
/// Nor larger: phones notice the leaving of very large regions late.
const BUBBLE_M_MAX: f64 = 5_000.0;

/// A region that could be watched.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate<K> {
    pub key: K,
    /// Signed distance to the edge in metres, inside positive.
    pub edge_m: f64,
    /// An active fact speaks of this place (today's hotel): it is watched even when it is far.
    pub pinned: bool,
}

/// Why a region is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    Inside,
    Pinned,
    Near,
}

impl<K> Candidate<K> {
    pub fn why(&self) -> Why {
        if self.edge_m >= 0.0 {
            Why::Inside
        } else if self.pinned {
            Why::Pinned
        } else {
            Why::Near
        }
    }
}

/// The regions to watch, most important first, and the radius in metres of the bubble around the phone whose leaving asks for
/// new ones: inside first, then pinned, then by the nearest edge rounded to a metre, ties by key (SDK.md).
pub fn rank<K: Ord + Copy>(mut candidates: Vec<Candidate<K>>, limit: usize) -> (Vec<Candidate<K>>, f64) {
    candidates.sort_by(|one, two| {
        let (near, far) = (one.edge_m.abs().round(), two.edge_m.abs().round());
        one.why()
            .cmp(&two.why())
            .then(near.total_cmp(&far))
            .then(one.key.cmp(&two.key))
    });
    candidates.dedup_by(|one, two| one.key == two.key);
    let left_out = candidates.split_off(limit.min(candidates.len()));
    let nearest = left_out
        .iter()
        .map(|candidate| (-candidate.edge_m).max(0.0))
        .fold(f64::INFINITY, f64::min);
    (candidates, (nearest / 2.0).clamp(BUBBLE_M_MIN, BUBBLE_M_MAX))
}

/// A circle that holds the whole shape, as phones can watch circles only: its centre and its radius in metres.
pub fn covering_circle(shape: &Shape) -> Option<(Position, f64)> {
    if let Shape::Circle(circle) = shape {
        return Some((circle.center(), circle.radius_m()));
    }
    let whole = joined(&shape.bounds())?;
    let lng = f64::midpoint(whole.west, whole.east);
    let lng = if lng > 180.0 { lng - 360.0 } else { lng };
    let center = Position::new(f64::midpoint(whole.south, whole.north), lng).ok()?;
    let corners = [
        (whole.south, whole.west),
        (whole.south, whole.east),
        (whole.north, whole.west),
        (whole.north, whole.east),
    ];
    let reach = corners.into_iter().filter_map(|(lat, lng)| {
        let lng = if lng > 180.0 { lng - 360.0 } else { lng };
        Position::new(lat, lng).ok().map(|corner| distance_m(center, corner))
    });
    Some((center, reach.fold(0.0, f64::max)))
}

/// One box around all; a shape cut at the antimeridian is joined there, its east running on beyond 180.
fn joined(parts: &[Bounds]) -> Option<Bounds> {
    let touches = |lng: f64, edge: f64| (lng - edge).abs() < f64::EPSILON;
    let is_cut =
        parts.iter().any(|part| touches(part.east, 180.0)) && parts.iter().any(|part| touches(part.west, -180.0));
    let shifted = parts.iter().map(|part| {
        let by = if is_cut && part.east < 0.0 { 360.0 } else { 0.0 };
        Bounds {
            west: part.west + by,
            east: part.east + by,
            ..*part
        }
    });
    shifted.reduce(|one, two| Bounds {
        south: one.south.min(two.south),
        north: one.north.max(two.north),
        west: one.west.min(two.west),
        east: one.east.max(two.east),
    })
}

#[cfg(test)]
#[path = "ranking_tests.rs"]
mod tests;
