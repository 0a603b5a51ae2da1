//! The distance from a place to the nearest of many edges, on the ellipsoid.
//!
//! Edges are straight in longitude and latitude. Up to 300 km and 75 degrees of latitude, a local projection around the place finds
//! the nearest point of each edge, and the winner is refined and measured exactly: within 0.05 % of the geodesic (0.02 % up to
//! 100 km and 70 degrees). Elsewhere the edges are compared in space, in pieces of half a degree: within 0.1 %.

use super::geodesy::{Position, SEMI_MAJOR_M, distance_m as geodesic_m, ecef, scale_m_per_degree, wrap_lng};
use crate::base::limits::EDGE_PIECES_MAX;
use geo::Coord;

/// An edge from one place to another.
pub(super) type Line = (Coord<f64>, Coord<f64>);

pub(super) const LOCAL_LAT_MAX: f64 = 75.0;
pub(super) const LOCAL_M_MAX: f64 = 300_000.0;
/// How many of the nearest edges are measured exactly.
const FINALISTS: usize = 6;
/// Up to here the plane is right within a hundredth, wherever the nearest point of an edge is looked for first.
const PLAIN_M_MAX: f64 = 5_000.0;
/// The square of a distance that is farther by two hundredths, as a share of that of the nearer one.
const CLEARLY_FARTHER: f64 = 1.05;

/// The nearest edges seen so far, nearest first.
struct Podium<T> {
    best: Vec<(f64, T)>,
}

impl<T> Podium<T> {
    fn new() -> Self {
        Self {
            best: Vec::with_capacity(FINALISTS + 1),
        }
    }

    fn bar(&self) -> f64 {
        if self.best.len() < FINALISTS {
            f64::INFINITY
        } else {
            self.best.last().map_or(f64::INFINITY, |entry| entry.0)
        }
    }

    fn offer(&mut self, score: f64, entry: T) {
        if score < self.bar() {
            let place = self.best.partition_point(|(other, _)| *other <= score);
            self.best.insert(place, (score, entry));
            self.best.truncate(FINALISTS);
        }
    }
}

/// Metres from a place to the nearest of the edges; infinite when there are none.
pub(super) fn distance_m<I: Iterator<Item = Line>>(p: Position, edges: impl Fn() -> I) -> f64 {
    if p.lat.abs() <= LOCAL_LAT_MAX {
        let near = local_m(p, edges());
        if near <= LOCAL_M_MAX {
            return near;
        }
        return near.min(spatial_m(p, &edges));
    }
    spatial_m(p, &edges)
}

/// The search in a plane around the place.
fn local_m(p: Position, edges: impl Iterator<Item = Line>) -> f64 {
    let (lat_m, lng_m) = scale_m_per_degree(p.lat);
    // A degree of longitude shrinks by tan(lat) per radian of latitude; half of it holds for the way there.
    let shrink = p.lat.to_radians().tan() * 0.5 * 1.0_f64.to_radians();
    let mut podium = Podium::new();
    for (a, b) in edges {
        let (dx, dy) = (b.x - a.x, b.y - a.y);
        let (ux, uy) = (dx * lng_m, dy * lat_m);
        let length2 = ux.mul_add(ux, uy * uy);
        let ax = wrap_lng(a.x + dx * 0.5 - p.lng) - dx * 0.5;
        let ay = a.y - p.lat;
        let turns: &[f64] = if dx.abs() > 180.0 {
            &[0.0, 360.0, -360.0]
        } else {
            &[0.0]
        };
        for turn in turns {
            let ax = ax + turn;
            let part = if length2 > 0.0 {
                (-(ax * lng_m * ux + ay * lat_m * uy) / length2).clamp(0.0, 1.0)
            } else {
                0.0
            };
            let (x, y) = (ax + dx * part, ay + dy * part);
            let (east, north) = (x * lng_m * (1.0 - shrink * y), y * lat_m);
            podium.offer(
                east * east + north * north,
                (Coord { x: ax, y: ay }, Coord { x: dx, y: dy }),
            );
        }
    }
    let mut nearest_m = f64::INFINITY;
    for (score, (from, along)) in podium.best {
        // Nearest first: what is clearly farther than one that was measured, and all after it, need not be.
        if nearest_m <= PLAIN_M_MAX && score > nearest_m * nearest_m * CLEARLY_FARTHER {
            break;
        }
        nearest_m = nearest_m.min(refine_m(p, from, along));
    }
    nearest_m
}

/// The exact distance to one edge given relative to the place: the foot is found again with the scales half-way to it.
fn refine_m(p: Position, from: Coord<f64>, along: Coord<f64>) -> f64 {
    let mut foot = Coord { x: from.x, y: from.y };
    let mut lat = p.lat;
    for _ in 0..3 {
        let (lat_m, lng_m) = scale_m_per_degree(lat);
        let (ux, uy) = (along.x * lng_m, along.y * lat_m);
        let length2 = ux * ux + uy * uy;
        let part = if length2 > 0.0 {
            (-(from.x * lng_m * ux + from.y * lat_m * uy) / length2).clamp(0.0, 1.0)
        } else {
            0.0
        };
        foot = Coord {
            x: from.x + along.x * part,
            y: from.y + along.y * part,
        };
        lat = p.lat + foot.y * 0.5;
    }
    geodesic_m(
        p,
        Position {
            lat: p.lat + foot.y,
            lng: wrap_lng(p.lng + foot.x),
        },
    )
}

/// The search in space: straight lines through the ellipsoid between places at most `step` degrees apart.
fn spatial_m<I: Iterator<Item = Line>>(p: Position, edges: &impl Fn() -> I) -> f64 {
    let reach: f64 = edges().map(|(a, b)| (b.x - a.x).abs().max((b.y - a.y).abs())).sum();
    let step = (reach / f64::from(EDGE_PIECES_MAX)).max(0.5);
    let eye = ecef(p.lat, p.lng);
    let mut podium = Podium::new();
    let mut last: Option<(Coord<f64>, [f64; 3])> = None;
    for (a, b) in edges() {
        let pieces = ((b.x - a.x).abs().max((b.y - a.y).abs()) / step).ceil().max(1.0);
        let mut from = match last {
            Some((at, spot)) if at == a => spot,
            Some(_) | None => ecef(a.y, a.x),
        };
        let mut start = a;
        let mut number = 1.0;
        while number <= pieces {
            let end = if number == pieces {
                b
            } else {
                a + (b - a) * (number / pieces)
            };
            let to = ecef(end.y, end.x);
            podium.offer(chord2(eye, from, to), (start, end));
            (start, from) = (end, to);
            number += 1.0;
        }
        last = Some((b, from));
    }
    podium
        .best
        .iter()
        .map(|(_, (a, b))| closest_m(p, eye, *a, *b))
        .fold(f64::INFINITY, f64::min)
}

/// The square of the distance from a point to a straight line in space.
fn chord2(eye: [f64; 3], from: [f64; 3], to: [f64; 3]) -> f64 {
    let minus = |a: [f64; 3], b: [f64; 3]| [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
    let dot = |a: [f64; 3], b: [f64; 3]| a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
    let (along, way) = (minus(to, from), minus(eye, from));
    let length2 = dot(along, along);
    let part = if length2 > 0.0 {
        (dot(way, along) / length2).clamp(0.0, 1.0)
    } else {
        0.0
    };
    let rest = minus(way, along.map(|part_of| part_of * part));
    dot(rest, rest)
}

/// The exact distance to a short piece, its nearest point found by halving (ternary search on the chord).
fn closest_m(p: Position, eye: [f64; 3], a: Coord<f64>, b: Coord<f64>) -> f64 {
    let at = |part: f64| a + (b - a) * part;
    let gap2 = |part: f64| {
        let spot = at(part);
        let place = ecef(spot.y, spot.x);
        chord2(eye, place, place)
    };
    let (mut low, mut high) = (0.0_f64, 1.0_f64);
    // Forty-eight thirds leave 4e-9 of the piece: less than a millimetre, even of half a degree.
    for _ in 0..48 {
        let third = (high - low) / 3.0;
        if gap2(low + third) <= gap2(high - third) {
            high -= third;
        } else {
            low += third;
        }
    }
    let best = [0.0, f64::midpoint(low, high), 1.0]
        .into_iter()
        .map(|part| (gap2(part), part));
    let part = best
        .min_by(|one, two| one.0.total_cmp(&two.0))
        .map_or(0.0, |(_, part)| part);
    let foot = at(part);
    geodesic_m(
        p,
        Position {
            lat: foot.y,
            lng: wrap_lng(foot.x),
        },
    )
    .min(SEMI_MAJOR_M * 4.0)
}

#[cfg(test)]
#[path = "edge_tests.rs"]
mod tests;
