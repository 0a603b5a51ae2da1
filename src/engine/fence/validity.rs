//! Whether the rings of one polygon make an area: no crossings, holes inside, the inside in one piece (the rules of OGC 06-103r4, 6.1.11).

use super::error::{GeometryCode, GeometryError};
use super::ring::{Extent, Ring, orientation};
use crate::base::limits::{EDGE_PAIRS_MAX, OUTLINE_MEETINGS_MAX};
use geo::{Coord, Orientation};
use rstar::{AABB, RTree, RTreeObject};
use std::collections::{BTreeMap, BTreeSet};

/// A ring as it was given, unrolled: positions with their places in the input, and the degrees by which it fails to close.
#[derive(Clone, Debug)]
pub(super) struct Curve {
    pub(super) coords: Vec<Coord<f64>>,
    pub(super) index: Vec<usize>,
    /// 0, or 360 degrees east (positive) or west when the ring goes round the globe.
    pub(super) turn: f64,
}

impl Curve {
    fn edges(&self) -> impl Iterator<Item = (Coord<f64>, Coord<f64>)> + '_ {
        let end = self.coords.first().map(|at| Coord {
            x: at.x + self.turn,
            y: at.y,
        });
        let next = self.coords.iter().copied().skip(1).chain(end);
        self.coords.iter().copied().zip(next)
    }
}

/// One edge, with the ring it belongs to and its number there.
#[derive(Clone, Copy, Debug)]
struct Segment {
    a: Coord<f64>,
    b: Coord<f64>,
    ring: usize,
    edge: usize,
    /// A copy shifted once round the globe, there to meet the others but not its like.
    copy: bool,
}

impl Segment {
    fn extent(&self) -> Extent {
        Extent::of(&[self.a, self.b])
    }
}

impl RTreeObject for Segment {
    type Envelope = AABB<[f64; 2]>;

    fn envelope(&self) -> Self::Envelope {
        AABB::from_corners([self.a.x, self.a.y], [self.b.x, self.b.y])
    }
}

/// How two edges meet.
enum Meeting {
    Apart,
    Touch(Coord<f64>),
    Cross(Coord<f64>),
}

/// The place where rings touch, as bits, so that equal places are equal keys.
type Place = (u64, u64);

/// The rings that touch at each place.
pub(super) type Touches = BTreeMap<Place, BTreeSet<usize>>;

/// Looks for crossings among the rings of a polygon (the first is the shell) and answers where different rings touch.
pub(super) fn crossings(curves: &[Curve], base: &str) -> Result<Touches, GeometryError> {
    let segments = segments_of(curves);
    let mut touches = Touches::new();
    let mut judge = |one: &Segment, two: &Segment| match meet(one, two, curves, &mut touches) {
        Some(at) => Err(crossing(one, two, at, curves, base)),
        None => Ok(()),
    };
    if segments.len() <= 24 {
        // Below this a tree costs more than it saves.
        for (number, one) in segments.iter().enumerate() {
            for two in segments
                .iter()
                .skip(number + 1)
                .filter(|two| one.extent().meets(&two.extent()))
            {
                judge(one, two)?;
            }
        }
        return Ok(touches);
    }
    let tree = RTree::bulk_load(segments);
    let mut pairs = 0_usize;
    for one in tree.iter().filter(|segment| !segment.copy) {
        for two in tree.locate_in_envelope_intersecting(one.envelope()) {
            pairs += 1;
            if pairs > EDGE_PAIRS_MAX {
                return Err(too_complex(base));
            }
            if two.copy || (one.ring, one.edge) < (two.ring, two.edge) {
                judge(one, two)?;
            }
        }
    }
    Ok(touches)
}

fn too_complex(base: &str) -> GeometryError {
    GeometryError::new(
        GeometryCode::TooComplex,
        base,
        "the edges lie across one another in too many places to be checked",
        "simplify the outline or draw it as several fences",
    )
}

fn segments_of(curves: &[Curve]) -> Vec<Segment> {
    let round = curves.iter().any(|curve| curve.turn != 0.0);
    let turns: &[f64] = if round { &[0.0, 360.0, -360.0] } else { &[0.0] };
    let mut segments = Vec::new();
    for (ring, curve) in curves.iter().enumerate() {
        for &turn in turns {
            // An edge along a pole is a single point of the globe and cannot cross anything.
            let edges = curve
                .edges()
                .enumerate()
                .filter(|(_, (a, b))| a.y != b.y || a.y.abs() != 90.0);
            segments.extend(edges.map(|(edge, (a, b))| Segment {
                a: Coord { x: a.x + turn, y: a.y },
                b: Coord { x: b.x + turn, y: b.y },
                ring,
                edge,
                copy: turn != 0.0,
            }));
        }
    }
    segments
}

/// Refuses polygons that overlap one another so often that merging their outlines would take too long.
pub(super) fn crowd(polygons: &[Vec<&Ring>]) -> Result<(), GeometryError> {
    let mut segments = Vec::new();
    for (number, rings) in polygons.iter().enumerate() {
        let edges = rings.iter().flat_map(|ring| ring.real_edges());
        segments.extend(edges.enumerate().map(|(edge, (a, b))| Segment {
            a,
            b,
            ring: number,
            edge,
            copy: false,
        }));
    }
    let tree = RTree::bulk_load(segments);
    let (mut pairs, mut meetings) = (0_usize, 0_usize);
    for one in &tree {
        for two in tree.locate_in_envelope_intersecting(one.envelope()) {
            pairs += 1;
            if one.ring < two.ring && !matches!(meeting(one, two), Meeting::Apart) {
                meetings += 1;
            }
            if pairs > EDGE_PAIRS_MAX || meetings > OUTLINE_MEETINGS_MAX {
                return Err(too_complex("/coordinates"));
            }
        }
    }
    Ok(())
}

/// Where two edges cross in a way that spoils the area; touches of different rings are noted instead.
fn meet(one: &Segment, two: &Segment, curves: &[Curve], touches: &mut Touches) -> Option<Coord<f64>> {
    if one.copy && two.copy {
        return None;
    }
    if one.ring != two.ring {
        return match meeting(one, two) {
            Meeting::Apart => None,
            Meeting::Cross(at) => Some(at),
            Meeting::Touch(at) => {
                let turns = (at.x / 360.0 + 0.5).floor();
                // Adding zero makes -0 and 0 one key.
                let place = ((at.x - 360.0 * turns + 0.0).to_bits(), (at.y + 0.0).to_bits());
                touches.entry(place).or_default().extend([one.ring, two.ring]);
                None
            }
        };
    }
    if one.edge == two.edge {
        return None;
    }
    let count = curves.get(one.ring).map_or(0, |curve| curve.coords.len());
    let adjacent = if (one.edge + 1) % count == two.edge && one.b == two.a {
        Some((one.a, one.b, two.b))
    } else if (two.edge + 1) % count == one.edge && two.b == one.a {
        Some((two.a, two.b, one.b))
    } else {
        None
    };
    if let Some((before, at, after)) = adjacent {
        let back = (before.x - at.x) * (after.x - at.x) + (before.y - at.y) * (after.y - at.y) > 0.0;
        return (back && orientation(before, at, after) == Orientation::Collinear).then_some(at);
    }
    match meeting(one, two) {
        Meeting::Apart => None,
        Meeting::Touch(at) | Meeting::Cross(at) => Some(at),
    }
}

fn meeting(one: &Segment, two: &Segment) -> Meeting {
    let sides = [
        orientation(one.a, one.b, two.a),
        orientation(one.a, one.b, two.b),
        orientation(two.a, two.b, one.a),
        orientation(two.a, two.b, one.b),
    ];
    let flat = Orientation::Collinear;
    if sides == [flat; 4] {
        return along(one, two);
    }
    let [two_a, two_b, one_a, one_b] = sides;
    let ends = [
        (two_a, two.a, one),
        (two_b, two.b, one),
        (one_a, one.a, two),
        (one_b, one.b, two),
    ];
    if let Some((_, at, _)) = ends
        .iter()
        .find(|(side, at, other)| *side == flat && other.extent().holds(*at))
    {
        return Meeting::Touch(*at);
    }
    if two_a != two_b && one_a != one_b && !sides.contains(&flat) {
        return Meeting::Cross(cross_at(one, two));
    }
    Meeting::Apart
}

/// Two edges on one line: apart, end to end, or lying on each other.
fn along(one: &Segment, two: &Segment) -> Meeting {
    let shared: Vec<_> = [(one.a, two), (one.b, two), (two.a, one), (two.b, one)]
        .into_iter()
        .filter(|(at, other)| other.extent().holds(*at))
        .map(|(at, _)| at)
        .collect();
    match shared.first() {
        None => Meeting::Apart,
        Some(&at) if shared.iter().all(|other| *other == at) => Meeting::Touch(at),
        Some(&at) => Meeting::Cross(at),
    }
}

fn cross_at(one: &Segment, two: &Segment) -> Coord<f64> {
    let (d, e) = (one.b - one.a, two.b - two.a);
    let part = ((two.a.x - one.a.x) * e.y - (two.a.y - one.a.y) * e.x) / (d.x * e.y - d.y * e.x);
    one.a + d * part
}

fn crossing(one: &Segment, two: &Segment, at: Coord<f64>, curves: &[Curve], base: &str) -> GeometryError {
    let (first, second) = if (one.ring, one.edge) <= (two.ring, two.edge) {
        (one, two)
    } else {
        (two, one)
    };
    let index = |segment: &Segment| {
        curves
            .get(segment.ring)
            .and_then(|curve| curve.index.get(segment.edge))
            .copied()
            .unwrap_or(segment.edge)
    };
    let pointer = format!("{base}/{}/{}", second.ring, index(second));
    let place = format!("longitude {:.7}, latitude {:.7}", super::geodesy::wrap_lng(at.x), at.y);
    if first.ring == second.ring {
        let detail = format!(
            "the ring crosses or touches itself at {place}, where the edges after positions {} and {} meet",
            index(first),
            index(second)
        );
        return GeometryError::new(
            GeometryCode::SelfCrossing,
            pointer,
            detail,
            "move the positions around the crossing, or draw two polygons",
        );
    }
    let whom = if first.ring == 0 {
        "the shell".to_owned()
    } else {
        format!("hole {}", first.ring)
    };
    GeometryError::new(
        GeometryCode::HoleCrossing,
        pointer,
        format!("hole {} crosses or runs along {whom} at {place}", second.ring),
        "holes may touch in single points only; draw the outline around the hole instead",
    )
}

/// Refuses rings that touch so that the inside falls into pieces: rings and the places where they touch make a net without a mesh
/// exactly when the inside hangs together.
pub(super) fn split(touches: &Touches, rings: usize, base: &str) -> Result<(), GeometryError> {
    let mut group: Vec<usize> = (0..rings + touches.len()).collect();
    for (number, (place, members)) in touches.iter().enumerate() {
        for &ring in members {
            let (a, b) = (root(&mut group, ring), root(&mut group, rings + number));
            if a == b {
                let (lng, lat) = (f64::from_bits(place.0), f64::from_bits(place.1));
                return Err(GeometryError::new(
                    GeometryCode::InteriorSplit,
                    format!("{base}/{ring}"),
                    format!(
                        "ring {ring} touches others twice, the second time at longitude {lng:.7}, latitude {lat:.7}"
                    ),
                    "let rings touch in one point at most, or draw the pieces as separate polygons",
                ));
            }
            if let Some(entry) = group.get_mut(a) {
                *entry = b;
            }
        }
    }
    Ok(())
}

fn root(group: &mut [usize], mut at: usize) -> usize {
    while let Some(&up) = group.get(at) {
        if up == at {
            break;
        }
        let above = group.get(up).copied().unwrap_or(up);
        if let Some(entry) = group.get_mut(at) {
            // Halving the path keeps every later walk short.
            *entry = above;
        }
        at = above;
    }
    at
}

#[cfg(test)]
#[path = "validity_tests.rs"]
mod tests;
