//! Circles as a tile tells them: flat, in three words, and exact but for a narrow band along their edges.

use super::geodesy::{Position, scale_m_per_degree, wrap_lng};
use super::shape::Shape;

/// A circle in degrees from the middle of its tile.
///
/// At one latitude a degree is a number of metres. Taken at the place's latitude instead of half-way to the centre, the distance is
/// off by `tan(lat) / 2` of the difference in latitude, as a share of itself, and by a few millimetres for the rounding to `f32`.
/// [`suits`] admits only circles for which both together stay below a thousandth wherever they are asked, that is within
/// the radius and one cell; [`BAND`] is twice that in the square, doubled.
#[derive(Clone, Copy, Debug)]
pub(super) struct Round {
    lng: f32,
    lat: f32,
    /// The square of the radius in metres.
    radius2: f32,
}

/// How near to the square of the radius that of the distance must be, as a share, for the exact distance to be asked.
const BAND: f32 = 4e-3;
/// Circles smaller than this feel the rounding.
const RADIUS_M_MIN: f64 = 15.0;
/// Beyond 10 km, distances are no longer measured flat.
const RADIUS_M_MAX: f64 = 8_000.0;
/// The diagonal of a cell in metres, and some more.
const CELL_M: f64 = 900.0;
/// The largest error, as a share, that a difference in latitude may make.
const SKEW_MAX: f64 = 5e-4;

impl Round {
    /// None for a shape that is no circle; whether the band is wide enough for it is told by [`suits`].
    #[expect(clippy::cast_possible_truncation, reason = "the rounding is part of the band")]
    pub(super) fn of(shape: &Shape, middle: Position) -> Option<Self> {
        let Shape::Circle(circle) = shape else { return None };
        let (center, radius_m) = (circle.center(), circle.radius_m());
        Some(Self {
            lng: wrap_lng(center.lng - middle.lng) as f32,
            lat: (center.lat - middle.lat) as f32,
            radius2: (radius_m * radius_m) as f32,
        })
    }

    pub(super) fn words(self) -> [u32; 3] {
        [self.lng, self.lat, self.radius2].map(f32::to_bits)
    }

    #[inline]
    pub(super) fn from_words(words: [u32; 3]) -> Self {
        let [lng, lat, radius2] = words.map(f32::from_bits);
        Self { lng, lat, radius2 }
    }

    /// Whether it holds a place; None too near to the edge to be told so.
    #[inline]
    pub(super) fn holds(&self, at: Local) -> Option<bool> {
        let (x, y) = ((at.lng - self.lng) * at.lng_m, (at.lat - self.lat) * at.lat_m);
        let gap = x * x + y * y - self.radius2;
        let clear = gap.abs() > self.radius2 * BAND;
        clear.then_some(gap < 0.0)
    }
}

/// Whether a shape is a circle that may be told flat.
pub(super) fn suits(shape: &Shape) -> bool {
    let Shape::Circle(circle) = shape else { return false };
    let reach_m = circle.radius_m() + CELL_M;
    let lat = circle.center().lat.abs();
    lat < 79.0
        && (RADIUS_M_MIN..=RADIUS_M_MAX).contains(&circle.radius_m())
        && (lat + 0.2).to_radians().tan() * reach_m / (2.0 * 6_335_000.0) < SKEW_MAX
}

/// The metres of a degree in the middle of a tile, and how those of a degree of longitude change with each degree of latitude.
///
/// Half a tile is 0.044 degrees: what a straight line leaves out over that is below a millionth, and so is the change of the degree
/// of latitude.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    lng_m: f32,
    lat_m: f32,
    lng_m_per_degree: f32,
}

/// A place in degrees from the middle of its tile, with the metres of a degree there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Local {
    lng: f32,
    lat: f32,
    lng_m: f32,
    lat_m: f32,
}

impl Scale {
    #[expect(clippy::cast_possible_truncation, reason = "the rounding is part of the band")]
    pub(super) fn of(middle: Position) -> Self {
        let (lat_m, lng_m) = scale_m_per_degree(middle.lat);
        let (_, south) = scale_m_per_degree(middle.lat - 0.05);
        let (_, north) = scale_m_per_degree(middle.lat + 0.05);
        Self {
            lng_m: lng_m as f32,
            lat_m: lat_m as f32,
            lng_m_per_degree: ((north - south) / 0.1) as f32,
        }
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "the rounding is part of the band")]
    pub(super) fn at(self, middle: Position, p: Position) -> Local {
        let lat = (p.lat - middle.lat) as f32;
        Local {
            lng: wrap_lng(p.lng - middle.lng) as f32,
            lat,
            lng_m: self.lng_m + self.lng_m_per_degree * lat,
            lat_m: self.lat_m,
        }
    }
}
