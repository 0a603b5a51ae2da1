//! Sixteenths of a cell that an outline crosses: most of them hold no edge and so are all inside or all outside, which two bits say
//! without a look at the outline.

use super::grid::{Level, MARGIN};
use super::positions::Row;
use super::ring::Side;
use super::runs::{Run, side_of};
use geo::Coord;

/// Patches on a side of a cell.
const SIDE: u32 = 4;

/// Which patches of a cell lie inside an outline and which outside; those that an edge comes into are neither.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Patches {
    inside: u16,
    outside: u16,
}

impl Patches {
    /// Both numbers in one.
    pub(super) fn word(self) -> u32 {
        u32::from(self.outside) << 16 | u32::from(self.inside)
    }

    #[expect(clippy::cast_possible_truncation, reason = "each half is a number")]
    pub(super) const fn from_word(word: u32) -> Self {
        Self {
            inside: word as u16,
            outside: (word >> 16) as u16,
        }
    }

    /// Whether a patch lies inside, where that is known of all of it.
    #[inline]
    pub(super) fn holds(self, patch: u32) -> Option<bool> {
        let is_in = |patches: u16| patches >> patch & 1 == 1;
        (is_in(self.inside) || is_in(self.outside)).then(|| is_in(self.inside))
    }

    /// Whether all of these patches are known to lie inside.
    #[inline]
    pub(super) const fn hold_all(self, patches: u16) -> bool {
        self.inside & patches == patches
    }

    /// What some edges, by the positions they end in, leave of the cell whose south-western corner this is; the runs are theirs.
    pub(super) fn of(coords: Row<'_>, edges: &[u16], runs: &[Run], corner: Coord<f64>) -> Self {
        let mut crossed = 0_u16;
        for &end in edges {
            if let (Some(a), Some(b)) = (coords.before(usize::from(end)), coords.get(usize::from(end))) {
                crossed |= crossed_by(a, b, corner);
            }
        }
        let step = Level::Cell.degrees() / f64::from(SIDE);
        let mut patches = Self::default();
        for patch in (0..SIDE * SIDE).filter(|patch| crossed >> patch & 1 == 0) {
            // A neighbour without an edge lies on the same side.
            let west = (patch % SIDE > 0).then(|| patches.holds(patch - 1)).flatten();
            let south = (patch >= SIDE).then(|| patches.holds(patch - SIDE)).flatten();
            let is_inside = west.or(south).unwrap_or_else(|| {
                let middle = Coord {
                    x: corner.x + step * (f64::from(patch % SIDE) + 0.5),
                    y: corner.y + step * (f64::from(patch / SIDE) + 0.5),
                };
                side_of(coords, runs.iter().copied(), middle) != Side::Outside
            });
            let known = if is_inside {
                &mut patches.inside
            } else {
                &mut patches.outside
            };
            *known |= 1 << patch;
        }
        patches
    }
}

/// The patches that an edge comes into, by bits, row by row from the south.
fn crossed_by(a: Coord<f64>, b: Coord<f64>, corner: Coord<f64>) -> u16 {
    let (low, high) = if a.y <= b.y { (a, b) } else { (b, a) };
    let step = Level::Cell.degrees() / f64::from(SIDE);
    let mut crossed = 0;
    for row in 0..SIDE {
        let south = corner.y + step * f64::from(row);
        let Some((west, east)) = within((low, high), (south, south + step)) else {
            continue;
        };
        for column in 0..SIDE {
            let border = corner.x + step * f64::from(column);
            let comes_in = west - MARGIN <= border + step && east + MARGIN >= border;
            crossed |= u16::from(comes_in) << (row * SIDE + column);
        }
    }
    crossed
}

/// The longitudes between which an edge, its southern end first, runs a margin within two latitudes; none when it does not.
pub(super) fn within((low, high): (Coord<f64>, Coord<f64>), (south, north): (f64, f64)) -> Option<(f64, f64)> {
    if high.y < south - MARGIN || low.y > north + MARGIN {
        return None;
    }
    let (dx, dy) = (high.x - low.x, high.y - low.y);
    let share = |lat: f64| ((lat - low.y) / dy).clamp(0.0, 1.0);
    let (from, to) = if dy > 0.0 {
        (share(south - MARGIN), share(north + MARGIN))
    } else {
        (0.0, 1.0)
    };
    let (one, two) = (low.x + dx * from, low.x + dx * to);
    Some((one.min(two), one.max(two)))
}

#[cfg(test)]
#[path = "patches_tests.rs"]
mod tests;
