//! One ring of an area: unrolled over the antimeridian, closed over a pole if it goes round one, with its sides and its area.

use super::geodesy::{Position, area_per_radian_m2};
use super::positions::Positions;
use super::stretches::Stretches;
use geo::{Coord, Orientation, algorithm::kernels::Kernel, kernels::RobustKernel};

/// Where a place lies in relation to a ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Inside,
    Edge,
    Outside,
}

/// The pole a ring goes round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pole {
    North,
    South,
}

impl Pole {
    pub(super) const fn lat(self) -> f64 {
        match self {
            Self::North => 90.0,
            Self::South => -90.0,
        }
    }
}

/// A box in unrolled longitude (x) and latitude (y).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Extent {
    pub(super) min: Coord<f64>,
    pub(super) max: Coord<f64>,
}

impl Extent {
    pub(super) fn of(coords: &[Coord<f64>]) -> Self {
        let start = coords.first().copied().unwrap_or_default();
        coords.iter().fold(Self { min: start, max: start }, |extent, at| Self {
            min: Coord {
                x: extent.min.x.min(at.x),
                y: extent.min.y.min(at.y),
            },
            max: Coord {
                x: extent.max.x.max(at.x),
                y: extent.max.y.max(at.y),
            },
        })
    }

    /// A box that holds everything within a distance, a little larger; none near the poles and 180 degrees.
    pub(super) fn around(p: Position, metres: f64) -> Option<Self> {
        let lat = metres / METRES_PER_DEGREE_MIN;
        let farthest = p.lat.abs() + lat;
        if farthest > PLAIN_LAT_MAX {
            return None;
        }
        let lng = lat / farthest.to_radians().cos();
        (p.lng.abs() + lng < 180.0).then_some(Self {
            min: Coord {
                x: p.lng - lng,
                y: p.lat - lat,
            },
            max: Coord {
                x: p.lng + lng,
                y: p.lat + lat,
            },
        })
    }

    pub(super) fn holds(&self, at: Coord<f64>) -> bool {
        self.min.x <= at.x && at.x <= self.max.x && self.min.y <= at.y && at.y <= self.max.y
    }

    pub(super) fn meets(&self, other: &Self) -> bool {
        self.min.x <= other.max.x && other.min.x <= self.max.x && self.min.y <= other.max.y && other.min.y <= self.max.y
    }

    /// The copies of a longitude, 360 degrees apart, that fall into this box.
    pub(super) fn copies(&self, lng: f64) -> impl Iterator<Item = f64> + use<> {
        let (low, high) = (self.min.x, self.max.x);
        let first = lng + 360.0 * ((low - lng) / 360.0).ceil();
        // The division may round; one step to either side costs nothing and misses nothing.
        (-1..=3)
            .map(move |turn| first + 360.0 * f64::from(turn))
            .filter(move |x| low <= *x && *x <= high)
    }
}

/// A degree of latitude is nowhere shorter (110,574 m at the equator), and one of longitude at most by the cosine.
const METRES_PER_DEGREE_MIN: f64 = 110_000.0;
/// Beyond it a box in degrees says little about distances.
const PLAIN_LAT_MAX: f64 = 80.0;

/// A closed ring, the closing position left out, in longitudes that do not jump.
#[derive(Clone, Debug)]
pub(super) struct Ring {
    /// Shared with the tiles of the index, which look at some of them without coming by here.
    pub(super) coords: Positions,
    /// The first `real` edges are edges of the area; those after only close the ring over its pole.
    pub(super) real: usize,
    pub(super) pole: Option<Pole>,
    pub(super) extent: Extent,
    /// Made when the ring is done.
    stretches: Stretches,
}

impl Ring {
    /// A ring that closes on itself.
    pub(super) fn plain(coords: Vec<Coord<f64>>) -> Self {
        Self {
            real: coords.len(),
            pole: None,
            extent: Extent::of(&coords),
            coords: Positions::of(&coords),
            stretches: Stretches::default(),
        }
    }

    /// The whole globe from one meridian round to itself; none of its edges is one.
    pub(super) fn globe(west: f64) -> Self {
        let corner = |x: f64, y: f64| Coord { x, y };
        let coords = vec![
            corner(west, -90.0),
            corner(west + 360.0, -90.0),
            corner(west + 360.0, 90.0),
            corner(west, 90.0),
        ];
        Self {
            real: 0,
            ..Self::plain(coords)
        }
    }

    /// A curve once round the globe, closed over a pole. The cut to the pole starts at the position nearest to the pole, so that
    /// it cannot meet the curve again.
    pub(super) fn cap(mut curve: Vec<Coord<f64>>, eastward: bool, pole: Pole) -> Self {
        let toward = match pole {
            Pole::North => 1.0,
            Pole::South => -1.0,
        };
        // With the inside to the left, the north pole is circled eastward and the south pole westward.
        let runs_east = pole == Pole::North;
        if eastward != runs_east {
            curve.reverse();
        }
        let turn = 360.0 * toward;
        let start = curve
            .iter()
            .enumerate()
            .max_by(|a, b| (a.1.y * toward).total_cmp(&(b.1.y * toward)))
            .map_or(0, |(index, _)| index);
        let mut coords: Vec<_> = curve.get(start..).unwrap_or_default().to_vec();
        coords.extend(curve.iter().take(start).map(|at| Coord {
            x: at.x + turn,
            y: at.y,
        }));
        let real = coords.len();
        let first = coords.first().copied().unwrap_or_default();
        coords.push(Coord {
            x: first.x + turn,
            y: first.y,
        });
        if (first.y - pole.lat()).abs() > 0.0 {
            coords.push(Coord {
                x: first.x + turn,
                y: pole.lat(),
            });
            coords.push(Coord {
                x: first.x,
                y: pole.lat(),
            });
        }
        Self {
            real,
            pole: Some(pole),
            extent: Extent::of(&coords),
            coords: Positions::of(&coords),
            stretches: Stretches::default(),
        }
    }

    /// All edges, the closing ones included.
    pub(super) fn edges(&self) -> impl Iterator<Item = (Coord<f64>, Coord<f64>)> + '_ {
        let next = self.coords.iter().cycle().skip(1);
        self.coords.iter().zip(next)
    }

    /// The edges that are edges of the area.
    pub(super) fn real_edges(&self) -> impl Iterator<Item = (Coord<f64>, Coord<f64>)> + '_ {
        self.edges().take(self.real)
    }

    /// Makes the ring quick to ask, once it will not change any more.
    pub(super) fn prepare(&mut self) {
        self.stretches = Stretches::of(self.coords.read());
    }

    /// Where a place lies, whichever copy of its longitude the ring covers.
    pub(super) fn side(&self, lat: f64, lng: f64) -> Side {
        let Extent { min, max } = self.extent;
        if lat < min.y || lat > max.y {
            return Side::Outside;
        }
        // Within 180 degrees a longitude is its own only copy.
        if min.x >= -180.0 && max.x <= 180.0 && lng.abs() < 180.0 {
            return if lng < min.x || lng > max.x {
                Side::Outside
            } else {
                self.side_in_plane(Coord { x: lng, y: lat })
            };
        }
        let mut answer = Side::Outside;
        for x in self.extent.copies(lng) {
            match self.side_in_plane(Coord { x, y: lat }) {
                Side::Inside => return Side::Inside,
                Side::Edge => answer = Side::Edge,
                Side::Outside => {}
            }
        }
        answer
    }

    fn side_in_plane(&self, at: Coord<f64>) -> Side {
        let mut crossings = Crossings::of(at);
        if self
            .stretches
            .any(self.coords.read(), (at.y, at.y), |a, b| crossings.pass(a, b))
        {
            return Side::Edge;
        }
        crossings.side()
    }

    /// Adds the edges that come into a box within 180 degrees; false, and none of them, when the ring is one of those that run on
    /// over them or whose edges are not all edges of the area.
    pub(super) fn add_edges_in(&self, near: &Extent, found: &mut Vec<(Coord<f64>, Coord<f64>)>) -> bool {
        let Extent { min, max } = self.extent;
        if self.real != self.coords.len() || min.x < -180.0 || max.x > 180.0 {
            return false;
        }
        if self.extent.meets(near) {
            self.stretches
                .any(self.coords.read(), (near.min.y, near.max.y), |a, b| {
                    if Extent::of(&[a, b]).meets(near) {
                        found.push((a, b));
                    }
                    false
                });
        }
        true
    }

    /// Turned the other way round; for rings whose edges are all real.
    pub(super) fn reversed(mut self) -> Self {
        self.coords = Positions::of(&self.coords.iter().rev().collect::<Vec<_>>());
        self
    }

    /// Twice the area in square degrees, positive when the ring runs counter-clockwise.
    pub(super) fn turn(&self) -> f64 {
        let origin = self.coords.iter().next().unwrap_or_default();
        self.edges()
            .map(|(a, b)| (a.x - origin.x) * (b.y - origin.y) - (b.x - origin.x) * (a.y - origin.y))
            .sum()
    }

    /// The area enclosed, in square metres on the ellipsoid, edges straight in longitude and latitude.
    pub(super) fn area_m2(&self) -> f64 {
        let from = area_per_radian_m2(self.coords.iter().next().map_or(0.0, |at| at.y));
        self.edges().map(|(a, b)| strip_m2(a, b, from)).sum::<f64>().abs()
    }
}

/// The area between an edge and a parallel, by Simpson's rule on pieces of at most a degree.
fn strip_m2(a: Coord<f64>, b: Coord<f64>, from: f64) -> f64 {
    let width = (b.x - a.x).to_radians();
    if width == 0.0 {
        return 0.0;
    }
    let height = |part: f64| area_per_radian_m2((b.y - a.y).mul_add(part, a.y)) - from;
    let pieces = (b.y - a.y).abs().ceil().clamp(1.0, 180.0);
    let step = 1.0 / pieces;
    let mut sum = 0.0;
    let mut at = 0.0;
    while at < 1.0 - step * 0.5 {
        sum += height(at) + 4.0 * height(at + step * 0.5) + height(at + step);
        at += step;
    }
    width * sum * step / 6.0
}

/// Which way three positions turn, exact whatever the rounding (Shewchuk's predicate).
pub(super) fn orientation(a: Coord<f64>, b: Coord<f64>, c: Coord<f64>) -> Orientation {
    RobustKernel::orient2d(a, b, c)
}

/// The edges of a ring that a ray from a place to the east has crossed so far, exact on the edge.
pub(super) struct Crossings {
    at: Coord<f64>,
    inside: bool,
}

impl Crossings {
    pub(super) const fn of(at: Coord<f64>) -> Self {
        Self { at, inside: false }
    }

    /// Takes one edge, in any order; true when the place lies on it.
    #[inline]
    pub(super) fn pass(&mut self, a: Coord<f64>, b: Coord<f64>) -> bool {
        let at = self.at;
        if (a.y > at.y) != (b.y > at.y) {
            let (low, high) = if a.x < b.x { (a.x, b.x) } else { (b.x, a.x) };
            if at.x < low {
                self.inside = !self.inside;
            } else if at.x <= high {
                match orientation(a, b, at) {
                    Orientation::Collinear => return true,
                    Orientation::CounterClockwise => self.inside ^= b.y > a.y,
                    Orientation::Clockwise => self.inside ^= b.y < a.y,
                }
            }
            false
        } else if a.y == at.y && b.y == at.y {
            a.x.min(b.x) <= at.x && at.x <= a.x.max(b.x)
        } else {
            a == at || b == at
        }
    }

    /// Whether a position lies north of the place.
    pub(super) fn is_north(&self, at: Coord<f64>) -> bool {
        at.y > self.at.y
    }

    /// Counts one more crossing if there is one.
    pub(super) const fn turn(&mut self, crossed: bool) {
        self.inside ^= crossed;
    }

    pub(super) const fn side(&self) -> Side {
        if self.inside { Side::Inside } else { Side::Outside }
    }
}
